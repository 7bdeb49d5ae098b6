/* Streams and long polls between a hub and fake requests: what they get to see. */

#include "fake_http.h"
#include "hub_reading_fixture.h"

#include "common/limits.h"
#include "gatewayd/transport.h"

static struct http_request request;

static void
setup(void)
{
	hub_setup();
	memset(&request, 0, sizeof request);
}

static void
teardown(void)
{
	fake_http_leave(&request);
	hub_teardown();
}

static void
on_drained(void *context)
{
	(void)context;
}

/* SSE and NDJSON. */

static void
open_stream(bool ndjson, uint64_t since)
{
	struct join j = { .session = session, .has_since = since > 0, .since = since };

	transport_sse_accept(hub, &request, &j, ndjson);
	sync_at(2);
}

START_TEST(a_browser_gets_names_ids_and_data)
{
	open_stream(false, 2);
	ck_assert_int_eq(request.status, 200);
	ck_assert_str_eq(request.content_type, "text/event-stream");
	fake_http_pull(&request, 1000);
	ck_assert_int_eq(
	    strncmp(request.body, "retry: 1000\nevent: joined\ndata: {\"session_id\":", 46), 0);
	request.n = 0;
	say(EVENT_command_executing, 2, 0, "{\"a\":\n1}");
	durable(3);
	turn();
	ck_assert_uint_gt(request.wakes, 0);
	fake_http_pull(&request, 7); /* however small the pieces */
	ck_assert_str_eq(request.body,
	    "event: command:executing\ndata: {\"a\":1}\n\nid: 3\nevent: graph:node-created\ndata: "
	    "{}\n\n");
}
END_TEST

START_TEST(a_quiet_stream_says_something_now_and_then)
{
	open_stream(false, 2);
	fake_http_pull(&request, 1000);
	request.n = 0;
	pass(LIMIT_SSE_KEEPALIVE_MS - 100);
	fake_http_pull(&request, 1000);
	ck_assert_uint_eq(request.n, 0);
	pass(200);
	fake_http_pull(&request, 1000);
	ck_assert_str_eq(request.body, ":\n\n");
}
END_TEST

START_TEST(ndjson_is_one_object_a_line)
{
	open_stream(true, 1);
	answer_page(2, 2, 2, 1);
	turn();
	fake_http_pull(&request, 100);
	ck_assert_str_eq(request.content_type, "application/x-ndjson");
	ck_assert_ptr_nonnull(
	    strstr(request.body, "}\n{\"event\":\"graph:node-created\",\"seq\":2,\"data\":{}}\n"));
}
END_TEST

START_TEST(a_stream_ends_behind_the_last_event)
{
	open_stream(false, 2);
	say(EVENT_session_closed, 3, WIRE_DURABLE, "{}");
	turn();
	fake_http_pull(&request, 100);
	ck_assert(request.is_over);
	ck_assert_ptr_nonnull(strstr(request.body, "id: 3\nevent: session:closed\n"));
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(a_stream_that_is_not_pulled_from_is_not_queued_for)
{
	static char body[300 * 1024];
	uint64_t seq;

	open_stream(false, 2);
	memset(body, ' ', sizeof body - 1);
	body[0] = '[';
	body[sizeof body - 2] = ']';
	for (seq = 3; seq < 20; seq++) {
		say(EVENT_node_created, seq, WIRE_DURABLE, body);
		turn();
	}
	pass(LIMIT_STALLED_MS + 1000);
	ck_assert_uint_eq(hub_members(hub), 0);
	/* Its end would stand behind what it does not take. */
	ck_assert(request.is_cut);
}
END_TEST

START_TEST(a_stream_that_takes_nothing_is_cut_even_if_it_owes_little)
{
	open_stream(false, 2);
	fake_http_pull(&request, 4096);
	pass(LIMIT_SSE_KEEPALIVE_MS + 1000); /* quiet: a comment, which is not taken */
	ck_assert(!request.is_cut);
	pass(LIMIT_SSE_KEEPALIVE_MS + 1000);
	ck_assert(request.is_cut);
}
END_TEST

/* The event is on the stream before the comment is due, and the library is not at work until the
 * turn's timers have fired. */
START_TEST(an_event_at_the_time_of_a_comment_goes_out)
{
	open_stream(false, 2);
	fake_http_pull(&request, 4096);
	request.n = 0;
	pass(LIMIT_SSE_KEEPALIVE_MS - 50);
	durable(3);
	turn();
	pass(50);
	ck_assert(!request.is_cut);
	fake_http_pull(&request, 4096);
	ck_assert_str_eq(request.body, "id: 3\nevent: graph:node-created\ndata: {}\n\n");
	pass(LIMIT_SSE_KEEPALIVE_MS - 50);
	ck_assert(!request.is_cut);
}
END_TEST

START_TEST(a_stream_on_an_unknown_session_is_404)
{
	struct join j = { .session = session };

	transport_sse_accept(hub, &request, &j, false);
	memset(&log_id, 0, sizeof log_id);
	sync_at(0);
	ck_assert_int_eq(request.status, 404);
	ck_assert_ptr_nonnull(strstr(request.body, "Session not found"));
}
END_TEST

START_TEST(who_leaves_a_stream_is_out)
{
	open_stream(false, 2);
	fake_http_leave(&request);
	ck_assert_uint_eq(hub_members(hub), 0);
	durable(3);
	turn();
}
END_TEST

/* Long poll. */

static void
open_poll(uint64_t since, uint64_t wait_ms, const char *events, enum names names)
{
	struct join j = { .session = session,
		.has_since = true,
		.since = since,
		.events = span_of(events),
		.names = names };

	transport_poll_accept(hub, &request, &j, 10, wait_ms);
	sync_at(2);
}

START_TEST(a_poll_with_news_is_answered_at_once)
{
	open_poll(1, 1000, NULL, NAMES_DASH);
	answer_page(2, 2, 2, 1);
	ck_assert_int_eq(request.status, 200);
	ck_assert_str_eq(request.body,
	    "{\"events\":[{\"event\":\"node-created\",\"seq\":2,\"data\":{}}],\"seq\":2,\"first_"
	    "seq\":1,\"more\":false}");
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(a_poll_that_finds_no_place_for_its_question_is_told_so)
{
	fake.is_full = true;
	open_poll(0, 1000, NULL, NAMES_COLON);
	pass(100);
	ck_assert_int_eq(request.status, 503);
	ck_assert_uint_eq(hub_members(hub), 0);
	fake.is_full = false;
}
END_TEST

START_TEST(a_poll_without_news_waits_for_some)
{
	open_poll(2, 1000, NULL, NAMES_COLON);
	answer_page(1, 0, 2, 1);
	pass(500);
	ck_assert_int_eq(request.status, 0);
	say(EVENT_command_executing, 2, 0, "{}"); /* transient: no news */
	pass(100);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	durable(3);
	turn();
	turn();
	ck_assert_uint_eq(asked_since(), 2);
	answer_page(3, 3, 3, 1);
	ck_assert_int_eq(request.status, 200);
	ck_assert_ptr_nonnull(strstr(request.body, "\"seq\":3"));
}
END_TEST

START_TEST(a_poll_that_waited_in_vain_gets_an_empty_page)
{
	open_poll(2, 1000, NULL, NAMES_COLON);
	answer_page(1, 0, 2, 1);
	pass(950);
	ck_assert_int_eq(request.status, 0);
	pass(100);
	answer_page(1, 0, 2, 1);
	ck_assert_str_eq(request.body, "{\"events\":[],\"seq\":2,\"first_seq\":1,\"more\":false}");
}
END_TEST

START_TEST(a_filtered_poll_goes_on_behind_what_it_left_out)
{
	open_poll(1, 1000, "command:*", NAMES_COLON);
	answer_page(2, 2, 2, 1);
	ck_assert_int_eq(request.status, 0);
	say(EVENT_command_executed, 3, WIRE_DURABLE, "{}");
	turn();
	turn();
	ck_assert_uint_eq(asked_since(), 2);
	fake_answer(&fake, COMMAND_list_events, OK,
	    "{\"events\":[{\"event\":\"command:executed\",\"seq\":3,\"data\":{}}],\"seq\":3}");
	ck_assert_str_eq(request.body,
	    "{\"events\":[{\"event\":\"command:executed\",\"seq\":3,\"data\":{}}],\"seq\":3}");
}
END_TEST

static void
open_poll_of_part(uint64_t since, uint64_t wait_ms, char node)
{
	struct join j = {
		.session = session, .has_since = true, .since = since, .subtree = node_of(node)
	};

	transport_poll_accept(hub, &request, &j, 10, wait_ms);
	sync_at(2);
}

START_TEST(a_poll_of_a_part_is_woken_and_answered_by_that_part)
{
	open_poll_of_part(0, 1000, 'a');
	ck_assert(asked_for_paths());
	answer_page_at(1, (const char *const[]){ "b", "c" }, 2, 2);
	ck_assert_int_eq(request.status, 0);
	durable_at(3, "b");
	turn();
	turn();
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	durable_at(4, "xa");
	turn();
	turn();
	ck_assert_uint_eq(asked_since(), 2);
	answer_page_at(3, (const char *const[]){ "b", "xa" }, 2, 4);
	ck_assert_str_eq(request.body,
	    "{\"events\":[{\"event\":\"graph:node-created\",\"seq\":4,\"data\":{}}],\"seq\":4,"
	    "\"first_seq\":1,\"more\":false}");
}
END_TEST

START_TEST(a_cut_page_whose_end_was_filtered_out_ends_with_a_mark)
{
	char expected[256], id[UUID_TEXT + 1];

	open_poll(0, 0, "command:*", NAMES_COLON);
	fake_answer(&fake, COMMAND_list_events, OK,
	    "{\"events\":[{\"event\":\"command:executed\",\"seq\":1,\"data\":{}},{\"event\":"
	    "\"graph:node-created\",\"seq\":2,\"data\":{}}],\"seq\":9,\"more\":true}");
	uuid_format(&session, id);
	snprintf(expected, sizeof expected,
	    "{\"events\":[{\"event\":\"command:executed\",\"seq\":1,\"data\":{}},{\"event\":"
	    "\"seq\",\"seq\":2,\"data\":{\"session_id\":\"%s\",\"seq\":2}}],\"seq\":9,"
	    "\"more\":true}",
	    id);
	ck_assert_str_eq(request.body, expected);
}
END_TEST

START_TEST(a_poll_whose_session_ends_is_given_its_last_events)
{
	open_poll(2, 1000, NULL, NAMES_DASH);
	answer_page(1, 0, 2, 1);
	durable(3);
	say(EVENT_session_closed, 4, WIRE_DURABLE, "{\"reason\":\"deleted\"}");
	turn();
	ck_assert_int_eq(request.status, 200);
	ck_assert_str_eq(request.body,
	    "{\"events\":[{\"event\":\"node-created\",\"seq\":3,\"data\":{}},{\"event\":"
	    "\"session-closed\",\"seq\":4,\"data\":{\"reason\":\"deleted\"}}],\"seq\":4,"
	    "\"first_seq\":1,\"more\":false}");
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

START_TEST(a_poll_whose_session_ends_while_the_journal_is_read_gets_each_event_once)
{
	open_poll(1, 1000, NULL, NAMES_COLON);
	durable(3);
	say(EVENT_session_closed, 4, WIRE_DURABLE, "{}");
	turn();
	ck_assert_int_eq(request.status, 0);
	answer_page(2, 3, 3, 1);
	ck_assert_str_eq(request.body,
	    "{\"events\":[{\"event\":\"graph:node-created\",\"seq\":2,\"data\":{}},{\"event\":"
	    "\"graph:node-created\",\"seq\":3,\"data\":{}},{\"event\":\"session:closed\",\"seq\":4,"
	    "\"data\":{}}],\"seq\":4,\"first_seq\":1,\"more\":false}");
}
END_TEST

/* graphd ends it before it has read the question that the event before the last one woke. */
START_TEST(a_poll_whose_journal_is_gone_is_given_what_it_heard)
{
	open_poll(2, 1000, NULL, NAMES_COLON);
	answer_page(1, 0, 2, 1);
	durable(3);
	turn();
	turn();
	ck_assert_uint_eq(asked_since(), 2);
	fake_answer(&fake, COMMAND_list_events, ERROR_invalid_session, "");
	ck_assert_int_eq(request.status, 0);
	say(EVENT_session_closed, 4, WIRE_DURABLE, "{}");
	turn();
	ck_assert_int_eq(request.status, 200);
	ck_assert_ptr_nonnull(strstr(request.body, "\"seq\":3"));
	ck_assert_ptr_nonnull(strstr(request.body, "session:closed"));
}
END_TEST

START_TEST(a_poll_whose_session_is_gone_without_a_word_is_404_in_the_end)
{
	open_poll(2, 20000, NULL, NAMES_COLON);
	answer_page(1, 0, 2, 1);
	durable(3);
	turn();
	turn();
	fake_answer(&fake, COMMAND_list_events, ERROR_invalid_session, "");
	ck_assert_int_eq(request.status, 0);
	pass(1100);
	fake_answer(&fake, COMMAND_list_events, ERROR_invalid_session, "");
	ck_assert_int_eq(request.status, 404);
	ck_assert_uint_eq(hub_members(hub), 0);
}
END_TEST

/* A part of what came would be a gap. */
START_TEST(a_poll_that_heard_too_much_while_the_journal_was_read_is_404)
{
	static char body[300 * 1024];

	open_poll(2, 20000, NULL, NAMES_COLON);
	answer_page(1, 0, 2, 1);
	memset(body, ' ', sizeof body - 1);
	body[0] = '[';
	body[sizeof body - 2] = ']';
	for (uint64_t seq = 3; seq < 8; seq++) {
		say(EVENT_node_created, seq, WIRE_DURABLE, body);
		turn();
	}
	say(EVENT_session_closed, 8, WIRE_DURABLE, "{}");
	turn();
	ck_assert_int_eq(request.status, 404);
}
END_TEST

START_TEST(who_leaves_a_poll_is_out)
{
	open_poll(2, 1000, NULL, NAMES_COLON);
	fake_http_leave(&request);
	ck_assert_ptr_null(fake_open(&fake, COMMAND_list_events));
	ck_assert_uint_eq(hub_members(hub), 0);
	pass(2000);
}
END_TEST

START_TEST(the_drain_answers_polls_with_503)
{
	open_poll(2, 1000, NULL, NAMES_COLON);
	hub_drain(hub, 0, on_drained, NULL);
	pass(100);
	ck_assert_int_eq(request.status, 503);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("transport_http");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_browser_gets_names_ids_and_data);
	tcase_add_test(t, a_quiet_stream_says_something_now_and_then);
	tcase_add_test(t, ndjson_is_one_object_a_line);
	tcase_add_test(t, a_stream_ends_behind_the_last_event);
	tcase_add_test(t, a_stream_that_is_not_pulled_from_is_not_queued_for);
	tcase_add_test(t, a_stream_that_takes_nothing_is_cut_even_if_it_owes_little);
	tcase_add_test(t, an_event_at_the_time_of_a_comment_goes_out);
	tcase_add_test(t, a_stream_on_an_unknown_session_is_404);
	tcase_add_test(t, who_leaves_a_stream_is_out);
	tcase_add_test(t, a_poll_with_news_is_answered_at_once);
	tcase_add_test(t, a_poll_that_finds_no_place_for_its_question_is_told_so);
	tcase_add_test(t, a_poll_without_news_waits_for_some);
	tcase_add_test(t, a_poll_that_waited_in_vain_gets_an_empty_page);
	tcase_add_test(t, a_filtered_poll_goes_on_behind_what_it_left_out);
	tcase_add_test(t, a_poll_of_a_part_is_woken_and_answered_by_that_part);
	tcase_add_test(t, a_cut_page_whose_end_was_filtered_out_ends_with_a_mark);
	tcase_add_test(t, a_poll_whose_session_ends_is_given_its_last_events);
	tcase_add_test(t, a_poll_whose_session_ends_while_the_journal_is_read_gets_each_event_once);
	tcase_add_test(t, a_poll_whose_journal_is_gone_is_given_what_it_heard);
	tcase_add_test(t, a_poll_whose_session_is_gone_without_a_word_is_404_in_the_end);
	tcase_add_test(t, a_poll_that_heard_too_much_while_the_journal_was_read_is_404);
	tcase_add_test(t, who_leaves_a_poll_is_out);
	tcase_add_test(t, the_drain_answers_polls_with_503);
	return run_tests(t);
}
