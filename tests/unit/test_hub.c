#include "hub_reading_fixture.h"

#include "common/limits.h"
#include "metric_value.h"

START_TEST(a_member_hears_what_comes_after_it_joined)
{
	join_plainly(&ann);
	turn();
	ck_assert_uint_eq(ann.n_joined, 0); /* not before graphd has answered the subscription */
	sync_at(7);
	ck_assert_uint_eq(ann.result.seq, 7);
	ck_assert(uuid_equal(&ann.result.log_id, &log_id));
	durable(8);
	ck_heard(&ann, "joined 7;"); /* given at the end of the turn */
	turn();
	ck_heard(&ann, "joined 7;node_created 8;");
	ck_assert_uint_eq(hub_seq(&ann.member), 8);
}
END_TEST

START_TEST(the_events_of_a_turn_are_one_delivery)
{
	join_plainly(&ann);
	sync_at(0);
	forget_heard(&ann);
	for (uint64_t seq = 1; seq <= 5; seq++)
		durable(seq);
	turn();
	ck_heard(
	    &ann, "node_created 1;node_created 2;node_created 3;node_created 4;node_created 5;");
	ck_assert_uint_eq(ann.n_deliveries, 1);
}
END_TEST

START_TEST(an_event_is_encoded_once_for_all_who_hear_it_alike)
{
	join_plainly(&ann);
	join_plainly(&bob);
	join_filtered(&cem, "graph:*");
	sync_at(0);
	n_encoded = 0;
	durable(1);
	turn();
	ck_assert_uint_eq(n_encoded, 1);
	ck_heard(&ann, "joined 0;node_created 1;");
	ck_heard(&bob, "joined 0;node_created 1;");
	ck_heard(&cem, "joined 0;node_created 1;");
}
END_TEST

enum { MANY = 100 };

static void
join_many(struct fake_client *many)
{
	for (int i = 0; i < MANY; i++)
		join_plainly(&many[i]);
	sync_at(0);
	fake.changes = 2;
}

static void
pass_us(uint64_t us)
{
	/* Finer than the tests' clock: the wall clock of this turn is real. */
	clock_set(0, 0);
	for (uint64_t end_us = clock_now_us() + us; clock_now_us() < end_us;)
		loop_turn(loop, -1);
}

START_TEST(a_big_group_waits_for_the_events_of_commands_under_way_and_gets_them_at_once)
{
	struct fake_client *many = xcalloc(MANY, sizeof *many);

	join_many(many);
	durable(1);
	turn();
	ck_heard(&many[0], "joined 0;");
	durable(2);
	fake.changes = 1;
	turn();
	ck_heard(&many[0], "joined 0;node_created 1;node_created 2;");
	ck_heard(&many[MANY - 1], "joined 0;node_created 1;node_created 2;");
	ck_assert_uint_eq(many[0].n_deliveries, 1);
	for (int i = 0; i < MANY; i++)
		hub_leave(hub, &many[i].member);
	free(many);
}
END_TEST

START_TEST(a_big_group_does_not_wait_for_commands_that_never_come_back)
{
	struct fake_client *many = xcalloc(MANY, sizeof *many);

	join_many(many);
	clock_set(0, 0);
	durable(1);
	/* The commands never come back, and yet the loop returns by itself. */
	pass_us(MANY * 20);
	ck_heard(&many[0], "joined 0;node_created 1;");
	for (int i = 0; i < MANY; i++)
		hub_leave(hub, &many[i].member);
	free(many);
}
END_TEST

START_TEST(the_biggest_group_waits_no_longer_than_the_limit)
{
	enum { BIGGEST = 1000, LIMIT_MS = LIMIT_GATHER_US / 1000 };
	struct fake_client *all = xcalloc(BIGGEST, sizeof *all);

	for (int i = 0; i < BIGGEST; i++)
		join_plainly(&all[i]);
	sync_at(0);
	fake.changes = 2;
	durable(1);
	turn();
	pass(LIMIT_MS - 1);
	ck_heard(&all[0], "joined 0;");
	pass(1);
	ck_heard(&all[0], "joined 0;node_created 1;");
	for (int i = 0; i < BIGGEST; i++)
		hub_leave(hub, &all[i].member);
	free(all);
}
END_TEST

START_TEST(a_small_group_waits_for_nothing)
{
	join_plainly(&ann);
	sync_at(0);
	fake.changes = 2;
	durable(1);
	turn();
	ck_heard(&ann, "joined 0;node_created 1;");
}
END_TEST

START_TEST(an_event_that_overtakes_the_sync_is_neither_lost_nor_doubled)
{
	join_plainly(&ann);
	durable(4);
	durable(5);
	sync_at(4); /* 4 is in it, 5 is not */
	turn();
	ck_heard(&ann, "joined 5;");
	durable(6);
	turn();
	ck_heard(&ann, "joined 5;node_created 6;");
}
END_TEST

START_TEST(repeated_events_are_dropped)
{
	join_plainly(&ann);
	sync_at(3);
	durable(3);
	durable(4);
	durable(4);
	durable(2);
	turn();
	ck_heard(&ann, "joined 3;node_created 4;");
}
END_TEST

START_TEST(since_brings_what_was_missed_and_then_goes_on_live)
{
	join_since(&ann, 2);
	sync_at(5);
	ck_heard(&ann, "joined 5;");
	ck_assert_uint_eq(asked_since(), 2);
	durable(6); /* comes while the journal is being read */
	answer_page(3, 6, 6, 1);
	turn();
	durable(7);
	turn();
	ck_heard(&ann,
	    "joined 5;node_created 3;node_created 4;node_created 5;node_created 6;node_created 7;");
}
END_TEST

START_TEST(since_that_is_current_needs_no_reading)
{
	join_since(&ann, 5);
	sync_at(5);
	durable(6);
	turn();
	ck_heard(&ann, "joined 5;node_created 6;");
	ck_assert_uint_eq(fake_count(&fake, COMMAND_list_events), 0);
}
END_TEST

START_TEST(a_gap_is_fetched_once_for_all_and_nothing_newer_goes_before_it)
{
	join_plainly(&ann);
	join_plainly(&bob);
	sync_at(1);
	durable(4);
	durable(5);
	durable(7);
	turn();
	ck_heard(&ann, "joined 1;");
	ck_assert_uint_eq(fake_count(&fake, COMMAND_list_events), 1);
	ck_assert_uint_eq(asked_since(), 1);
	answer_page(2, 3, 7, 1); /* 4 and 5 were held back; 6 is still missing */
	turn();
	ck_heard(&ann, "joined 1;node_created 2;node_created 3;node_created 4;node_created 5;");
	ck_assert_uint_eq(asked_since(), 5);
	answer_page(6, 6, 7, 1);
	turn();
	ck_heard(&bob,
	    "joined 1;node_created 2;node_created 3;node_created 4;node_created 5;node_created "
	    "6;node_created 7;");
	ck_assert_uint_eq(upstream_in_flight(&fake), 0);
}
END_TEST

START_TEST(a_lost_tail_is_noticed_by_the_beacon)
{
	join_plainly(&ann);
	sync_at(1);
	sync_at(3);
	ck_assert_uint_eq(asked_since(), 1);
	answer_page(2, 3, 3, 1);
	turn();
	ck_heard(&ann, "joined 1;node_created 2;node_created 3;");
}
END_TEST

START_TEST(a_question_that_found_no_place_is_asked_again)
{
	join_plainly(&ann);
	sync_at(1);
	fake.is_full = true;
	durable(3);
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_list_events), 0);
	fake.is_full = false;
	pass(1000);
	/* What was not asked is not counted. */
	ck_assert_int_eq(metric_value("gatewayd_journal_reads_total"), 1);
	answer_page(2, 3, 3, 1);
	turn();
	ck_heard(&ann, "joined 1;node_created 2;node_created 3;");
}
END_TEST

START_TEST(many_who_come_back_at_once_share_the_reading)
{
	static struct fake_client crowd[100];

	for (size_t i = 0; i < 100; i++)
		join_since(&crowd[i], 10 + i % 3);
	sync_at(20);
	ck_assert_uint_eq(asked_since(), 10); /* the one furthest behind leads */
	answer_page(11, 20, 20, 1);
	turn();
	for (size_t i = 0; i < 100; i++)
		ck_assert_uint_eq(hub_seq(&crowd[i].member), 20);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_list_events), 1);
	for (size_t i = 0; i < 100; i++)
		hub_leave(hub, &crowd[i].member);
}
END_TEST

START_TEST(transient_events_go_to_the_live_and_count_nothing)
{
	join_plainly(&ann);
	sync_at(2);
	say(EVENT_command_executing, 2, 0, "{}");
	durable(3);
	turn();
	ck_heard(&ann, "joined 2;command_executing 2;node_created 3;");
}
END_TEST

START_TEST(another_sessions_events_are_nobodys)
{
	struct uuid other;
	struct wire_header h = { .version = 1,
		.flags = WIRE_DURABLE,
		.event = EVENT_node_created,
		.log_id = log_id,
		.seq = 3 };

	join_plainly(&ann);
	sync_at(2);
	uuid_of_name(SPAN("another session"), &other);
	hub_event(hub, &other, &h, SPAN("{}"));
	h.event = EVENTS;
	hub_event(hub, &session, &h, SPAN("{}"));
	turn();
	ck_heard(&ann, "joined 2;");
}
END_TEST

START_TEST(a_filter_leaves_out_and_a_mark_says_how_far_it_came)
{
	join_filtered(&ann, "command:executed,graph:property-*");
	sync_at(0);
	durable(1);
	say(EVENT_property_changed, 2, WIRE_DURABLE, "{}");
	durable(3);
	turn();
	ck_heard(&ann, "joined 0;property_changed 2;");
	pass(1000);
	ck_heard(&ann, "joined 0;property_changed 2;mark 3;");
	pass(3000); /* nothing was left out since: no further mark */
	ck_heard(&ann, "joined 0;property_changed 2;mark 3;");
}
END_TEST

START_TEST(presence_is_not_echoed)
{
	join_counted(&ann, "A", &fake_transport);
	join_plainly(&bob);
	sync_at(0);
	connected("A", 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":true}");
	turn();
	forget_heard(&ann);
	forget_heard(&bob);
	say(EVENT_presence_update, 0, 0, "{\"client_id\":\"A\",\"data\":1}");
	say(EVENT_presence_update, 0, 0, "{\"client_id\":\"\\u0041\",\"data\":2}");
	turn();
	ck_heard(&ann, "");
	ck_heard(&bob, "presence_update 0;presence_update 0;");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, a_member_hears_what_comes_after_it_joined);
	tcase_add_test(t, the_events_of_a_turn_are_one_delivery);
	tcase_add_test(t, an_event_is_encoded_once_for_all_who_hear_it_alike);
	tcase_add_test(
	    t, a_big_group_waits_for_the_events_of_commands_under_way_and_gets_them_at_once);
	tcase_add_test(t, a_big_group_does_not_wait_for_commands_that_never_come_back);
	tcase_add_test(t, the_biggest_group_waits_no_longer_than_the_limit);
	tcase_add_test(t, a_small_group_waits_for_nothing);
	tcase_add_test(t, an_event_that_overtakes_the_sync_is_neither_lost_nor_doubled);
	tcase_add_test(t, repeated_events_are_dropped);
	tcase_add_test(t, since_brings_what_was_missed_and_then_goes_on_live);
	tcase_add_test(t, since_that_is_current_needs_no_reading);
	tcase_add_test(t, a_gap_is_fetched_once_for_all_and_nothing_newer_goes_before_it);
	tcase_add_test(t, a_lost_tail_is_noticed_by_the_beacon);
	tcase_add_test(t, a_question_that_found_no_place_is_asked_again);
	tcase_add_test(t, many_who_come_back_at_once_share_the_reading);
	tcase_add_test(t, transient_events_go_to_the_live_and_count_nothing);
	tcase_add_test(t, another_sessions_events_are_nobodys);
	tcase_add_test(t, a_filter_leaves_out_and_a_mark_says_how_far_it_came);
	tcase_add_test(t, presence_is_not_echoed);
	return run_tests(t);
}
