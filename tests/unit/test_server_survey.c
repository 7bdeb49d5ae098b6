/* Requests that graphd answers when clients have: they wait, and nothing waits for them. */
#include "memory_server.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct client_socket gateway; /* reports for the clients */
static char session[64], root[64];
static void *tap;

static void
open_survey(void)
{
	open_memory();
	gateway = (struct client_socket){ client_new(&f, ZMQ_DEALER, f.requests), 0 };
	make_project(&f, session, root);
	tap = tap_new(&f, session);
}

static void
close_survey(void)
{
	zmq_close(tap);
	zmq_close(gateway.socket);
	close_it();
}

static void
report(const char *status, const char *command, const char *args)
{
	struct answer a;

	client_send(&gateway, command, session, "{\"gateway\":\"g\"}", args);
	a = client_await(&f, &gateway);
	ck_assert_msg(strcmp(a.status, status) == 0, "%s: %s %.200s", command, a.status, a.body);
	answer_fini(&a);
}

static void
join(const char *client_id)
{
	char args[64];

	snprintf(args, sizeof args, "{\"client_id\":\"%s\"}", client_id);
	report("OK", "Join", args);
	ck_assert_str_eq(tap_next(&f, tap, 1000).name, "session:connected");
}

/* Asks, and hears the event; its id. */
static void
put(const char *args, char ask_id[64])
{
	struct tapped heard;
	const char *at;

	client_send(&f.asker, "Ask", session, "", args);
	heard = tap_next(&f, tap, 1000);
	ck_assert_str_eq(heard.name, "ask");
	ck_assert_uint_eq(heard.flags, 0);
	at = strstr(heard.body, "\"ask_id\":\"");
	ck_assert_ptr_nonnull(at);
	snprintf(ask_id, 64, "%.36s", at + 10);
}

static void
answer(const char *ask_id, const char *client_id, const char *arguments)
{
	static char args[2 * LIMIT_ANSWER_BYTES];

	snprintf(args, sizeof args,
	    "{\"ask_id\":\"%s\",\"answers\":[{\"client_id\":\"%s\",\"arguments\":%s}]}", ask_id,
	    client_id, arguments);
	report("OK", "Answer", args);
}

static bool
is_quiet(void)
{
	struct frames frames;

	if (!fixture_recv(&f, f.asker.socket, &frames, QUIET_MS))
		return true;
	frames_fini(&frames);
	return false;
}

START_TEST(the_asker_is_answered_when_everybody_has)
{
	char ask_id[64];
	struct answer a;

	join("c1");
	join("c2");
	put("{\"event\":\"e\"}", ask_id);
	answer(ask_id, "c2", "[2]");
	ck_assert(is_quiet());
	answer(ask_id, "c1", "[1]");
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "OK");
	ck_assert_str_eq(a.body,
	    "{\"answers\":[{\"client_id\":\"c1\",\"actor\":null,\"data\":1},"
	    "{\"client_id\":\"c2\",\"actor\":null,\"data\":2}]}");
	answer_fini(&a);
}
END_TEST

START_TEST(the_time_of_each_is_kept)
{
	char ask_id[64];
	uint64_t began_ms = clock_now_ms();
	struct answer a;

	join("c1");
	client_send(&f.asker, "Ask", session, "", "{\"event\":\"e\",\"timeout_ms\":10000}");
	put("{\"event\":\"e\",\"timeout_ms\":150}", ask_id);
	a = client_await(&f, &f.asker);
	ck_assert_uint_eq(a.id, f.asker.asked);
	ck_assert_ptr_nonnull(strstr(a.body, "\"timed_out\":true"));
	ck_assert_uint_ge(clock_now_ms() - began_ms, 150);
	answer_fini(&a);
	report("OK", "Leave", "{\"client_id\":\"c1\"}");
	a = client_await(&f, &f.asker);
	ck_assert_uint_eq(a.id, f.asker.asked - 1);
	ck_assert_ptr_nonnull(strstr(a.body, "\"left\":true"));
	answer_fini(&a);
}
END_TEST

START_TEST(a_long_reply_comes_in_parts)
{
	enum { CLIENTS = LIMIT_PART_BYTES / LIMIT_ANSWER_BYTES + 2 };
	static char text[LIMIT_ANSWER_BYTES + 1];
	char ask_id[64], name[16];
	struct answer a;

	memset(text, '7', LIMIT_ANSWER_BYTES);
	memcpy(text, "[\"", 2);
	memcpy(text + LIMIT_ANSWER_BYTES - 2, "\"]", 2);
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof name, "c%d", i);
		join(name);
	}
	put("{\"event\":\"e\"}", ask_id);
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof name, "c%d", i);
		answer(ask_id, name, text);
	}
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "OK");
	ck_assert_uint_gt(a.parts, 1);
	ck_assert_ptr_nonnull(strstr(a.body, "\"client_id\":\"c9\""));
	answer_fini(&a);
}
END_TEST

/* The id of the next reply that is whole. */
static unsigned
next_whole(void)
{
	struct frames frames;
	unsigned id;
	bool is_part;

	do {
		ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
		id = (unsigned)atoi(frames_at(&frames, 2).p);
		is_part = span_is(frames_at(&frames, 3), WIRE_STATUS_PART);
		frames_fini(&frames);
	} while (is_part);
	return id;
}

START_TEST(clients_are_asked_while_the_graph_is_being_sent)
{
	char *args = big_graph();
	struct answer a = client_ask(&f, "LoadGraph", session, "{\"minimal\":true}", args);
	unsigned tree, info, question;

	ck_assert_str_eq(a.status, "OK");
	answer_fini(&a);
	tree = client_send(&f.asker, "GetTree", session, "", "");
	info = client_send(&f.asker, "GetSession", session, "", "");
	question = client_send(&f.asker, "Ask", session, "", "{\"event\":\"e\"}");
	/* Nobody is there to be asked, so the answer comes at once; the others keep their order. */
	ck_assert_uint_eq(next_whole(), question);
	ck_assert_uint_eq(next_whole(), tree);
	ck_assert_uint_eq(next_whole(), info);
	free(args);
}
END_TEST

START_TEST(draining_tells_who_still_waits)
{
	char ask_id[64];
	struct answer a;

	join("c1");
	put("{\"event\":\"e\",\"timeout_ms\":30000}", ask_id);
	server_drain(f.server);
	loop_run(f.loop); /* returns because all is settled */
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "BACKEND_UNAVAILABLE");
	answer_fini(&a);
}
END_TEST

START_TEST(an_end_with_questions_open_leaves_nothing_behind)
{
	char ask_id[64];

	join("c1");
	put("{\"event\":\"e\",\"timeout_ms\":30000}", ask_id);
}
END_TEST

START_TEST(an_answer_as_deep_as_a_client_may_give_is_taken)
{
	static char text[4 * LIMIT_JSON_DEPTH];
	char ask_id[64];
	struct answer a;

	/* The list of arguments and what stands in it. */
	memset(text, '[', LIMIT_JSON_DEPTH + 1);
	memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	join("c1");
	put("{\"event\":\"e\"}", ask_id);
	answer(ask_id, "c1", text);
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "OK");
	answer_fini(&a);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("server_survey");

	tcase_add_checked_fixture(tc, open_survey, close_survey);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_asker_is_answered_when_everybody_has);
	tcase_add_test(tc, the_time_of_each_is_kept);
	tcase_add_test(tc, a_long_reply_comes_in_parts);
	tcase_add_test(tc, clients_are_asked_while_the_graph_is_being_sent);
	tcase_add_test(tc, draining_tells_who_still_waits);
	tcase_add_test(tc, an_end_with_questions_open_leaves_nothing_behind);
	tcase_add_test(tc, an_answer_as_deep_as_a_client_may_give_is_taken);
	return run_tests(tc);
}
