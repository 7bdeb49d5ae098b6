/* Coming and going: announcements, refusals, other histories, restarts of graphd, the drain. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

static struct fake_client dan;

#define JOINED_1 "{\"active_clients\":1,\"seq\":0,\"announced\":true}"

START_TEST(a_counted_member_is_reported_once_its_room_is_subscribed_and_hears_of_itself)
{
	join_counted(&ann, "A", &fake_transport);
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 0);
	sync_at(3);
	ck_assert_str_eq(
	    fake_open(&fake, COMMAND_join)->args, "{\"client_id\":\"A\",\"connection\":1}");
	connected("A", 3);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":2,\"seq\":3,\"announced\":true}");
	turn();
	ck_heard(&ann, "joined 3;session_connected 3;");
	ck_assert_uint_eq(ann.result.active_clients, 2);
}
END_TEST

START_TEST(some_transports_hear_the_announcement_before_they_are_in)
{
	join_counted(&ann, "A", &early_transport);
	sync_at(0);
	fake_answer(&fake, COMMAND_join, OK, JOINED_1);
	turn();
	ck_assert_uint_eq(ann.n_joined, 0); /* the answer overtook the event */
	connected("B", 0);
	ck_assert_uint_eq(ann.n_joined, 0);
	connected("A", 0);
	turn();
	ck_heard(&ann, "session_connected 0;joined 0;");
}
END_TEST

START_TEST(an_announcement_that_the_answer_overtook_is_heard_once)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	fake_answer(&fake, COMMAND_join, OK, JOINED_1);
	connected("A", 0);
	turn();
	ck_heard(&ann, "joined 0;session_connected 0;");
}
END_TEST

START_TEST(an_announcement_that_never_comes_is_waited_for_a_moment_only)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	fake_answer(&fake, COMMAND_join, OK, JOINED_1);
	pass(150);
	ck_assert_uint_eq(ann.n_joined, 0);
	pass(200);
	ck_heard(&ann, "joined 0;");
}
END_TEST

START_TEST(who_was_known_already_is_in_without_an_announcement)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	fake_answer(
	    &fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":false}");
	ck_heard(&ann, "joined 0;");
}
END_TEST

START_TEST(events_between_the_answer_and_the_room_arrive_once)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(5);
	connected("A", 7);
	/* graphd is at 7; the events 6 and 7 are still on their way here. */
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":7,\"announced\":true}");
	ck_heard(&ann, "joined 7;session_connected 7;");
	durable(6);
	durable(7);
	durable(8);
	turn();
	ck_heard(&ann, "joined 7;session_connected 7;node_created 8;");
}
END_TEST

START_TEST(a_join_that_graphd_refuses_is_refused)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	fake_answer(&fake, COMMAND_join, ERROR_too_many_clients, "{\"error\":{}}");
	ck_assert_int_eq(ann.result.error, ERROR_too_many_clients);
	ck_assert_uint_eq(hub_members(hub), 0);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 0);
}
END_TEST

START_TEST(an_unknown_session_is_refused_now_and_for_the_next)
{
	join_counted(&ann, "A", &fake_transport);
	memset(&log_id, 0, sizeof log_id);
	sync_at(0);
	ck_assert_int_eq(ann.result.error, ERROR_invalid_session);
	join_plainly(&bob);
	turn();
	ck_assert_int_eq(bob.result.error, ERROR_invalid_session);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 0);
}
END_TEST

START_TEST(without_graphd_a_join_ends_after_the_deadline)
{
	join_counted(&ann, "A", &fake_transport);
	pass(LIMIT_DEADLINE_MS - 100);
	ck_assert_uint_eq(ann.n_joined, 0);
	ck_assert_int_gt(fake.resyncs, 2); /* the subscription was renewed meanwhile */
	pass(200);
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
}
END_TEST

START_TEST(no_place_for_the_question_refuses_the_join)
{
	join_counted(&ann, "A", &fake_transport);
	fake.is_full = true;
	sync_at(0);
	ck_assert_int_eq(ann.result.error, ERROR_overloaded);
	fake.is_full = false;
}
END_TEST

START_TEST(who_leaves_while_joining_hears_nothing_more)
{
	join_counted(&ann, "A", &fake_transport);
	sync_at(0);
	hub_leave(hub, &ann.member);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_join));
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	connected("A", 0);
	pass(500);
	ck_assert_uint_eq(ann.n_joined, 0);
}
END_TEST

START_TEST(another_history_brings_one_resync_to_everybody)
{
	join_plainly(&ann);
	sync_at(9);
	uuid_of_name(SPAN("another history"), &log_id);
	sync_at(2);
	ck_assert_ptr_nonnull(fake_open(&fake, COMMAND_get_tree));
	durable(3); /* of the new history, while the graph is on its way */
	fake_answer(&fake, COMMAND_get_tree, OK,
	    "{\"roots\":[],\"seq\":3,\"log_id\":\"00000000-0000-4000-8000-000000000001\"}");
	turn();
	ck_heard(&ann, "joined 9;session_resync 3;");
	uuid_parse(SPAN("00000000-0000-4000-8000-000000000001"), &log_id);
	durable(4);
	turn();
	ck_heard(&ann, "joined 9;session_resync 3;node_created 4;");
}
END_TEST

START_TEST(a_client_of_another_history_begins_anew)
{
	struct join j = { .session = session,
		.has_since = true,
		.since = 2,
		.log_id = SPAN("00000000-0000-4000-8000-00000000000a") };

	join_plainly(&bob);
	ann = (struct fake_client){ 0 };
	hub_join(hub, &ann.member, &fake_transport, NAMES_COLON, &j);
	sync_at(5);
	fake_answer(&fake, COMMAND_get_tree, OK, "{\"roots\":[],\"seq\":5}");
	durable(6);
	turn();
	ck_heard(&ann, "joined 5;session_resync 5;node_created 6;");
	ck_heard(&bob, "joined 5;node_created 6;");
}
END_TEST

START_TEST(since_that_is_no_longer_kept_begins_anew)
{
	join_since(&ann, 2);
	join_since(&bob, 90);
	sync_at(100);
	answer_page(51, 52, 100, 51);
	fake_answer(&fake, COMMAND_get_tree, OK, "{\"roots\":[],\"seq\":100}");
	turn();
	ck_heard(&ann, "joined 100;session_resync 100;");
	ck_assert_uint_eq(asked_since(), 90);
	answer_page(91, 100, 100, 51);
	ck_assert_uint_eq(hub_seq(&bob.member), 100);
}
END_TEST

START_TEST(since_of_the_future_begins_anew)
{
	join_since(&ann, 50);
	sync_at(5);
	ck_assert_uint_eq(asked_since(), 50);
	answer_page(1, 0, 5, 1);
	fake_answer(&fake, COMMAND_get_tree, OK, "{\"roots\":[],\"seq\":5}");
	turn();
	ck_heard(&ann, "joined 5;session_resync 5;");
}
END_TEST

START_TEST(since_that_this_gateway_has_not_heard_of_yet_waits_for_it)
{
	join_since(&ann, 7);
	sync_at(5);
	ck_assert_uint_eq(asked_since(), 7);
	answer_page(1, 0, 7, 1); /* graphd is at 7 as well */
	durable(6);
	durable(7);
	durable(8);
	turn();
	ck_heard(&ann, "joined 5;node_created 8;");
}
END_TEST

START_TEST(an_ended_session_sends_everybody_away_behind_its_last_event)
{
	join_plainly(&ann);
	join_plainly(&bob);
	sync_at(0);
	bob.owed = LIMIT_QUEUE_BYTES; /* it turns slow in this very moment */
	say(EVENT_session_closed, 1, WIRE_DURABLE, "{}");
	turn();
	ck_heard(&ann, "joined 0;session_closed 1;");
	ck_assert_str_eq(ann.evicted, "closed");
	ck_assert_str_eq(bob.evicted, "gone");
	ck_assert_uint_eq(hub_members(hub), 0);
	join_plainly(&cem);
	turn();
	ck_assert_int_eq(cem.result.error, ERROR_invalid_session);
}
END_TEST

START_TEST(a_session_that_ends_behind_a_gap_still_ends)
{
	join_plainly(&ann);
	sync_at(0);
	say(EVENT_session_closed, 2, WIRE_DURABLE, "{}");
	turn();
	ck_assert_ptr_null(ann.evicted);
	fake_answer(&fake, COMMAND_list_events, ERROR_invalid_session, "{}");
	turn();
	ck_assert_str_eq(ann.evicted, "gone");
}
END_TEST

START_TEST(after_a_restart_the_counted_are_reported_again_and_gaps_are_filled)
{
	join_plainly(&bob);
	sync_at(0);
	bring_in_as(&ann, "A", 1);
	forget_heard(&bob);
	hub_up(hub, true);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 2);
	ck_assert_str_eq(fake_open(&fake, COMMAND_join)->args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true,\"quiet\":true}");
	sync_at(2); /* the renewed subscription is answered; 1 and 2 were never heard */
	answer_page(1, 2, 2, 1);
	turn();
	ck_heard(&ann, "node_created 1;node_created 2;");
	ck_heard(&bob, "node_created 1;node_created 2;");
	hub_up(hub, false); /* heard again, but it was never gone */
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 2);
}
END_TEST

START_TEST(after_a_restart_nobody_comes_in_who_would_not_hear_it)
{
	join_plainly(&bob);
	sync_at(0);
	hub_up(hub, true);
	join_counted(&ann, "A", &fake_transport);
	join_plainly(&cem);
	turn();
	ck_assert_uint_eq(cem.n_joined, 1);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 0);
	ck_assert_int_eq(fake.resyncs, 1);
	pass(1500);
	ck_assert_int_eq(fake.resyncs, 2);
	sync_at(0);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 1);
	pass(3000);
	ck_assert_int_eq(fake.resyncs, 2);
	/* And if graphd is not heard at all, it is told so. */
	hub_up(hub, true);
	join_counted(&dan, "D", &fake_transport);
	pass(LIMIT_DEADLINE_MS + 100);
	ck_assert_int_eq(dan.result.error, ERROR_backend_unavailable);
	/* As is she for whom it was asked and did not answer. */
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
}
END_TEST

START_TEST(when_graphd_had_given_up_on_us_the_counted_are_announced_again)
{
	join_plainly(&bob);
	sync_at(0);
	bring_in_as(&ann, "A", 1);
	hub_forgotten(hub);
	ck_assert_uint_eq(fake_count(&fake, COMMAND_join), 2);
	ck_assert_str_eq(fake_open(&fake, COMMAND_join)->args,
	    "{\"client_id\":\"A\",\"connection\":2,\"back\":true}");
}
END_TEST

START_TEST(a_session_that_a_restart_has_forgotten_sends_everybody_away)
{
	join_plainly(&ann);
	sync_at(0);
	hub_up(hub, true);
	memset(&log_id, 0, sizeof log_id);
	sync_at(0);
	ck_assert_str_eq(ann.evicted, "gone");
}
END_TEST

static bool is_drained;

static void
on_drained(void *context)
{
	ck_assert_ptr_eq(context, &is_drained);
	is_drained = true;
}

START_TEST(draining_sends_members_away_spread_over_its_time)
{
	static struct fake_client crowd[40];
	size_t n = 0;

	is_drained = false;
	for (size_t i = 0; i < 40; i++)
		join_plainly(&crowd[i]);
	sync_at(0);
	hub_drain(hub, 1000, on_drained, &is_drained);
	pass(500);
	ck_assert_uint_ge(hub_members(hub), 10);
	ck_assert_uint_le(hub_members(hub), 30);
	ck_assert(!is_drained);
	join_plainly(&ann); /* a late one is not let in */
	turn();
	ck_assert_int_eq(ann.result.error, ERROR_backend_unavailable);
	pass(600);
	for (size_t i = 0; i < 40; i++)
		n += crowd[i].evicted && strcmp(crowd[i].evicted, "drain") == 0;
	ck_assert_uint_eq(n, 40);
	ck_assert(is_drained);
}
END_TEST

START_TEST(an_empty_room_is_kept_for_a_while_and_then_left)
{
	join_plainly(&ann);
	sync_at(0);
	hub_leave(hub, &ann.member);
	pass(5000);
	ck_assert_int_eq(fake.subscribed, 1);
	join_since(&ann, 0); /* a poller comes back: no new subscription */
	turn();
	ck_assert_uint_eq(ann.n_joined, 1);
	hub_leave(hub, &ann.member);
	pass(12000);
	ck_assert_int_eq(fake.subscribed, 0);
}
END_TEST

START_TEST(freeing_the_hub_while_it_reads_forgets_the_question)
{
	join_since(&ann, 0);
	sync_at(5);
	ck_assert_ptr_nonnull(fake_open(&fake, COMMAND_list_events));
	/* The fixture's teardown frees the hub; the fake would crash on an answer to it. */
	hub_leave(hub, &ann.member);
	pass(12000);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_join");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(
	    t, a_counted_member_is_reported_once_its_room_is_subscribed_and_hears_of_itself);
	tcase_add_test(t, some_transports_hear_the_announcement_before_they_are_in);
	tcase_add_test(t, an_announcement_that_the_answer_overtook_is_heard_once);
	tcase_add_test(t, an_announcement_that_never_comes_is_waited_for_a_moment_only);
	tcase_add_test(t, who_was_known_already_is_in_without_an_announcement);
	tcase_add_test(t, events_between_the_answer_and_the_room_arrive_once);
	tcase_add_test(t, a_join_that_graphd_refuses_is_refused);
	tcase_add_test(t, an_unknown_session_is_refused_now_and_for_the_next);
	tcase_add_test(t, without_graphd_a_join_ends_after_the_deadline);
	tcase_add_test(t, no_place_for_the_question_refuses_the_join);
	tcase_add_test(t, who_leaves_while_joining_hears_nothing_more);
	tcase_add_test(t, another_history_brings_one_resync_to_everybody);
	tcase_add_test(t, a_client_of_another_history_begins_anew);
	tcase_add_test(t, since_that_is_no_longer_kept_begins_anew);
	tcase_add_test(t, since_of_the_future_begins_anew);
	tcase_add_test(t, since_that_this_gateway_has_not_heard_of_yet_waits_for_it);
	tcase_add_test(t, an_ended_session_sends_everybody_away_behind_its_last_event);
	tcase_add_test(t, a_session_that_ends_behind_a_gap_still_ends);
	tcase_add_test(t, after_a_restart_the_counted_are_reported_again_and_gaps_are_filled);
	tcase_add_test(t, after_a_restart_nobody_comes_in_who_would_not_hear_it);
	tcase_add_test(t, when_graphd_had_given_up_on_us_the_counted_are_announced_again);
	tcase_add_test(t, a_session_that_a_restart_has_forgotten_sends_everybody_away);
	tcase_add_test(t, draining_sends_members_away_spread_over_its_time);
	tcase_add_test(t, an_empty_room_is_kept_for_a_while_and_then_left);
	tcase_add_test(t, freeing_the_hub_while_it_reads_forgets_the_question);
	return run_tests(t);
}
