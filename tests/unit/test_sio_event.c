/* Events, acks and attachments. */

#include "tests/unit/sio_fixture.h"

START_TEST(arguments_come_back_byte_for_byte)
{
	struct eio_session *s = join(&ws);

	says(s, "42[\"message\",1,\"2\",{\"3\":[true]},1.0,1e3,\"\\u00e9\\/\"]");
	ck_assert_str_eq(
	    ws.out.text, "42[\"message-back\",1,\"2\",{\"3\":[true]},1.0,1e3,\"\\u00e9\\/\"]");
	forget(&ws.out);
	says(s, "42[\"mess\\u0061ge\"]");
	ck_assert_str_eq(ws.out.text, "42[\"message-back\"]");
	ck_assert_ptr_nonnull(strstr(heard.text, "|message|"));
}
END_TEST

START_TEST(an_event_with_an_id_is_acknowledged_with_it)
{
	struct eio_session *s = join(&ws);

	says(s, "42456[\"message\",1,\"2\",{\"3\":[false]}]");
	says(s, "420[\"message\"]");
	says(s, "429007199254740991[\"message\"]");
	ck_assert_str_eq(ws.out.text, "43456[1,\"2\",{\"3\":[false]}]|430[]|439007199254740991[]");
	says(s, "435[1]");
}
END_TEST

START_TEST(attachments_complete_binary_events_and_acks_in_order)
{
	struct eio_session *s = join(&ws);
	const char *two = "452-[\"message\",{\"_placeholder\":true,\"num\":0},"
			  "{\"_placeholder\":true,\"num\":1}]";

	says(s, two);
	ck_assert_uint_eq(heard.parts, 0);
	ck_assert(eio_ws_message(s, &ws, SPAN("one"), true, START_MS));
	says(s, "3"); /* a pong is another layer */
	ck_assert(eio_ws_message(s, &ws, SPAN("two"), true, START_MS));
	ck_assert_str_eq(ws.out.text,
	    "452-[\"message-back\",{\"_placeholder\":true,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":1}]|<one>|<two>");
	forget(&ws.out);
	says(s, "451-789[\"message\",{\"_placeholder\":true,\"num\":0}]");
	ck_assert(eio_ws_message(s, &ws, SPAN("x"), true, START_MS));
	ck_assert_str_eq(ws.out.text, "461-789[{\"_placeholder\":true,\"num\":0}]|<x>");
	forget(&heard);
	says(s, "461-5[{\"_placeholder\":true,\"num\":0}]");
	ck_assert(eio_ws_message(s, &ws, SPAN("y"), true, START_MS));
	ck_assert_str_eq(heard.text, "acked 5|{\"_placeholder\":true,\"num\":0}|y");
}
END_TEST

START_TEST(an_ack_beyond_our_bounds_is_told_by_its_fault)
{
	struct eio_session *s = join(&ws);

	forget(&heard);
	says(s, "435[1e400]");
	ck_assert_str_eq(heard.text, "acked 5|JSON_NUMBER");
	forget(&heard);
	says(s, "436[]");
	ck_assert_str_eq(heard.text, "acked 6|");
}
END_TEST

START_TEST(a_binary_event_without_attachments_is_whole)
{
	struct eio_session *s = join(&ws);

	says(s, "450-[\"message\",1]");
	says(s, "42[\"message\",2]");
	ck_assert_str_eq(ws.out.text, "42[\"message-back\",1]|42[\"message-back\",2]");
}
END_TEST

START_TEST(attachments_out_of_place_close_everything)
{
	struct eio_session *s = join(&ws);

	ck_assert(!eio_ws_message(s, &ws, SPAN("x"), true, START_MS));
	s = join(&ws);
	says(s, "451-[\"a\"]");
	ck_assert(!ws_text(s, &ws, "42[\"a\"]", START_MS));
	ck_assert_str_eq(heard.text, "parse error");
}
END_TEST

START_TEST(a_packet_with_its_attachments_is_bounded_by_max_payload)
{
	struct eio_session *s = join(&ws);
	char *half = calloc(1, 600000);

	says(s, "453-[\"a\"]");
	ck_assert(eio_ws_message(s, &ws, (struct span){ half, 600000 }, true, START_MS));
	ck_assert(!eio_ws_message(s, &ws, (struct span){ half, 600000 }, true, START_MS));
	ck_assert(ws.is_closed);
	free(half);
}
END_TEST

START_TEST(json_beyond_our_bounds_reaches_the_application_and_the_connection_stays)
{
	struct eio_session *s = join(&ws);

	says(s, "427[\"message\",\"\\ud800\"]");
	ck_assert_str_eq(heard.text, "JSON_SURROGATE||id 7");
	ck_assert_str_eq(ws.out.text, "437[]");
	forget(&ws.out);
	says(s, "435[\"\\ud800\"]");
	says(s, "40/graph,{\"a\":\"\\ud800\"}");
	ck_assert_str_eq(ws.out.text, "44/graph,{\"message\":\"Invalid auth\"}");
}
END_TEST

START_TEST(polling_and_the_upgrade_lose_no_event)
{
	static struct fake_get get;
	struct eio_sid sid = shake_hands(eio, START_MS);
	struct eio_session *s;

	ck_assert_uint_eq(post(eio, &sid,
			      "40\x1e"
			      "42[\"message\",1]",
			      START_MS),
	    200);
	s = attach(eio, &sid, &ws, START_MS);
	ck_assert_ptr_nonnull(
	    strstr(poll(eio, &sid, &get, START_MS), "^42[\"auth\",{}]^42[\"message-back\",1]"));
	says(s, "2probe");
	ck_assert_uint_eq(post(eio, &sid, "451-[\"message\"]", START_MS), 200);
	ck_assert_uint_eq(post(eio, &sid, "bAQID", START_MS), 200);
	says(s, "5");
	says(s, "42[\"message\",2]");
	ck_assert_str_eq(
	    ws.out.text, "3probe|451-[\"message-back\"]|<\1\2\3>|42[\"message-back\",2]");
}
END_TEST

START_TEST(one_encoding_serves_all_clients_of_a_namespace)
{
	enum { CLIENTS = 100 };
	static struct fake_ws all[CLIENTS];
	struct sio_message m = { .type = SIO_EVENT,
		.ns = SPAN("/"),
		.name = SPAN("graph:node-created"),
		.args = SPAN("{\"id\":1}"),
		.extra = SPAN("\"s:1\"") };
	struct shared_bytes *b = sio_encode(&m);

	for (unsigned i = 0; i < CLIENTS; i++) {
		join(&all[i]);
		sio_feed(client->sockets, b);
		ck_assert_str_eq(all[i].out.text, "42[\"graph:node-created\",{\"id\":1},\"s:1\"]");
	}
	ck_assert_uint_eq(b->refs, 1); /* the fake connections keep none */
	shared_bytes_unref(b);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio_event");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, arguments_come_back_byte_for_byte);
	tcase_add_test(tests, an_event_with_an_id_is_acknowledged_with_it);
	tcase_add_test(tests, attachments_complete_binary_events_and_acks_in_order);
	tcase_add_test(tests, a_binary_event_without_attachments_is_whole);
	tcase_add_test(tests, an_ack_beyond_our_bounds_is_told_by_its_fault);
	tcase_add_test(tests, attachments_out_of_place_close_everything);
	tcase_add_test(tests, a_packet_with_its_attachments_is_bounded_by_max_payload);
	tcase_add_test(
	    tests, json_beyond_our_bounds_reaches_the_application_and_the_connection_stays);
	tcase_add_test(tests, polling_and_the_upgrade_lose_no_event);
	tcase_add_test(tests, one_encoding_serves_all_clients_of_a_namespace);
	return run_tests(tests);
}
