/* Plain WebSocket clients between a hub and fake requests: what they get to see. */

#include "plain_fixture.h"

#include "common/limits.h"

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
	tcase_add_test(t, an_unknown_session_is_said_and_closed_with_1008);
	tcase_add_test(t, without_graphd_a_client_shall_try_later);
	tcase_add_test(t, the_end_of_the_session_closes_with_1000);
	tcase_add_test(t, the_drain_closes_with_1012);
	tcase_add_test(t, bad_joins_are_refused_before_the_upgrade);
	tcase_add_test(t, a_peer_that_is_gone_before_its_upgrade_leaves_nothing);
	return run_tests(t);
}
