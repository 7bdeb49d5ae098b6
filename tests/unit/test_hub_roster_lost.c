/* Announcements that a gateway did not hear: what its listeners were told ends up right. */

#include "hub_roster_fixture.h"

/* graphd gave this gateway up; ann is reported again, but events were not heard then. */
START_TEST(who_is_here_and_was_announced_gone_is_told_to_be_here_once_it_is_on_the_list)
{
	bring_in_as(&ann, "A", 1);
	pass(1100);
	hear_of(EVENT_session_disconnected, "A", "\"ann\"", 0);
	hub_forgotten(hub);
	pass(1100);
	/* Not yet. */
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[]}");
	ck_assert_str_eq(fake_open(&fake, COMMAND_join)->args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true}");
	hub_deaf(hub);
	forget_heard(&cem);
	sync_at(0);
	pass(2100);
	list_is("{\"clients\":[{\"client_id\":\"A\",\"actor\":\"ann\"}]}", 1);
	ck_assert_str_eq(cem.heard, "session_connected 0;");
	/* Its own announcement is late. */
	hear_of(EVENT_session_connected, "A", "\"ann\"", 1);
	pass(3000);
	ck_assert_str_eq(cem.heard, "session_connected 0;");
	ck_assert_uint_eq(cem.member.group->room->gone.n, 0);
}
END_TEST

START_TEST(who_was_announced_gone_and_here_again_is_not_told_of_again)
{
	bring_in_as(&ann, "A", 1);
	pass(1100);
	forget_heard(&cem);
	hear_of(EVENT_session_disconnected, "A", "\"ann\"", 0);
	hear_of(EVENT_session_connected, "A", "\"ann\"", 1);
	pass(2100);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[{\"client_id\":\"A\"}]}");
	pass(3000);
	ck_assert_str_eq(cem.heard, "session_disconnected 0;session_connected 0;");
	ck_assert_uint_eq(cem.member.group->room->n_unlisted, 1);
}
END_TEST

/* Nobody waits for what was told. */
START_TEST(who_was_announced_gone_and_leaves_is_off_the_roster)
{
	bring_in_as(&ann, "A", 1);
	hear_of(EVENT_session_disconnected, "A", "\"ann\"", 0);
	hub_leave(hub, &ann.member);
	ck_assert_uint_eq(cem.member.group->room->roster.n, 0);
	ck_assert_uint_eq(cem.member.group->room->gone.n, 0);
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 0);
}
END_TEST

START_TEST(whose_leave_was_lost_is_asked_after_when_it_has_not_come_for_a_second)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	hear_of(EVENT_session_connected, "C", "null", 2);
	pass(1000);
	/* B left, and C leaves. */
	hear_of(EVENT_session_disconnected, "C", "null", 0);
	for (unsigned n = 1; n <= 3; n++) {
		ck_assert_ptr_null(reminder());
		pass(1000);
		ck_assert_uint_eq(lists_asked(), n);
		fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[]}");
	}
	ck_assert_ptr_nonnull(strstr(reminder(), "\"B\""));
	fake_answer(&fake, COMMAND_remind, OK, "{\"missing\":1}");
	pass(2000);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[{\"client_id\":\"B\"}]}");
	pass(3000);
	hear_of(EVENT_session_disconnected, "B", "null", 0);
	turn();
	ck_assert_str_eq(cem.heard,
	    "joined 0;session_connected 0;session_connected 0;session_disconnected 0;"
	    "session_disconnected 0;");
	pass(3000);
	ck_assert_ptr_null(reminder());
}
END_TEST

START_TEST(whose_leave_is_late_is_not_asked_after)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	hear_of(EVENT_session_connected, "C", "null", 3);
	pass(1000);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[{\"client_id\":\"C\"}]}");
	hear_of(EVENT_session_disconnected, "B", "null", 1);
	pass(5000);
	ck_assert_ptr_null(reminder());
	ck_assert_uint_eq(cem.member.group->room->roster.n, 1);
}
END_TEST

/* The link that events come over broke; the other one did not. */
START_TEST(a_gateway_that_heard_nothing_reminds_graphd_as_soon_as_it_hears_again)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	pass(1000);
	hub_deaf(hub);
	ck_assert_ptr_null(reminder());
	sync_at(0);
	ck_assert_ptr_nonnull(strstr(reminder(), "\"B\""));
	fake_answer(&fake, COMMAND_remind, OK, "{\"missing\":1}");
	pass(2100);
	list_is("{\"clients\":[{\"client_id\":\"C\"}]}", 1);
	ck_assert_str_eq(cem.heard, "joined 0;session_connected 0;session_connected 0;");
}
END_TEST

/* Another gateway is back from a restart of graphd a little later, and reports its clients
 * quietly. */
START_TEST(a_list_that_is_not_complete_yet_is_read_again)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	hear_of(EVENT_session_disconnected, "B", "null", 0);
	pass(1100);
	hub_up(hub, true);
	sync_at(0);
	pass(2100);
	fake_answer(
	    &fake, COMMAND_list_clients, OK, "{\"clients\":[],\"total\":0,\"complete\":false}");
	forget_heard(&cem);
	pass(2100);
	list_is("{\"clients\":[{\"client_id\":\"B\"}],\"total\":1,\"complete\":true}", 1);
	ck_assert_str_eq(cem.heard, "session_connected 0;");
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 2);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_roster_lost");

	tcase_add_checked_fixture(t, listener_setup, hub_teardown);
	tcase_add_test(
	    t, who_is_here_and_was_announced_gone_is_told_to_be_here_once_it_is_on_the_list);
	tcase_add_test(t, who_was_announced_gone_and_here_again_is_not_told_of_again);
	tcase_add_test(t, who_was_announced_gone_and_leaves_is_off_the_roster);
	tcase_add_test(t, whose_leave_was_lost_is_asked_after_when_it_has_not_come_for_a_second);
	tcase_add_test(t, whose_leave_is_late_is_not_asked_after);
	tcase_add_test(t, a_gateway_that_heard_nothing_reminds_graphd_as_soon_as_it_hears_again);
	tcase_add_test(t, a_list_that_is_not_complete_yet_is_read_again);
	return run_tests(t);
}
