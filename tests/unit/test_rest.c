#include "tests/unit/rest_fixture.h"

#include "common/json.h"

static void
set_up(void)
{
	start_rest(&(struct rest_settings){ .cors.allow_any = true });
}

#define API "/api/v1"
#define S API "/sessions/" SESSION
#define P API "/projects/" PROJECT

/* What a request becomes. */
static const struct {
	const char *method, *target, *fields, *body;
	const char *command, *session, *args;
	int status;
} rows[] = {
	{ "POST", API "/sessions", "", "", "CreateSession", "", "{}", 201 },
	{ "GET", API "/sessions?limit=5&cursor=a%20b&other=1", "", "", "ListSessions", "",
	    "{\"limit\":5,\"cursor\":\"a b\"}", 200 },
	{ "GET", S, "", "", "GetSession", SESSION, "{}", 200 },
	{ "GET", S "/info", "", "", "GetSession", SESSION, "{}", 200 },
	{ "DELETE", S, "", "", "EndSession", SESSION, "{}", 200 },
	{ "POST", API "/sessions/cleanup", "", "{\"max_inactive_hours\":1.5}", "CleanupSessions",
	    "", "{\"max_inactive_hours\":1.5}", 200 },
	{ "POST", API "/projects", "", " {\"template_id\":\"book\",\"project_name\":\"a\"} ",
	    "CreateProject", "", "{\"template_id\":\"book\",\"project_name\":\"a\"}", 201 },
	{ "GET", P, "", "", "GetProject", "", "{\"project_id\":\"" PROJECT "\"}", 200 },
	{ "POST", P "/save", "If-Match: \"1\", W/\"2\",,\"x,3\" ,\"7\",\"05\"\r\n",
	    "{\"if_revision\":1,\"project_id\":\"other\",\"x\":[1, 2]}", "SaveProject", "",
	    "{\"project_id\":\"" PROJECT "\",\"if_match\":[1,7],\"x\":[1, 2]}", 200 },
	{ "POST", S "/save", "If-Match: *\r\n", "", "SaveProject", SESSION,
	    "{\"if_match\":[\"*\"]}", 200 },
	{ "GET", P "/graph/nodes/" NODE, "", "", "GetNode", "",
	    "{\"project_id\":\"" PROJECT "\",\"node_id\":\"" NODE "\"}", 200 },
	{ "POST", P "/graph/search", "", "{\"te\\u0078t\":\"a\"}", "SearchNodes", "",
	    "{\"project_id\":\"" PROJECT "\",\"text\":\"a\"}", 200 },
	{ "GET", S "/graph/tree?depth=2&at=9&node_id=" NODE, "", "", "GetTree", SESSION,
	    "{\"node_id\":\"" NODE "\",\"depth\":2,\"at\":9}", 200 },
	{ "GET", API "/graph?session_id=" SESSION, "", "", "GetTree", SESSION, "{}", 200 },
	{ "GET", API "/graph", "X-Session-Id: " SESSION "\r\n", "", "GetTree", SESSION, "{}", 200 },
	{ "GET", S "/graph", "", "", "GetGraph", SESSION, "{}", 200 },
	{ "POST", S "/undo", "", "", "Undo", SESSION, "{}", 200 },
	{ "POST", S "/redo", "", "{\"command_id\":\"" NODE "\",\"scope\":\"mine\"}", "Redo",
	    SESSION, "{\"scope\":\"mine\"}", 200 },
	{ "GET", S "/events?since=4&limit=10", "", "", "ListEvents", SESSION,
	    "{\"since\":4,\"limit\":10}", 200 },
	{ "GET", S "/events?since=4", "Last-Event-ID: 12\r\n", "", "ListEvents", SESSION,
	    "{\"since\":12,\"limit\":1000}", 200 },
	{ "GET", API "/templates/restomod/schema", "", "", "GetTemplate", "",
	    "{\"template_id\":\"restomod\"}", 200 },
	{ "POST", API "/projects/import?mode=strict", "", "{\"actor\":7}", "ImportProject", "",
	    "{\"file\":{\"actor\":7},\"mode\":\"strict\"}", 201 },
	{ "POST", API "/projects/import", "", "{\"file\":\"a: 1\"}", "ImportProject", "",
	    "{\"file\":\"a: 1\"}", 201 },
	{ "POST", API "/projects/import", "", "nodes:\n  a: \"b\"\n", "ImportProject", "",
	    "{\"file\":\"nodes:\\n  a: \\\"b\\\"\\n\"}", 201 },
	{ "POST", API "/commands/execute", "",
	    "{\"session_id\":\"" SESSION "\",\"command_type\":\"CreateNode\",\"data\":{\"a\":1}}",
	    "CreateNode", SESSION, "{\"a\":1}", 200 },
	{ "POST", API "/commands/execute", "X-Session-Id: " SESSION "\r\n",
	    "{\"command_type\":\"DeleteNode\"}", "DeleteNode", SESSION, "{}", 200 },
};

START_TEST(each_url_asks_what_its_row_says)
{
	struct asked q;
	const char *answer = fetch_through(&q, rows[_i].method, rows[_i].target, rows[_i].fields,
	    rows[_i].body, "OK", "{\"answered\":true}");
	struct span args = asked_at(&q, ASKED_ARGS);

	ck_assert_msg(asked_is(&q, rows[_i].command, rows[_i].session, rows[_i].args),
	    "%s %s: %.*s", rows[_i].method, rows[_i].target, (int)args.n, args.p);
	ck_assert_int_eq(status_of(answer), rows[_i].status);
	ck_assert_ptr_nonnull(strstr(answer, "{\"answered\":true}"));
	ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "Cache-Control: no-store\r\n"));
	frames_fini(&q.frames);
}
END_TEST

#define EXECUTE API "/commands/execute"
#define FIELD(name) "\"field\":\"" name "\""

/* What is refused without asking. */
static const struct {
	const char *method, *target, *fields, *body;
	int status;
	const char *says;
} refused[] = {
	{ "GET", API "/nothing", "", "", 404, "\"NOT_FOUND\"" },
	{ "GET", API "/sessions/7", "", "", 404, "\"message\":\"Session not found\"" },
	{ "GET", API "/projects/7", "", "", 404, "\"PROJECT_NOT_FOUND\"" },
	{ "PUT", API "/sessions", "", "{}", 405, "Allow: GET, HEAD, POST, OPTIONS\r\n" },
	{ "POST", API "/projects", "", "", 400, "JSON_TRUNCATED" },
	{ "POST", API "/projects", "", "[]", 400, "must be a JSON object, not array" },
	{ "POST", API "/projects", "", "{\"a\":1} x", 400, "\"reason\":\"JSON_TRAILING\"" },
	{ "POST", API "/projects", "", "{\"a\":1e999}", 400, "JSON_NUMBER" },
	{ "POST", API "/projects", "", "{\"a\":\"\\u0000\"}", 400, "JSON_NUL" },
	{ "POST", API "/projects", "", "{\"a\":1,\"a\":2}", 400, "JSON_REPEATED" },
	{ "GET", API "/sessions?limit=x", "", "", 400, FIELD("limit") },
	{ "GET", API "/sessions?limit=-1", "", "", 400, FIELD("limit") },
	{ "GET", API "/sessions?cursor=%ff", "", "", 400, FIELD("cursor") },
	{ "GET", API "/graph", "", "", 400, "Missing session_id" },
	{ "GET", API "/graph?session_id=7", "", "", 404, "INVALID_SESSION" },
	{ "POST", P "/save", "If-Match: 7\r\n", "", 400, FIELD("If-Match") },
	{ "POST", S "/save?actor=a%0ab", "", "", 400, FIELD("actor") },
	{ "GET", S "/events?since=x", "", "", 400, FIELD("since") },
	{ "GET", S "/events?limit=0", "", "", 400, FIELD("limit") },
	{ "GET", S "/events?names=other", "", "", 400, FIELD("names") },
	{ "GET", S "/events?subtree=", "", "", 400, FIELD("subtree") },
	{ "GET", S "/events?subtree=x", "", "", 400, FIELD("subtree") },
	{ "GET", "/ws?session_id=" SESSION, "", "", 404, "NOT_FOUND" },
	{ "POST", API "/projects/import", "", "", 400, FIELD("file") },
	{ "POST", EXECUTE, "", "", 400, "JSON_TRUNCATED" },
	{ "POST", EXECUTE, "", "{}", 400, FIELD("session_id") },
	{ "POST", EXECUTE, "", "{\"session_id\":7}", 400, FIELD("session_id") },
	{ "POST", EXECUTE, "", "{\"session_id\":\"7\"}", 404, "INVALID_SESSION" },
	{ "POST", API "/sessions", "", "null", 400, "must be a JSON object, not null" },
};

START_TEST(what_is_wrong_is_refused_by_name_and_nobody_is_asked)
{
	struct asked q;
	const char *answer =
	    fetch(refused[_i].method, refused[_i].target, refused[_i].fields, refused[_i].body);

	ck_assert_msg(status_of(answer) == refused[_i].status && strstr(answer, refused[_i].says),
	    "%s %s: %s", refused[_i].method, refused[_i].target, answer);
	ck_assert_ptr_nonnull(strstr(answer, "{\"error\":{\"code\":\""));
	ck_assert(!fake_asked(&q));
}
END_TEST

/* Commands whose session is known, and the field that is at fault. */
#define BODY(members) "{\"session_id\":\"" SESSION "\"" members "}"
#define CREATE(members) BODY(",\"command_type\":\"CreateNode\"," members)
static const struct {
	const char *target, *fields, *body, *says;
} refused_commands[] = {
	{ EXECUTE, "", BODY(""), FIELD("command_type") },
	{ EXECUTE, "", BODY(",\"command_type\":7"), FIELD("command_type") },
	{ EXECUTE, "", BODY(",\"command_type\":\"GetTree\""), "UNKNOWN_COMMAND" },
	{ EXECUTE, "", BODY(",\"command_type\":\"Undo\""), "UNKNOWN_COMMAND" },
	{ EXECUTE, "", CREATE("\"data\":[]"), FIELD("data") },
	{ EXECUTE, "", CREATE("\"command_id\":\"7\""), FIELD("command_id") },
	{ EXECUTE, "", CREATE("\"actor\":7"), FIELD("actor") },
	{ EXECUTE, "", CREATE("\"data\":{\"index\":1e999}"), "JSON_NUMBER" },
	{ S "/undo", "Idempotency-Key: \r\n", "", FIELD("Idempotency-Key") },
	{ S "/undo", "", "{\"actor\":7}", FIELD("actor") },
	{ S "/undo?actor=a%0ab", "", "", FIELD("actor") },
	{ S "/redo", "", "{\"client_id\":[]}", FIELD("client_id") },
	{ S "/redo", "", "{", "JSON_TRUNCATED" },
	{ S "/load-graph", "", "[]", "must be a JSON object" },
};

START_TEST(a_command_refused_here_brings_the_graph_of_its_session)
{
	char fields[100];
	struct asked q;
	const char *answer =
	    fetch_through(&q, "POST", refused_commands[_i].target, refused_commands[_i].fields,
		refused_commands[_i].body, "OK", "{\"graph\":{\"roots\":[]}}");

	ck_assert(asked_is(&q, "GetGraph", SESSION, "{}"));
	ck_assert_int_eq(status_of(answer), 400);
	ck_assert_ptr_nonnull(strstr(answer, refused_commands[_i].says));
	ck_assert_ptr_nonnull(strstr(answer, "\"graph\":{\"roots\":[]}"));
	frames_fini(&q.frames);
	/* Those who do not want it get the error alone, and nobody is asked. */
	snprintf(
	    fields, sizeof(fields), "Prefer: return=minimal\r\n%s", refused_commands[_i].fields);
	answer = fetch("POST", refused_commands[_i].target, fields, refused_commands[_i].body);
	ck_assert(!fake_asked(&q));
	ck_assert_ptr_nonnull(strstr(answer, refused_commands[_i].says));
}
END_TEST

static void
ignore_answer(void *arg, enum error status, struct span body)
{
	(void)arg;
	(void)status;
	(void)body;
}

START_TEST(what_is_refused_here_is_refused_for_that_however_busy_graphd_is)
{
	struct upstream_question q = { .command = COMMAND_get_dirty, .deadline_ms = 60000 };
	const char *answer;

	while (upstream_ask(upstream, &q, ignore_answer, NULL))
		;
	answer = fetch("POST", API "/commands/execute", "",
	    "{\"session_id\":\"" SESSION "\",\"command_type\":\"Undo\"}");
	ck_assert_int_eq(status_of(answer), 400);
	ck_assert_ptr_nonnull(strstr(answer, "UNKNOWN_COMMAND"));
	ck_assert_ptr_nonnull(strstr(fetch("GET", S, "", ""), "OVERLOADED"));
}
END_TEST

START_TEST(every_error_of_graphd_has_its_status_and_comes_as_it_is)
{
	static const char body[] =
	    "{\"error\":{\"code\":\"X\",\"message\":\"m\"},\"graph\":{\"roots\":[]}}";
	struct asked q;

	for (int i = 1; i < ERRORS; i++) {
		const char *answer =
		    fetch_through(&q, "POST", S "/undo", "", "", error_rows[i].code, body);
		int status = error_rows[i].status;
		ck_assert_int_eq(status_of(answer), status);
		ck_assert_ptr_nonnull(strstr(answer, body));
		ck_assert_int_eq(
		    strstr(answer, "Retry-After: 1\r\n") != NULL, status == 503 || status == 429);
		frames_fini(&q.frames);
	}
}
END_TEST

START_TEST(errors_are_problems_for_those_who_want_them)
{
	struct asked q;
	const char *answer = fetch_through(&q, "POST", S "/undo",
	    "Accept: application/problem+json\r\n", "", "UNDO_CONFLICT",
	    "{\"error\":{\"code\":\"UNDO_CONFLICT\",\"message\":\"m\"},\"graph\":{}}");

	ck_assert_int_eq(status_of(answer), 409);
	ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/problem+json\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\"status\":409"));
	ck_assert_ptr_nonnull(strstr(answer, "\"code\":\"UNDO_CONFLICT\""));
	ck_assert_ptr_nonnull(strstr(answer, "\"title\":\"Conflict\""));
	ck_assert_ptr_nonnull(strstr(answer, "\"detail\":\"m\""));
	ck_assert_ptr_nonnull(strstr(answer, "\"graph\":{}"));
	frames_fini(&q.frames);
}
END_TEST

START_TEST(the_caller_is_named_by_body_query_header_or_password)
{
	static const struct {
		const char *target, *fields, *body, *actor;
	} callers[] = {
		{ S "/undo?actor=query", "X-Actor: header\r\n", "{\"actor\":\"body\"}", "body" },
		{ S "/undo?actor=query", "X-Actor: header\r\n", "", "query" },
		{ S "/undo", "X-Actor: header\r\nAuthorization: Basic YW5uOnB3\r\n", "", "header" },
		{ S "/undo", "Authorization: Basic YW5uOnB3\r\n", "", "ann" },
	};
	char expected[64];
	struct asked q;

	for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++) {
		fetch_through(
		    &q, "POST", callers[i].target, callers[i].fields, callers[i].body, "OK", "{}");
		snprintf(expected, sizeof(expected), "\"actor\":\"%s\"", callers[i].actor);
		ck_assert_msg(caller_has(&q, expected), "%s", expected);
		frames_fini(&q.frames);
	}
}
END_TEST

START_TEST(keys_preferences_and_traces_are_passed_on)
{
	static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	char fields[300];
	struct asked q;
	const char *answer;

	snprintf(fields, sizeof(fields),
	    "Idempotency-Key: order 7\r\nPrefer: wait=5, return=minimal\r\ntraceparent: %s\r\n",
	    trace);
	answer = fetch_through(&q, "POST", S "/undo", fields, "{\"client_id\":\"c1\"}", "OK", "{}");
	ck_assert(caller_has(&q, "\"key\":\"order 7\""));
	ck_assert(!caller_has(&q, "key_is_command_id"));
	ck_assert(caller_has(&q, "\"minimal\":true"));
	ck_assert(caller_has(&q, trace));
	ck_assert(caller_has(&q, "\"client\":\"c1\""));
	ck_assert(caller_has(&q, "\"deadline_ms\":2000"));
	ck_assert_ptr_nonnull(strstr(answer, "Preference-Applied: return=minimal\r\n"));
	frames_fini(&q.frames);
	fetch_through(&q, "POST", API "/commands/execute", "traceparent: nonsense\r\n",
	    "{\"session_id\":\"" SESSION "\",\"command_type\":\"CreateNode\",\"command_id\":\"" NODE
	    "\"}",
	    "OK", "{}");
	ck_assert(caller_has(&q, "\"key\":\"" NODE "\""));
	ck_assert(caller_has(&q, "\"key_is_command_id\":true"));
	ck_assert(!caller_has(&q, "traceparent"));
	frames_fini(&q.frames);
}
END_TEST

#define HASH "0123456789abcdef0123456789abcdef"

START_TEST(a_tree_has_its_hash_as_tag_and_is_not_sent_to_those_who_know_it)
{
	static const char tree[] =
	    "{\"roots\":[{\"properties\":{\"state_hash\":\"no\"}}],\"seq\":1,"
	    "\"state_hash\":\"" HASH "\"}";
	struct asked q;
	const char *answer = fetch_through(&q, "GET", S "/graph/tree", "", "", "OK", tree);

	ck_assert_ptr_nonnull(strstr(answer, "ETag: \"" HASH "\"\r\n"));
	frames_fini(&q.frames);
	answer = fetch_through(
	    &q, "GET", S "/graph/tree", "If-None-Match: W/\"x\", \"" HASH "\"\r\n", "", "OK", tree);
	ck_assert_int_eq(status_of(answer), 304);
	ck_assert_ptr_null(strstr(answer, "roots"));
	ck_assert_uint_eq(count(answer, "Content-Length"), 1);
	ck_assert_uint_eq(atoi(strstr(answer, "Content-Length: ") + 16), sizeof(tree) - 1);
	frames_fini(&q.frames);
	answer =
	    fetch_through(&q, "GET", S "/graph/tree", "If-None-Match: \"x\"\r\n", "", "OK", tree);
	ck_assert_int_eq(status_of(answer), 200);
	frames_fini(&q.frames);
	answer = fetch_through(&q, "GET", P, "", "", "OK", "{\"revision\":12,\"graph\":{}}");
	ck_assert_ptr_nonnull(strstr(answer, "ETag: \"12\"\r\n"));
	frames_fini(&q.frames);
}
END_TEST

START_TEST(load_graph_answers_with_session_and_template_too)
{
	struct asked q;
	const char *answer = fetch_through(&q, "POST", S "/load-graph", "",
	    "{\"graph\":{\"roots\":[]},\"template_id\":\"other\"}", "OK",
	    "{\"success\":true,\"result\":{\"template_id\":\"book\"}}");

	ck_assert_ptr_nonnull(strstr(
	    answer, "{\"session_id\":\"" SESSION "\",\"template_id\":\"book\",\"success\":true,"));
	frames_fini(&q.frames);
	answer = fetch_through(
	    &q, "GET", P "/export?format=native", "", "", "OK", "{\"file\":{\"a\":1}}");
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n{\"a\":1}"));
	frames_fini(&q.frames);
}
END_TEST

START_TEST(only_a_whole_graph_may_be_nested_deeper_than_other_bodies)
{
	char body[2000] =
	    "{\"session_id\":\"" SESSION "\",\"command_type\":\"LoadGraph\",\"data\":{\"graph\":";
	struct asked q;
	const char *answer;

	for (int i = 0; i < 100; i++)
		strcat(body, "[");
	for (int i = 0; i < 100; i++)
		strcat(body, "]");
	strcat(body, "}}");
	fetch_through(&q, "POST", API "/commands/execute", "", body, "OK", "{}");
	ck_assert(span_is(asked_at(&q, ASKED_COMMAND), "LoadGraph"));
	frames_fini(&q.frames);
	memcpy(strstr(body, "LoadGraph"), "ApplyKit\"", 9);
	answer = fetch("POST", API "/commands/execute", "", body);
	ck_assert_int_eq(status_of(answer), 400);
	memcpy(strstr(body, "ApplyKit\"\""), "Otherwise", 9);
	answer = fetch("POST", API "/commands/execute", "", body);
	ck_assert_ptr_nonnull(strstr(answer, "JSON_DEPTH"));
}
END_TEST

START_TEST(an_answer_in_parts_is_one_answer)
{
	int fd = send_request("GET", S "/graph/tree", "", "");
	struct asked q;

	RUN_UNTIL(fake_asked(&q));
	fake_answer(&q, "PART", SPAN("{\"roots\":["));
	fake_answer(&q, "PART", SPAN("1,2"));
	fake_answer(&q, "OK", SPAN("]}"));
	hear_all(fd);
	ck_assert_ptr_nonnull(strstr(reading.text, "\r\n\r\n{\"roots\":[1,2]}"));
	frames_fini(&q.frames);
	close(fd);
}
END_TEST

START_TEST(health_and_metrics_need_no_graphd)
{
	ck_assert_ptr_nonnull(strstr(fetch("GET", "/health", "", ""), "{\"status\":\"ok\"}"));
	ck_assert_ptr_nonnull(strstr(fetch("GET", API "/health", "", ""), "{\"status\":\"ok\"}"));
	fetch("GET", "/metrics", "", "");
	ck_assert_ptr_nonnull(
	    strstr(reading.text, "gatewayd_http_responses_total{status=\"2xx\"} "));
	ck_assert_ptr_nonnull(strstr(reading.text, "# TYPE gatewayd_requests_in_flight gauge"));
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("rest");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, stop_rest);
	tcase_add_loop_test(t, each_url_asks_what_its_row_says, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_loop_test(t, what_is_wrong_is_refused_by_name_and_nobody_is_asked, 0,
	    sizeof(refused) / sizeof(*refused));
	tcase_add_loop_test(t, a_command_refused_here_brings_the_graph_of_its_session, 0,
	    sizeof(refused_commands) / sizeof(*refused_commands));
	tcase_add_test(t, what_is_refused_here_is_refused_for_that_however_busy_graphd_is);
	tcase_add_test(t, every_error_of_graphd_has_its_status_and_comes_as_it_is);
	tcase_add_test(t, errors_are_problems_for_those_who_want_them);
	tcase_add_test(t, the_caller_is_named_by_body_query_header_or_password);
	tcase_add_test(t, keys_preferences_and_traces_are_passed_on);
	tcase_add_test(t, a_tree_has_its_hash_as_tag_and_is_not_sent_to_those_who_know_it);
	tcase_add_test(t, load_graph_answers_with_session_and_template_too);
	tcase_add_test(t, only_a_whole_graph_may_be_nested_deeper_than_other_bodies);
	tcase_add_test(t, an_answer_in_parts_is_one_answer);
	tcase_add_test(t, health_and_metrics_need_no_graphd);
	return run_tests(t);
}
