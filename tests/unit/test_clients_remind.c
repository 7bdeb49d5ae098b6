/* Who was in a session before graphd was restarted, as the gateways remind it. */

#include "clients_fixture.h"

#include "common/limits.h"
#include "graphd/clients.h"

static void
remind(const char *clients)
{
	d->caller.gateway = SPAN("g1");
	ask(d, COMMAND_remind, &s, "{'clients':%s}", clients);
}

START_TEST(who_is_reminded_of_and_not_reported_is_announced_gone)
{
	join_on("c1", "g1", 1, "");
	remind("[{'client_id':'c1'},{'client_id':'c2','actor':'bob'},"
	       "{'client_id':'c3','actor':null}]");
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "missing", "2"));
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "clients.0.away", "false"));
	ck_assert(at_is(d->body, "clients.1.away", "true"));
	ck_assert(at_is(d->body, "clients.1.actor", "\"bob\""));
	ck_assert(at_is(d->body, "clients.1.gateway", "null"));
	/* Another gateway reminds of the same. */
	remind("[{'client_id':'c2','actor':'bob'}]");
	ck_assert(at_is(d->body, "missing", "0"));
	join_on("c3", "g2", 1, ",'back':true,'quiet':true");
	ck_assert_uint_eq(d->n_heard, 0);
	d->now_ms += LIMIT_GRACE_MS - 10;
	hello("g1");
	hello("g2");
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
	d->now_ms += 10;
	ck_assert_uint_le(dispatch_expires_ms(d->dispatcher), d->now_ms);
	expire();
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c2\""));
	ck_assert(at_is(d->heard[0].body, "actor", "\"bob\""));
	ck_assert(at_is(d->heard[0].body, "client_count", "2"));
}
END_TEST

START_TEST(a_list_says_that_it_may_be_too_short_until_every_gateway_had_its_time)
{
	uint64_t began_ms = d->now_ms;

	dispatch_awake(d->dispatcher, began_ms);
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "complete", "false"));
	d->now_ms = began_ms + LIMIT_LEASE_MS - 1;
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "complete", "false"));
	d->now_ms = began_ms + LIMIT_LEASE_MS;
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "complete", "true"));
	/* That a second passes is no start. */
	dispatch_awake(d->dispatcher, d->now_ms);
	ask(d, COMMAND_list_clients, &s, "{}");
	ck_assert(at_is(d->body, "complete", "true"));
}
END_TEST

START_TEST(who_is_reminded_of_comes_back_unnoticed)
{
	remind("[{'client_id':'c1'}]");
	join_on("c1", "g2", 1, "");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(at_is(d->body, "announced", "false"));
	d->now_ms += LIMIT_GRACE_MS;
	hello("g2");
	expire();
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
}
END_TEST

START_TEST(a_gateway_that_reports_too_late_after_a_restart_is_heard_of)
{
	remind("[{'client_id':'c1'}]");
	d->now_ms += LIMIT_GRACE_MS;
	hello("g1");
	expire();
	ck_assert_str_eq(heard_names(d), "session:disconnected");
	join_on("c1", "g2", 1, ",'back':true,'quiet':true");
	ck_assert_str_eq(heard_names(d), "session:connected");
}
END_TEST

/* A gateway did not hear that it had gone, and reminds of it. */
START_TEST(who_was_announced_gone_and_is_reminded_of_is_announced_when_it_is_back)
{
	hello("g1");
	remind("[{'client_id':'c1'}]");
	join_on("c1", "g2", 1, ",'back':true");
	ck_assert_str_eq(heard_names(d), "session:connected");
	d->now_ms += LIMIT_GRACE_MS + 1;
	forget_heard(d);
	remind("[{'client_id':'c2'},{'client_id':'c3'}]");
	join_on("c2", "g2", 2, "");
	ck_assert(at_is(d->body, "announced", "true"));
	ck_assert_str_eq(heard_names(d), "session:connected");
	join_on("c3", "g2", 3, ",'back':true,'quiet':true");
	ck_assert(at_is(d->body, "announced", "false"));
}
END_TEST

/* The graphd before may have announced them gone, and the others look at the list no more. */
START_TEST(who_is_reported_long_after_a_start_is_announced)
{
	hello("g1");
	join_on("c1", "g1", 1, ",'back':true,'quiet':true");
	d->now_ms += LIMIT_LEASE_MS - 100;
	join_on("c2", "g2", 1, ",'back':true,'quiet':true");
	ck_assert_uint_eq(d->n_heard, 0);
	d->now_ms += 100;
	join_on("c2", "g3", 1, ",'back':true,'quiet':true");
	ck_assert_uint_eq(d->n_heard, 0);
	join_on("c3", "g3", 2, ",'back':true,'quiet':true");
	ck_assert_str_eq(heard_names(d), "session:connected");
}
END_TEST

START_TEST(who_is_away_for_a_shorter_time_goes_first)
{
	struct clients *c = clients_new(NULL, 10);
	struct client_facts facts = { .client_id = SPAN("late"), .now_ms = d->now_ms };
	struct client_leave leave = {
		.client_id = SPAN("early"), .may_return = true, .now_ms = d->now_ms
	};
	bool is_news;

	ck_assert_int_eq(clients_remind(c, session_of(d, &s), &facts, &is_news), OK);
	ck_assert(is_news);
	ck_assert_uint_eq(clients_due_ms(c), d->now_ms + LIMIT_LEASE_MS);
	facts.client_id = leave.client_id;
	ck_assert_int_eq(clients_join(c, session_of(d, &s), &facts, &is_news), OK);
	ck_assert_int_eq(clients_leave(c, session_of(d, &s), &leave), LEAVE_STAYS);
	ck_assert_uint_eq(clients_due_ms(c), d->now_ms + 10);
	clients_free(c);
}
END_TEST

START_TEST(a_reminder_must_name_clients)
{
	static const char *const wrong[] = { "[{}]", "[5]", "['c1']", "[{'client_id':''}]",
		"[{'client_id':null}]", "[{'client_id':5}]", "[{'client_id':'c','actor':[]}]" };
	char text[LIMIT_ACTOR_BYTES + 2];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		remind(wrong[i]);
		ck_assert_int_eq(d->error, ERROR_invalid_request);
		ck_assert(at_is(d->body, "error.field", "\"clients\""));
	}
	memset(text, 'x', sizeof(text));
	text[LIMIT_ACTOR_BYTES + 1] = '\0';
	ask(d, COMMAND_remind, &s, "{'clients':[{'client_id':'%s'}]}", text);
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ask(d, COMMAND_remind, &s, "{'clients':[{'client_id':'%s'}]}", text + 1);
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(session_of(d, &s)->n_clients, 1);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("clients_remind");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, who_is_reminded_of_and_not_reported_is_announced_gone);
	tcase_add_test(tc, a_list_says_that_it_may_be_too_short_until_every_gateway_had_its_time);
	tcase_add_test(tc, who_is_reminded_of_comes_back_unnoticed);
	tcase_add_test(tc, a_gateway_that_reports_too_late_after_a_restart_is_heard_of);
	tcase_add_test(tc, who_was_announced_gone_and_is_reminded_of_is_announced_when_it_is_back);
	tcase_add_test(tc, who_is_reported_long_after_a_start_is_announced);
	tcase_add_test(tc, who_is_away_for_a_shorter_time_goes_first);
	tcase_add_test(tc, a_reminder_must_name_clients);
	return run_tests(tc);
}
