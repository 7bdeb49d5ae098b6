/* Members that listen to a part of the graph: what they hear of the events and their paths, from
 * the bus and from the journal, and how they are told what they did not hear. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

START_TEST(an_event_is_heard_by_those_whose_node_is_on_its_path)
{
	three_members();
	durable_at(1, "a");
	durable_at(2, "cba");
	durable_at(3, "x");
	durable_at(4, "bx");
	turn();
	ck_heard(&ann, "node_created 1;node_created 2;");
	ck_heard(&bob, "node_created 2;node_created 4;");
	ck_heard(&cem, "node_created 1;node_created 2;node_created 3;node_created 4;");
}
END_TEST

START_TEST(what_has_no_path_concerns_everybody)
{
	three_members();
	say(EVENT_project_saved, 1, WIRE_DURABLE, "{}");
	say(EVENT_session_connected, 1, 0, "{}");
	turn();
	ck_heard(&ann, "project_saved 1;session_connected 1;");
	ck_heard(&bob, "project_saved 1;session_connected 1;");
}
END_TEST

START_TEST(transient_events_have_places_too)
{
	three_members();
	say_at(EVENT_command_executing, 0, 0, "a");
	turn();
	pass(2000); /* and ask for no mark */
	ck_heard(&ann, "command_executing 0;");
	ck_heard(&bob, "");
}
END_TEST

START_TEST(a_mark_says_how_far_each_part_has_come)
{
	three_members();
	durable_at(1, "a");
	durable_at(2, "a");
	turn();
	pass(1000);
	ck_heard(&ann, "node_created 1;node_created 2;");
	ck_heard(&bob, "mark 2;");
	pass(3000); /* nothing was left out since */
	ck_heard(&bob, "mark 2;");
	durable_at(3, "b");
	turn();
	pass(1000);
	ck_heard(&ann, "node_created 1;node_created 2;mark 3;");
	ck_heard(&bob, "mark 2;node_created 3;");
	ck_heard(&cem, "node_created 1;node_created 2;node_created 3;");
}
END_TEST

START_TEST(both_filters_count)
{
	join_part(&ann, 'a', "command:executed");
	sync_at(0);
	durable_at(1, "a");
	say_at(EVENT_command_executed, 2, WIRE_DURABLE, "a");
	say_at(EVENT_command_executed, 3, WIRE_DURABLE, "b");
	say(EVENT_session_closed, 4, WIRE_DURABLE, "{}");
	turn();
	ck_heard(&ann, "joined 0;command_executed 2;session_closed 4;");
}
END_TEST

START_TEST(an_event_is_encoded_once_however_many_parts_it_concerns)
{
	static struct fake_client crowd[100];

	for (size_t i = 0; i < 100; i++)
		join_part(&crowd[i], (char)('a' + i % 10), NULL);
	sync_at(0);
	n_encoded = 0;
	durable_at(1, "abcdefghij");
	turn();
	ck_assert_uint_eq(n_encoded, 1);
	durable_at(2, "x");
	turn();
	ck_assert_uint_eq(n_encoded, 1); /* nobody's: not at all */
	pass(1000);
	ck_assert_uint_eq(n_encoded, 2); /* and once the mark */
	for (size_t i = 0; i < 100; i++) {
		ck_heard(&crowd[i], "joined 0;node_created 1;mark 2;");
		ck_assert_uint_eq(hub_seq(&crowd[i].member), 2);
		hub_leave(hub, &crowd[i].member);
	}
}
END_TEST

START_TEST(an_event_that_had_to_wait_still_knows_its_place)
{
	three_members();
	durable_at(2, "ba");
	durable_at(3, "a");
	ck_assert(asked_for_paths());
	answer_page_at(1, (const char *const[]){ "a" }, 1, 3);
	turn();
	ck_heard(&ann, "node_created 1;node_created 2;node_created 3;");
	ck_heard(&bob, "node_created 2;");
}
END_TEST

START_TEST(since_brings_the_part_and_a_mark_accounts_for_the_rest_at_once)
{
	static const char *const paths[] = { "a", "ba", "x", NULL, "ax" };

	join_part_since(&ann, 'a', 2);
	join_part_since(&bob, 'b', 2);
	sync_at(7);
	ck_assert(asked_for_paths());
	answer_page_at(3, paths, 5, 7);
	ck_heard(&ann, "joined 7;node_created 3;node_created 4;node_created 6;node_created 7;");
	ck_heard(&bob, "joined 7;node_created 4;node_created 6;mark 7;");
	durable_at(8, "b");
	turn();
	pass(1000);
	ck_heard(
	    &ann, "joined 7;node_created 3;node_created 4;node_created 6;node_created 7;mark 8;");
	ck_heard(&bob, "joined 7;node_created 4;node_created 6;mark 7;node_created 8;");
}
END_TEST

START_TEST(a_room_without_parts_asks_for_no_paths)
{
	join_since(&ann, 0);
	sync_at(1);
	ck_assert(!asked_for_paths());
	answer_page(1, 1, 1, 1);
	ck_heard(&ann, "joined 1;node_created 1;");
}
END_TEST

START_TEST(a_page_without_paths_is_read_again_for_who_came_meanwhile)
{
	static const char *const paths[] = { "x", "a" };

	join_since(&cem, 0);
	sync_at(2);
	ck_assert(!asked_for_paths());
	join_part_since(&ann, 'a', 0);
	turn();
	answer_page(1, 2, 2, 1);
	ck_heard(&ann, "joined 2;");
	ck_heard(&cem, "joined 2;");
	ck_assert(asked_for_paths());
	answer_page_at(1, paths, 2, 2);
	ck_heard(&ann, "joined 2;node_created 2;");
	ck_heard(&cem, "joined 2;node_created 1;node_created 2;");
	hub_leave(hub, &ann.member);
	join_since(&bob, 0);
	turn();
	ck_assert(!asked_for_paths()); /* the last part has gone */
}
END_TEST

START_TEST(a_slow_member_is_fed_its_part_and_told_of_the_rest)
{
	static const char *const paths[] = { "a", "x" };

	three_members();
	ann.owed = LIMIT_QUEUE_BYTES;
	durable_at(1, "a");
	turn();
	durable_at(2, "x");
	turn();
	pass(1000); /* the group's mark is not for it */
	ck_heard(&ann, "");
	ck_assert_uint_eq(hub_seq(&ann.member), 0);
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	answer_page_at(1, paths, 2, 2);
	ck_heard(&ann, "node_created 1;mark 2;");
}
END_TEST

START_TEST(a_member_that_falls_behind_before_its_mark_gets_it_when_it_is_back)
{
	three_members();
	durable_at(1, "x");
	turn();
	ann.owed = LIMIT_QUEUE_BYTES;
	say(EVENT_command_failed, 1, 0, "{}");
	turn();
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	ck_heard(&ann, "mark 1;");
}
END_TEST

START_TEST(a_mark_that_found_no_room_is_given_when_there_is_some)
{
	three_members();
	durable_at(1, "x");
	turn();
	ann.owed = LIMIT_QUEUE_BYTES;
	pass(1000);
	ck_heard(&ann, "");
	ck_heard(&bob, "mark 1;");
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	ck_heard(&ann, "mark 1;");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_subtree");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, an_event_is_heard_by_those_whose_node_is_on_its_path);
	tcase_add_test(t, what_has_no_path_concerns_everybody);
	tcase_add_test(t, transient_events_have_places_too);
	tcase_add_test(t, a_mark_says_how_far_each_part_has_come);
	tcase_add_test(t, both_filters_count);
	tcase_add_test(t, an_event_is_encoded_once_however_many_parts_it_concerns);
	tcase_add_test(t, an_event_that_had_to_wait_still_knows_its_place);
	tcase_add_test(t, since_brings_the_part_and_a_mark_accounts_for_the_rest_at_once);
	tcase_add_test(t, a_room_without_parts_asks_for_no_paths);
	tcase_add_test(t, a_page_without_paths_is_read_again_for_who_came_meanwhile);
	tcase_add_test(t, a_slow_member_is_fed_its_part_and_told_of_the_rest);
	tcase_add_test(t, a_member_that_falls_behind_before_its_mark_gets_it_when_it_is_back);
	tcase_add_test(t, a_mark_that_found_no_room_is_given_when_there_is_some);
	return run_tests(t);
}
