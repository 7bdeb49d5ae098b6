/* What plain WebSocket clients say, and how they are answered. */

#include "plain_fixture.h"

#include "common/limits.h"

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

int
main(void)
{
	TCase *t = tcase_create("graph_v1");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, commands_are_asked_for_and_answered_by_id);
	tcase_add_test(t, a_question_is_heard_and_its_answer_passed_on);
	tcase_add_test(t, an_answer_must_name_its_question);
	tcase_add_test(t, presence_is_passed_on_with_the_clients_id);
	tcase_add_loop_test(t, malformed_messages_are_answered_and_the_connection_stays, 0, 10);
	tcase_add_test(t, a_client_that_asks_too_much_at_once_is_told_so);
	tcase_add_test(t, a_client_that_goes_takes_its_questions_with_it);
	tcase_add_test(t, what_is_asked_before_the_join_is_answered_behind_it);
	tcase_add_test(t, too_much_before_the_join_is_refused);
	return run_tests(t);
}
