/* Plain WebSocket clients between a hub and fake requests: what they get to see. */

#include "fake_http.h"
#include "hub_fixture.h"

#include "common/limits.h"
#include "gatewayd/transport.h"

#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static struct http_request request;
static int peer = -1;
static char
    got[READ_BYTES]; /* what the WebSocket client has read, frame heads taken out, one line each */

static void
setup(void)
{
	hub_setup();
	memset(&request, 0, sizeof request);
	peer = -1;
}

static void
teardown(void)
{
	fake_http_leave(&request);
	hub_teardown();
	if (peer >= 0)
		close(peer);
}

static void
send_text(const char *text)
{
	unsigned char frame[2 + 2 + 4 + 4096] = { 0x81 };
	size_t n = strlen(text), at = 2;

	frame[1] = (unsigned char)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[at++] = (unsigned char)(n >> 8);
		frame[at++] = (unsigned char)n;
	}
	memset(frame + at, 0, 4); /* a mask of zeros changes nothing */
	memcpy(frame + at + 4, text, n);
	ck_assert_int_eq(send(peer, frame, at + 4 + n, 0), (ssize_t)(at + 4 + n));
	turn();
	turn();
}

/* All frames that are there: text as a line, close as "close <code>". */
static const char *
read_frames(void)
{
	static unsigned char bytes[READ_BYTES];
	ssize_t n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
	size_t at = 0, to = 0;

	while (n > 0 && at + 2 <= (size_t)n) {
		unsigned opcode = bytes[at] & 15;
		size_t length = bytes[at + 1];

		at += 2;
		if (length == 126) {
			length = (size_t)bytes[at] << 8 | bytes[at + 1];
			at += 2;
		}
		if (opcode == 8)
			to += (size_t)snprintf(got + to, READ_BYTES - to, "close %d\n",
			    bytes[at] << 8 | bytes[at + 1]);
		else if (opcode == 1)
			to += (size_t)snprintf(
			    got + to, READ_BYTES - to, "%.*s\n", (int)length, (char *)bytes + at);
		at += length;
	}
	got[to] = '\0';
	return got;
}

/* A WebSocket client as far as its 101. */
static void
connect_ws(const char *events, enum names names)
{
	struct join j = {
		.session = session, .actor = SPAN("ann"), .events = span_of(events), .names = names
	};
	int ends[2];

	request.protocols = "graph.v0, graph.v1";
	transport_ws_accept(hub, &request, &j);
	ck_assert_int_eq(request.status, 101);
	ck_assert_str_eq(request.subprotocol, "graph.v1");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	peer = ends[1];
	request.taken(request.taken_arg, ends[0], (struct span){ 0 });
	turn();
}

/* What is left of the way in; its client_id. */
static const char *
join_in(void)
{
	static char id[UUID_TEXT + 1];
	struct fake_ask *a;

	sync_at(0);
	a = fake_open(&fake, COMMAND_join);
	ck_assert_ptr_nonnull(a);
	snprintf(id, sizeof id, "%s", a->client);
	connected(id, 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":true}");
	turn();
	return id;
}

static const char *
join_ws(const char *events, enum names names)
{
	connect_ws(events, names);
	return join_in();
}

START_TEST(a_websocket_client_hears_joined_then_itself_then_events)
{
	char expected[2048];
	char session_id[UUID_TEXT + 1], log[UUID_TEXT + 1];
	const char *id = join_ws(NULL, NAMES_COLON);

	uuid_format(&session, session_id);
	uuid_format(&log_id, log);
	say(EVENT_node_created, 1, WIRE_DURABLE, "{\"node_id\":7}");
	turn();
	snprintf(expected, sizeof expected,
	    "{\"event\":\"joined\",\"seq\":0,\"data\":{\"session_id\":\"%s\",\"client_id\":\"%s\","
	    "\"active_clients\":1,\"seq\":0,\"log_id\":\"%s\"}}\n"
	    "{\"event\":\"session:connected\",\"seq\":0,\"data\":{\"client_id\":\"%s\"}}\n"
	    "{\"event\":\"graph:node-created\",\"seq\":1,\"data\":{\"node_id\":7}}\n",
	    session_id, id, log, id);
	ck_assert_str_eq(read_frames(), expected);
}
END_TEST

START_TEST(dash_clients_hear_dash_names)
{
	join_ws(NULL, NAMES_DASH);
	read_frames();
	durable(1);
	say(EVENT_node_updated, 1, WIRE_DASH_ONLY, "{}");
	turn();
	ck_assert_str_eq(read_frames(),
	    "{\"event\":\"node-created\",\"seq\":1,\"data\":{}}\n{\"event\":\"node-updated\","
	    "\"seq\":1,\"data\":{}}\n");
}
END_TEST

START_TEST(a_filtered_client_gets_marks)
{
	join_ws("command:*", NAMES_COLON);
	read_frames();
	durable(1);
	pass(1000);
	ck_assert_ptr_nonnull(
	    strstr(read_frames(), "{\"event\":\"seq\",\"seq\":1,\"data\":{\"session_id\":\""));
}
END_TEST

START_TEST(commands_are_asked_for_and_answered_by_id)
{
	const char *id = join_ws(NULL, NAMES_COLON);
	struct fake_ask *a;

	read_frames();
	send_text("{\"id\":{\"a\":1},\"do\":\"execute\",\"command_type\":\"CreateNode\",\"data\":{"
		  "\"name\":\"x\"}}");
	a = fake_open(&fake, COMMAND_create_node);
	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(a->args, "{\"name\":\"x\"}");
	ck_assert_str_eq(a->client, id);
	ck_assert(uuid_equal(&a->session, &session));
	send_text("{\"id\":\"u\",\"do\":\"undo\",\"scope\":\"mine\"}");
	ck_assert_str_eq(fake_open(&fake, COMMAND_undo)->args, "{\"scope\":\"mine\"}");
	send_text("{\"do\":\"redo\"}");
	ck_assert_str_eq(fake_open(&fake, COMMAND_redo)->args, "{}");
	fake_answer(&fake, COMMAND_undo, ERROR_undo_conflict,
	    "{\"error\":{\"code\":\"UNDO_CONFLICT\"},\"graph\":{}}");
	fake_answer(&fake, COMMAND_create_node, OK, "{\"success\":true}");
	fake_answer(&fake, COMMAND_redo, ERROR_backend_unavailable, "");
	turn();
	ck_assert_str_eq(read_frames(),
	    "{\"id\":\"u\",\"error\":{\"code\":\"UNDO_CONFLICT\"}}\n{\"id\":{\"a\":1},\"ok\":{"
	    "\"success\":true}}\n"
	    "{\"id\":null,\"error\":{\"code\":\"BACKEND_UNAVAILABLE\",\"message\":\"The graph "
	    "server cannot be reached just now.\"}}\n");
}
END_TEST

static void
put_question(void)
{
	say(EVENT_ask, 3, 0,
	    "{\"ask_id\":\"99999999-8888-4777-8666-555555555555\",\"event\":\"really\","
	    "\"data\":{\"a\":1},\"timeout_ms\":5000,\"last\":9}");
	turn();
}

/* The number under which it was asked. */
static unsigned long
heard_question(void)
{
	static const char before[] = "{\"event\":\"ask\",\"seq\":3,\"data\":{\"ask\":";
	static const char behind[] =
	    ",\"event\":\"really\",\"data\":{\"a\":1},\"timeout_ms\":5000}}\n";
	char *end;
	unsigned long number;

	read_frames();
	ck_assert_msg(strncmp(got, before, strlen(before)) == 0, "%s", got);
	number = strtoul(got + strlen(before), &end, 10);
	ck_assert_str_eq(end, behind);
	return number;
}

START_TEST(a_question_is_heard_and_its_answer_passed_on)
{
	const char *id = join_ws("command:*", NAMES_COLON);
	char text[256], expected[256];
	unsigned long number;

	read_frames();
	put_question();
	number = heard_question();
	snprintf(
	    text, sizeof text, "{\"id\":7,\"do\":\"answer\",\"ask\":%lu,\"data\":[ 2]}", number);
	send_text(text);
	ck_assert_str_eq(read_frames(), "{\"id\":7,\"ok\":{}}\n");
	snprintf(expected, sizeof expected,
	    "{\"ask_id\":\"99999999-8888-4777-8666-555555555555\",\"answers\":[{\"client_id\":\"%"
	    "s\","
	    "\"arguments\":[[2]]}]}",
	    id);
	ck_assert_str_eq(fake_open(&fake, COMMAND_answer)->args, expected);
	send_text(text);
	ck_assert_ptr_nonnull(strstr(read_frames(),
	    "{\"id\":7,\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"No answer to that"));
	put_question();
	number = heard_question();
	snprintf(text, sizeof text, "{\"do\":\"answer\",\"ask\":%lu}", number);
	send_text(text);
	ck_assert_str_eq(read_frames(), "{\"id\":null,\"ok\":{}}\n");
	fake_answer(&fake, COMMAND_answer, OK, "{}");
	ck_assert_ptr_nonnull(
	    strstr(fake_open(&fake, COMMAND_answer)->args, "\"arguments\":[null]"));
}
END_TEST

START_TEST(an_answer_must_name_its_question)
{
	static const char *const wrong[] = { "", ",\"ask\":\"7\"", ",\"ask\":1.5",
		",\"ask\":null" };
	char text[128];

	join_ws(NULL, NAMES_COLON);
	read_frames();
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(text, sizeof text, "{\"id\":1,\"do\":\"answer\",\"data\":1%s}", wrong[i]);
		send_text(text);
		ck_assert_ptr_nonnull(strstr(read_frames(), "\"field\":\"ask\""));
	}
	send_text("{\"id\":1,\"do\":\"answer\",\"ask\":-1}");
	ck_assert_ptr_nonnull(strstr(read_frames(), "NOT_FOUND"));
}
END_TEST

START_TEST(presence_is_passed_on_with_the_clients_id)
{
	char expected[256];
	const char *id = join_ws(NULL, NAMES_COLON);

	send_text("{\"id\":1,\"do\":\"presence\",\"data\":{\"cursor\": [1, 2]}}");
	snprintf(
	    expected, sizeof expected, "{\"client_id\":\"%s\",\"data\":{\"cursor\":[1,2]}}", id);
	ck_assert_str_eq(fake_open(&fake, COMMAND_presence)->args, expected);
}
END_TEST

START_TEST(malformed_messages_are_answered_and_the_connection_stays)
{
	static const struct {
		const char *text, *answer;
	} bad[] = {
		{ "nonsense", "{\"id\":null,\"error\":{\"code\":\"INVALID_REQUEST\"" },
		{ "[1]", "{\"id\":null,\"error\":{\"code\":\"INVALID_REQUEST\"" },
		{ "{\"id\":1}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"do must" },
		{ "{\"id\":1,\"do\":5}", "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\"" },
		{ "{\"id\":1,\"do\":\"execute\"}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"Missing "
		    "command_type\"" },
		{ "{\"id\":1,\"do\":\"execute\",\"command_type\":\"GetTree\"}",
		    "{\"id\":1,\"error\":{\"code\":\"UNKNOWN_COMMAND\"" },
		{ "{\"id\":1,\"do\":\"execute\",\"command_type\":\"CreateNode\",\"data\":[]}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"data must" },
		{ "{\"id\":1,\"do\":\"execute\",\"command_type\":\"CreateNode\",\"command_id\":"
		  "\"x\"}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"command_id "
		    "must" },
		{ "{\"id\":1,\"do\":\"undo\",\"scope\":1}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"scope must" },
		{ "{\"id\":1,\"do\":\"presence\"}",
		    "{\"id\":1,\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"Missing "
		    "data\"" },
	};

	join_ws(NULL, NAMES_COLON);
	read_frames();
	send_text(bad[_i].text);
	read_frames();
	ck_assert_msg(
	    strncmp(got, bad[_i].answer, strlen(bad[_i].answer)) == 0, "%s: %s", bad[_i].text, got);
	send_text("{\"id\":9,\"do\":\"ping\"}");
	ck_assert_str_eq(read_frames(), "{\"id\":9,\"ok\":\"pong\"}\n");
	ck_assert_uint_eq(upstream_in_flight(&fake), 0);
}
END_TEST

START_TEST(a_client_that_asks_too_much_at_once_is_told_so)
{
	join_ws(NULL, NAMES_COLON);
	for (unsigned i = 0; i < LIMIT_ASKS_PER_CLIENT; i++)
		send_text("{\"id\":1,\"do\":\"undo\"}");
	read_frames();
	send_text("{\"id\":2,\"do\":\"undo\"}");
	ck_assert_ptr_nonnull(
	    strstr(read_frames(), "{\"id\":2,\"error\":{\"code\":\"OVERLOADED\""));
	fake_answer(&fake, COMMAND_undo, OK, "{}");
	send_text("{\"id\":3,\"do\":\"undo\"}");
	ck_assert_ptr_null(strstr(read_frames(), "\"id\":3"));
}
END_TEST

START_TEST(a_client_that_goes_takes_its_questions_with_it)
{
	join_ws(NULL, NAMES_COLON);
	send_text("{\"id\":1,\"do\":\"undo\"}");
	close(peer);
	peer = -1;
	turn();
	turn();
	ck_assert_ptr_null(fake_open(&fake, COMMAND_undo));
	ck_assert_uint_eq(fake_count(&fake, COMMAND_leave), 1);
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(an_unknown_session_is_said_and_closed_with_1008)
{
	connect_ws(NULL, NAMES_COLON);
	memset(&log_id, 0, sizeof log_id);
	sync_at(0);
	turn();
	ck_assert_str_eq(read_frames(),
	    "{\"id\":null,\"error\":{\"code\":\"INVALID_SESSION\",\"message\":\"Session not "
	    "found\"}}\nclose 1008\n");
}
END_TEST

START_TEST(without_graphd_a_client_shall_try_later)
{
	connect_ws(NULL, NAMES_COLON);
	pass(LIMIT_DEADLINE_MS + 1000);
	ck_assert_ptr_nonnull(strstr(read_frames(), "close 1013"));
}
END_TEST

START_TEST(what_is_asked_before_the_join_is_answered_behind_it)
{
	connect_ws(NULL, NAMES_COLON);
	send_text("{\"id\":1,\"do\":\"undo\"}");
	send_text("{\"id\":2,\"do\":\"ping\"}");
	ck_assert_str_eq(read_frames(), "");
	ck_assert_ptr_null(fake_open(&fake, COMMAND_undo));
	join_in();
	ck_assert_ptr_nonnull(fake_open(&fake, COMMAND_undo));
	ck_assert_ptr_nonnull(strstr(strstr(read_frames(), "\"joined\""), "{\"id\":2,\"ok\""));
}
END_TEST

START_TEST(too_much_before_the_join_is_refused)
{
	static char text[4096];
	size_t n = (size_t)snprintf(text, sizeof text, "{\"do\":\"undo\",\"x\":\"%04000d\"}", 0);

	connect_ws(NULL, NAMES_COLON);
	for (size_t kept = 0; kept + sizeof n + n <= LIMIT_QUEUE_BYTES; kept += sizeof n + n)
		send_text(text);
	ck_assert_ptr_null(strstr(read_frames(), "INVALID_STATE"));
	send_text(text);
	ck_assert_ptr_nonnull(strstr(read_frames(), "INVALID_STATE"));
}
END_TEST

START_TEST(the_end_of_the_session_closes_with_1000)
{
	join_ws(NULL, NAMES_COLON);
	read_frames();
	say(EVENT_session_closed, 1, WIRE_DURABLE, "{}");
	turn();
	turn();
	ck_assert_str_eq(
	    read_frames(), "{\"event\":\"session:closed\",\"seq\":1,\"data\":{}}\nclose 1000\n");
}
END_TEST

static void
on_drained(void *context)
{
	(void)context;
}

START_TEST(the_drain_closes_with_1012)
{
	join_ws(NULL, NAMES_COLON);
	read_frames();
	hub_drain(hub, 100, on_drained, NULL);
	pass(200);
	ck_assert_str_eq(read_frames(), "close 1012\n");
}
END_TEST

START_TEST(bad_joins_are_refused_before_the_upgrade)
{
	struct join j = { .events = SPAN("graph:*") };

	transport_ws_accept(hub, &request, &j);
	ck_assert_int_eq(request.status, 400);
	ck_assert_ptr_nonnull(
	    strstr(request.body, "\"message\":\"Missing session_id\",\"field\":\"session_id\""));
	request = (struct http_request){ 0 };
	j.session = session;
	j.events = SPAN("graph:*,nothing");
	transport_sse_accept(hub, &request, &j, false);
	ck_assert_int_eq(request.status, 400);
	ck_assert_ptr_nonnull(strstr(request.body, "\"field\":\"events\""));
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(a_peer_that_is_gone_before_its_upgrade_leaves_nothing)
{
	struct join j = { .session = session };

	transport_ws_accept(hub, &request, &j);
	request.taken(request.taken_arg, -1, (struct span){ 0 });
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("transport_ws");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_websocket_client_hears_joined_then_itself_then_events);
	tcase_add_test(t, dash_clients_hear_dash_names);
	tcase_add_test(t, a_filtered_client_gets_marks);
	tcase_add_test(t, commands_are_asked_for_and_answered_by_id);
	tcase_add_test(t, presence_is_passed_on_with_the_clients_id);
	tcase_add_test(t, a_question_is_heard_and_its_answer_passed_on);
	tcase_add_test(t, an_answer_must_name_its_question);
	tcase_add_loop_test(t, malformed_messages_are_answered_and_the_connection_stays, 0, 10);
	tcase_add_test(t, a_client_that_asks_too_much_at_once_is_told_so);
	tcase_add_test(t, a_client_that_goes_takes_its_questions_with_it);
	tcase_add_test(t, an_unknown_session_is_said_and_closed_with_1008);
	tcase_add_test(t, without_graphd_a_client_shall_try_later);
	tcase_add_test(t, what_is_asked_before_the_join_is_answered_behind_it);
	tcase_add_test(t, too_much_before_the_join_is_refused);
	tcase_add_test(t, the_end_of_the_session_closes_with_1000);
	tcase_add_test(t, the_drain_closes_with_1012);
	tcase_add_test(t, bad_joins_are_refused_before_the_upgrade);
	tcase_add_test(t, a_peer_that_is_gone_before_its_upgrade_leaves_nothing);
	return run_tests(t);
}
