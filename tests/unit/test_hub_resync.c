/* Members whose place in history is lost: whose graph is read for whom, in what order, and what
 * they are given meanwhile. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

/* ann listens to a and bob to b, both live. */
static void
two_members_at(uint64_t seq)
{
	join_part(&ann, 'a', NULL);
	join_part(&bob, 'b', NULL);
	sync_at(seq);
	forget_heard(&ann);
	forget_heard(&bob);
}

static void
replace_history(uint64_t seq)
{
	uuid_of_name(SPAN("another history"), &log_id);
	sync_at(seq);
}

/* Answers for each part that is asked for, in whatever order; how many there were. */
static unsigned
answer_all(uint64_t seq)
{
	unsigned n = 0;

	for (; fake_open(&fake, COMMAND_get_tree); n++)
		answer_graph("[{}]", seq);
	turn();
	return n;
}

START_TEST(each_part_is_asked_for_once_and_given_to_those_who_listen_to_it)
{
	static struct fake_client dan;

	join_part(&dan, 'b', NULL);
	three_members();
	forget_heard(&dan);
	durable_at(1, "a");
	turn();
	replace_history(9);
	n_encoded = 0;
	while (fake_open(&fake, COMMAND_get_tree)) {
		bool is_a = asked_for_graph('a'), is_b = asked_for_graph('b');

		ck_assert_int_eq(is_a + is_b + asked_for_graph('\0'), 1);
		answer_graph(is_a ? "[{\"id\":\"A\"}]" : is_b ? "[{\"id\":\"B\"}]" : "[1,2]", 9);
		turn();
		ck_assert_ptr_nonnull(strstr(resync_body,
		    is_a       ? "\"graph\":{\"roots\":[{\"id\":\"A\"}]}"
			: is_b ? "\"graph\":{\"roots\":[{\"id\":\"B\"}]}"
			       : "\"graph\":{\"roots\":[1,2]}"));
		ck_assert_ptr_nonnull(strstr(resync_body, "\"subtree_missing\":false"));
	}
	ck_assert_uint_eq(n_encoded, 3);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_get_tree), 3);
	pass(2000);
	ck_heard(&ann, "node_created 1;session_resync 9;");
	ck_heard(&bob, "session_resync 9;");
	ck_heard(&dan, "session_resync 9;");
	ck_heard(&cem, "node_created 1;session_resync 9;");
}
END_TEST

START_TEST(a_part_that_is_missing_is_said_to_be_empty)
{
	join_part(&ann, 'a', NULL);
	sync_at(0);
	replace_history(3);
	answer_graph("[]", 3);
	ck_assert_ptr_nonnull(strstr(resync_body, "\"graph\":{\"roots\":[]}"));
	ck_assert_ptr_nonnull(strstr(resync_body, "\"graph_omitted\":false"));
	ck_assert_ptr_nonnull(strstr(resync_body, "\"subtree_missing\":true"));
}
END_TEST

START_TEST(without_a_project_there_is_no_graph_and_nothing_to_fetch)
{
	join_plainly(&ann);
	sync_at(5);
	replace_history(3);
	fake_answer(&fake, COMMAND_get_tree, ERROR_invalid_state, "{}");
	turn();
	ck_heard(&ann, "joined 5;session_resync 3;");
	ck_assert_ptr_nonnull(strstr(resync_body, "\"graph\":null,\"graph_omitted\":false"));
	durable(4);
	turn();
	sync_at(4); /* and the beacon brings no second one */
	ck_heard(&ann, "joined 5;session_resync 3;node_created 4;");
	ck_assert_ptr_null(fake_open(&fake, COMMAND_get_tree));
}
END_TEST

START_TEST(who_is_lost_is_fed_nothing_before_it_begins_anew)
{
	three_members();
	replace_history(0); /* its seq is theirs, by chance */
	durable_at(1, "a");
	durable_at(2, "b");
	turn();
	ck_heard(&ann, "");
	answer_all(1);
	ck_heard(&ann, "session_resync 1;");
	ck_heard(&cem, "session_resync 1;");
	ck_assert_uint_eq(asked_since(), 1);
	answer_page_at(2, (const char *const[]){ "b" }, 1, 2);
	turn();
	pass(2000);
	ck_heard(&ann, "session_resync 1;mark 2;");
	ck_heard(&bob, "session_resync 1;node_created 2;");
	ck_heard(&cem, "session_resync 1;node_created 2;");
}
END_TEST

START_TEST(a_page_for_others_is_nothing_for_who_is_lost)
{
	two_members_at(5);
	replace_history(5);
	durable_at(7, "ab");
	answer_graph("[{}]", 5);
	ck_assert_uint_eq(asked_since(), 5);
	answer_page_at(6, (const char *const[]){ "ab", "ab" }, 2, 7);
	turn();
	ck_heard(&ann, "session_resync 5;node_created 6;node_created 7;");
	ck_heard(&bob, "");
	answer_graph("[{}]", 7);
	turn();
	ck_heard(&bob, "session_resync 7;");
}
END_TEST

START_TEST(a_part_that_is_ahead_of_the_bus_waits_for_it)
{
	two_members_at(5);
	replace_history(2);
	answer_graph("[{}]", 2);
	answer_graph("[{}]", 4);
	durable_at(3, "ab");
	durable_at(4, "ab");
	durable_at(5, "ab");
	turn();
	ck_heard(&ann, "session_resync 2;node_created 3;node_created 4;node_created 5;");
	ck_heard(&bob, "session_resync 4;node_created 5;");
}
END_TEST

START_TEST(who_begins_anew_late_does_not_hold_up_the_others)
{
	two_members_at(5);
	replace_history(2);
	answer_graph("[{}]", 2);
	durable_at(3, "ab");
	turn();
	ck_heard(&ann, "session_resync 2;node_created 3;");
	ck_heard(&bob, "");
	answer_graph("[{}]", 3);
	turn();
	ck_heard(&bob, "session_resync 3;");
}
END_TEST

START_TEST(a_slow_member_begins_anew_once_it_has_drained)
{
	join_plainly(&ann);
	sync_at(3);
	ann.owed = LIMIT_QUEUE_BYTES;
	durable(4);
	turn();
	ck_assert_int_eq(ann.member.state, MEMBER_SLOW);
	replace_history(2);
	durable(3);
	durable(4);
	turn();
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	answer_graph("[]", 4);
	turn();
	ck_heard(&ann, "joined 3;session_resync 4;");
	durable(5);
	turn();
	ck_heard(&ann, "joined 3;session_resync 4;node_created 5;");
}
END_TEST

START_TEST(a_history_that_is_replaced_once_more_meanwhile_is_told_once)
{
	join_plainly(&ann);
	join_part(&bob, 'b', NULL);
	sync_at(9);
	forget_heard(&ann);
	forget_heard(&bob);
	replace_history(5);
	uuid_of_name(SPAN("a third history"), &log_id);
	sync_at(3);
	answer_all(3);
	ck_heard(&ann, "session_resync 3;");
	ck_heard(&bob, "session_resync 3;");
}
END_TEST

START_TEST(who_was_let_in_under_another_history_begins_where_this_one_is)
{
	join_plainly(&bob);
	sync_at(60);
	join_counted(&ann, "A", &fake_transport);
	turn();
	fake_answer(
	    &fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":60,\"announced\":true}");
	replace_history(5);
	connected("A", 5);
	durable(6);
	turn();
	ck_heard(&ann, "joined 5;session_connected 5;node_created 6;");
}
END_TEST

START_TEST(a_graph_of_yet_another_history_takes_the_live_along)
{
	join_plainly(&ann);
	sync_at(9);
	join_part(&bob, 'b', NULL);
	turn();
	forget_heard(&ann);
	forget_heard(&bob);
	replace_history(5);
	answer_graph("[]", 5);
	ck_heard(&bob, "");
	ck_heard(&ann, "session_resync 5;");
	uuid_of_name(SPAN("a third history"), &log_id);
	answer_graph("[]", 2); /* before any sync has told of it */
	answer_all(2);
	ck_heard(&bob, "session_resync 2;");
	ck_heard(&ann, "session_resync 5;session_resync 2;");
}
END_TEST

START_TEST(a_since_of_the_future_loses_nobody_else)
{
	char body[256], id[UUID_TEXT + 1];

	join_plainly(&bob);
	join_since(&ann, 50);
	sync_at(5);
	uuid_format(&log_id, id);
	snprintf(body, sizeof body,
	    "{\"events\":[],\"resync\":true,\"seq\":5,\"log_id\":\"%s\",\"first_seq\":1}", id);
	fake_answer(&fake, COMMAND_list_events, OK, body);
	answer_graph("[]", 5);
	durable(6);
	turn();
	ck_heard(&ann, "joined 5;session_resync 5;node_created 6;");
	ck_heard(&bob, "joined 5;node_created 6;");
}
END_TEST

START_TEST(a_page_of_another_history_is_given_to_nobody)
{
	char body[256], id[UUID_TEXT + 1];

	join_since(&ann, 3);
	sync_at(5);
	uuid_of_name(SPAN("another history"), &log_id);
	uuid_format(&log_id, id);
	snprintf(body, sizeof body,
	    "{\"events\":[],\"resync\":true,\"seq\":4,\"log_id\":\"%s\",\"first_seq\":1}", id);
	fake_answer(&fake, COMMAND_list_events, OK, body);
	answer_graph("[]", 4);
	durable(5);
	turn();
	ck_heard(&ann, "joined 5;session_resync 4;node_created 5;");
}
END_TEST

START_TEST(a_gap_that_is_no_longer_kept_loses_the_whole_room)
{
	join_plainly(&ann);
	sync_at(5);
	durable(9);
	answer_page(8, 9, 9, 8);
	answer_graph("[]", 9);
	durable(10);
	turn();
	ck_heard(&ann, "joined 5;session_resync 9;node_created 10;");
}
END_TEST

START_TEST(a_question_that_found_no_place_is_asked_again)
{
	join_plainly(&ann);
	sync_at(5);
	fake.is_full = true;
	replace_history(2);
	fake.is_full = false;
	pass(2000);
	fake_answer(&fake, COMMAND_get_tree, ERROR_overloaded, "");
	pass(2000);
	answer_graph("[]", 2);
	turn();
	ck_heard(&ann, "joined 5;session_resync 2;");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_resync");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, each_part_is_asked_for_once_and_given_to_those_who_listen_to_it);
	tcase_add_test(t, a_part_that_is_missing_is_said_to_be_empty);
	tcase_add_test(t, without_a_project_there_is_no_graph_and_nothing_to_fetch);
	tcase_add_test(t, who_is_lost_is_fed_nothing_before_it_begins_anew);
	tcase_add_test(t, a_page_for_others_is_nothing_for_who_is_lost);
	tcase_add_test(t, a_part_that_is_ahead_of_the_bus_waits_for_it);
	tcase_add_test(t, who_begins_anew_late_does_not_hold_up_the_others);
	tcase_add_test(t, a_slow_member_begins_anew_once_it_has_drained);
	tcase_add_test(t, a_history_that_is_replaced_once_more_meanwhile_is_told_once);
	tcase_add_test(t, who_was_let_in_under_another_history_begins_where_this_one_is);
	tcase_add_test(t, a_graph_of_yet_another_history_takes_the_live_along);
	tcase_add_test(t, a_since_of_the_future_loses_nobody_else);
	tcase_add_test(t, a_page_of_another_history_is_given_to_nobody);
	tcase_add_test(t, a_gap_that_is_no_longer_kept_loses_the_whole_room);
	tcase_add_test(t, a_question_that_found_no_place_is_asked_again);
	return run_tests(t);
}
