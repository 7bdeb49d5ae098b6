/* Members that are in: being slow, being fed again, and leaving. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

START_TEST(a_slow_member_is_not_queued_for_and_fed_from_the_journal_when_it_drains)
{
	join_plainly(&ann);
	join_plainly(&bob);
	sync_at(0);
	ann.owed = LIMIT_QUEUE_BYTES;
	durable(1);
	turn();
	durable(2);
	turn();
	ck_heard(&ann, "joined 0;");
	ck_heard(&bob, "joined 0;node_created 1;node_created 2;");
	ck_assert_uint_eq(hub_seq(&ann.member), 0);
	hub_progress(hub, &ann.member); /* some went out, not enough */
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	ck_assert_uint_eq(asked_since(), 0);
	answer_page(1, 2, 2, 1);
	durable(3);
	turn();
	ck_heard(&ann, "joined 0;node_created 1;node_created 2;node_created 3;");
	ck_heard(&bob, "joined 0;node_created 1;node_created 2;node_created 3;");
}
END_TEST

START_TEST(a_member_that_stalls_is_sent_away)
{
	join_plainly(&ann);
	sync_at(0);
	ann.owed = LIMIT_QUEUE_BYTES;
	durable(1);
	turn();
	pass(LIMIT_STALLED_MS - 1000);
	hub_progress(hub, &ann.member); /* it moves: its time begins anew */
	pass(LIMIT_STALLED_MS - 1000);
	ck_assert_ptr_null(ann.evicted);
	pass(2000);
	ck_assert_str_eq(ann.evicted, "slow");
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(a_page_that_overfills_a_member_stops_feeding_it)
{
	join_since(&ann, 0);
	sync_at(4);
	ann.owed = LIMIT_QUEUE_BYTES; /* it is over its half after the first event */
	answer_page(1, 4, 4, 1);
	ck_heard(&ann, "joined 4;node_created 1;");
	ann.owed = 0;
	hub_progress(hub, &ann.member);
	ck_assert_uint_eq(asked_since(), 1);
	answer_page(2, 4, 4, 1);
	ck_heard(&ann, "joined 4;node_created 1;node_created 2;node_created 3;node_created 4;");
}
END_TEST

START_TEST(dash_clients_alone_hear_node_updated_which_is_asked_for_while_one_is_in)
{
	struct join j = { .session = session, .names = NAMES_DASH };

	join_plainly(&ann);
	bob = cem = (struct fake_client){ 0 };
	hub_join(hub, &bob.member, &fake_transport, NAMES_DASH, &j);
	hub_join(hub, &cem.member, &fake_transport, NAMES_DASH, &j);
	ck_assert_int_eq(fake.dash, 1);
	sync_at(1);
	say(EVENT_node_updated, 1, WIRE_DASH_ONLY, "{}");
	turn();
	ck_heard(&ann, "joined 1;");
	ck_heard(&bob, "joined 1;node-updated 1;");
	hub_leave(hub, &bob.member);
	ck_assert_int_eq(fake.dash, 1);
	hub_leave(hub, &cem.member);
	ck_assert_int_eq(fake.dash, 0);
}
END_TEST

START_TEST(leaving_is_reported_and_the_others_go_on)
{
	join_plainly(&cem);
	sync_at(0);
	bring_in_as(&ann, "A", 1);
	bring_in_as(&bob, "B", 1);
	hub_leave(hub, &ann.member);
	hub_leave(hub, &ann.member);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_leave)->args, "{\"client_id\":\"A\",\"connection\":2}");
	forget_heard(&ann);
	forget_heard(&bob);
	forget_heard(&cem);
	durable(1);
	turn();
	ck_heard(&ann, "");
	ck_heard(&bob, "node_created 1;");
	ck_heard(&cem, "node_created 1;");
	hub_leave(hub, &cem.member);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
}
END_TEST

START_TEST(who_leaves_with_events_pending_is_not_given_them)
{
	join_plainly(&ann);
	join_plainly(&bob);
	sync_at(4);
	durable(5);
	ck_assert_uint_eq(hub_seq(&ann.member), 4);
	hub_leave(hub, &ann.member);
	turn();
	ck_heard(&ann, "joined 4;");
	ck_heard(&bob, "joined 4;node_created 5;");
}
END_TEST

START_TEST(only_who_may_return_is_away_when_its_connection_breaks_off)
{
	struct join j = {
		.session = session, .counted = true, .may_return = true, .client_id = SPAN("B")
	};

	join_plainly(&cem);
	sync_at(0);
	bring_in_as(&ann, "A", 1);
	hub_join(hub, &bob.member, &fake_transport, NAMES_COLON, &j);
	turn();
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":2,\"announced\":false}");
	hub_lose(hub, &ann.member);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_leave)->args, "{\"client_id\":\"A\",\"connection\":2}");
	fake_answer(&fake, COMMAND_leave, OK, "{}");
	hub_lose(hub, &bob.member);
	ck_assert_str_eq(fake_open(&fake, COMMAND_leave)->args,
	    "{\"client_id\":\"B\",\"connection\":3,\"away\":true}");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_member");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, a_slow_member_is_not_queued_for_and_fed_from_the_journal_when_it_drains);
	tcase_add_test(t, a_member_that_stalls_is_sent_away);
	tcase_add_test(t, a_page_that_overfills_a_member_stops_feeding_it);
	tcase_add_test(t, dash_clients_alone_hear_node_updated_which_is_asked_for_while_one_is_in);
	tcase_add_test(t, leaving_is_reported_and_the_others_go_on);
	tcase_add_test(t, who_leaves_with_events_pending_is_not_given_them);
	tcase_add_test(t, only_who_may_return_is_away_when_its_connection_breaks_off);
	return run_tests(t);
}
