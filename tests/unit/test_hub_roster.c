/* Who is in a session, as its listeners were told, and what a new graphd is told of it. */

#include "hub_roster_fixture.h"

#include "common/limits.h"

static struct fake_client again;

/* graphd is another one now. */
static void
restart(void)
{
	hub_up(hub, true);
	turn();
}

START_TEST(a_new_graphd_is_reminded_of_those_who_are_elsewhere)
{
	bring_in_as(&ann, "A", 1);
	hear_of(EVENT_session_connected, "B", "\"bob\"", 2);
	hear_of(EVENT_session_connected, "C", "null", 3);
	hear_of(EVENT_session_connected, "D", "\"D\"", 4);
	hear_of(EVENT_session_disconnected, "C", "null", 3);
	hear_of(EVENT_session_disconnected, "nobody", "null", 3);
	restart();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_remind), 1);
	ck_assert_ptr_nonnull(strstr(reminder(), "{\"client_id\":\"B\",\"actor\":\"bob\"}"));
	ck_assert_ptr_nonnull(strstr(reminder(), "{\"client_id\":\"D\",\"actor\":\"D\"}"));
	ck_assert_ptr_null(strstr(reminder(), "\"A\""));
	ck_assert_ptr_null(strstr(reminder(), "\"C\""));
	ck_assert_str_eq(fake.asks[fake_open(&fake, COMMAND_remind)->number - 2].args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true,\"quiet\":true}");
}
END_TEST

START_TEST(who_was_let_in_and_is_still_coming_in_is_reported_to_a_new_graphd)
{
	hear_of(EVENT_session_connected, "A", "null", 1);
	join_counted(&ann, "A", &fake_transport);
	turn();
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":true}");
	ck_assert_uint_eq(ann.n_joined, 0); /* its announcement was lost */
	restart();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 2);
	ck_assert_str_eq(fake_open(&fake, COMMAND_join)->args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true,\"quiet\":true}");
	ck_assert_ptr_null(reminder());
	pass(250);
	ck_assert_uint_eq(ann.n_joined, 1);
}
END_TEST

START_TEST(who_left_while_graphd_was_away_is_among_them)
{
	bring_in_as(&ann, "A", 1);
	hub_leave(hub, &ann.member);
	restart();
	ck_assert_str_eq(reminder(), "{\"clients\":[{\"client_id\":\"A\",\"actor\":\"ann\"}]}");
}
END_TEST

/* It may have left while nothing was heard; if it has not, nothing comes of it. */
START_TEST(a_graphd_that_is_heard_again_is_reminded_too)
{
	bring_in_as(&ann, "A", 1);
	hear_of(EVENT_session_connected, "B", "null", 2);
	hub_up(hub, false);
	turn();
	ck_assert_str_eq(reminder(), "{\"clients\":[{\"client_id\":\"B\"}]}");
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 1);
}
END_TEST

START_TEST(who_is_here_takes_no_place_on_the_list)
{
	const struct room *r;

	r = cem.member.group->room;
	bring_in_as(&ann, "A", 1);
	ck_assert_uint_eq(r->roster.n, 0);
	ck_assert_uint_eq(r->n_unlisted, 1);
	hear_of(EVENT_session_connected, "B", "null", 2);
	ck_assert_uint_eq(r->roster.n, 1);
	hub_leave(hub, &ann.member);
	ck_assert_uint_eq(r->roster.n, 2);
	ck_assert_uint_eq(r->n_unlisted, 0);
	hear_of(EVENT_session_disconnected, "A", "\"ann\"", 1);
	ck_assert_uint_eq(r->roster.n, 1);
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 0);
}
END_TEST

/* As when a connection has taken the place of one that is not known to be dead yet. */
START_TEST(who_is_here_twice_is_read_up_once_and_counts_once)
{
	bring_in_as(&ann, "A", 1);
	bring_in_as(&again, "A", 1);
	pass(1100);
	ck_assert_uint_eq(lists_asked(), 1);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[{\"client_id\":\"A\"}]}");
	ck_assert_uint_eq(cem.member.group->room->n_unlisted, 1);
	hub_leave(hub, &ann.member);
	hub_leave(hub, &again.member);
	ck_assert_uint_eq(cem.member.group->room->n_unlisted, 0);
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 1);
	restart();
	ck_assert_ptr_nonnull(strstr(reminder(), "\"A\""));
}
END_TEST

/* As after a restart, when graphd cannot know that the others knew. */
START_TEST(who_is_announced_while_it_is_here_is_counted_right_again)
{
	bring_in_as(&ann, "A", 1);
	hear_of(EVENT_session_connected, "A", "\"ann\"", 1);
	pass(1100);
	ck_assert_uint_eq(lists_asked(), 1);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[{\"client_id\":\"A\"}]}");
	ck_assert_uint_eq(cem.member.group->room->roster.n, 0);
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 1);
}
END_TEST

START_TEST(who_left_before_the_new_graphd_was_heard_is_reminded_of_again)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	restart();
	fake_answer(&fake, COMMAND_remind, OK, "{\"missing\":0}");
	sync_at(0);
	ck_assert_str_eq(reminder(), "{\"clients\":[{\"client_id\":\"B\"}]}");
	fake_answer(&fake, COMMAND_remind, OK, "{\"missing\":1}");
	sync_at(0);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_remind), 2);
}
END_TEST

START_TEST(where_all_are_here_graphd_is_reminded_of_nobody)
{
	bring_in_as(&ann, "A", 1);
	restart();
	hub_up(hub, false);
	hub_forgotten(hub);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_remind), 0);
	ck_assert_uint_eq(lists_asked(), 0);
}
END_TEST

START_TEST(who_was_there_first_is_asked_for_at_once)
{
	bring_in_as(&ann, "A", 3);
	ck_assert_uint_eq(lists_asked(), 1);
	fake_answer(&fake, COMMAND_list_clients, OK,
	    "{\"clients\":[{\"client_id\":\"A\",\"actor\":\"ann\"},"
	    "{\"client_id\":\"B\",\"actor\":null},{\"client_id\":\"C\",\"actor\":\"C\"}]}");
	pass(3000);
	ck_assert_uint_eq(lists_asked(), 1);
	restart();
	ck_assert_ptr_nonnull(strstr(reminder(), "{\"client_id\":\"B\"}"));
	ck_assert_ptr_nonnull(strstr(reminder(), "\"C\""));
	ck_assert_ptr_null(strstr(reminder(), "\"A\""));
}
END_TEST

START_TEST(a_list_that_is_short_is_read_again_once_a_second)
{
	pass(1100); /* nobody has said how many there are */
	ck_assert_uint_eq(lists_asked(), 1);
	fake_answer(&fake, COMMAND_list_clients, ERROR_backend_unavailable, "");
	pass(1000);
	ck_assert_uint_eq(lists_asked(), 2);
	fake_answer(&fake, COMMAND_list_clients, OK, "{\"clients\":[]}");
	hear_of(EVENT_session_connected, "B", "null", 2); /* one was missed */
	ck_assert_uint_eq(lists_asked(), 2);
	pass(1000);
	ck_assert_uint_eq(lists_asked(), 3);
	pass(1000);
	ck_assert_uint_eq(lists_asked(), 3); /* still under way */
	fake_answer(&fake, COMMAND_list_clients, OK,
	    "{\"clients\":[{\"client_id\":\"B\"},{\"client_id\":\"C\"}]}");
	pass(2000);
	ck_assert_uint_eq(lists_asked(), 3);
}
END_TEST

START_TEST(a_list_asked_of_the_graphd_before_is_not_believed)
{
	hear_of(EVENT_session_connected, "B", "null", 2);
	ck_assert_uint_eq(lists_asked(), 1);
	restart();
	ck_assert_ptr_nonnull(strstr(reminder(), "\"B\""));
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_clients));
	pass(1100);
	ck_assert_uint_eq(lists_asked(), 2);
}
END_TEST

START_TEST(a_long_list_is_told_in_parts)
{
	char id[16];
	size_t told = 0;

	for (unsigned i = 0; i < 600; i++) {
		snprintf(id, sizeof id, "c%u", i);
		hear_of(EVENT_session_connected, id, "null", i + 1);
	}
	restart();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_remind), 3);
	while (reminder()) {
		for (const char *at = reminder(); (at = strstr(at, "client_id")); at++)
			told++;
		fake_answer(&fake, COMMAND_remind, OK, "{}");
	}
	ck_assert_uint_eq(told, 600);
}
END_TEST

START_TEST(who_came_while_graphd_was_not_heard_is_told_of_though_the_count_is_the_same)
{
	for (int restarted = 0; restarted < 2; restarted++) {
		hear_of(EVENT_session_connected, "B", "null", 1);
		turn();
		ck_assert_str_eq(cem.heard, "joined 0;session_connected 0;");
		pass(1000);
		forget_heard(&cem);
		/* B left, and C came. */
		hub_up(hub, restarted);
		fake_answer(&fake, COMMAND_remind, OK, "{\"missing\":1}");
		pass(3000);
		ck_assert_uint_eq(lists_asked(), 1);
		list_is("{\"clients\":[{\"client_id\":\"C\",\"actor\":\"cyd\"}]}", 1);
		ck_assert_str_eq(cem.heard, "session_connected 0;");
		/* Its own announcement is late, and so is the other one's. */
		hear_of(EVENT_session_disconnected, "B", "null", 1);
		hear_of(EVENT_session_connected, "C", "\"cyd\"", 1);
		turn();
		ck_assert_str_eq(cem.heard, "session_connected 0;session_disconnected 0;");
		forget_heard(&cem);
		hear_of(EVENT_session_disconnected, "C", "\"cyd\"", 0);
		hear_of(EVENT_session_connected, "C", "\"cyd\"", 1);
		turn();
		ck_assert_str_eq(cem.heard, "session_disconnected 0;session_connected 0;");
		pass(3000);
		ck_assert_uint_eq(lists_asked(), 1);
		hub_teardown();
		listener_setup();
	}
}
END_TEST

START_TEST(who_was_told_of_before_is_not_told_of_again)
{
	bring_in_as(&ann, "A", 3);
	list_is("{\"clients\":[{\"client_id\":\"A\"},{\"client_id\":\"B\"},"
		"{\"client_id\":\"C\"}]}",
	    3);
	forget_heard(&cem);
	hub_up(hub, false);
	turn();
	pass(3000);
	list_is("{\"clients\":[{\"client_id\":\"A\"},{\"client_id\":\"B\"},"
		"{\"client_id\":\"C\"}]}",
	    3);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_get_session), 0);
	ck_assert_str_eq(cem.heard, "");
}
END_TEST

START_TEST(who_is_found_and_announced_meanwhile_is_told_of_once)
{
	hear_of(EVENT_session_connected, "B", "null", 1);
	pass(1000);
	hub_up(hub, false);
	pass(3000);
	forget_heard(&cem);
	fake_answer(&fake, COMMAND_list_clients, OK,
	    "{\"clients\":[{\"client_id\":\"B\"},{\"client_id\":\"C\"},{\"client_id\":\"D\"},"
	    "{\"client_id\":\"E\"}]}");
	/* graphd is away once more before it says what the session is. */
	fake_answer(&fake, COMMAND_get_session, ERROR_backend_unavailable, "");
	hear_of(EVENT_session_connected, "C", "null", 4);
	hear_of(EVENT_session_disconnected, "D", "null", 3);
	pass(1000);
	fake_answer(&fake, COMMAND_get_session, OK, "{\"project_id\":null,\"active_clients\":3}");
	turn();
	ck_assert_str_eq(
	    cem.heard, "session_connected 0;session_disconnected 0;session_connected 0;");
	ck_assert_uint_eq(cem.member.group->room->n_untold, 0);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_roster");

	tcase_add_checked_fixture(t, listener_setup, hub_teardown);
	tcase_add_test(t, a_new_graphd_is_reminded_of_those_who_are_elsewhere);
	tcase_add_test(t, who_was_let_in_and_is_still_coming_in_is_reported_to_a_new_graphd);
	tcase_add_test(t, who_left_while_graphd_was_away_is_among_them);
	tcase_add_test(t, a_graphd_that_is_heard_again_is_reminded_too);
	tcase_add_test(t, who_is_here_takes_no_place_on_the_list);
	tcase_add_test(t, who_is_here_twice_is_read_up_once_and_counts_once);
	tcase_add_test(t, who_is_announced_while_it_is_here_is_counted_right_again);
	tcase_add_test(t, who_left_before_the_new_graphd_was_heard_is_reminded_of_again);
	tcase_add_test(t, where_all_are_here_graphd_is_reminded_of_nobody);
	tcase_add_test(t, who_was_there_first_is_asked_for_at_once);
	tcase_add_test(t, a_list_that_is_short_is_read_again_once_a_second);
	tcase_add_test(t, a_list_asked_of_the_graphd_before_is_not_believed);
	tcase_add_test(t, a_long_list_is_told_in_parts);
	tcase_add_test(
	    t, who_came_while_graphd_was_not_heard_is_told_of_though_the_count_is_the_same);
	tcase_add_test(t, who_was_told_of_before_is_not_told_of_again);
	tcase_add_test(t, who_is_found_and_announced_meanwhile_is_told_of_once);
	return run_tests(t);
}
