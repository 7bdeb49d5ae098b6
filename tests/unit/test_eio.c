/* Polling and the heartbeat. */

#include "tests/unit/eio_fixture.h"

enum { START_MS = 1000, INTERVAL_MS = 300, TIMEOUT_MS = 200, CLOSE_MS = 30000 };

static struct eio *eio;
static struct eio_session *session; /* the newest */
static struct notes heard; /* messages, binary ones in angle brackets; and how sessions ended */
static unsigned opened, closed;
static bool close_on_message;

static void
on_open(void *context, struct eio_session *s, const struct eio_request *r)
{
	ck_assert_ptr_null(context);
	ck_assert_ptr_nonnull(r);
	session = s;
	opened++;
}

static void
on_message(void *context, struct eio_session *s, struct span bytes, bool is_binary)
{
	char text[256];
	int shown = bytes.n < 200 ? (int)bytes.n : 200;
	int n = snprintf(text, sizeof(text), is_binary ? "<%.*s>" : "%.*s", shown, bytes.p);

	(void)context;
	ck_assert(eio_is_open(s));
	note(&heard, (struct span){ text, (size_t)n });
	if (close_on_message)
		eio_close(s, EIO_FORCED_CLOSE);
}

static void
on_close(void *context, struct eio_session *s, enum eio_reason reason)
{
	(void)context;
	ck_assert(!eio_is_open(s));
	note(&heard, span_of(eio_reason_text(reason)));
	closed++;
}

static const struct eio_app app = { .open = on_open, .message = on_message, .close = on_close };

static void
setup(void)
{
	struct eio_settings settings = eio_default_settings();

	settings.ping_interval_ms = INTERVAL_MS;
	settings.ping_timeout_ms = TIMEOUT_MS;
	settings.max_payload_bytes = 1000;
	settings.max_queue_bytes = 20000;
	opened = closed = 0;
	close_on_message = false;
	session = NULL;
	forget(&heard);
	eio = eio_new(&settings, &app, &fake_io);
}

static void
teardown(void)
{
	eio_free(eio);
	ck_assert_uint_eq(opened, closed);
}

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

START_TEST(an_answer_stays_below_max_payload_unless_one_packet_is_bigger)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	char text[1201] = "4";
	static struct fake_get get;

	memset(text + 1, 'x', 498);
	send_text(session, text);
	send_text(session, text);
	send_text(session, "4");
	ck_assert_uint_eq(strlen(poll(eio, &sid, &get, START_MS)), 499 + 1 + 499);
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

	ck_assert_uint_eq(post(eio, &sid, "4a\x1e" "6\x1e" "bAQIDBA==\x1e" "4", START_MS), 200);
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
		{ "4a\x1e" "x", "a|parse error" },
		{ "4a\x1e" "7", "a|parse error" },
		{ "4a\x1e\x1e" "4b", "a|parse error" },
		{ "4a\x1e", "a|parse error" },
		{ "", "parse error" },
		{ "4a\x1e" "2", "a|transport error" },
		{ "4a\x1e" "2probe\x1e" "4b", "a|transport error" },
		{ "4a\x1e" "bAQ*\x1e" "4b", "a|parse error" },
		{ "4a\x1e" "4\xff", "parse error" },
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
	ck_assert_uint_eq(post(eio, &sid, "1\x1e" "4late", START_MS), 200);
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
}
END_TEST

START_TEST(a_close_by_the_server_waits_30_s_for_the_next_get)
{
	struct eio_sid sid = shake_hands(eio, START_MS), other = shake_hands(eio, START_MS);
	static struct fake_get get;

	close_on_message = true;
	ck_assert_uint_eq(post(eio, &sid, "4a\x1e" "4b", START_MS), 200);
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

START_TEST(the_ping_comes_one_interval_after_the_open_and_after_each_pong)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	uint64_t now_ms = START_MS;
	static struct fake_get get;

	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(eio_next_deadline(eio), now_ms + INTERVAL_MS);
		ck_assert_str_eq(poll(eio, &sid, &get, now_ms), "(held)");
		eio_tick(eio, now_ms + INTERVAL_MS - 1);
		ck_assert_str_eq(turn_end(eio, &sid, &get), "");
		now_ms += INTERVAL_MS;
		eio_tick(eio, now_ms);
		ck_assert_str_eq(turn_end(eio, &sid, &get), "2");
		ck_assert_uint_eq(eio_next_deadline(eio), now_ms + TIMEOUT_MS);
		now_ms += 50;
		ck_assert_uint_eq(post(eio, &sid, i % 2 ? "3" : "3echoed", now_ms), 200);
	}
	ck_assert_uint_eq(closed, 0);
}
END_TEST

START_TEST(a_session_without_pong_is_unknown_exactly_interval_and_timeout_after_its_open)
{
	struct eio_sid sid = shake_hands(eio, START_MS), silent = shake_hands(eio, START_MS);
	uint64_t end_ms = START_MS + INTERVAL_MS + TIMEOUT_MS;
	static struct fake_get get;

	/* The tick is a little late; the deadline does not move for that. */
	eio_tick(eio, START_MS + INTERVAL_MS + 7);
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, end_ms - 1), 200);
	ck_assert_str_eq(poll(eio, &sid, &get, end_ms - 1), "2");
	ck_assert_str_eq(poll(eio, &sid, &get, end_ms - 1), "(held)");
	ck_assert_uint_eq(closed, 0);
	/* No tick: the lookup alone finds out. */
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &silent, end_ms), REFUSED_UNKNOWN_SID);
	ck_assert_str_eq(heard.text, "ping timeout|ping timeout");
	ck_assert_str_eq(get.body.text, "1");
	ck_assert_uint_eq(post(eio, &sid, "3", end_ms), 400);
}
END_TEST

START_TEST(a_pong_in_the_last_millisecond_keeps_the_session)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	uint64_t end_ms = START_MS + INTERVAL_MS + TIMEOUT_MS;

	eio_tick(eio, START_MS + INTERVAL_MS);
	ck_assert_uint_eq(post(eio, &sid, "3", end_ms - 1), 200);
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, end_ms), 200);
	ck_assert_uint_eq(eio_next_deadline(eio), end_ms - 1 + INTERVAL_MS);
}
END_TEST

START_TEST(data_does_not_stand_for_a_pong_and_pings_come_on_a_busy_link)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	unsigned pings = 0;
	static struct fake_get get;

	for (unsigned i = 1; i < INTERVAL_MS + TIMEOUT_MS; i++) {
		ck_assert_uint_eq(post(eio, &sid, "4x", START_MS + i), 200);
		send_text(session, "4y");
		pings += strstr(poll(eio, &sid, &get, START_MS + i), "2") != NULL;
	}
	ck_assert_uint_eq(pings, 1);
	ck_assert_uint_eq(post(eio, &sid, "4x", START_MS + INTERVAL_MS + TIMEOUT_MS), 400);
}
END_TEST

START_TEST(early_and_repeated_pongs_change_nothing)
{
	struct eio_sid sid = shake_hands(eio, START_MS);

	ck_assert_uint_eq(post(eio, &sid, "3\x1e" "3", START_MS + 299), 200);
	ck_assert_uint_eq(eio_next_deadline(eio), START_MS + INTERVAL_MS);
	eio_tick(eio, START_MS + INTERVAL_MS);
	ck_assert_uint_eq(post(eio, &sid, "3\x1e" "3", START_MS + 310), 200);
	ck_assert_uint_eq(post(eio, &sid, "3", START_MS + 400), 200);
	ck_assert_uint_eq(eio_next_deadline(eio), START_MS + 310 + INTERVAL_MS);
}
END_TEST

START_TEST(a_process_that_slept_gives_pongs_their_full_time)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;

	eio_tick(eio, START_MS + 60000);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + 60000), "2");
	ck_assert_uint_eq(eio_next_deadline(eio), START_MS + 60000 + TIMEOUT_MS);
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

/* For WebSockets that nobody looks at. */
static unsigned frames_sent, sockets_closed;

static void
count_frame(void *ws, struct shared_bytes *b)
{
	ck_assert(ws && b);
	frames_sent++;
}

static void
count_close(void *ws, enum eio_reason reason)
{
	ck_assert_ptr_nonnull(ws);
	ck_assert_int_eq(reason, EIO_PING_TIMEOUT);
	sockets_closed++;
}

START_TEST(of_16000_sessions_each_tick_touches_only_those_that_are_due)
{
	const struct eio_io counting = { .ws_send = count_frame, .ws_close = count_close };
	struct eio_settings settings = eio_default_settings();
	struct eio *big = eio_new(&settings, &app, &counting);
	uint64_t last_ms = 0, at_ms;
	static struct fake_ws ws;

	frames_sent = sockets_closed = 0;
	for (unsigned i = 0; i < 16000; i++)
		attach(big, NULL, &ws, START_MS + i / 8);
	ck_assert_uint_eq(frames_sent, 16000);
	while ((at_ms = eio_next_deadline(big)) < UINT64_MAX) {
		unsigned before = frames_sent + sockets_closed;

		ck_assert(at_ms == 0 || at_ms > last_ms);
		last_ms = at_ms ? at_ms : last_ms;
		eio_tick(big, last_ms);
		ck_assert_uint_eq(frames_sent + sockets_closed - before, at_ms ? 8 : 0);
	}
	ck_assert_uint_eq(last_ms, START_MS + 1999 + 45000);
	ck_assert_uint_eq(frames_sent, 32000);
	ck_assert_uint_eq(sockets_closed, 16000);
	ck_assert_uint_eq(eio_session_count(big), 0);
	eio_free(big);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("eio");
	TCase *tests = tcase_create("eio");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_poll_with_nothing_to_say_is_held_until_there_is_something);
	tcase_add_test(tests,
		an_answer_holds_at_most_16_packets_attachments_included_and_loses_no_order);
	tcase_add_test(tests, an_answer_stays_below_max_payload_unless_one_packet_is_bigger);
	tcase_add_test(tests, a_post_brings_any_number_of_packets_in_order);
	tcase_add_test(tests, a_get_and_a_post_at_the_same_time_are_the_normal_case);
	tcase_add_test(tests, a_second_get_is_refused_ends_the_first_with_close_and_the_session);
	tcase_add_test(tests, a_second_post_is_refused_and_ends_the_session);
	tcase_add_test(tests, a_post_above_max_payload_gets_413_and_the_session_goes_on);
	tcase_add_test(tests, a_post_of_octets_is_refused);
	tcase_add_test(tests,
		an_invalid_packet_in_a_post_ends_the_session_but_those_before_it_count);
	tcase_add_test(tests, the_clients_close_packet_ends_its_get_with_noop_and_the_session);
	tcase_add_test(tests, a_client_that_drops_its_held_get_or_its_post_has_left);
	tcase_add_test(tests,
		a_close_by_the_server_goes_out_behind_what_is_queued_then_the_session_is_forgotten);
	tcase_add_test(tests, a_close_by_the_server_waits_30_s_for_the_next_get);
	tcase_add_test(tests, the_ping_comes_one_interval_after_the_open_and_after_each_pong);
	tcase_add_test(tests,
		a_session_without_pong_is_unknown_exactly_interval_and_timeout_after_its_open);
	tcase_add_test(tests, a_pong_in_the_last_millisecond_keeps_the_session);
	tcase_add_test(tests, data_does_not_stand_for_a_pong_and_pings_come_on_a_busy_link);
	tcase_add_test(tests, early_and_repeated_pongs_change_nothing);
	tcase_add_test(tests, a_process_that_slept_gives_pongs_their_full_time);
	tcase_add_test(tests,
		a_poller_that_never_fetches_is_ended_at_its_bound_and_not_under_the_sender);
	tcase_add_test(tests, of_16000_sessions_each_tick_touches_only_those_that_are_due);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
