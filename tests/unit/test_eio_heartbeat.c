/* Pings, pongs and the deadlines between them. */

#include "tests/unit/eio_app_fixture.h"

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

START_TEST(a_client_that_leaves_in_the_moment_its_time_is_up_is_not_answered)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	uint64_t end_ms = START_MS + INTERVAL_MS + TIMEOUT_MS;
	static struct fake_get get;

	eio_tick(eio, START_MS + INTERVAL_MS);
	ck_assert_str_eq(poll(eio, &sid, &get, end_ms - 1), "2");
	ck_assert_str_eq(poll(eio, &sid, &get, end_ms - 1), "(held)");
	/* Whoever says this frees the GET. */
	eio_poll_abort(eio, &sid, &get, end_ms);
	ck_assert(!get.is_finished);
	ck_assert_uint_eq(closed, 1);
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

	ck_assert_uint_eq(post(eio, &sid,
			      "3\x1e"
			      "3",
			      START_MS + 299),
	    200);
	ck_assert_uint_eq(eio_next_deadline(eio), START_MS + INTERVAL_MS);
	eio_tick(eio, START_MS + INTERVAL_MS);
	ck_assert_uint_eq(post(eio, &sid,
			      "3\x1e"
			      "3",
			      START_MS + 310),
	    200);
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
	TCase *tests = tcase_create("eio_heartbeat");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_ping_comes_one_interval_after_the_open_and_after_each_pong);
	tcase_add_test(
	    tests, a_session_without_pong_is_unknown_exactly_interval_and_timeout_after_its_open);
	tcase_add_test(tests, a_client_that_leaves_in_the_moment_its_time_is_up_is_not_answered);
	tcase_add_test(tests, a_pong_in_the_last_millisecond_keeps_the_session);
	tcase_add_test(tests, data_does_not_stand_for_a_pong_and_pings_come_on_a_busy_link);
	tcase_add_test(tests, early_and_repeated_pongs_change_nothing);
	tcase_add_test(tests, a_process_that_slept_gives_pongs_their_full_time);
	tcase_add_test(tests, of_16000_sessions_each_tick_touches_only_those_that_are_due);
	return run_tests(tests);
}
