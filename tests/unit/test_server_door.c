/* The door for requests: what graphd takes for one, in which forms, and how it answers the rest. */

#include "memory_server.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* [] [packed head] [arguments] */
static void
send_packed(const char *command, const struct uuid *session, const char *caller, const char *args)
{
	struct wire_packed head = { .id = SPAN("request1"),
		.session = *session,
		.command = span_of(command),
		.caller = span_of(caller) };
	struct json_out out = { 0 };

	wire_packed_put(&head, &out);
	frames_send(f.asker.socket, SPAN(""), true);
	frames_send(f.asker.socket, json_out_span(&out), true);
	frames_send(f.asker.socket, span_of(args), false);
	json_out_fini(&out);
}

static void
expect_packed(const char *status, const char *part_of_body)
{
	struct frames frames;
	struct span id, told;

	ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
	ck_assert_uint_eq(frames.n, 3);
	ck_assert_uint_eq(frames_at(&frames, 0).n, 0);
	ck_assert(wire_answer_head_get(frames_at(&frames, 1), &id, &told));
	ck_assert(span_is(id, "request1"));
	ck_assert_msg(span_is(told, status), "%.*s", (int)told.n, told.p);
	ck_assert(memmem(
	    frames_at(&frames, 2).p, frames_at(&frames, 2).n, part_of_body, strlen(part_of_body)));
	frames_fini(&frames);
}

START_TEST(a_packed_request_is_answered_in_kind)
{
	static const struct uuid none;
	struct uuid unknown;

	send_packed("Hello", &none, "{}", "{\"gateway\":\"g\"}");
	expect_packed("OK", "\"boot_id\"");
	send_packed("CreateSession", &none, "", "{}");
	expect_packed("OK", "\"session_id\"");
	uuid_of_name(SPAN("nobody's"), &unknown);
	send_packed("GetTree", &unknown, "{}", "{}");
	expect_packed("INVALID_SESSION", "Session not found");
	send_packed("Nonsense", &none, "{}", "{}");
	expect_packed("UNKNOWN_COMMAND", "Nonsense");
	send_packed("Hello", &none, "[]", "{}");
	expect_packed("INVALID_REQUEST", "caller");
	send_packed("Hello", &none, "{}", "{");
	expect_packed("INVALID_REQUEST", "arguments");
}
END_TEST

START_TEST(a_packed_head_that_is_cut_short_is_dropped)
{
	struct wire_packed head = { .id = SPAN("request1"), .command = SPAN("Hello") };
	struct json_out out = { 0 };
	struct frames frames;

	wire_packed_put(&head, &out);
	for (size_t n = sizeof(WIRE_PACKED) - 1; n < out.n; n++) {
		frames_send(f.asker.socket, SPAN(""), true);
		frames_send(f.asker.socket, (struct span){ out.bytes, n }, true);
		frames_send(f.asker.socket, SPAN("{}"), false);
	}
	json_out_fini(&out);
	while (fixture_recv(&f, f.asker.socket, &frames, QUIET_MS)) {
		/* Two bytes of arguments may look like the id of a request in the long form. */
		ck_assert(span_is(frames_at(&frames, 3), "UNSUPPORTED_VERSION"));
		frames_fini(&frames);
	}
	client_expect(&f, "OK", "Hello", "", "", "{\"gateway\":\"g\"}");
}
END_TEST

START_TEST(a_plain_req_socket_gets_an_answer)
{
	void *req = client_new(&f, ZMQ_REQ, f.requests);
	struct frames frames;

	frames_send(req, SPAN(WIRE_PROTOCOL), true);
	frames_send(req, SPAN("one"), true);
	frames_send(req, SPAN("Hello"), true);
	frames_send(req, SPAN(""), true);
	frames_send(req, SPAN("{}"), true);
	frames_send(req, SPAN("{\"gateway\":\"g\"}"), false);
	ck_assert(fixture_recv(&f, req, &frames, 5000));
	ck_assert_uint_eq(frames.n, 4);
	ck_assert(span_is(frames_at(&frames, 0), WIRE_PROTOCOL));
	ck_assert(span_is(frames_at(&frames, 1), "one"));
	ck_assert(span_is(frames_at(&frames, 2), WIRE_STATUS_OK));
	frames_fini(&frames);
	zmq_close(req);
}
END_TEST

START_TEST(an_envelope_of_several_frames_is_given_back)
{
	static const char *const envelope[] = { "a", "bb", "ccc" };
	struct frames frames;

	for (int i = 0; i < 3; i++)
		frames_send(f.asker.socket, span_of(envelope[i]), true);
	client_send(&f.asker, "Hello", "", "", "{\"gateway\":\"g\"}");
	ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
	for (size_t i = 0; i < 3; i++)
		ck_assert(span_is(frames_at(&frames, i), envelope[i]));
	ck_assert_uint_eq(frames_at(&frames, 3).n, 0);
	frames_fini(&frames);
}
END_TEST

START_TEST(what_is_no_request_is_dropped_and_harms_nobody)
{
	struct frames frames;

	frames_send(f.asker.socket, SPAN("no empty frame"), false);
	frames_send(f.asker.socket, SPAN(""), false); /* nothing behind the envelope */
	frames_send(f.asker.socket, SPAN(""), true);
	frames_send(f.asker.socket, SPAN(WIRE_PROTOCOL), false); /* no request id */
	for (int i = 0; i < 200; i++)
		frames_send(f.asker.socket, SPAN("x"), i < 199);
	for (int i = 0; i < 2; i++)
		frames_send(f.asker.socket, (struct span){ f.directory, sizeof f.directory }, true);
	frames_send(f.asker.socket, SPAN("end"), false);
	ck_assert(!fixture_recv(&f, f.asker.socket, &frames, QUIET_MS));
	client_expect(&f, "OK", "Hello", "", "", "{\"gateway\":\"g\"}");
}
END_TEST

START_TEST(a_request_id_is_enough_to_be_told_what_is_wrong)
{
	static const struct {
		const char *protocol, *command, *session, *caller, *args, *status;
	} wrong[] = {
		{ "GRAPH/9", "Hello", "", "", "", "UNSUPPORTED_VERSION" },
		{ WIRE_PROTOCOL, "Nonsense", "", "", "", "UNKNOWN_COMMAND" },
		{ WIRE_PROTOCOL, "", "", "", "", "UNKNOWN_COMMAND" },
		{ WIRE_PROTOCOL, "GetTree", "no-uuid", "", "", "INVALID_SESSION" },
		{ WIRE_PROTOCOL, "GetTree", "00000000-0000-4000-8000-000000000001", "", "",
		    "INVALID_SESSION" },
		{ WIRE_PROTOCOL, "Hello", "", "[]", "", "INVALID_REQUEST" },
		{ WIRE_PROTOCOL, "Hello", "", "{\"actor\":5}", "", "INVALID_REQUEST" },
		{ WIRE_PROTOCOL, "Hello", "", "", "{", "INVALID_REQUEST" },
		{ WIRE_PROTOCOL, "Hello", "", "", "[1]", "INVALID_REQUEST" },
		{ WIRE_PROTOCOL, "Hello", "", "", "{\"gateway\":1e999}", "INVALID_REQUEST" },
		{ WIRE_PROTOCOL, "Hello", "", "", "{}", "INVALID_REQUEST" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct answer a;

		frames_send(f.asker.socket, SPAN(""), true);
		frames_send(f.asker.socket, span_of(wrong[i].protocol), true);
		frames_send(f.asker.socket, SPAN("7"), true);
		frames_send(f.asker.socket, span_of(wrong[i].command), true);
		frames_send(f.asker.socket, span_of(wrong[i].session), true);
		frames_send(f.asker.socket, span_of(wrong[i].caller), true);
		frames_send(f.asker.socket, span_of(wrong[i].args), false);
		a = client_await(&f, &f.asker);
		ck_assert_msg(
		    strcmp(a.status, wrong[i].status) == 0, "row %zu: %s %s", i, a.status, a.body);
		ck_assert_uint_eq(a.id, 7);
		ck_assert_ptr_nonnull(strstr(a.body, "{\"error\":{\"code\":"));
		answer_fini(&a);
	}
}
END_TEST

static void
send_with_id(size_t id_bytes)
{
	char id[LIMIT_REQUEST_ID_BYTES + 1];

	memset(id, 'i', sizeof id);
	frames_send(f.asker.socket, SPAN(""), true);
	frames_send(f.asker.socket, SPAN(WIRE_PROTOCOL), true);
	frames_send(f.asker.socket, (struct span){ id, id_bytes }, true);
	frames_send(f.asker.socket, SPAN("Hello"), true);
	frames_send(f.asker.socket, SPAN(""), true);
	frames_send(f.asker.socket, SPAN(""), true);
	frames_send(f.asker.socket, SPAN("{\"gateway\":\"g\"}"), false);
}

START_TEST(a_request_id_has_a_limit_in_bytes)
{
	struct frames frames;

	send_with_id(LIMIT_REQUEST_ID_BYTES + 1);
	ck_assert(!fixture_recv(&f, f.asker.socket, &frames, QUIET_MS));
	send_with_id(LIMIT_REQUEST_ID_BYTES);
	ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
	ck_assert_uint_eq(frames_at(&frames, 2).n, LIMIT_REQUEST_ID_BYTES);
	frames_fini(&frames);
}
END_TEST

START_TEST(what_is_no_acceptable_json_is_told_where_it_went_wrong)
{
	struct answer a = client_ask(&f, "Hello", "", "", "{\"gateway\":1e999}");

	ck_assert_str_eq(a.status, "INVALID_REQUEST");
	ck_assert_ptr_nonnull(
	    strstr(a.body, "\"details\":{\"fault\":\"JSON_NUMBER\",\"offset\":11}"));
	answer_fini(&a);
}
END_TEST

START_TEST(arguments_beyond_the_bound_are_refused_by_name)
{
	size_t n = LIMIT_BODY_BYTES + 100;
	char *args = malloc(n + 1);

	memset(args, ' ', n);
	args[0] = '{';
	args[n - 1] = '}';
	args[n] = '\0';
	client_expect(&f, "PAYLOAD_TOO_LARGE", "Hello", "", "", args);
	/* Files to import may be longer, but must be files. */
	client_expect(&f, "INVALID_REQUEST", "ImportProject", "", "", args);
	free(args);
}
END_TEST

/* However long graphd has to do with others: its word is waiting behind theirs. */
START_TEST(a_gateway_whose_word_waits_to_be_read_is_not_silent)
{
	enum { TURNS = 4, BEFORE = TURNS * LIMIT_TURN_REQUESTS + 50 };
	uint64_t now_ms = clock_now_ms(), wall_us = clock_wall_us();
	char session[64], root[64];
	struct answer a;

	make_project(&f, session, root);
	client_expect(&f, "OK", "Hello", "", "", "{\"gateway\":\"g\"}");
	client_expect(&f, "OK", "Join", session, "{\"gateway\":\"g\"}", "{\"client_id\":\"ann\"}");
	for (int i = 0; i < BEFORE; i++)
		client_send(&f.asker, "ListProjects", "", "", "{}");
	client_send(&f.asker, "Hello", "", "", "{\"gateway\":\"g\"}");
	usleep(100 * 1000);
	for (int i = 0; i < TURNS; i++) {
		now_ms += LIMIT_BUS_HEARTBEAT_MS;
		clock_set(now_ms, wall_us);
		loop_turn(f.loop, 0);
	}
	for (int i = 0; i <= BEFORE; i++) {
		a = client_await(&f, &f.asker);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
	}
	a = client_ask(&f, "ListClients", session, "", "{}");
	ck_assert_ptr_nonnull(strstr(a.body, "\"ann\""));
	answer_fini(&a);
	clock_set(0, 0);
}
END_TEST

int
main(void)
{
	TCase *door = tcase_create("server_door");

	tcase_add_checked_fixture(door, open_memory, close_it);
	tcase_set_timeout(door, 60);
	tcase_add_test(door, a_plain_req_socket_gets_an_answer);
	tcase_add_test(door, an_envelope_of_several_frames_is_given_back);
	tcase_add_test(door, what_is_no_request_is_dropped_and_harms_nobody);
	tcase_add_test(door, a_request_id_is_enough_to_be_told_what_is_wrong);
	tcase_add_test(door, a_request_id_has_a_limit_in_bytes);
	tcase_add_test(door, what_is_no_acceptable_json_is_told_where_it_went_wrong);
	tcase_add_test(door, arguments_beyond_the_bound_are_refused_by_name);
	tcase_add_test(door, a_packed_request_is_answered_in_kind);
	tcase_add_test(door, a_packed_head_that_is_cut_short_is_dropped);
	tcase_add_test(door, a_gateway_whose_word_waits_to_be_read_is_not_silent);
	return run_tests(door);
}
