/* What may be asked of clients, of how many at a time, and how much they may answer. */

#include "survey_fixture.h"

#include "common/limits.h"
#include "graphd/clients.h"

#include <stdio.h>
#include <stdlib.h>

static void
refused(const char *args, enum error error, const char *field)
{
	char quoted[80];

	snprintf(quoted, sizeof quoted, "\"%s\"", field);
	ask(d, COMMAND_ask, &s, "%s", args);
	ck_assert_msg(
	    d->error == error && at_is(d->body, "error.field", quoted), "%s: %s", args, d->body);
	ck_assert_uint_eq(d->n_heard, 0);
}

START_TEST(names_that_clients_hear_already_cannot_be_asked)
{
	static const char *const wrong[] = { "", "connect", "connect_error", "disconnect",
		"disconnecting", "newListener", "removeListener", "joined", "left", "error", "pong",
		"seq", "a\\u0007b" };
	char args[256];

	join_as_ann("c1");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(args, sizeof args, "{'event':'%s'}", wrong[i]);
		refused(args, ERROR_invalid_request, "event");
	}
	for (int e = 0; e < EVENTS; e++) {
		snprintf(args, sizeof args, "{'event':'%s'}", event_rows[e].colon);
		refused(args, ERROR_invalid_request, "event");
		snprintf(args, sizeof args, "{'event':'%s'}", event_rows[e].dash);
		refused(args, ERROR_invalid_request, "event");
	}
	snprintf(args, sizeof args, "{'event':'%0*d'}", LIMIT_ASK_EVENT_BYTES + 1, 7);
	refused(args, ERROR_invalid_request, "event");
	snprintf(args, sizeof args, "{'event':'%0*d'}", LIMIT_ASK_EVENT_BYTES, 7);
	put(args);
}
END_TEST

START_TEST(the_time_and_the_data_are_bounded)
{
	static char args[LIMIT_ASK_BYTES + 100];

	join_as_ann("c1");
	refused("{'event':'e','timeout_ms':0}", ERROR_invalid_request, "timeout_ms");
	refused("{'event':'e','timeout_ms':-1}", ERROR_invalid_request, "timeout_ms");
	snprintf(args, sizeof args, "{'event':'e','timeout_ms':%d}", LIMIT_ASK_LONGEST_MS + 1);
	refused(args, ERROR_invalid_request, "timeout_ms");
	snprintf(args, sizeof args, "{'event':'e','timeout_ms':%d}", LIMIT_ASK_LONGEST_MS);
	put(args);
	put("{'event':'e','timeout_ms':1}");
	for (int n = LIMIT_ASK_BYTES; n <= LIMIT_ASK_BYTES + 1; n++) {
		snprintf(args, sizeof args, "{\"event\":\"e\",\"data\":\"%0*d\"}", n - 2, 7);
		ask_exactly(d, COMMAND_ask, &s, span_of(args));
		ck_assert_int_eq(d->error, n > LIMIT_ASK_BYTES ? ERROR_limit_value : OK);
	}
	ck_assert(at_is(d->body, "error.field", "\"data\""));
}
END_TEST

START_TEST(so_many_clients_are_being_asked_at_a_time)
{
	enum { EACH = LIMIT_CLIENTS_PER_SESSION, FULL = LIMIT_ASKED / EACH };
	struct client_facts facts = { .gateway = SPAN("g"), .actor = SPAN("") };
	struct clients *clients = clients_new(d->sessions, 0);
	struct session *session = session_of(d, &s);
	struct surveys *all = surveys_new();
	struct survey_wish w = { .session = session };
	struct uuid id;
	uint64_t last;
	char name[32];
	bool is_new;

	for (int i = 0; i < EACH; i++) {
		facts.client_id =
		    (struct span){ name, (size_t)snprintf(name, sizeof name, "c%d", i) };
		ck_assert_int_eq(clients_join(clients, session, &facts, &is_new), OK);
	}
	for (int i = 0; i < FULL; i++)
		ck_assert_int_eq(surveys_begin(all, &w, &id, &last), OK);
	w.client_id = SPAN("c1");
	ck_assert_int_eq(surveys_begin(all, &w, &id, &last), ERROR_too_many_asks);
	surveys_tick(all, 0);
	ck_assert_uint_eq(surveys_count(all), 0);
	ck_assert_int_eq(surveys_begin(all, &w, &id, &last), OK);
	surveys_free(all);
	clients_free(clients);
}
END_TEST

/* One answer of so many bytes, given straight to the module. */
static void
give(struct surveys *all, const struct uuid *session, const struct uuid *id, int client, size_t n)
{
	char name[32], *text = xmalloc(n);
	struct survey_answer a = { .arguments = { text, n } };

	a.client_id = (struct span){ name, (size_t)snprintf(name, sizeof name, "c%d", client) };
	memset(text, '7', n);
	text[0] = '[';
	text[n - 1] = ']';
	ck_assert(surveys_answer(all, session, id, &a));
	free(text);
}

static size_t
times(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

static size_t n_refused;

static void
count_refused(void *context, void *asker, enum error error, struct json_out *body)
{
	char *text = xspandup(json_out_span(body));

	(void)asker;
	ck_assert_int_eq(error, OK);
	n_refused += times(text, context);
	free(text);
}

START_TEST(answers_are_bounded_one_by_one_together_and_in_all)
{
	enum {
		FIT = LIMIT_ANSWERS_BYTES / LIMIT_ANSWER_BYTES,
		ASKS = LIMIT_ANSWERS_HELD_BYTES / LIMIT_ANSWERS_BYTES
	};
	struct surveys *all = surveys_new();
	struct survey_wish w = { .session = session_of(d, &s) };
	struct uuid ids[ASKS + 1];
	uint64_t last;
	char name[32];

	for (int i = 0; i < FIT + 2; i++) {
		snprintf(name, sizeof name, "c%d", i);
		join_as_ann(name);
	}
	surveys_on_over(all, count_refused, (char *)(uintptr_t) "LIMIT_VALUE");
	for (int i = 0; i <= ASKS; i++)
		ck_assert_int_eq(surveys_begin(all, &w, &ids[i], &last), OK);
	give(all, &s, &ids[0], 0, LIMIT_ANSWER_BYTES + 1);
	for (int i = 1; i < FIT + 2; i++)
		give(all, &s, &ids[0], i, LIMIT_ANSWER_BYTES);
	/* The one that is too long itself, and the one for which there was no room left. */
	ck_assert_uint_eq(n_refused, 2);
	n_refused = 0;
	ck_assert_int_eq(surveys_begin(all, &w, &ids[0], &last), OK);
	for (int i = 0; i < ASKS; i++)
		for (int j = 0; j < FIT; j++)
			give(all, &s, &ids[i], j, LIMIT_ANSWER_BYTES);
	surveys_on_over(all, count_refused, (char *)(uintptr_t) "OVERLOADED");
	give(all, &s, &ids[ASKS], 0, LIMIT_ANSWER_BYTES);
	surveys_tick(all, 0);
	ck_assert_uint_eq(n_refused, 1);
	surveys_free(all);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("surveys_limits");

	tcase_add_checked_fixture(tc, set_up_gateway, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, names_that_clients_hear_already_cannot_be_asked);
	tcase_add_test(tc, the_time_and_the_data_are_bounded);
	tcase_add_test(tc, so_many_clients_are_being_asked_at_a_time);
	tcase_add_test(tc, answers_are_bounded_one_by_one_together_and_in_all);
	return run_tests(tc);
}
