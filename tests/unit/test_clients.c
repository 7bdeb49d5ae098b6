/* Who is in a session, as the gateways report it. */

#include "clients_fixture.h"

#include "common/limits.h"

#include <stdio.h>

static enum error
leave_on(const char *client, const char *gateway, int connection, const char *more)
{
	d->caller.gateway = span_of(gateway);
	ask(d, COMMAND_leave, &s, "{'client_id':'%s','connection':%d%s}", client, connection, more);
	return d->error;
}

#define BREAKS_OFF ",'away':true"

START_TEST(clients_join_once_and_leave_once)
{
	d->caller.actor = SPAN("ann");
	join("c1", "g1");
	ck_assert_str_eq(heard_names(d), "session:connected");
	ck_assert(at_is(d->heard[0].body, "client_count", "1"));
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c1\""));
	ck_assert(at_is(d->body, "active_clients", "1"));
	ck_assert(at_is(d->body, "announced", "true"));
	join("c1", "g2");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "announced", "false"));
	ck_assert(at_is(d->body, "active_clients", "1"));
	join("c2", "g2");
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "clients.0.gateway", "\"g2\""));
	ck_assert(at_is(d->body, "clients.0.actor", "\"ann\""));
	ck_assert(at_is(d->body, "total", "2"));
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert(at_is(d->heard[0].body, "client_count", "1"));
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	ck_assert_int_eq(d->error, ERROR_client_not_found);
	ask(d, COMMAND_join, &s, "{'client_id':''}");
	ck_assert(at_is(d->body, "error.field", "\"client_id\""));
}
END_TEST

START_TEST(gateways_that_told_an_address_are_listed_until_they_go)
{
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','address':'10.0.0.1:5000'}");
	ck_assert_int_eq(d->error, OK);
	ask(d, COMMAND_hello, NULL, "{'gateway':'g2'}");
	ask(d, COMMAND_list_gateways, NULL, "{}");
	ck_assert(at_is(d->body, "gateways.0.gateway", "\"g1\""));
	ck_assert(at_is(d->body, "gateways.0.address", "\"10.0.0.1:5000\""));
	ck_assert_ptr_null(strstr(d->body, "g2"));
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','address':'10.0.0.2:5000'}");
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1'}");
	ask(d, COMMAND_list_gateways, NULL, "{}");
	ck_assert(at_is(d->body, "gateways.0.address", "\"10.0.0.2:5000\""));
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','leaving':true}");
	ask(d, COMMAND_list_gateways, NULL, "{}");
	ck_assert_ptr_null(strstr(d->body, "g1"));
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1'}");
	d->now_ms += LIMIT_LEASE_MS;
	expire();
	ask(d, COMMAND_list_gateways, NULL, "{}");
	ck_assert_ptr_null(strstr(d->body, "g1"));
}
END_TEST

START_TEST(an_address_has_a_bounded_length)
{
	char text[LIMIT_ADDRESS_BYTES + 2];

	memset(text, 'x', sizeof(text));
	text[LIMIT_ADDRESS_BYTES + 1] = '\0';
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','address':'%s'}", text);
	ck_assert(at_is(d->body, "error.field", "\"address\""));
}
END_TEST

START_TEST(clients_of_a_silent_or_leaving_gateway_go)
{
	join("c1", "g1");
	join("c2", "g2");
	join("c3", "");
	forget_heard(d);
	d->now_ms += LIMIT_LEASE_MS - 100;
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1'}");
	ck_assert(at_is(d->body, "contract", "\"" WIRE_CONTRACT "\""));
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 0);
	dispatch_expire(d->dispatcher, d->now_ms + 200, d->now_us, take_outcome, d);
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c2\""));
	ck_assert(at_is(d->heard[0].body, "client_count", "2"));
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','leaving':true}");
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c1\""));
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
}
END_TEST

START_TEST(presence_is_told_coalesced_and_forgotten)
{
	int n = 0, i, shown = -1;
	uint64_t began_ms;

	join("c1", "");
	forget_heard(d);
	began_ms = d->now_ms;
	/* Every 5 ms for a second, as a mouse that moves. */
	for (i = 0; d->now_ms < began_ms + 1000; i++, d->now_ms += 4) {
		ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':{'x':%d}}", i);
		n += (int)d->n_heard;
		ck_assert(i > 0 || d->n_heard == 1);
		if (d->n_heard == 0 && dispatch_expires_ms(d->dispatcher) <= d->now_ms) {
			expire();
			n += (int)d->n_heard;
		}
		if (d->n_heard)
			shown = i;
	}
	ck_assert_int_le(n, LIMIT_PRESENCE_PER_S);
	ck_assert_int_ge(n, LIMIT_PRESENCE_PER_S - 2);
	/* The last one is told all the same, and without long delay. */
	ck_assert_int_lt(shown, i - 1);
	ck_assert_uint_le(dispatch_expires_ms(d->dispatcher), d->now_ms + 50);
	d->now_ms += 50;
	expire();
	ck_assert_uint_eq(d->n_heard, 1);
	ck_assert_int_eq(int_at(d->heard[0].body, "data.x"), i - 1);
	ck_assert_uint_le(dispatch_expires_ms(d->dispatcher), d->now_ms + LIMIT_PRESENCE_TTL_MS);
	d->now_ms += LIMIT_PRESENCE_TTL_MS;
	expire();
	ck_assert_uint_eq(d->n_heard, 1);
	ck_assert(at_is(d->heard[0].body, "data", "null"));
	ask(d, COMMAND_presence, &s, "{'client_id':'c2','data':1}");
	ck_assert_int_eq(d->error, ERROR_client_not_found);
}
END_TEST

/* The end of a line within an event would be the end of the event to an EventSource. */
START_TEST(presence_is_told_without_white_space_however_late)
{
	join("c1", "");
	for (int i = 0; i < 2; i++) {
		forget_heard(d);
		ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':{ 'x' :\n\n[ 1,\r 2 ] }}");
		if (i > 0) {
			ck_assert_uint_eq(d->n_heard, 0);
			d->now_ms += 50;
			expire();
		}
		ck_assert_uint_eq(d->n_heard, 1);
		ck_assert(at_is(d->heard[0].body, "data", "{\"x\":[1,2]}"));
	}
}
END_TEST

START_TEST(presence_of_a_client_that_leaves_is_not_told_any_more)
{
	join("c1", "");
	ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':1}");
	ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':2}");
	ck_assert_uint_eq(d->n_heard, 0);
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	d->now_ms += LIMIT_PRESENCE_TTL_MS;
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
}
END_TEST

START_TEST(a_client_whose_connection_breaks_off_may_come_back_unnoticed)
{
	join_on("c1", "g1", 1, "");
	ck_assert_int_eq(leave_on("c1", "g1", 1, BREAKS_OFF), OK);
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "active_clients", "1"));
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "clients.0.away", "true"));
	ck_assert(at_is(d->body, "total", "1"));
	d->now_ms += LIMIT_GRACE_MS - 10;
	hello("g1");
	hello("g2");
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
	join_on("c1", "g2", 1, "");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "announced", "false"));
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "clients.0.away", "false"));
	ck_assert(at_is(d->body, "clients.0.gateway", "\"g2\""));
	d->now_ms += 10;
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
}
END_TEST

START_TEST(a_client_that_is_away_for_too_long_is_announced_gone)
{
	d->caller.actor = SPAN("ann");
	join_on("c1", "g1", 1, "");
	join_on("c2", "g1", 2, "");
	leave_on("c1", "g1", 1, BREAKS_OFF);
	d->now_ms += LIMIT_GRACE_MS / 2;
	/* Who is lost while it is away gains no time. */
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'" BREAKS_OFF "}");
	d->now_ms += LIMIT_GRACE_MS / 2;
	hello("g1");
	ck_assert_uint_le(dispatch_expires_ms(d->dispatcher), d->now_ms);
	expire();
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c1\""));
	ck_assert(at_is(d->heard[0].body, "actor", "\"ann\""));
	ck_assert(at_is(d->heard[0].body, "client_count", "1"));
	join_on("c1", "g1", 3, "");
	ck_assert_str_eq(heard_names(d), "session:connected");
}
END_TEST

START_TEST(a_client_that_is_away_may_still_leave_for_good)
{
	join_on("c1", "g1", 1, "");
	leave_on("c1", "g1", 1, BREAKS_OFF);
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 0);
}
END_TEST

START_TEST(a_connection_that_was_replaced_takes_nobody_with_it)
{
	join_on("c1", "g1", 1, "");
	join_on("c1", "g2", 1, ""); /* another gateway, the same number */
	ck_assert_int_eq(leave_on("c1", "g1", 1, ""), ERROR_client_not_found);
	ck_assert_int_eq(leave_on("c1", "g1", 1, BREAKS_OFF), ERROR_client_not_found);
	join_on("c1", "g2", 2, ""); /* the same gateway, another number */
	ck_assert_int_eq(leave_on("c1", "g2", 1, ""), ERROR_client_not_found);
	ck_assert_int_eq(leave_on("c1", "g3", 2, ""), ERROR_client_not_found);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
	hello("g2");
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','leaving':true}");
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert_int_eq(leave_on("c1", "g2", 2, ""), OK);
	ck_assert_str_eq(heard_names(d), "session:disconnected");
}
END_TEST

START_TEST(a_dead_gateway_takes_only_those_with_it_who_are_not_elsewhere)
{
	join_on("stays", "g1", 1, "");
	join_on("goes", "g1", 2, "");
	d->now_ms += LIMIT_LEASE_MS / 2;
	hello("g2");
	join_on("stays", "g2", 1, "");
	d->now_ms += LIMIT_LEASE_MS / 2;
	expire();
	ck_assert_uint_eq(d->n_heard, 1);
	ck_assert(at_is(d->heard[0].body, "client_id", "\"goes\""));
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
}
END_TEST

START_TEST(a_dead_gateway_does_not_shorten_the_time_of_those_who_had_left_it)
{
	join_on("c1", "g1", 1, "");
	d->now_ms += LIMIT_LEASE_MS - 10;
	leave_on("c1", "g1", 1, BREAKS_OFF);
	d->now_ms += 10;
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "clients.0.gateway", "\"g1\""));
	d->now_ms += LIMIT_GRACE_MS;
	expire();
	ck_assert_str_eq(heard_names(d), "session:disconnected");
}
END_TEST

START_TEST(a_gateway_that_was_forgotten_is_told_so)
{
	ck_assert(!hello("g1"));
	ck_assert(hello("g1"));
	join("c1", "g2"); /* only heard of */
	ck_assert(!hello("g2"));
	ck_assert(hello("g2"));
	d->now_ms += LIMIT_LEASE_MS;
	expire();
	ck_assert(!hello("g1"));
}
END_TEST

START_TEST(a_connection_that_is_reported_again_stands_beside_the_others)
{
	/* g1 was silent; its client is on g2 by now, which g1 does not know. */
	join_on("c1", "g2", 1, "");
	join_on("c1", "g1", 1, ",'back':true");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert_int_eq(leave_on("c1", "g1", 1, ""), OK);
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
	leave_on("c1", "g2", 1, "");
	/* After a restart of graphd nobody was told that anybody had left. */
	join_on("c1", "g1", 1, ",'back':true,'quiet':true");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "announced", "false"));
	join_on("c2", "g1", 2, ",'back':true");
	ck_assert_str_eq(heard_names(d), "session:connected");
	ck_assert(at_is(d->heard[0].body, "client_count", "2"));
}
END_TEST

START_TEST(of_a_clients_connections_only_so_many_are_counted)
{
	for (int i = 0; i <= LIMIT_CONNECTIONS_PER_CLIENT; i++)
		join_on("c1", "g1", i, ",'back':true");
	ck_assert_int_eq(leave_on("c1", "g1", 0, ""), ERROR_client_not_found);
	for (int i = 1; i < LIMIT_CONNECTIONS_PER_CLIENT; i++) {
		ck_assert_int_eq(leave_on("c1", "g1", i, ""), OK);
		ck_assert_uint_eq(d->n_heard, 0);
	}
	leave_on("c1", "g1", LIMIT_CONNECTIONS_PER_CLIENT, "");
	ck_assert_str_eq(heard_names(d), "session:disconnected");
}
END_TEST

START_TEST(presence_has_a_limit_in_bytes)
{
	char data[LIMIT_PRESENCE_BYTES + 8];

	join("c1", "");
	memset(data, 'x', sizeof(data));
	ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':'%.*s'}", LIMIT_PRESENCE_BYTES - 2,
	    data);
	ck_assert_int_eq(d->error, OK);
	ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':'%.*s'}", LIMIT_PRESENCE_BYTES - 1,
	    data);
	ck_assert_int_eq(d->error, ERROR_limit_value);
}
END_TEST

START_TEST(clients_of_an_ended_session_are_forgotten)
{
	join("c1", "g1");
	ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':1}");
	ask(d, COMMAND_end_session, &s, "{}");
	forget_heard(d);
	dispatch_expire(
	    d->dispatcher, d->now_ms + LIMIT_PRESENCE_TTL_MS, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 0);
}
END_TEST

START_TEST(a_session_has_only_so_many_clients)
{
	char client[16];

	for (int i = 0; i < LIMIT_CLIENTS_PER_SESSION; i++) {
		snprintf(client, sizeof(client), "c%d", i);
		join(client, "g1");
	}
	ask(d, COMMAND_join, &s, "{'client_id':'one more'}");
	ck_assert_int_eq(d->error, ERROR_too_many_clients);
	ask(d, COMMAND_remind, &s, "{'clients':[{'client_id':'one more'}]}");
	ck_assert_int_eq(d->error, ERROR_too_many_clients);
	ask(d, COMMAND_join, &s, "{'client_id':'c1'}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(a_gateway_that_was_silent_may_come_back)
{
	join("c1", "g1");
	dispatch_expire(d->dispatcher, d->now_ms + LIMIT_LEASE_MS, d->now_us, take_outcome, d);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 0);
	d->now_ms += LIMIT_LEASE_MS;
	join("c1", "g1");
	ck_assert(at_is(d->body, "announced", "true"));
	forget_heard(d);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 0);
}
END_TEST

/* Stopped, or on a machine that was: what was said meanwhile is still to be read. */
START_TEST(time_in_which_nobody_could_be_heard_counts_against_nobody)
{
	dispatch_awake(d->dispatcher, d->now_ms);
	join("c1", "g1");
	join("c2", "g1");
	ask(d, COMMAND_leave, &s, "{'client_id':'c2','connection':0,'away':true}");
	forget_heard(d);
	d->now_ms += 60000;
	dispatch_awake(d->dispatcher, d->now_ms);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 0);
	/* Once a second is no time at all, and silence is silence. */
	for (int i = 0; i < 2; i++) {
		d->now_ms += LIMIT_BUS_HEARTBEAT_MS + 500;
		dispatch_awake(d->dispatcher, d->now_ms);
	}
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c1\""));
	forget_heard(d);
	d->now_ms += 1000;
	dispatch_awake(d->dispatcher, d->now_ms);
	d->now_ms += 1100;
	dispatch_awake(d->dispatcher, d->now_ms);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_str_eq(heard_names(d), "session:disconnected");
}
END_TEST

START_TEST(the_same_client_in_two_sessions_counts_in_each)
{
	struct uuid other = start(d, "book"), first = s;

	join("c1", "g1");
	s = other;
	join("c1", "g1");
	ck_assert(at_is(d->body, "announced", "true"));
	ask(d, COMMAND_leave, &other, "{'client_id':'c1'}");
	ck_assert_uint_eq(session_of(d, &first)->n_clients, 1);
	ck_assert_uint_eq(session_of(d, &other)->n_clients, 0);
	ask(d, COMMAND_hello, NULL, "{'gateway':'g1','leaving':true}");
	forget_heard(d);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 1);
	ck_assert(uuid_equal(&first, &(struct uuid[]){ id_at(d->heard[0].body, "session_id") }[0]));
}
END_TEST

START_TEST(gateways_and_clients_have_ids_of_bounded_length)
{
	char text[LIMIT_ACTOR_BYTES + 2];

	memset(text, 'x', sizeof(text));
	text[LIMIT_ACTOR_BYTES] = '\0';
	join(text, text);
	text[LIMIT_ACTOR_BYTES] = 'x';
	text[LIMIT_ACTOR_BYTES + 1] = '\0';
	ask(d, COMMAND_join, &s, "{'client_id':'%s'}", text);
	ck_assert(at_is(d->body, "error.field", "\"client_id\""));
	ask(d, COMMAND_leave, &s, "{'client_id':'%s'}", text);
	ck_assert_int_eq(d->error, ERROR_client_not_found);
	d->caller.gateway = span_of(text);
	ask(d, COMMAND_join, &s, "{'client_id':'c'}");
	ck_assert(at_is(d->body, "error.field", "\"gateway\""));
	ask(d, COMMAND_hello, NULL, "{'gateway':'%s'}", text);
	ck_assert(at_is(d->body, "error.field", "\"gateway\""));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("clients");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, clients_join_once_and_leave_once);
	tcase_add_test(tc, clients_of_a_silent_or_leaving_gateway_go);
	tcase_add_test(tc, gateways_that_told_an_address_are_listed_until_they_go);
	tcase_add_test(tc, an_address_has_a_bounded_length);
	tcase_add_test(tc, presence_is_told_coalesced_and_forgotten);
	tcase_add_test(tc, presence_is_told_without_white_space_however_late);
	tcase_add_test(tc, presence_of_a_client_that_leaves_is_not_told_any_more);
	tcase_add_test(tc, a_client_whose_connection_breaks_off_may_come_back_unnoticed);
	tcase_add_test(tc, a_client_that_is_away_for_too_long_is_announced_gone);
	tcase_add_test(tc, a_client_that_is_away_may_still_leave_for_good);
	tcase_add_test(tc, a_connection_that_was_replaced_takes_nobody_with_it);
	tcase_add_test(tc, a_dead_gateway_takes_only_those_with_it_who_are_not_elsewhere);
	tcase_add_test(tc, a_dead_gateway_does_not_shorten_the_time_of_those_who_had_left_it);
	tcase_add_test(tc, a_gateway_that_was_forgotten_is_told_so);
	tcase_add_test(tc, a_connection_that_is_reported_again_stands_beside_the_others);
	tcase_add_test(tc, of_a_clients_connections_only_so_many_are_counted);
	tcase_add_test(tc, presence_has_a_limit_in_bytes);
	tcase_add_test(tc, clients_of_an_ended_session_are_forgotten);
	tcase_add_test(tc, a_session_has_only_so_many_clients);
	tcase_add_test(tc, a_gateway_that_was_silent_may_come_back);
	tcase_add_test(tc, time_in_which_nobody_could_be_heard_counts_against_nobody);
	tcase_add_test(tc, the_same_client_in_two_sessions_counts_in_each);
	tcase_add_test(tc, gateways_and_clients_have_ids_of_bounded_length);
	return run_tests(tc);
}
