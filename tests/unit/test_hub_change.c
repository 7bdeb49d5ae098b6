/* Members that want to hear something else from now on: where that takes effect, whatever state
 * they are in. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

static void
change_to(struct fake_client *c, char node, const char *events)
{
	struct change change = { .active_clients = 7 };

	if (node)
		change.filter.subtree = node_of(node);
	ck_assert(filter_parse(span_of(events), &change.filter.events));
	ck_assert(hub_is_change(&c->member, &change));
	hub_change(hub, &c->member, &change);
	ck_assert(!hub_is_change(&c->member, &change));
	ck_assert_uint_eq(c->result.active_clients, 7);
}

START_TEST(what_was_pending_is_judged_by_the_old_filter_and_comes_first)
{
	join_part(&ann, 'a', NULL);
	join_part(&bob, 'a', NULL);
	sync_at(0);
	durable_at(1, "a");
	durable_at(2, "b");
	change_to(&ann, 'b', NULL);
	durable_at(3, "a");
	durable_at(4, "b");
	turn();
	ck_heard(&ann, "joined 0;node_created 1;joined 2;node_created 4;");
	ck_heard(&bob, "joined 0;node_created 1;node_created 3;");
}
END_TEST

START_TEST(what_is_pending_for_the_new_group_is_not_doubled)
{
	join_part(&ann, 'a', NULL);
	join_part(&bob, 'b', NULL);
	sync_at(0);
	durable_at(1, "ab");
	change_to(&ann, 'b', NULL);
	durable_at(2, "ab");
	turn();
	ck_heard(&ann, "joined 0;node_created 1;joined 1;node_created 2;");
	ck_heard(&bob, "joined 0;node_created 1;node_created 2;");
}
END_TEST

START_TEST(it_is_told_its_seq_by_the_answer_and_needs_no_mark)
{
	join_part(&ann, 'a', NULL);
	sync_at(0);
	durable_at(1, "b");
	turn();
	change_to(&ann, 'c', NULL);
	pass(2000);
	ck_heard(&ann, "joined 0;joined 1;");
	ck_assert_uint_eq(hub_seq(&ann.member), 1);
}
END_TEST

START_TEST(who_is_behind_goes_on_under_the_new_filter_from_where_it_is)
{
	join_part_since(&ann, 'a', 1);
	sync_at(4);
	change_to(&ann, 'b', NULL);
	ck_heard(&ann, "joined 4;joined 1;");
	answer_page_at(2, (const char *const[]){ "a", "b", "ab" }, 3, 4);
	turn();
	durable_at(5, "b");
	turn();
	ck_heard(&ann, "joined 4;joined 1;node_created 3;node_created 4;node_created 5;");
}
END_TEST

START_TEST(a_slow_member_keeps_draining_first)
{
	join_part(&ann, 'a', NULL);
	sync_at(0);
	ann.owed = LIMIT_QUEUE_BYTES;
	durable_at(1, "a");
	turn();
	ck_assert_int_eq(ann.member.state, MEMBER_SLOW);
	change_to(&ann, 'b', NULL);
	ck_assert_int_eq(ann.member.state, MEMBER_SLOW);
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	answer_page_at(1, (const char *const[]){ "ab" }, 1, 1);
	turn();
	ck_heard(&ann, "joined 0;joined 0;node_created 1;");
}
END_TEST

START_TEST(a_since_takes_it_back_or_ahead)
{
	struct change back = {
		.filter = { FILTER_ALL, node_of('b') }, .has_since = true, .since = 1
	};

	join_part(&ann, 'a', NULL);
	sync_at(3);
	hub_change(hub, &ann.member, &back);
	ck_assert_uint_eq(asked_since(), 1);
	answer_page_at(2, (const char *const[]){ "b", "a" }, 2, 3);
	turn();
	ck_heard(&ann, "joined 3;joined 3;node_created 2;mark 3;");
	back.filter.subtree = node_of('c');
	back.since = 9; /* of the future: it begins anew */
	hub_change(hub, &ann.member, &back);
	answer_page(1, 0, 3, 1);
	ck_assert(asked_for_graph('c'));
	answer_graph("[]", 3);
	turn();
	ck_heard(&ann, "joined 3;joined 3;node_created 2;mark 3;joined 3;session_resync 3;");
}
END_TEST

START_TEST(another_history_begins_anew_with_the_new_part)
{
	struct change other = { .filter = { FILTER_ALL, node_of('b') },
		.log_id = hub_history(SPAN("no id at all")) };

	join_part(&ann, 'a', NULL);
	sync_at(3);
	hub_change(hub, &ann.member, &other);
	ck_assert(asked_for_graph('b'));
	answer_graph("[]", 3);
	durable_at(4, "b");
	turn();
	ck_heard(&ann, "joined 3;joined 3;session_resync 3;node_created 4;");
}
END_TEST

START_TEST(who_is_lost_begins_anew_with_the_new_part)
{
	join_part(&ann, 'a', NULL);
	sync_at(30);
	uuid_of_name(SPAN("another history"), &log_id);
	sync_at(3);
	ck_assert(asked_for_graph('a'));
	change_to(&ann, 'b', NULL);
	ck_assert_uint_eq(ann.result.seq, 3);
	answer_graph("[]", 3); /* nobody's any more */
	ck_assert(asked_for_graph('b'));
	answer_graph("[]", 3);
	turn();
	ck_heard(&ann, "joined 30;joined 3;session_resync 3;");
}
END_TEST

START_TEST(node_updated_is_asked_for_as_long_as_somebody_wants_it)
{
	struct change dash = {
		.filter.events = FILTER_ALL, .names = NAMES_DASH, .dialect = NAMES_DASH
	};

	join_plainly(&ann);
	sync_at(0);
	ck_assert_int_eq(fake.dash, 0);
	hub_change(hub, &ann.member, &dash);
	ck_assert_int_eq(fake.dash, 1);
	ck_assert_uint_eq(hub_dialect(&ann.member), NAMES_DASH);
	durable(1);
	turn();
	ck_heard(&ann, "joined 0;joined 0;node-created 1;");
	ck_assert(filter_parse(SPAN("command:*"), &dash.filter.events));
	hub_change(hub, &ann.member, &dash);
	ck_assert_int_eq(fake.dash, 0);
}
END_TEST

START_TEST(graphd_is_told_nothing_and_the_member_stays_counted)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0}");
	connected("A", 0);
	change_to(&ann, 'b', "graph:*");
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 1);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 0);
	hub_leave(hub, &ann.member);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
}
END_TEST

START_TEST(who_will_not_return_hears_everything_once_and_is_never_away)
{
	join_counted(&ann, "A", &fake_transport);
	join_part_since(&bob, 'a', 1);
	ann.member.may_return = true;
	sync_at(4);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":4}");
	connected("A", 4);
	durable_at(5, "a");
	hub_end_returns(hub, &ann.member, NAMES_DASH);
	ck_assert_int_eq(ann.member.state, MEMBER_LIVE);
	hub_end_returns(hub, &bob.member, NAMES_DASH); /* it is behind, and reading */
	answer_page_at(2, (const char *const[]){ "a", "b", "a" }, 3, 5);
	durable_at(6, "a");
	turn();
	answer_page_at(5, (const char *const[]){ "a", "a" }, 2, 6);
	turn();
	ck_heard(&ann, "joined 4;session_connected 4;node_created 5;node-created 6;");
	ck_heard(&bob, "joined 4;node-created 2;node-created 4;node-created 5;node-created 6;");
	hub_lose(hub, &ann.member);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_leave)->args, "{\"client_id\":\"A\",\"connection\":1}");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_change");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, what_was_pending_is_judged_by_the_old_filter_and_comes_first);
	tcase_add_test(t, what_is_pending_for_the_new_group_is_not_doubled);
	tcase_add_test(t, it_is_told_its_seq_by_the_answer_and_needs_no_mark);
	tcase_add_test(t, who_is_behind_goes_on_under_the_new_filter_from_where_it_is);
	tcase_add_test(t, a_slow_member_keeps_draining_first);
	tcase_add_test(t, a_since_takes_it_back_or_ahead);
	tcase_add_test(t, another_history_begins_anew_with_the_new_part);
	tcase_add_test(t, who_is_lost_begins_anew_with_the_new_part);
	tcase_add_test(t, node_updated_is_asked_for_as_long_as_somebody_wants_it);
	tcase_add_test(t, graphd_is_told_nothing_and_the_member_stays_counted);
	tcase_add_test(t, who_will_not_return_hears_everything_once_and_is_never_away);
	return run_tests(t);
}
