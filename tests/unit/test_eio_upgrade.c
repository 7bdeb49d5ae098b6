/* WebSocket sessions, and the way from polling to WebSocket. */

#include "gatewayd/eio_session.h"
#include "tests/unit/eio_app_fixture.h"

START_TEST(the_open_packet_is_the_first_frame_of_a_websocket_session)
{
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, START_MS);

	ck_assert_ptr_nonnull(strstr(ws.out.text, "\"upgrades\":[]"));
	ck_assert_int_eq(ws.out.text[0], '0');
	ck_assert_uint_eq(ws.out.parts, 1);
	ck_assert_ptr_eq(eio_websocket(s), &ws);
	ck_assert_ptr_eq(s, session);
}
END_TEST

START_TEST(a_session_that_is_not_wanted_leaves_its_websocket_to_the_caller)
{
	static struct fake_get get;
	static struct fake_ws ws;
	struct eio_sid sid;

	close_on_open = true;
	ck_assert_ptr_null(attach(eio, NULL, &ws, START_MS));
	ck_assert(!ws.is_closed);
	ck_assert_str_eq(heard.text, "forced server close");
	sid = shake_hands(eio, START_MS);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "1");
}
END_TEST

START_TEST(one_message_is_one_packet_and_binary_has_no_digit)
{
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, START_MS);
	struct shared_bytes *b = shared_bytes_new(SHARED_BINARY, SPAN("raw"));

	forget(&ws.out);
	ck_assert(ws_text(s, &ws, "4a", START_MS));
	ck_assert(eio_ws_message(s, &ws, SPAN("4a"), true, START_MS));
	ck_assert(eio_ws_message(s, &ws, (struct span){ 0 }, true, START_MS));
	ck_assert_str_eq(heard.text, "a|<4a>|<>");
	send_text(s, "4b");
	eio_send(s, b);
	ck_assert_uint_eq(b->refs, 1);
	shared_bytes_unref(b);
	ck_assert_str_eq(ws.out.text, "4b|<raw>");
}
END_TEST

START_TEST(frames_that_are_no_packets_end_a_websocket_session)
{
	static const struct {
		const char *frame, *heard;
		bool goes_on;
	} rows[] = {
		{ "", "parse error", false },
		{ "x", "parse error", false },
		{ "bAQ==", "parse error", false },
		{ "7", "parse error", false },
		{ "1", "transport close", false },
		{ "2", "transport error", false },
		{ "2probe", "transport error", false },
		{ "6", "", true },
		{ "3", "", true },
		{ "5", "", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		static struct fake_ws ws;
		struct eio_session *s = attach(eio, NULL, &ws, START_MS);

		forget(&heard);
		ck_assert(ws_text(s, &ws, rows[i].frame, START_MS) == rows[i].goes_on);
		ck_assert_str_eq(heard.text, rows[i].heard);
		ck_assert(ws.is_closed != rows[i].goes_on);
		ck_assert(ws_text(s, &ws, "4late", START_MS) == rows[i].goes_on);
		if (rows[i].goes_on)
			eio_ws_closed(s, &ws, EIO_TRANSPORT_CLOSE, START_MS);
	}
}
END_TEST

START_TEST(the_server_ends_a_websocket_session_by_a_websocket_close_and_no_packet)
{
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, START_MS);

	forget(&ws.out);
	close_on_message = true;
	ck_assert(!ws_text(s, &ws, "4a", START_MS));
	ck_assert(ws.is_closed);
	ck_assert_uint_eq(ws.out.parts, 0);
	ck_assert(!ws_text(s, &ws, "41", START_MS));
	ck_assert_str_eq(heard.text, "a|forced server close");
}
END_TEST

START_TEST(a_websocket_that_closes_or_breaks_ends_its_session)
{
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, START_MS);

	eio_ws_closed(s, &ws, EIO_TRANSPORT_CLOSE, START_MS);
	s = attach(eio, NULL, &ws, START_MS);
	eio_ws_closed(s, &ws, EIO_TRANSPORT_ERROR, START_MS);
	ck_assert_str_eq(heard.text, "transport close|transport error");
	ck_assert(!ws.is_closed);
}
END_TEST

START_TEST(a_silent_websocket_is_closed_as_dead_at_its_deadline)
{
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, START_MS);
	uint64_t ping_ms = START_MS + INTERVAL_MS;

	forget(&ws.out);
	eio_tick(eio, ping_ms);
	ck_assert_str_eq(ws.out.text, "2");
	ck_assert(ws_text(s, &ws, "3", ping_ms + 10));
	eio_tick(eio, ping_ms + 10 + INTERVAL_MS);
	ck_assert_str_eq(ws.out.text, "2|2");
	eio_tick(eio, ping_ms + 10 + INTERVAL_MS + TIMEOUT_MS - 1);
	ck_assert(!ws.is_closed);
	eio_tick(eio, ping_ms + 10 + INTERVAL_MS + TIMEOUT_MS);
	ck_assert(ws.is_closed);
	ck_assert_int_eq(ws.reason, EIO_PING_TIMEOUT);
}
END_TEST

/* A session begun by polling whose WebSocket has been attached. */
static struct eio_session *
candidate(struct eio_sid *sid, struct fake_ws *ws)
{
	struct eio_session *s;

	*ws = (struct fake_ws){ 0 };
	*sid = shake_hands(eio, START_MS);
	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", sid, START_MS), 101);
	s = attach(eio, sid, ws, START_MS);
	ck_assert_ptr_eq(s, session);
	return s;
}

START_TEST(the_probe_is_answered_at_once_without_an_open_packet)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert_uint_eq(ws.out.parts, 0);
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert_str_eq(ws.out.text, "3probe");
	ck_assert_ptr_null(eio_websocket(s));
}
END_TEST

START_TEST(from_the_probe_on_no_get_is_held)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	static struct fake_get get;

	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert_str_eq(turn_end(eio, &sid, &get), "6");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "6");
	send_text(s, "4queued");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4queued");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "6");
}
END_TEST

START_TEST(posts_are_taken_until_the_switch_and_answers_go_by_polling)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert_uint_eq(post(eio, &sid, "4a", START_MS), 200);
	send_text(s, "4b");
	ck_assert_str_eq(ws.out.text, "3probe");
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert_str_eq(ws.out.text, "3probe|4b");
	ck_assert_str_eq(heard.text, "a");
}
END_TEST

START_TEST(the_switch_flushes_in_order_and_frames_right_behind_it_are_heard)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	static struct fake_get get;

	for (int i = 0; i < 40; i++)
		send_text(s, i % 2 ? "4b" : "4a");
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	forget(&ws.out);
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert(ws_text(s, &ws, "40", START_MS));
	ck_assert_str_eq(heard.text, "0");
	ck_assert_uint_eq(ws.out.parts, 40);
	ck_assert(strncmp(ws.out.text, "4a|4b|4a|4b|", 12) == 0);
	ck_assert_ptr_eq(eio_websocket(s), &ws);
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, START_MS), REFUSED_BAD_REQUEST);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 3)");
	ck_assert_uint_eq(post(eio, &sid, "4x", START_MS), 400);
	ck_assert(eio_is_open(s));
}
END_TEST

START_TEST(a_get_that_is_still_held_at_the_switch_is_ended)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	struct json_out body = { 0 };
	static struct fake_get get;

	poll(eio, &sid, &get, START_MS);
	/* Both frames in one segment: the turn has not ended in between. */
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert(get.is_finished);
	ck_assert_str_eq(get.body.text, "6");
	ck_assert(!eio_poll_take(eio, &sid, &get, &body));
	ck_assert_uint_eq(body.n, 0);
	/* Its connection going away now is nobody's business. */
	eio_poll_abort(eio, &sid, &get, START_MS);
	ck_assert(eio_is_open(s));
}
END_TEST

START_TEST(a_post_whose_body_ends_after_the_switch_is_refused)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert_int_eq(eio_post_begin(eio, &sid, SPAN(""), -1, START_MS).next, EIO_READ);
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert_int_eq(eio_post_body(eio, &sid, SPAN("4a"), START_MS).code, 3);
	eio_post_abort(eio, &sid, START_MS);
	ck_assert(eio_is_open(s));
	ck_assert_uint_eq(heard.parts, 0);
}
END_TEST

START_TEST(a_candidate_that_breaks_the_rules_is_closed_and_polling_goes_on)
{
	static const char *const frames[][2] = { { "5", NULL }, { "4a", NULL }, { "2", NULL },
		{ "2probe2", NULL }, { "", NULL }, { "2probe", "4a" }, { "2probe", "2probe" },
		{ "2probe", "" }, { "2probe", "1" } };

	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		struct eio_sid sid;
		static struct fake_ws ws;
		struct eio_session *s = candidate(&sid, &ws);
		static struct fake_get get;
		bool goes_on = ws_text(s, &ws, frames[i][0], START_MS);

		if (frames[i][1]) {
			ck_assert(goes_on);
			goes_on = ws_text(s, &ws, frames[i][1], START_MS);
		}
		ck_assert(!goes_on && ws.is_closed);
		ck_assert(!ws_text(s, &ws, "5", START_MS));
		ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
		ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, START_MS), 101);
		ck_assert_uint_eq(heard.parts, 0);
		eio_poll_abort(eio, &sid, &get, START_MS);
		forget(&heard);
	}
}
END_TEST

START_TEST(a_candidates_binary_frame_or_its_end_leave_polling_untouched)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	static struct fake_get get;

	ck_assert(!eio_ws_message(s, &ws, SPAN("2probe"), true, START_MS));
	s = candidate(&sid, &ws);
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	eio_ws_closed(s, &ws, EIO_TRANSPORT_ERROR, START_MS);
	ck_assert(!ws.is_closed);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(held)");
	ck_assert_uint_eq(post(eio, &sid, "4a", START_MS), 200);
	ck_assert_str_eq(heard.text, "a");
}
END_TEST

START_TEST(an_upgrade_that_takes_too_long_is_given_up)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	static struct fake_get get;

	eio_free(eio);
	start(60000);
	ck_assert(ws_text(candidate(&sid, &ws), &ws, "2probe", START_MS));
	ck_assert_uint_eq(eio_next_deadline(eio), START_MS + UPGRADE_MS);
	eio_tick(eio, START_MS + UPGRADE_MS - 1);
	ck_assert(!ws.is_closed);
	eio_tick(eio, START_MS + UPGRADE_MS);
	ck_assert(ws.is_closed);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + UPGRADE_MS), "(held)");
}
END_TEST

START_TEST(a_second_websocket_is_refused_while_probing_and_after)
{
	struct eio_sid sid;
	static struct fake_ws ws, late;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, START_MS), REFUSED_BAD_REQUEST);
	ck_assert_ptr_null(attach(eio, &sid, &late, START_MS)); /* checked before the first came */
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert_ptr_null(attach(eio, &sid, &late, START_MS));
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert_ptr_null(attach(eio, &sid, &late, START_MS));
	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, START_MS), REFUSED_BAD_REQUEST);
	ck_assert(!ws_text(s, &late, "4a", START_MS));
	eio_ws_closed(s, &late, EIO_TRANSPORT_ERROR, START_MS);
	ck_assert(eio_is_open(s) && !ws.is_closed);
}
END_TEST

START_TEST(an_upgrade_of_a_session_that_ended_meanwhile_fails)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_ws ws;

	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, START_MS), 101);
	post(eio, &sid, "1", START_MS);
	ck_assert_ptr_null(attach(eio, &sid, &ws, START_MS));
}
END_TEST

START_TEST(a_session_that_ends_takes_its_candidate_along)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	post(eio, &sid, "1", START_MS);
	ck_assert(ws.is_closed);
	s = candidate(&sid, &ws);
	eio_close(s, EIO_FORCED_CLOSE);
	ck_assert(ws.is_closed);
	ck_assert(!ws_text(s, &ws, "2probe", START_MS));
}
END_TEST

START_TEST(who_is_sent_away_in_the_middle_of_the_upgrade_goes_when_it_is_done)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	static struct fake_get get;

	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	send_text(s, "4queued");
	eio_send_away(s);
	ck_assert(!ws.is_closed);
	ck_assert_str_eq(heard.text, "forced server close");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "4queued");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "6");
	ck_assert_uint_eq(post(eio, &sid, "4late", START_MS), 200);
	ck_assert(!ws_text(s, &ws, "5", START_MS));
	ck_assert(ws.is_closed);
	ck_assert_int_eq(ws.reason, EIO_FORCED_CLOSE);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS), "(refused 1)");
	ck_assert_str_eq(heard.text, "forced server close");
}
END_TEST

START_TEST(who_is_sent_away_and_never_finishes_its_upgrade_goes_from_polling)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	static struct fake_get get;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	eio_send_away(s);
	eio_tick(eio, START_MS + UPGRADE_MS);
	ck_assert(ws.is_closed);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + UPGRADE_MS), "6");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + UPGRADE_MS), "(refused 1)");
	s = candidate(&sid, &ws);
	ck_assert(ws_text(s, &ws, "2probe", START_MS + UPGRADE_MS));
	eio_send_away(s);
	eio_ws_closed(s, &ws, EIO_TRANSPORT_CLOSE, START_MS + UPGRADE_MS);
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + UPGRADE_MS), "6");
	ck_assert_str_eq(poll(eio, &sid, &get, START_MS + UPGRADE_MS), "(refused 1)");
}
END_TEST

START_TEST(a_ping_that_was_not_fetched_goes_over_the_websocket_and_its_pong_gets_full_time)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);
	uint64_t now_ms = START_MS + INTERVAL_MS + 150;

	eio_tick(eio, START_MS + INTERVAL_MS);
	ck_assert(ws_text(s, &ws, "2probe", now_ms));
	ck_assert(ws_text(s, &ws, "5", now_ms));
	ck_assert_str_eq(ws.out.text, "3probe|2");
	ck_assert_uint_eq(eio_next_deadline(eio), now_ms + TIMEOUT_MS);
	ck_assert(ws_text(s, &ws, "3", now_ms + 100));
	eio_tick(eio, now_ms + 100 + INTERVAL_MS);
	ck_assert_str_eq(ws.out.text, "3probe|2|2");
}
END_TEST

START_TEST(a_websocket_session_needs_few_bytes)
{
	struct eio_sid sid;
	static struct fake_ws ws;
	struct eio_session *s = candidate(&sid, &ws);

	ck_assert_uint_le(sizeof(struct eio_session), 88);
	ck_assert_ptr_nonnull(s->polling);
	ck_assert(ws_text(s, &ws, "2probe", START_MS));
	ck_assert(ws_text(s, &ws, "5", START_MS));
	ck_assert_ptr_null(s->polling);
	ck_assert_uint_eq(eio_queued_bytes(s), 0);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("eio_upgrade");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_open_packet_is_the_first_frame_of_a_websocket_session);
	tcase_add_test(tests, one_message_is_one_packet_and_binary_has_no_digit);
	tcase_add_test(tests, frames_that_are_no_packets_end_a_websocket_session);
	tcase_add_test(
	    tests, the_server_ends_a_websocket_session_by_a_websocket_close_and_no_packet);
	tcase_add_test(tests, a_websocket_that_closes_or_breaks_ends_its_session);
	tcase_add_test(tests, a_silent_websocket_is_closed_as_dead_at_its_deadline);
	tcase_add_test(tests, the_probe_is_answered_at_once_without_an_open_packet);
	tcase_add_test(tests, from_the_probe_on_no_get_is_held);
	tcase_add_test(tests, posts_are_taken_until_the_switch_and_answers_go_by_polling);
	tcase_add_test(tests, the_switch_flushes_in_order_and_frames_right_behind_it_are_heard);
	tcase_add_test(tests, a_get_that_is_still_held_at_the_switch_is_ended);
	tcase_add_test(tests, a_post_whose_body_ends_after_the_switch_is_refused);
	tcase_add_test(tests, a_candidate_that_breaks_the_rules_is_closed_and_polling_goes_on);
	tcase_add_test(tests, a_candidates_binary_frame_or_its_end_leave_polling_untouched);
	tcase_add_test(tests, an_upgrade_that_takes_too_long_is_given_up);
	tcase_add_test(tests, a_second_websocket_is_refused_while_probing_and_after);
	tcase_add_test(tests, an_upgrade_of_a_session_that_ended_meanwhile_fails);
	tcase_add_test(tests, a_session_that_ends_takes_its_candidate_along);
	tcase_add_test(tests, who_is_sent_away_in_the_middle_of_the_upgrade_goes_when_it_is_done);
	tcase_add_test(tests, who_is_sent_away_and_never_finishes_its_upgrade_goes_from_polling);
	tcase_add_test(
	    tests, a_ping_that_was_not_fetched_goes_over_the_websocket_and_its_pong_gets_full_time);
	tcase_add_test(tests, a_websocket_session_needs_few_bytes);
	tcase_add_test(tests, a_session_that_is_not_wanted_leaves_its_websocket_to_the_caller);
	return run_tests(tests);
}
