/* Who is in a session, as the gateways report it. */

#include "domain_fixture.h"

#include "common/limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct domain *d;
static struct uuid s;

static void
set_up(void)
{
	d = domain_new();
	s = start(d, "restomod");
}

static void
tear_down(void)
{
	domain_free(d);
}

static void
join(const char *client, const char *gateway)
{
	d->caller.gateway = span_of(gateway);
	ask(d, COMMAND_join, &s, "{'client_id':'%s'}", client);
	ck_assert_msg(d->error == OK, "%s", d->body);
}

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
	d->now_ms += LIMIT_BUS_SILENCE_MS;
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
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
	d->now_ms += LIMIT_BUS_SILENCE_MS - 100;
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
	join("c1", "");
	for (int i = 0; i < LIMIT_PRESENCE_PER_S; i++) {
		ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':{'x':%d}}", i);
		ck_assert_str_eq(heard_names(d), "presence:update");
	}
	ck_assert(at_is(d->heard[0].body, "data.x", "19"));
	for (int i = 0; i < 3; i++) {
		ask(d, COMMAND_presence, &s, "{'client_id':'c1','data':{'late':%d}}", i);
		ck_assert_uint_eq(d->n_heard, 0);
	}
	dispatch_expire(d->dispatcher, d->now_ms + 1000, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 1);
	ck_assert(at_is(d->heard[0].body, "data.late", "2"));
	forget_heard(d);
	dispatch_expire(
	    d->dispatcher, d->now_ms + LIMIT_PRESENCE_TTL_MS, d->now_us, take_outcome, d);
	ck_assert(at_is(d->heard[0].body, "data", "null"));
	ask(d, COMMAND_presence, &s, "{'client_id':'c2','data':1}");
	ck_assert_int_eq(d->error, ERROR_client_not_found);
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
	ask(d, COMMAND_join, &s, "{'client_id':'c1'}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(a_gateway_that_was_silent_may_come_back)
{
	join("c1", "g1");
	dispatch_expire(
	    d->dispatcher, d->now_ms + LIMIT_BUS_SILENCE_MS, d->now_us, take_outcome, d);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 0);
	d->now_ms += LIMIT_BUS_SILENCE_MS;
	join("c1", "g1");
	ck_assert(at_is(d->body, "announced", "true"));
	forget_heard(d);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_heard, 0);
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
	Suite *suite = suite_create("clients");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, clients_join_once_and_leave_once);
	tcase_add_test(tc, clients_of_a_silent_or_leaving_gateway_go);
	tcase_add_test(tc, gateways_that_told_an_address_are_listed_until_they_go);
	tcase_add_test(tc, an_address_has_a_bounded_length);
	tcase_add_test(tc, presence_is_told_coalesced_and_forgotten);
	tcase_add_test(tc, presence_has_a_limit_in_bytes);
	tcase_add_test(tc, clients_of_an_ended_session_are_forgotten);
	tcase_add_test(tc, a_session_has_only_so_many_clients);
	tcase_add_test(tc, a_gateway_that_was_silent_may_come_back);
	tcase_add_test(tc, the_same_client_in_two_sessions_counts_in_each);
	tcase_add_test(tc, gateways_and_clients_have_ids_of_bounded_length);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
