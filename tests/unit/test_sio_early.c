/* Clients that send their events right behind a CONNECT, whose answer takes its time. */

#include "common/limits.h"
#include "tests/unit/sio_fixture.h"

/* One whose CONNECT to /later is not answered yet, with nothing noted of it. */
static struct eio_session *
knock(void)
{
	struct eio_session *s = join(&ws);

	says(s, "40/later");
	forget(&heard);
	return s;
}

/* What the application does at the answer is done before what was kept is taken: in the next turn.
 */
static void
answer(void)
{
	sio_accept(waiting, (struct span){ 0 });
	ck_assert_uint_eq(sio_next_deadline(sio), 0);
	ck_assert_str_eq(heard.text, "");
	sio_tick(sio, START_MS);
	ck_assert_uint_gt(sio_next_deadline(sio), START_MS);
}

START_TEST(events_behind_a_connect_are_taken_in_order_once_it_is_answered)
{
	struct eio_session *s = knock();

	says(s, "42/later,7[\"a\",1]");
	says(s, "42/later,[\"b\"]");
	ck_assert_str_eq(heard.text, "");
	ck_assert_uint_eq(ws.out.parts, 0);
	answer();
	ck_assert_str_eq(heard.text, "a|1|id 7|b|");
	ck_assert_int_eq(strncmp(ws.out.text, "40/later,{\"sid\":", 16), 0);
	ck_assert_ptr_nonnull(strstr(ws.out.text, "}|43/later,7[1]|42/later,[\"message-back\"]"));
	forget(&heard);
	says(s, "42/later,[\"c\"]");
	ck_assert_str_eq(heard.text, "c|");
	ck_assert_ptr_null(client->early);
}
END_TEST

START_TEST(what_comes_between_the_answer_and_the_next_turn_stays_behind)
{
	struct eio_session *s = knock();

	says(s, "42/later,[\"a\"]");
	sio_accept(waiting, (struct span){ 0 });
	says(s, "42/later,[\"b\"]");
	says(s, "42[\"c\"]"); /* of another namespace */
	ck_assert_str_eq(heard.text, "");
	sio_tick(sio, START_MS);
	ck_assert_str_eq(heard.text, "a||b||c|");
}
END_TEST

START_TEST(attachments_are_kept_with_their_event)
{
	struct eio_session *s = knock();

	says(s, "451-/later,[\"a\",{\"_placeholder\":true,\"num\":0}]");
	ck_assert(eio_ws_message(s, &ws, SPAN("bytes"), true, START_MS));
	says(s, "42/later,[\"b\"]");
	answer();
	ck_assert_str_eq(heard.text, "a|{\"_placeholder\":true,\"num\":0}|bytes|b|");
}
END_TEST

START_TEST(attachments_may_come_when_their_namespace_has_been_accepted)
{
	struct eio_session *s = knock();

	says(s, "451-/later,[\"a\",{\"_placeholder\":true,\"num\":0}]");
	sio_accept(waiting, (struct span){ 0 });
	sio_tick(sio, START_MS);
	ck_assert(eio_ws_message(s, &ws, SPAN("bytes"), true, START_MS));
	ck_assert_str_eq(heard.text, "a|{\"_placeholder\":true,\"num\":0}|bytes");
}
END_TEST

START_TEST(leaving_and_coming_again_keep_their_place_behind_an_early_event)
{
	struct eio_session *s = knock();

	says(s, "42/later,[\"a\"]");
	says(s, "41/later");
	says(s, "40/later,{\"again\":1}");
	says(s, "42/later,[\"b\"]");
	ck_assert_uint_eq(connects, 2);
	sio_accept(waiting, (struct span){ 0 });
	sio_tick(sio, START_MS);
	ck_assert_str_eq(heard.text, "a||client namespace disconnect|{\"again\":1}");
	ck_assert_uint_eq(connects, 3);
	forget(&heard);
	answer();
	ck_assert_str_eq(heard.text, "b|");
}
END_TEST

START_TEST(what_was_meant_for_a_refused_namespace_is_dropped_and_the_connection_stays)
{
	struct eio_session *s = knock();

	says(s, "42/later,[\"a\"]");
	says(s, "42[\"b\"]");
	sio_refuse(waiting, "Session not found", (struct span){ 0 });
	refusals++;
	sio_tick(sio, START_MS);
	ck_assert_str_eq(heard.text, "b|");
	ck_assert(!ws.is_closed);
	ck_assert_ptr_null(client->early);
}
END_TEST

START_TEST(an_early_event_beyond_a_bound_is_reported_like_any_other)
{
	struct eio_session *s = knock();

	says(s, "42/later,[\"a\",\"\\ud800\"]");
	answer();
	ck_assert_str_eq(heard.text, "JSON_SURROGATE|");
	ck_assert(!ws.is_closed);
}
END_TEST

START_TEST(an_early_event_may_end_the_connection_and_nothing_behind_it_is_taken)
{
	static const char *const ends[] = { "42/later,[\"close\"]", "40/later" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct eio_session *s = knock();

		says(s, "42/later,[\"a\"]");
		says(s, ends[i]);
		says(s, "42/later,[\"b\"]");
		sio_accept(waiting, (struct span){ 0 });
		sio_tick(sio, START_MS);
		sio_tick(sio, START_MS);
		ck_assert(ws.is_closed);
		ck_assert_ptr_null(strstr(heard.text, "b|"));
	}
}
END_TEST

START_TEST(who_goes_before_the_answer_takes_what_waits_along)
{
	struct eio_session *s = knock();

	says(s, "42/later,[\"a\"]");
	eio_ws_closed(s, &ws, EIO_TRANSPORT_CLOSE, START_MS);
	sio_tick(sio, START_MS);
	ck_assert_ptr_null(strstr(heard.text, "a|"));
	ck_assert_uint_eq(disconnects, 2);
	s = knock();
	says(s, "42/later,[\"a\"]"); /* until the server's end */
}
END_TEST

START_TEST(as_much_may_wait_as_a_message_may_hold_and_one_more)
{
	static char text[LIMIT_MESSAGE_BYTES / 2 + 1];
	struct eio_session *s = knock();
	size_t n = (size_t)snprintf(text, sizeof(text), "42/later,[\"a\",\"");

	memset(text + n, 'x', sizeof(text) - n - 3);
	memcpy(text + sizeof(text) - 3, "\"]", 3);
	says(s, text);
	says(s, text);
	ck_assert(!ws_text(s, &ws, "42/later,[\"a\"]", START_MS));
	ck_assert(ws.is_closed);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio_early");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, events_behind_a_connect_are_taken_in_order_once_it_is_answered);
	tcase_add_test(tests, what_comes_between_the_answer_and_the_next_turn_stays_behind);
	tcase_add_test(tests, attachments_are_kept_with_their_event);
	tcase_add_test(tests, attachments_may_come_when_their_namespace_has_been_accepted);
	tcase_add_test(tests, leaving_and_coming_again_keep_their_place_behind_an_early_event);
	tcase_add_test(
	    tests, what_was_meant_for_a_refused_namespace_is_dropped_and_the_connection_stays);
	tcase_add_test(tests, an_early_event_beyond_a_bound_is_reported_like_any_other);
	tcase_add_test(tests, an_early_event_may_end_the_connection_and_nothing_behind_it_is_taken);
	tcase_add_test(tests, who_goes_before_the_answer_takes_what_waits_along);
	tcase_add_test(tests, as_much_may_wait_as_a_message_may_hold_and_one_more);
	return run_tests(tests);
}
