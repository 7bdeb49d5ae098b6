/* Sessions that nobody uses end: which of them, by which clock, and how many at a time. */

#include "session_fixture.h"

#include "common/limits.h"

enum { HOUR_MS = 3600 * 1000 };

/* By both clocks. */
static void
pass(uint64_t ms)
{
	d->now_ms += ms;
	d->now_us += ms * 1000;
}

START_TEST(cleanup_ends_what_nobody_used_and_nobody_is_in)
{
	struct uuid busy = start(d, "book"), old = s;

	join("c1", "g1");
	ask(d, COMMAND_create_session, NULL, "{}");
	pass(2 * HOUR_MS);
	ask(d, COMMAND_get_tree, &busy, "{}");
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':1.5}");
	ck_assert_msg(at_is(d->body, "sessions_removed", "1"), "%s", d->body);
	ck_assert(at_is(d->body, "active_sessions", "2"));
	ck_assert_str_eq(heard_names(d), "session:closed");
	ck_assert(at_is(d->heard[0].body, "reason", "\"inactive\""));
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':0}");
	ck_assert(at_is(d->body, "active_sessions", "1"));
	ck_assert(at_is(ask(d, COMMAND_get_session, &old, "{}"), "active_clients", "1"));
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':-1}");
	ck_assert(at_is(d->body, "error.field", "\"max_inactive_hours\""));
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':'1'}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
}
END_TEST

static struct outcome
cleanup_share(uint64_t began_us, size_t done)
{
	struct request request = { .command = COMMAND_cleanup_sessions,
		.caller.key = SPAN("a key"),
		.args = SPAN("{\"max_inactive_hours\":0}"),
		.now_us = d->now_us,
		.now_ms = d->now_ms,
		.began_us = began_us,
		.done = done };
	struct outcome out;

	outcome_init(&out);
	dispatch(d->dispatcher, &request, &out);
	take_outcome(d, &out);
	return out;
}

START_TEST(the_command_goes_on_until_all_have_ended_that_were_idle_when_it_began)
{
	struct outcome out;
	uint64_t began_us;

	for (int i = 0; i < CLEANUP_AT_ONCE; i++)
		ask(d, COMMAND_create_session, NULL, "{}");
	began_us = d->now_us;
	out = cleanup_share(0, 0);
	ck_assert(out.unfinished);
	ck_assert_uint_eq(out.done, CLEANUP_AT_ONCE);
	outcome_fini(&out);
	/* What is made meanwhile stays, and a share is not remembered as the answer. */
	d->now_us += 1000;
	ask(d, COMMAND_create_session, NULL, "{}");
	for (int i = 0; i < 2; i++) {
		out = cleanup_share(began_us, CLEANUP_AT_ONCE);
		json_out_bytes(&out.body, SPAN("\0"));
		ck_assert(!out.unfinished);
		ck_assert(at_is(out.body.bytes, "sessions_removed", "17"));
		ck_assert(at_is(out.body.bytes, "active_sessions", "1"));
		outcome_fini(&out);
	}
}
END_TEST

static size_t
clean_up(uint64_t inactive_ms, uint64_t since_ms)
{
	struct idleness idle = { d->now_us, d->now_ms, inactive_ms, since_ms, 0 };

	return dispatch_cleanup(d->dispatcher, &idle, take_outcome, d);
}

START_TEST(cleanup_ends_no_more_at_a_time_than_it_is_told_to)
{
	size_t ended[4];

	for (int i = 0; i < 2 * CLEANUP_AT_ONCE; i++)
		ask(d, COMMAND_create_session, NULL, "{}");
	domain_unload(d);
	pass(2 * HOUR_MS);
	for (size_t i = 0; i < 4; i++)
		ended[i] = clean_up(HOUR_MS, d->now_ms);
	ck_assert_uint_eq(ended[0], CLEANUP_AT_ONCE);
	ck_assert_uint_eq(ended[1], CLEANUP_AT_ONCE);
	ck_assert_uint_eq(ended[2], 1);
	ck_assert_uint_eq(ended[3], 0);
}
END_TEST

START_TEST(the_time_of_day_says_how_idle_a_session_is_only_where_nothing_else_can)
{
	uint64_t year_us = 8766ULL * HOUR_MS * 1000, since_ms;

	/* Used in this process: nothing else counts, whatever the clock was set to meanwhile. */
	d->now_us += 10 * year_us;
	ck_assert_uint_eq(clean_up(HOUR_MS, 1), 0);
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':1}");
	ck_assert(at_is(d->body, "sessions_removed", "0"));
	/* Not used in this one: whoever looks after them himself counts from its beginning. */
	domain_restart(d);
	since_ms = d->now_ms;
	d->now_us += 10 * year_us;
	ck_assert_uint_eq(clean_up(HOUR_MS, since_ms), 0);
	d->now_us -= 30 * year_us;
	pass(HOUR_MS - 1);
	ck_assert_uint_eq(clean_up(HOUR_MS, since_ms), 0);
	pass(1);
	ck_assert_uint_eq(clean_up(HOUR_MS, since_ms), 1);
}
END_TEST

START_TEST(who_asks_for_a_cleanup_goes_by_the_times_that_are_shown_as_of_before_a_restart)
{
	domain_restart(d);
	pass(2 * HOUR_MS);
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':3}");
	ck_assert(at_is(d->body, "sessions_removed", "0"));
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':1}");
	ck_assert(at_is(d->body, "sessions_removed", "1"));
}
END_TEST

START_TEST(right_behind_a_start_a_session_is_not_ended_whose_clients_may_be_on_their_way)
{
	join("c1", "g1");
	domain_restart(d);
	pass(48 * HOUR_MS);
	dispatch_awake(d->dispatcher, d->now_ms);
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':24}");
	ck_assert(at_is(d->body, "sessions_removed", "0"));
	ck_assert(at_is(d->body, "active_sessions", "1"));
	pass(LIMIT_LEASE_MS);
	dispatch_awake(d->dispatcher, d->now_ms);
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':24}");
	ck_assert(at_is(d->body, "sessions_removed", "1"));
}
END_TEST

START_TEST(a_session_is_in_use_until_the_last_client_is_gone_for_whichever_reason)
{
	join("c1", "g1");
	pass(2 * HOUR_MS);
	/* The gateway is not heard of any more. */
	dispatch_awake(d->dispatcher, d->now_ms);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	dispatch_awake(d->dispatcher, d->now_ms + LIMIT_LEASE_MS);
	dispatch_expire(d->dispatcher, d->now_ms + LIMIT_LEASE_MS, d->now_us, take_outcome, d);
	ck_assert(at_is(ask(d, COMMAND_get_session, &s, "{}"), "active_clients", "0"));
	ck_assert_uint_eq(clean_up(HOUR_MS, 1), 0);
	pass(2 * HOUR_MS);
	ck_assert_uint_eq(clean_up(HOUR_MS, 1), 1);
}
END_TEST

START_TEST(asking_how_a_session_is_does_not_keep_it)
{
	pass(2 * HOUR_MS);
	ask(d, COMMAND_get_session, &s, "{}");
	ask(d, COMMAND_get_dirty, &s, "{}");
	ask(d, COMMAND_list_clients, &s, "{}");
	ask(d, COMMAND_cleanup_sessions, NULL, "{'max_inactive_hours':1}");
	ck_assert(at_is(d->body, "sessions_removed", "1"));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("upkeep");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, cleanup_ends_what_nobody_used_and_nobody_is_in);
	tcase_add_test(tc, the_command_goes_on_until_all_have_ended_that_were_idle_when_it_began);
	tcase_add_test(tc, cleanup_ends_no_more_at_a_time_than_it_is_told_to);
	tcase_add_test(tc, the_time_of_day_says_how_idle_a_session_is_only_where_nothing_else_can);
	tcase_add_test(
	    tc, who_asks_for_a_cleanup_goes_by_the_times_that_are_shown_as_of_before_a_restart);
	tcase_add_test(tc, a_session_is_in_use_until_the_last_client_is_gone_for_whichever_reason);
	tcase_add_test(
	    tc, right_behind_a_start_a_session_is_not_ended_whose_clients_may_be_on_their_way);
	tcase_add_test(tc, asking_how_a_session_is_does_not_keep_it);
	return run_tests(tc);
}
