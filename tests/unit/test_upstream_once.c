/* Questions that are put once: they end with the link, and there may be fewer of them. */
#include "tests/unit/upstream_fixture.h"

START_TEST(what_must_be_asked_once_only_ends_with_the_link)
{
	struct upstream_question once = { .command = COMMAND_ask, .once = true };
	struct asked q, none;
	static struct answer a, b;

	RUN_UNTIL_READY(upstream);
	uuid_of_name(SPAN("session"), &once.session);
	memset(&a, 0, sizeof a);
	upstream_ask(upstream, &once, on_reply, &a);
	ask(COMMAND_get_dirty, NULL, 4000, &b);
	await(&q, "Ask");
	frames_fini(&q.frames);
	await(&q, "GetDirty");
	frames_fini(&q.frames);
	fake_stop();
	RUN_UNTIL(a.n == 1);
	ck_assert_int_eq(a.status, ERROR_backend_unavailable);
	ck_assert_int_eq(b.n, 0);
	fake_start();
	await(&q, "GetDirty");
	fake_answer(&q, "OK", SPAN("{}"));
	RUN_UNTIL(b.n == 1);
	ck_assert(!fake_asked(&none));
	ck_assert_int_eq(a.n, 1);
	answer_fini(&b);
	frames_fini(&q.frames);
}
END_TEST

START_TEST(what_waits_for_people_leaves_room_for_others)
{
	static struct answer a[LIMIT_ASKS_IN_FLIGHT + 1], other;
	struct upstream_question once = { .command = COMMAND_ask, .once = true };
	uint64_t number = 0;

	for (int i = 0; i < LIMIT_ASKS_IN_FLIGHT; i++)
		ck_assert_uint_ne(number = upstream_ask(upstream, &once, on_reply, &a[i]), 0);
	ck_assert_uint_eq(upstream_ask(upstream, &once, on_reply, &a[LIMIT_ASKS_IN_FLIGHT]), 0);
	ck_assert_uint_ne(ask(COMMAND_get_dirty, NULL, 60000, &other), 0);
	upstream_forget(upstream, number);
	ck_assert_uint_ne(upstream_ask(upstream, &once, on_reply, &a[LIMIT_ASKS_IN_FLIGHT]), 0);
}
END_TEST

START_TEST(deadlines_of_both_kinds_are_kept)
{
	struct upstream_question q = { .command = COMMAND_ask, .once = true, .deadline_ms = 100 };
	static struct answer once, early, late, long_once;

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_get_dirty, NULL, 200, &late);
	upstream_ask(upstream, &q, on_reply, &once);
	q.deadline_ms = 100000;
	upstream_ask(upstream, &q, on_reply, &long_once);
	ask(COMMAND_get_dirty, NULL, 20, &early);
	RUN_UNTIL(early.n == 1);
	ck_assert_int_eq(once.n + late.n, 0);
	RUN_UNTIL(once.n == 1);
	ck_assert_int_eq(late.n, 0);
	RUN_UNTIL(late.n == 1);
	ck_assert_int_eq(long_once.n, 0);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("upstream_once");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, what_must_be_asked_once_only_ends_with_the_link);
	tcase_add_test(t, what_waits_for_people_leaves_room_for_others);
	tcase_add_test(t, deadlines_of_both_kinds_are_kept);
	return run_tests(t);
}
