/* Idempotency: a key is used once, whatever happens. */

#include "session_fixture.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/keys.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(a_repeated_key_gets_the_first_answer_and_does_nothing)
{
	char *first;
	size_t nodes;

	d->caller.minimal = true;
	d->caller.key = SPAN("once");
	first = xstrdup(ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}"));
	nodes = graph_count(session_of(d, &s)->graph);
	ask(d, COMMAND_create_node, &s, "{ 'blueprint_type_id' : 'phase' }");
	ck_assert_str_eq(d->body, first);
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), nodes);
	domain_restart(d);
	ck_assert_str_eq(ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}"), first);
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), nodes);
	d->caller.minimal = false;
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert_int_eq(memcmp(d->body, first, strlen(first) - 1), 0);
	ck_assert(at(d->body, "graph.roots.1.id").p);
	free(first);
}
END_TEST

START_TEST(a_key_used_for_something_else_is_refused)
{
	d->caller.key = SPAN("once");
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'task'}");
	ck_assert_int_eq(d->error, ERROR_idempotency_mismatch);
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_int_eq(d->error, ERROR_idempotency_mismatch);
	ck_assert_uint_eq(d->n_heard, 0);
}
END_TEST

START_TEST(a_refusal_is_remembered_under_its_key)
{
	const char *id = "11111111-1111-4111-8111-111111111111";

	d->caller.key = SPAN("once");
	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", id);
	ck_assert_int_eq(d->error, ERROR_node_not_found);
	d->caller.key = (struct span){ NULL, 0 };
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase','node_id':'%s'}", id);
	ck_assert_int_eq(d->error, OK);
	for (int i = 0; i < 3; i++) {
		d->caller.key = SPAN("once");
		ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", id);
		ck_assert_int_eq(d->error, ERROR_node_not_found);
		ck_assert_uint_eq(d->n_heard, 0);
		domain_unload(d);
	}
}
END_TEST

START_TEST(an_undo_that_found_nothing_to_do_does_nothing_when_it_is_repeated)
{
	char *first;
	size_t nodes;

	d->caller.minimal = true;
	d->caller.key = SPAN("once");
	first = xstrdup(ask(d, COMMAND_undo, &s, "{}"));
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(d->n_heard, 0);
	d->caller.key = (struct span){ NULL, 0 };
	make(d, &s, "phase", &root);
	nodes = graph_count(session_of(d, &s)->graph);
	domain_restart(d);
	d->caller.key = SPAN("once");
	ck_assert_str_eq(ask(d, COMMAND_undo, &s, "{}"), first);
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), nodes);
	free(first);
}
END_TEST

START_TEST(a_command_id_chosen_by_the_client_is_the_commands_id)
{
	const char *id = "\"22222222-2222-4222-8222-222222222222\"";

	d->caller.key = (struct span){ id + 1, UUID_TEXT };
	d->caller.key_is_command_id = true;
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert(at_is(d->body, "command_id", id));
	d->caller.key = SPAN("no id");
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ck_assert(at_is(d->body, "error.field", "\"command_id\""));
}
END_TEST

START_TEST(a_session_is_created_once_for_a_key_over_a_restart_too)
{
	struct uuid first, project;

	d->caller.key = SPAN("new");
	first = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");
	ck_assert(d->created);
	d->caller.key = SPAN("project");
	project =
	    id_at(ask(d, COMMAND_create_project, NULL, "{'template_id':'book','project_name':'B'}"),
		"project_id");
	for (int i = 0; i < 2; i++) {
		size_t n = sessions_count(d->sessions);
		struct uuid again;

		d->caller.key = SPAN("new");
		again = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");
		ck_assert(uuid_equal(&first, &again));
		d->caller.key = SPAN("project");
		again = id_at(ask(d, COMMAND_create_project, NULL,
				  "{'template_id':'book','project_name':'B'}"),
		    "project_id");
		ck_assert(uuid_equal(&project, &again));
		ck_assert(at(d->body, "graph.roots.0.id").p);
		ck_assert_uint_eq(sessions_count(d->sessions), n);
		domain_restart(d);
	}
	d->caller.actor = SPAN("somebody else");
	ask(d, COMMAND_create_session, NULL, "{}");
	ck_assert_int_eq(d->error, OK);
	ck_assert(d->created);
}
END_TEST

START_TEST(a_key_whose_commit_failed_counts_as_never_used)
{
	size_t n = sessions_count(d->sessions);

	d->caller.key = SPAN("new");
	ask_in_vain(d, COMMAND_create_session, NULL, SPAN("{}"));
	ck_assert_uint_eq(sessions_count(d->sessions), n);
	ask(d, COMMAND_create_session, NULL, "{}");
	ck_assert_int_eq(d->error, OK);
	ck_assert(d->created);
	ask_in_vain(d, COMMAND_create_node, &s, SPAN("{\"blueprint_type_id\":\"phase\"}"));
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), 2);
}
END_TEST

START_TEST(ending_a_session_twice_under_one_key_succeeds_twice)
{
	d->caller.key = SPAN("end");
	ask(d, COMMAND_end_session, &s, "{}");
	ck_assert_int_eq(d->error, OK);
	ck_assert_str_eq(heard_names(d), "session:closed");
	ask(d, COMMAND_end_session, &s, "{}");
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(d->n_heard, 0);
	d->caller.key = SPAN("again");
	ask(d, COMMAND_end_session, &s, "{}");
	ck_assert_int_eq(d->error, ERROR_invalid_session);
}
END_TEST

START_TEST(a_session_remembers_the_latest_refusals_only)
{
	char key[16];

	d->caller.minimal = true;
	for (int i = 0; i <= LIMIT_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		d->caller.key = span_of(key);
		ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&s));
		ck_assert_int_eq(d->error, ERROR_node_not_found);
	}
	d->caller.key = SPAN("k1");
	ask(d, COMMAND_redo, &s, "{}");
	ck_assert_int_eq(d->error, ERROR_idempotency_mismatch);
	d->caller.key = SPAN("k0");
	ask(d, COMMAND_redo, &s, "{}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

static struct uuid
create_under(const char *key)
{
	d->caller.key = span_of(key);
	return id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");
}

START_TEST(after_a_restart_the_oldest_key_is_forgotten_first)
{
	char key[16];
	struct uuid newest, again;

	for (int i = 0; i < LIMIT_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		newest = create_under(key);
	}
	domain_restart(d);
	create_under("one more");
	again = create_under(key);
	ck_assert(!d->created);
	ck_assert(uuid_equal(&newest, &again));
	create_under("k0");
	ck_assert(d->created);
}
END_TEST

START_TEST(keys_without_a_session_are_remembered_to_the_same_number)
{
	char key[16];

	for (int i = 0; i <= LIMIT_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		d->caller.key = span_of(key);
		ask(d, COMMAND_delete_project, NULL, "{'project_id':'%s'}", text_of(&s));
		ck_assert_int_eq(d->error, ERROR_project_not_found);
	}
	d->caller.key = SPAN("k1");
	ask(d, COMMAND_create_session, NULL, "{}");
	ck_assert_int_eq(d->error, ERROR_idempotency_mismatch);
	d->caller.key = SPAN("k0");
	ask(d, COMMAND_create_session, NULL, "{}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

/* Shares of a request until it is answered, all but the last unfinished. */
static size_t
shares_of(enum command command, struct span args)
{
	struct request request = { .command = command,
		.caller = d->caller,
		.args = args,
		.now_us = d->now_us,
		.now_ms = d->now_ms };
	struct outcome out;
	size_t n = 1;

	for (outcome_init(&out);; n++) {
		dispatch(d->dispatcher, &request, &out);
		if (!out.unfinished)
			break;
		ck_assert(!out.step && !out.created && out.body.n == 0);
		outcome_clear(&out);
	}
	ck_assert_int_eq(out.error, OK);
	d->created = out.created;
	take_outcome(d, &out);
	outcome_fini(&out);
	return n;
}

START_TEST(what_was_used_before_a_start_is_read_a_few_sessions_at_a_time)
{
	char key[16];

	for (int i = 0; i < 3 * KEYS_READ_AT_ONCE; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		create_under(key);
	}
	domain_restart(d);
	/* The newest are read first; one more session was there at the beginning. */
	ck_assert_uint_eq(shares_of(COMMAND_create_session, SPAN("{}")), 1);
	ck_assert(!d->created);
	d->caller.key = SPAN("k0");
	ck_assert_uint_eq(shares_of(COMMAND_create_session, SPAN("{}")), 2);
	ck_assert(!d->created);
	/* One that is used while others are read is there too. */
	d->caller.key = SPAN("new");
	ck_assert_uint_eq(shares_of(COMMAND_create_session, SPAN("{}")), 1);
	ck_assert(d->created);
	ck_assert_uint_eq(shares_of(COMMAND_create_session, SPAN("{}")), 1);
	ck_assert(!d->created);
}
END_TEST

static void
remember_big(struct keys *k, int number, size_t n)
{
	char *reply = xcalloc(n, 1), key[16];
	struct request request = { .caller.key = { key, 0 } };

	request.caller.key.n = (size_t)snprintf(key, sizeof(key), "b%d", number);
	keys_add(k, &request, &(struct remembered){ .request_hash = 1, .reply = { reply, n } });
	free(reply);
}

static bool
is_remembered(struct keys *k, const char *key)
{
	struct request request = { .caller.key = span_of(key), .command = COMMAND_create_session };
	struct remembered answer;
	enum key_state state;

	while ((state = keys_find(k, &request, NULL, &answer)) == KEY_UNREAD)
		;
	return state == KEY_USED;
}

START_TEST(keys_without_a_session_are_bounded_in_bytes_too_and_the_newest_stays)
{
	enum { BIG = 1024 * 1024, FIT = LIMIT_KEYS_BYTES / BIG - 1 }; /* the keys take some too */
	struct keys *k;

	create_under("stored");
	k = keys_new(d->sessions);
	for (int i = 0; i < FIT; i++)
		remember_big(k, i, BIG);
	ck_assert(is_remembered(k, "b0"));
	remember_big(k, FIT, BIG);
	ck_assert(!is_remembered(k, "b0"));
	ck_assert(is_remembered(k, "b1"));
	remember_big(k, FIT + 1, LIMIT_KEYS_BYTES + 1);
	ck_assert(!is_remembered(k, "b2"));
	ck_assert(is_remembered(k, "b32"));
	keys_free(k);
	/* What is read from the journal is older than all that. */
	k = keys_new(d->sessions);
	ck_assert(is_remembered(k, "stored"));
	keys_free(k);
	k = keys_new(d->sessions);
	remember_big(k, 0, LIMIT_KEYS_BYTES);
	ck_assert(!is_remembered(k, "stored"));
	ck_assert(is_remembered(k, "b0"));
	keys_free(k);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("keys");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_repeated_key_gets_the_first_answer_and_does_nothing);
	tcase_add_test(tc, a_key_used_for_something_else_is_refused);
	tcase_add_test(tc, a_refusal_is_remembered_under_its_key);
	tcase_add_test(tc, an_undo_that_found_nothing_to_do_does_nothing_when_it_is_repeated);
	tcase_add_test(tc, a_command_id_chosen_by_the_client_is_the_commands_id);
	tcase_add_test(tc, a_session_is_created_once_for_a_key_over_a_restart_too);
	tcase_add_test(tc, a_key_whose_commit_failed_counts_as_never_used);
	tcase_add_test(tc, ending_a_session_twice_under_one_key_succeeds_twice);
	tcase_add_test(tc, a_session_remembers_the_latest_refusals_only);
	tcase_add_test(tc, after_a_restart_the_oldest_key_is_forgotten_first);
	tcase_add_test(tc, keys_without_a_session_are_remembered_to_the_same_number);
	tcase_add_test(tc, what_was_used_before_a_start_is_read_a_few_sessions_at_a_time);
	tcase_add_test(tc, keys_without_a_session_are_bounded_in_bytes_too_and_the_newest_stays);
	return run_tests(tc);
}
