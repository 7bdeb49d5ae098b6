/* What graphd is told of members: in order, and until it answers. */

#include "hub_fixture.h"

#include "common/limits.h"

static void
ann_and_bob_leave(void)
{
	bring_in_as(&ann, "A", 1);
	bring_in_as(&bob, "B", 2);
	hub_leave(hub, &ann.member);
	hub_leave(hub, &bob.member);
}

START_TEST(reports_wait_for_room_among_the_requests_and_keep_their_order)
{
	bring_in_as(&ann, "A", 1);
	fake.is_full = true;
	hub_forgotten(hub);
	hub_leave(hub, &ann.member);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 1);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 0);
	fake.is_full = false;
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 2);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_uint_lt(
	    fake_open(&fake, COMMAND_join)->number, fake_open(&fake, COMMAND_leave)->number);
}
END_TEST

START_TEST(what_graphd_does_not_answer_is_told_again_in_the_same_order)
{
	ann_and_bob_leave();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 2);
	fake_answer(&fake, COMMAND_leave, ERROR_backend_unavailable, "");
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 4);
	ck_assert_ptr_nonnull(strstr(fake_open(&fake, COMMAND_leave)->args, "\"A\""));
	fake_answer(&fake, COMMAND_leave, OK, "{}");
	ck_assert_ptr_nonnull(strstr(fake_open(&fake, COMMAND_leave)->args, "\"B\""));
	fake_answer(&fake, COMMAND_leave, ERROR_client_not_found, "{}");
	turn();
	ck_assert_ptr_null(fake_open(&fake, COMMAND_leave));
}
END_TEST

START_TEST(what_graphd_had_no_time_for_is_told_again_a_moment_later)
{
	ann_and_bob_leave();
	fake_answer(&fake, COMMAND_leave, ERROR_overloaded, "{\"error\":{}}");
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 2);
	pass(1100);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 4);
	ck_assert_ptr_nonnull(strstr(fake_open(&fake, COMMAND_leave)->args, "\"A\""));
	fake_answer(&fake, COMMAND_leave, OK, "{}");
	fake_answer(&fake, COMMAND_leave, OK, "{}");
	pass(1100);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 4);
}
END_TEST

START_TEST(a_join_that_is_not_answered_in_time_is_taken_back)
{
	join_counted(&ann, "A", &fake_transport);
	turn();
	pass(LIMIT_DEADLINE_MS + 100);
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_join));
	/* graphd may have the question, and let the client in when it comes to it. */
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_leave)->args, "{\"client_id\":\"A\",\"connection\":2}");
	/* It never had this one. */
	fake.is_away = true;
	join_counted(&bob, "B", &fake_transport);
	turn();
	pass(LIMIT_DEADLINE_MS + 100);
	ck_assert_int_eq(bob.result.error, ERROR_backend_unavailable);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
}
END_TEST

static void
on_drained(void *context)
{
	(void)context;
}

START_TEST(who_is_turned_away_by_the_drain_while_it_joins_is_reported_gone)
{
	join_counted(&ann, "A", &fake_transport);
	join_counted(&bob, "B", &fake_transport);
	turn();
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":true}");
	hub_drain(hub, 0, on_drained, NULL);
	pass(50);
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
	ck_assert_int_eq(bob.result.error, ERROR_backend_unavailable);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_join));
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 2);
}
END_TEST

START_TEST(of_a_client_graphd_never_heard_of_no_leave_is_told)
{
	fake.is_away = true;
	join_counted(&ann, "A", &fake_transport);
	turn();
	hub_leave(hub, &ann.member);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_join));
	fake.is_away = false;
	join_counted(&bob, "B", &fake_transport);
	turn();
	hub_leave(hub, &bob.member);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_ptr_nonnull(strstr(fake_open(&fake, COMMAND_leave)->args, "\"B\""));
}
END_TEST

/* Nobody knows whether it was heard, so it is told in any case, behind the question. */
START_TEST(a_join_that_graphd_does_not_answer_is_taken_back)
{
	join_counted(&ann, "A", &fake_transport);
	turn();
	fake_answer(&fake, COMMAND_join, ERROR_backend_unavailable, "");
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_leave)->args, "{\"client_id\":\"A\",\"connection\":2}");
	/* Who was refused is not there. */
	join_counted(&bob, "B", &fake_transport);
	turn();
	fake_answer(&fake, COMMAND_join, ERROR_too_many_clients, "");
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
}
END_TEST

START_TEST(who_waits_for_its_announcement_is_reported_again_like_all_others)
{
	join_counted(&ann, "A", &fake_transport);
	turn();
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"announced\":true,\"seq\":0}");
	ck_assert_uint_eq(ann.n_joined, 0);
	/* This one's question is asked again by the upstream itself. */
	join_counted(&bob, "B", &fake_transport);
	turn();
	hub_up(hub, true);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 3);
	ck_assert_str_eq(fake.asks[fake.n - 1].args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true,\"quiet\":true}");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_report");

	tcase_add_checked_fixture(t, listener_setup, hub_teardown);
	tcase_add_test(t, reports_wait_for_room_among_the_requests_and_keep_their_order);
	tcase_add_test(t, what_graphd_does_not_answer_is_told_again_in_the_same_order);
	tcase_add_test(t, what_graphd_had_no_time_for_is_told_again_a_moment_later);
	tcase_add_test(t, a_join_that_is_not_answered_in_time_is_taken_back);
	tcase_add_test(t, who_is_turned_away_by_the_drain_while_it_joins_is_reported_gone);
	tcase_add_test(t, of_a_client_graphd_never_heard_of_no_leave_is_told);
	tcase_add_test(t, a_join_that_graphd_does_not_answer_is_taken_back);
	tcase_add_test(t, who_waits_for_its_announcement_is_reported_again_like_all_others);
	return run_tests(t);
}
