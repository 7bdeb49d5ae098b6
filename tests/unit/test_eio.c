/* Polling. */

#include "tests/unit/eio_app_fixture.h"

START_TEST(a_poll_with_nothing_to_say_is_held_until_there_is_something)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
	send_text(session, "4a");
	send_text(session, "4b");
	/* One call, at the end of the turn, takes all that the turn brought. */
	ck_assert_str_eq(turn_end(eio, &sid, &get), "4a^4b");
	ck_assert_uint_eq(eio_queued_bytes(session), 0);
	send_text(session, "4c");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4c");
}
END_TEST

START_TEST(an_answer_holds_at_most_16_packets_attachments_included_and_loses_no_order)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	struct shared_bytes *binary = shared_bytes_new(SHARED_BINARY, SPAN("\1\2\3\4"));
	static struct fake_get get;

	for (int i = 0; i < 17; i++) {
		send_text(session, "4a");
		eio_send(session, binary);
	}
	shared_bytes_unref(binary);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS),
	    "4a^bAQIDBA==^4a^bAQIDBA==^4a^bAQIDBA==^4a^bAQIDBA==^"
	    "4a^bAQIDBA==^4a^bAQIDBA==^4a^bAQIDBA==^4a^bAQIDBA==");
	poll(eio, &sid, &get, START_MS);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4a^bAQIDBA==");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
}
END_TEST

START_TEST(a_poller_that_lags_behind_gets_everything_once_and_in_order)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;
	unsigned sent = 0, taken = 0;
	char text[16];

	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < (round < 5 ? 20u : 15u); i++) {
			snprintf(text, sizeof(text), "4%u", sent++);
			send_text(session, text);
		}
		poll(eio, &sid, &get, START_MS);
		for (const char *at = get.body.text; at; at = strchr(at + 1, '^')) {
			const char *number = at + (*at == '^') + 1;

			ck_assert_uint_eq(strtoul(number, NULL, 10), taken);
			taken++;
		}
	}
	ck_assert_uint_gt(taken, 600);
}
END_TEST

START_TEST(an_answer_stays_below_max_payload_unless_one_packet_is_bigger)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	char text[1201] = "4";
	static struct fake_get get;

	memset(text + 1, 'x', 498);
	send_text(session, text);
	text[499] = 'x';
	send_text(session, text);
	send_text(session, "4");
	/* With the separator exactly the limit, and not a byte more. */
	ck_assert_uint_eq(strlen(poll(eio, &sid, &get, START_MS)), 499 + 1 + 500);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4");
	text[500] = 'x';
	text[499] = '\0';
	send_text(session, text);
	text[499] = 'x';
	send_text(session, text);
	ck_assert_uint_eq(strlen(poll(eio, &sid, &get, START_MS)), 499);
	ck_assert_uint_eq(strlen(poll(eio, &sid, &get, START_MS)), 501);
	send_text(session, "4");
	memset(text + 1, 'x', 1199);
	send_text(session, text);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4");
	ck_assert_uint_eq(strlen(poll(eio, &sid, &get, START_MS)), 1200);
}
END_TEST

START_TEST(a_post_brings_any_number_of_packets_in_order)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	char body[1000];
	size_t n = 0;

	ck_assert_uint_eq(post(eio, &sid,
			      "4a\x1e"
			      "6\x1e"
			      "bAQIDBA==\x1e"
			      "4",
			      START_MS),
	    200);
	ck_assert_str_eq(heard.text, "a|<\1\2\3\4>|");
	forget(&heard);
	for (unsigned i = 0; i < 333; i++, n += 3)
		memcpy(body + n, "4x\x1e", 3);
	ck_assert_uint_eq(post_bytes(eio, &sid, (struct span){ body, n - 1 }, START_MS), 200);
	ck_assert_uint_eq(heard.parts, 333);
	ck_assert(eio_is_open(session));
}
END_TEST

START_TEST(a_get_and_a_post_at_the_same_time_are_the_normal_case)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
	ck_assert_uint_eq(post(eio, &sid, "4a", START_MS), 200);
	ck_assert(!get.is_ready && !get.is_finished);
	ck_assert(eio_is_open(session));
}
END_TEST

START_TEST(a_second_get_is_refused_ends_the_first_with_close_and_the_session)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get first, second;

	poll(eio, &sid, &first, START_MS);
	ck_assert_str_eq(poll(eio, &sid, &second, START_MS), "(refused 3)");
	ck_assert_str_eq(first.body.text, "1");
	ck_assert_str_eq(heard.text, "transport error");
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, START_MS), REFUSED_UNKNOWN_SID);
}
END_TEST

START_TEST(a_second_post_is_refused_and_ends_the_session)
{
	struct eio_sid sid = shake_hands(eio, START_MS);

	ck_assert_int_eq(eio_post_begin(eio, &sid, SPAN(""), -1, START_MS).next, EIO_READ);
	ck_assert_uint_eq(post(eio, &sid, "4b", START_MS), 400);
	ck_assert_str_eq(heard.text, "transport error");
	/* The first one's body comes too late. */
	ck_assert_int_eq(eio_post_body(eio, &sid, SPAN("4a"), START_MS).code, 1);
	ck_assert_uint_eq(heard.parts, 1);
}
END_TEST

START_TEST(a_post_above_max_payload_gets_413_and_the_session_goes_on)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	char body[1001];

	memset(body, 'x', sizeof(body));
	body[0] = '4';
	ck_assert_uint_eq(post_bytes(eio, &sid, (struct span){ body, 1001 }, START_MS), 413);
	ck_assert_uint_eq(post_bytes(eio, &sid, (struct span){ body, 1000 }, START_MS), 200);
	/* Chunked: the length shows only on the way. */
	ck_assert_int_eq(eio_post_begin(eio, &sid, SPAN(""), -1, START_MS).next, EIO_READ);
	ck_assert_uint_eq(eio_post_too_big(eio, &sid).status, 413);
	ck_assert_int_eq(eio_post_begin(eio, &sid, SPAN(""), -1, START_MS).next, EIO_READ);
	ck_assert_uint_eq(
	    eio_post_body(eio, &sid, (struct span){ body, 1001 }, START_MS).status, 413);
	ck_assert_uint_eq(post(eio, &sid, "4b", START_MS), 200);
	ck_assert_uint_eq(heard.parts, 2);
	ck_assert(eio_is_open(session));
}
END_TEST

START_TEST(a_post_of_octets_is_refused)
{
	struct eio_sid sid = shake_hands(eio, START_MS);

	ck_assert_uint_eq(
	    eio_post_begin(eio, &sid, SPAN("application/octet-stream"), 2, START_MS).status, 400);
	sid = shake_hands(eio, START_MS);
	ck_assert_int_eq(eio_post_begin(eio, &sid, SPAN("odd"), 2, START_MS).next, EIO_READ);
}
END_TEST

START_TEST(an_invalid_packet_in_a_post_ends_the_session_but_those_before_it_count)
{
	static const struct {
		const char *body, *heard;
	} rows[] = {
		{ "4a\x1e"
		  "x",
		    "a|parse error" },
		{ "4a\x1e"
		  "7",
		    "a|parse error" },
		{ "4a\x1e\x1e"
		  "4b",
		    "a|parse error" },
		{ "4a\x1e", "a|parse error" },
		{ "", "parse error" },
		{ "4a\x1e"
		  "2",
		    "a|transport error" },
		{ "4a\x1e"
		  "2probe\x1e"
		  "4b",
		    "a|transport error" },
		{ "4a\x1e"
		  "bAQ*\x1e"
		  "4b",
		    "a|parse error" },
		{ "4a\x1e"
		  "4\xff",
		    "parse error" },
		{ "abc", "parse error" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct eio_sid sid = shake_hands(eio, START_MS);
		static struct fake_get get;

		forget(&heard);
		poll(eio, &sid, &get, START_MS);
		ck_assert_uint_eq(post(eio, &sid, rows[i].body, START_MS), 200);
		ck_assert_str_eq(heard.text, rows[i].heard);
		ck_assert_str_eq(get.body.text, "1");
		ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
	}
}
END_TEST

START_TEST(the_clients_close_packet_ends_its_get_with_noop_and_the_session)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	poll(eio, &sid, &get, START_MS);
	ck_assert_uint_eq(post(eio, &sid,
			      "1\x1e"
			      "4late",
			      START_MS),
	    200);
	ck_assert_str_eq(get.body.text, "6");
	ck_assert_str_eq(heard.text, "transport close");
	ck_assert_int_eq(ask_sid(eio, "POST", "polling", &sid, START_MS), REFUSED_UNKNOWN_SID);
}
END_TEST

START_TEST(a_client_that_drops_its_held_get_or_its_post_has_left)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get, other;

	poll(eio, &sid, &get, START_MS);
	eio_poll_abort(eio, &sid, &other, START_MS); /* not the held one: nothing happens */
	ck_assert(eio_is_open(session));
	send_text(session, "4a");
	eio_poll_abort(eio, &sid, &get, START_MS);
	ck_assert_uint_gt(eio_queued_bytes(session), 0); /* nothing counts as sent */
	ck_assert(!get.is_finished);
	sid = shake_hands(eio, START_MS);
	eio_post_abort(eio, &sid, START_MS); /* none under way */
	ck_assert(eio_is_open(session));
	eio_post_begin(eio, &sid, SPAN(""), 5, START_MS);
	eio_post_abort(eio, &sid, START_MS);
	ck_assert_str_eq(heard.text, "transport error|transport error");
}
END_TEST

START_TEST(a_close_by_the_server_goes_out_behind_what_is_queued_then_the_session_is_forgotten)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	poll(eio, &sid, &get, START_MS);
	send_text(session, "4bye");
	eio_close(session, EIO_FORCED_CLOSE);
	send_text(session, "4ignored");
	ck_assert_str_eq(heard.text, "forced server close");
	ck_assert_str_eq(turn_end(eio, &sid, &get), "4bye^1");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
	sid = shake_hands(eio, START_MS);
	poll(eio, &sid, &get, START_MS);
	eio_close(session, EIO_FORCED_CLOSE);
	ck_assert_str_eq(turn_end(eio, &sid, &get), "1");
}
END_TEST

START_TEST(a_client_that_is_to_come_back_gets_what_is_queued_and_no_close_packet)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	poll(eio, &sid, &get, START_MS);
	send_text(session, "4bye");
	eio_send_away(session);
	ck_assert_str_eq(heard.text, "forced server close");
	ck_assert_str_eq(turn_end(eio, &sid, &get), "4bye");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
	sid = shake_hands(eio, START_MS);
	for (int i = 0; i < 16; i++)
		send_text(session, "4");
	eio_send_away(session);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4^4^4^4^4^4^4^4^4^4^4^4^4^4^4^4");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
	sid = shake_hands(eio, START_MS);
	eio_send_away(session);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "6");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
}
END_TEST

START_TEST(a_close_packet_counts_among_the_16_of_an_answer)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	for (int i = 0; i < 16; i++)
		send_text(session, "4");
	eio_close(session, EIO_FORCED_CLOSE);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4^4^4^4^4^4^4^4^4^4^4^4^4^4^4^4");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "1");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
}
END_TEST

START_TEST(a_close_by_the_server_waits_30_s_for_the_next_get)
{
	struct eio_sid sid = shake_hands(eio, START_MS), other = shake_hands(eio, START_MS);
	static struct fake_get get;

	close_on_message = true;
	ck_assert_uint_eq(post(eio, &sid,
			      "4a\x1e"
			      "4b",
			      START_MS),
	    200);
	ck_assert_uint_eq(post(eio, &other, "4a", START_MS), 200);
	ck_assert_str_eq(heard.text, "a|forced server close|a|forced server close");
	ck_assert_uint_eq(post(eio, &sid, "4c", START_MS), 200); /* taken, not acted on */
	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, START_MS), REFUSED_BAD_REQUEST);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + CLOSE_MS - 1), "1");
	ck_assert_uint_eq(eio_next_deadline(eio), 0);
	ck_assert_str_eq(poll(eio, &other, &get, START_MS + CLOSE_MS), "(refused 1)");
	ck_assert_uint_eq(heard.parts, 4);
}
END_TEST

START_TEST(what_is_fed_at_once_may_be_of_any_length_and_counts_no_longer_than_it_is_queued)
{
	static char text[60000];
	struct shared_bytes *big;
	struct eio_sid sid = shake_hands(eio, START_MS);
	struct fake_get get;

	memset(text, '4', sizeof(text));
	big = shared_bytes_new(SHARED_TEXT, (struct span){ text, sizeof(text) });
	eio_feed(session, big);
	eio_feed(session, big);
	send_text(session, "4x");
	ck_assert_uint_gt(eio_next_deadline(eio), 0);
	ck_assert_str_ne(poll(eio, &sid, &get, START_MS), "4x");
	for (int i = 0; i < 300; i++)
		send_text(session, "4x");
	ck_assert_uint_gt(eio_next_deadline(eio), 0);
	ck_assert_str_ne(poll(eio, &sid, &get, START_MS), "4x");
	ck_assert_uint_lt(eio_queued_bytes(session), 20000);
	ck_assert_str_eq(heard.text, "");
	for (int i = 0; i < 400; i++)
		send_text(session, "4x");
	eio_tick(eio, START_MS);
	ck_assert_str_eq(heard.text, "transport error");
	shared_bytes_unref(big);
}
END_TEST

START_TEST(a_poller_that_never_fetches_is_ended_at_its_bound_and_not_under_the_sender)
{
	struct eio_sid sid = shake_hands(eio, START_MS);

	for (int i = 0; i < 2000; i++)
		send_text(session, "4x");
	ck_assert(eio_is_open(session));
	ck_assert_uint_lt(eio_queued_bytes(session), 20000 + 100);
	ck_assert_uint_eq(eio_next_deadline(eio), 0);
	eio_tick(eio, START_MS);
	ck_assert_str_eq(heard.text, "transport error");
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, START_MS), REFUSED_UNKNOWN_SID);
}
END_TEST

START_TEST(a_server_that_shuts_down_ends_held_polls_and_websockets)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;
	static struct fake_ws ws;

	attach(eio, NULL, &ws, START_MS);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
	eio_free(eio);
	ck_assert(ws.is_closed);
	ck_assert_str_eq(get.body.text, "1");
	ck_assert_str_eq(heard.text, "forced server close|forced server close");
	eio = NULL; /* freeing none is harmless */
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("eio");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_poll_with_nothing_to_say_is_held_until_there_is_something);
	tcase_add_test(
	    tests, an_answer_holds_at_most_16_packets_attachments_included_and_loses_no_order);
	tcase_add_test(tests, a_poller_that_lags_behind_gets_everything_once_and_in_order);
	tcase_add_test(tests, an_answer_stays_below_max_payload_unless_one_packet_is_bigger);
	tcase_add_test(tests, a_post_brings_any_number_of_packets_in_order);
	tcase_add_test(tests, a_get_and_a_post_at_the_same_time_are_the_normal_case);
	tcase_add_test(tests, a_second_get_is_refused_ends_the_first_with_close_and_the_session);
	tcase_add_test(tests, a_second_post_is_refused_and_ends_the_session);
	tcase_add_test(tests, a_post_above_max_payload_gets_413_and_the_session_goes_on);
	tcase_add_test(tests, a_post_of_octets_is_refused);
	tcase_add_test(
	    tests, an_invalid_packet_in_a_post_ends_the_session_but_those_before_it_count);
	tcase_add_test(tests, the_clients_close_packet_ends_its_get_with_noop_and_the_session);
	tcase_add_test(tests, a_client_that_drops_its_held_get_or_its_post_has_left);
	tcase_add_test(tests,
	    a_close_by_the_server_goes_out_behind_what_is_queued_then_the_session_is_forgotten);
	tcase_add_test(tests, a_close_by_the_server_waits_30_s_for_the_next_get);
	tcase_add_test(
	    tests, a_poller_that_never_fetches_is_ended_at_its_bound_and_not_under_the_sender);
	tcase_add_test(tests, a_server_that_shuts_down_ends_held_polls_and_websockets);
	tcase_add_test(
	    tests, what_is_fed_at_once_may_be_of_any_length_and_counts_no_longer_than_it_is_queued);
	tcase_add_test(
	    tests, a_client_that_is_to_come_back_gets_what_is_queued_and_no_close_packet);
	tcase_add_test(tests, a_close_packet_counts_among_the_16_of_an_answer);
	return run_tests(tests);
}
