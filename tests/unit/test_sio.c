/* Namespaces: how sockets begin and end. */

#include "tests/unit/sio_fixture.h"

START_TEST(a_connect_is_answered_with_a_sid_of_its_own_and_events_may_follow_at_once)
{
	struct eio_session *s = dial(&ws);
	char session_sid[EIO_SID_TEXT + 1], expected[200];

	says(s, "40");
	snprintf(expected, sizeof(expected), "40{\"sid\":\"%s\"}|42[\"auth\",{}]",
	    sio_socket_id(client->sockets));
	ck_assert_str_eq(ws.out.text, expected);
	eio_sid_format(eio_session_sid(s), session_sid);
	ck_assert_str_ne(sio_socket_id(client->sockets), session_sid);
	ck_assert(sio_client_data(client) == &heard);
}
END_TEST

START_TEST(each_namespace_has_its_own_socket_and_sid)
{
	struct eio_session *s = dial(&ws);

	says(s, "40{\"token\":\"123\"}");
	forget(&ws.out);
	says(s, "40/graph,{\"since\":1.0}");
	ck_assert_int_eq(strncmp(ws.out.text, "40/graph,{\"sid\":\"", 17), 0);
	ck_assert_ptr_nonnull(strstr(ws.out.text, "|42/graph,[\"auth\",{\"since\":1.0}]"));
	ck_assert_str_ne(sio_socket_id(client->sockets), sio_socket_id(client->sockets->next));
	ck_assert_str_eq(heard.text, "{\"token\":\"123\"}|{\"since\":1.0}");
}
END_TEST

START_TEST(an_unknown_namespace_gets_an_error_and_the_connection_stays)
{
	struct eio_session *s = dial(&ws);

	says(s, "40/random");
	ck_assert_str_eq(ws.out.text, "44/random,{\"message\":\"Invalid namespace\"}");
	ck_assert_uint_eq(connects, 0);
	says(s, "40");
}
END_TEST

START_TEST(a_refusal_carries_message_and_data_and_the_connection_stays)
{
	struct eio_session *s = dial(&ws);

	refusal = "Session not found";
	says(s, "40/graph,{}");
	ck_assert_str_eq(ws.out.text,
	    "44/graph,{\"message\":\"Session not found\","
	    "\"data\":{\"code\":\"INVALID_SESSION\"}}");
	refusal = NULL;
	says(s, "40/graph,{}"); /* another try is allowed */
	ck_assert_uint_eq(connects, 2);
}
END_TEST

START_TEST(a_connect_may_be_answered_later)
{
	struct eio_session *s = dial(&ws);

	says(s, "40/later");
	ck_assert_uint_eq(ws.out.parts, 0);
	ck_assert_ptr_null(sio_websocket(waiting));
	sio_accept(waiting, (struct span){ 0 });
	sio_accept(waiting, (struct span){ 0 }); /* twice is once */
	ck_assert_int_eq(strncmp(ws.out.text, "40/later,{\"sid\":", 16), 0);
	ck_assert_uint_eq(ws.out.parts, 1);
	ck_assert_ptr_eq(sio_websocket(waiting), &ws);
	says(s, "42/later,[\"a\"]");
}
END_TEST

START_TEST(whoever_answers_or_connects_again_before_its_connect_is_answered_is_closed)
{
	static const char *const early[] = { "43/later,1[]", "40/later" };

	for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++) {
		struct eio_session *s = dial(&ws);

		says(s, "40/later");
		ck_assert(!ws_text(s, &ws, early[i], START_MS));
		ck_assert(ws.is_closed);
	}
}
END_TEST

START_TEST(a_socket_that_ends_before_its_answer_is_reported_and_a_late_answer_is_nothing)
{
	struct eio_session *s = dial(&ws);
	struct sio_socket *late;

	says(s, "40/later");
	late = waiting;
	says(s, "41/later");
	ck_assert_str_eq(heard.text, "{}|client namespace disconnect");
	sio_accept(late, (struct span){ 0 });
	says(s, "40/later");
	late = waiting;
	eio_ws_closed(s, &ws, EIO_TRANSPORT_CLOSE, START_MS);
	sio_refuse(late, "no", (struct span){ 0 });
	ck_assert_uint_eq(ws.out.parts, 0);
	ck_assert_uint_eq(disconnects, 2);
}
END_TEST

START_TEST(the_reply_has_a_pid_only_when_the_application_gives_one_and_a_sid_can_be_restored)
{
	struct eio_session *s = dial(&ws);

	pid = "private";
	says(s, "40");
	ck_assert_ptr_nonnull(strstr(ws.out.text, "\",\"pid\":\"private\"}|"));
	says(s, "40/later,{\"pid\":\"p\",\"offset\":\"s:7\"}");
	forget(&ws.out);
	ck_assert(!sio_set_id(waiting, SPAN("short")));
	ck_assert(sio_set_id(waiting, SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAA")));
	sio_accept(waiting, SPAN("p"));
	ck_assert_str_eq(
	    ws.out.text, "40/later,{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"pid\":\"p\"}");
}
END_TEST

START_TEST(packets_that_break_the_protocol_close_everything)
{
	static const char *const rows[] = { "", "abc", "7", "0", "0[]", "0null", "0\"x\"", "04",
		"2/graph,[\"a\"]", "1/graph", "3/graph,1[]", "2/nowhere,[\"a\"]",
		"4{\"message\":\"x\"}", "2", "2[]", "2{}", "2[null]", "2[\"connect\"]", "1{}",
		"2[\"a\"", "399999999999999999999[]", "2123456789012345678901234567890[\"a\"]",
		"511-[\"a\"]", "51000000000-[\"a\"]",
		"51-[\"a\",{\"_placeholder\":true,\"num\":1}]", "51-/graph,[\"a\"]", "5x-[\"a\"]",
		"51-[\"a\",\"\\ud800\"]", "1\"\\ud800\"" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct eio_session *s = join(&ws);
		char packet[256];

		snprintf(packet, sizeof(packet), "4%s", rows[i]);
		ck_assert_msg(!ws_text(s, &ws, packet, START_MS), "%s", packet);
		ck_assert(ws.is_closed);
		ck_assert_str_eq(heard.text, "parse error");
		ck_assert_uint_eq(ws.out.parts, 0);
		sio_tick(sio, START_MS);
	}
}
END_TEST

START_TEST(a_client_leaves_a_namespace_without_reply_and_the_engine_stays)
{
	struct eio_session *s = join(&ws);

	says(s, "41");
	ck_assert_str_eq(heard.text, "client namespace disconnect");
	ck_assert_uint_eq(ws.out.parts, 0);
	sio_tick(sio, START_MS + 25000);
	ck_assert_str_eq(ws.out.text, "2");
	ck_assert(ws_text(s, &ws, "3", START_MS + 25000));
	sio_tick(sio, START_MS + CONNECT_MS + 1); /* it had joined once: no connect timeout */
	ck_assert(!ws.is_closed);
	ck_assert(ws_text(s, &ws, "40", START_MS + CONNECT_MS + 1));
}
END_TEST

START_TEST(leaving_one_namespace_leaves_the_others_and_their_data)
{
	struct eio_session *s = join(&ws);
	struct sio_socket *root = client->sockets;
	void **data;

	says(s, "40/graph");
	data = sio_user(client->sockets);
	*data = &ws;
	ck_assert_ptr_ne(client->sockets, root);
	says(s, "41"); /* not the newest */
	ck_assert(!sio_is_connected(root));
	ck_assert_uint_eq(sio_next_deadline(sio), 0); /* to be freed */
	ck_assert_ptr_null(sio_websocket(root));
	ck_assert_ptr_eq(sio_user(client->sockets), data);
	ck_assert_ptr_eq(*data, &ws);
	sio_tick(sio, START_MS);
	ck_assert_uint_gt(sio_next_deadline(sio), START_MS);
	forget(&ws.out);
	says(s, "42/graph,[\"a\"]");
	ck_assert_str_eq(ws.out.text, "42/graph,[\"message-back\"]");
	ck_assert(!ws_text(s, &ws, "42[\"a\"]", START_MS)); /* not joined any more */
}
END_TEST

START_TEST(what_a_polling_client_has_not_fetched_is_counted)
{
	struct eio_sid sid = shake_hands(eio, START_MS);
	static struct fake_get get;
	struct sio_socket *s;
	size_t before;

	ck_assert_uint_eq(post(eio, &sid, "40", START_MS), 200);
	s = client->sockets;
	before = sio_queued_bytes(s);
	sio_ack(s, 1, SPAN("\"twelve bytes\""), NULL);
	ck_assert_uint_ge(sio_queued_bytes(s), before + 12);
	poll(eio, &sid, &get, START_MS);
	ck_assert_uint_eq(sio_queued_bytes(s), 0);
	sio_close(client);
	ck_assert_uint_eq(sio_queued_bytes(s), 0);
}
END_TEST

START_TEST(the_server_ends_a_client_with_all_its_sockets)
{
	struct eio_session *s = join(&ws);

	says(s, "40/graph");
	forget(&heard);
	ck_assert(!ws_text(s, &ws, "42[\"close\"]", START_MS));
	ck_assert(ws.is_closed);
	ck_assert_str_eq(heard.text, "close||forced server close|forced server close");
}
END_TEST

START_TEST(a_client_that_joins_nothing_is_closed_at_the_connect_timeout)
{
	static struct fake_ws other;
	struct eio_session *s, *t;

	s = dial(&ws);
	t = dial(&other);
	says(s, "40/later"); /* asked, but never answered */
	ck_assert(ws_text(t, &other, "40/random", START_MS));
	sio_tick(sio, START_MS + 25000);
	ck_assert(ws_text(s, &ws, "3", START_MS + 25000));
	ck_assert(ws_text(t, &other, "3", START_MS + 25000));
	ck_assert_uint_eq(sio_next_deadline(sio), START_MS + CONNECT_MS);
	sio_tick(sio, START_MS + CONNECT_MS - 1);
	ck_assert(!ws.is_closed && !other.is_closed);
	sio_tick(sio, START_MS + CONNECT_MS);
	ck_assert(ws.is_closed && other.is_closed);
	ck_assert_uint_eq(sio_next_deadline(sio), 0);
	sio_tick(sio, START_MS + CONNECT_MS);
	ck_assert_uint_eq(sio_next_deadline(sio), UINT64_MAX);
}
END_TEST

START_TEST(a_websocket_client_with_one_namespace_needs_at_most_200_bytes)
{
	join(&ws);
	ck_assert_ptr_null(client->waiting);
	ck_assert_ptr_null(client->partial);
	/* A session has 80 bytes, test_eio_upgrade says. */
	ck_assert_uint_le(sizeof(struct sio_client) + sizeof(struct sio_socket) + 80, 200);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(
	    tests, a_connect_is_answered_with_a_sid_of_its_own_and_events_may_follow_at_once);
	tcase_add_test(tests, each_namespace_has_its_own_socket_and_sid);
	tcase_add_test(tests, an_unknown_namespace_gets_an_error_and_the_connection_stays);
	tcase_add_test(tests, a_refusal_carries_message_and_data_and_the_connection_stays);
	tcase_add_test(tests, a_connect_may_be_answered_later);
	tcase_add_test(
	    tests, a_socket_that_ends_before_its_answer_is_reported_and_a_late_answer_is_nothing);
	tcase_add_test(tests,
	    the_reply_has_a_pid_only_when_the_application_gives_one_and_a_sid_can_be_restored);
	tcase_add_test(tests, packets_that_break_the_protocol_close_everything);
	tcase_add_test(tests, a_client_leaves_a_namespace_without_reply_and_the_engine_stays);
	tcase_add_test(tests, the_server_ends_a_client_with_all_its_sockets);
	tcase_add_test(tests, a_client_that_joins_nothing_is_closed_at_the_connect_timeout);
	tcase_add_test(tests, a_websocket_client_with_one_namespace_needs_at_most_200_bytes);
	tcase_add_test(tests, leaving_one_namespace_leaves_the_others_and_their_data);
	tcase_add_test(tests, what_a_polling_client_has_not_fetched_is_counted);
	tcase_add_test(
	    tests, whoever_answers_or_connects_again_before_its_connect_is_answered_is_closed);
	return run_tests(tests);
}
