/* While the link that events come over is dead: members are fed from the journal. */

#include "hub_reading_fixture.h"

#include "common/limits.h"

static void
setup(void)
{
	hub_setup();
	join_plainly(&ann);
	sync_at(2);
	forget_heard(&ann);
}

START_TEST(what_nobody_could_hear_of_is_read_once_a_second)
{
	pass(5000);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	hub_fed(hub, false);
	pass(1000);
	ck_assert_uint_eq(asked_since(), 2);
	answer_page(3, 4, 4, 1);
	ck_assert_uint_eq(asked_since(), 4);
	answer_page(1, 0, 4, 1);
	turn();
	ck_assert_str_eq(ann.heard, "node_created 3;node_created 4;");
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	pass(1050);
	ck_assert_uint_eq(asked_since(), 4);
	answer_page(5, 5, 5, 1);
	answer_page(1, 0, 5, 1);
	turn();
	ck_assert_str_eq(ann.heard, "node_created 3;node_created 4;node_created 5;");
}
END_TEST

START_TEST(what_is_heard_again_is_not_read)
{
	hub_fed(hub, false);
	pass(1000);
	answer_page(3, 3, 3, 1);
	answer_page(1, 0, 3, 1);
	hub_fed(hub, true);
	hub_deaf(hub);
	sync_at(4);
	ck_assert_uint_eq(asked_since(), 3);
	answer_page(4, 4, 4, 1);
	durable(4);
	durable(5);
	turn();
	ck_assert_str_eq(ann.heard, "node_created 3;node_created 4;node_created 5;");
	pass(5000);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
}
END_TEST

START_TEST(who_is_behind_is_not_kept_waiting_by_those_readings)
{
	hub_fed(hub, false);
	join_since(&bob, 0);
	turn();
	ck_assert_uint_eq(asked_since(), 0);
	answer_page(1, 3, 3, 1);
	turn();
	ck_assert_str_eq(ann.heard, "node_created 3;");
	ck_assert_str_eq(bob.heard, "joined 2;node_created 1;node_created 2;node_created 3;");
}
END_TEST

START_TEST(a_room_that_nobody_is_in_is_not_read_for)
{
	hub_leave(hub, &ann.member);
	hub_fed(hub, false);
	pass(2000);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
}
END_TEST

/* Each has its turn, though not all can have it at once. */
START_TEST(clients_find_a_place_for_their_questions_meanwhile)
{
	enum { ROOMS = LIMIT_IN_FLIGHT / 2 + 100 };
	static struct fake_client members[ROOMS];
	struct uuid first = session;

	for (int i = 0; i < ROOMS; i++) {
		char name[16];
		struct join j = { 0 };

		snprintf(name, sizeof name, "room %d", i);
		uuid_of_name(span_of(name), &session);
		j.session = session;
		hub_join(hub, &members[i].member, &fake_transport, NAMES_COLON, &j);
		sync_at(0);
	}
	session = first;
	hub_fed(hub, false);
	pass(500);
	ck_assert_uint_eq(upstream_in_flight(&fake), LIMIT_IN_FLIGHT / 2);
	for (int i = 0; i < 100; i++)
		fake_answer(&fake, COMMAND_list_events, ERROR_backend_unavailable, "");
	pass(100);
	ck_assert_uint_eq(fake.n, ROOMS);
}
END_TEST

START_TEST(a_session_that_has_ended_unheard_sends_everybody_away)
{
	hub_fed(hub, false);
	pass(1000);
	fake_answer(&fake, COMMAND_list_events, ERROR_invalid_session, "");
	turn();
	ck_assert_str_eq(ann.evicted, "gone");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("hub_fed");

	tcase_add_checked_fixture(t, setup, hub_teardown);
	tcase_add_test(t, what_nobody_could_hear_of_is_read_once_a_second);
	tcase_add_test(t, what_is_heard_again_is_not_read);
	tcase_add_test(t, who_is_behind_is_not_kept_waiting_by_those_readings);
	tcase_add_test(t, a_room_that_nobody_is_in_is_not_read_for);
	tcase_add_test(t, clients_find_a_place_for_their_questions_meanwhile);
	tcase_add_test(t, a_session_that_has_ended_unheard_sends_everybody_away);
	return run_tests(t);
}
