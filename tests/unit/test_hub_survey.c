/* What graphd asks clients: which members hear it. */

#include "asking_fixture.h"

START_TEST(a_question_comes_behind_the_events_before_it)
{
	bring_in(&ann, "A", 1);
	durable(1);
	put();
	durable(2);
	turn();
	ck_heard(&ann, "node_created 1;really [1]?node_created 2;");
}
END_TEST

START_TEST(who_joined_after_the_question_was_put_is_not_asked)
{
	bring_in(&ann, "A", 1);
	bring_in(&bob, "B", 2);
	forget_heard(&ann);
	put_as(ASK_ID, NULL, 5000, 1);
	ck_heard(&ann, "really [1]?");
	ck_heard(&bob, "");
	ck_assert(!says(&bob, "[]"));
}
END_TEST

/* graphd has counted it, the gateway does not know yet. */
START_TEST(who_is_still_coming_is_asked_once_it_is_in_if_it_came_before_the_question)
{
	bring_in(&ann, "A", 1);
	join_counted(&bob, "B", &fake_transport);
	join_counted(&cem, "C", &fake_transport);
	turn();
	connected("B", 0);
	put_as(ASK_ID, NULL, 5000, 2);
	ck_heard(&bob, "");
	ck_assert(!says(&bob, "[]"));
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":2}");
	ck_heard(&bob, "joined 0;session_connected 0;really [1]?");
	connected("C", 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":3}");
	ck_heard(&cem, "joined 0;session_connected 0;");
	ck_assert(says(&bob, "[]"));
	ck_assert(!says(&cem, "[]"));
}
END_TEST

START_TEST(who_was_not_reported_yet_is_not_asked)
{
	join_counted(&ann, "A", &fake_transport);
	put();
	sync_at(0);
	connected("A", 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":2}");
	ck_heard(&ann, "joined 0;session_connected 0;");
}
END_TEST

START_TEST(members_that_are_behind_are_asked_all_the_same_unless_they_owe_too_much)
{
	all_in();
	ann.owed = LIMIT_QUEUE_BYTES;
	bob.owed = LIMIT_QUEUE_BYTES - 1;
	put();
	ck_heard(&ann, "");
	ck_heard(&bob, "really [1]?");
	ck_heard(&cem, "really [1]?");
	ck_assert(!says(&ann, "[]"));
	ck_assert(says(&bob, "[]"));
	bob.owed = 1;
	durable(1);
	bob.owed = LIMIT_QUEUE_BYTES;
	turn();
	ck_assert_int_eq(bob.member.state, MEMBER_SLOW);
	bob.owed = LIMIT_QUEUE_BYTES - 1;
	forget_heard(&bob);
	put_as(ASK_ID_2, "B", 5000, 100);
	ck_heard(&bob, "really [1]?");
	ck_assert(says(&bob, "[]"));
}
END_TEST

START_TEST(who_leaves_has_nothing_to_answer_any_more)
{
	all_in();
	put();
	hub_leave(hub, &ann.member);
	ck_assert(!says(&ann, "[]"));
	/* Another client in the same memory was not asked. */
	bring_in(&ann, "A2", 4);
	ck_assert(!says(&ann, "[]"));
	ck_assert(says(&bob, "[]"));
}
END_TEST

START_TEST(a_question_is_forgotten_when_its_time_is_up)
{
	all_in();
	put_as(ASK_ID, NULL, 500, 100);
	ck_assert(says(&ann, "[]"));
	pass(450);
	ck_assert(says(&bob, "[]"));
	pass(50);
	ck_assert(!says(&cem, "[]"));
	pass(1100);
	ck_assert(!says(&cem, "[]"));
	ck_assert_str_ne(sent(), "");
}
END_TEST

START_TEST(what_is_no_question_is_passed_over)
{
	static const char *const wrong[] = { "{}",
		"{\"ask_id\":\"" ASK_ID "\",\"event\":\"e\",\"timeout_ms\":5,\"last\":9}",
		"{\"ask_id\":\"7\",\"event\":\"e\",\"data\":1,\"timeout_ms\":5,\"last\":9}",
		"{\"ask_id\":\"" ASK_ID "\",\"event\":7,\"data\":1,\"timeout_ms\":5,\"last\":9}" };

	bring_in(&ann, "A", 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		say(EVENT_ask, 0, 0, wrong[i]);
	turn();
	ck_heard(&ann, "");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("hub_survey");

	tcase_add_checked_fixture(tc, hub_setup, hub_teardown);
	tcase_add_test(tc, a_question_comes_behind_the_events_before_it);
	tcase_add_test(tc, who_joined_after_the_question_was_put_is_not_asked);
	tcase_add_test(
	    tc, who_is_still_coming_is_asked_once_it_is_in_if_it_came_before_the_question);
	tcase_add_test(tc, who_was_not_reported_yet_is_not_asked);
	tcase_add_test(tc, members_that_are_behind_are_asked_all_the_same_unless_they_owe_too_much);
	tcase_add_test(tc, who_leaves_has_nothing_to_answer_any_more);
	tcase_add_test(tc, a_question_is_forgotten_when_its_time_is_up);
	tcase_add_test(tc, what_is_no_question_is_passed_over);
	return run_tests(tc);
}
