#include "memory_server.h"

#include "common/loop.h"
#include "graphd/dispatch.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(a_command_is_heard_as_executing_then_its_changes_then_executed)
{
	char session[64], root[64];
	struct tapped t;
	void *tap;
	uint64_t seq;

	make_project(&f, session, root);
	tap = tap_new(&f, session);
	send_create(&f.asker, session, "Build");
	t = tap_next(&f, tap, 5000);
	ck_assert_str_eq(t.name, "command:executing");
	ck_assert_uint_eq(t.flags, 0);
	seq = t.seq;
	t = tap_next(&f, tap, 5000);
	ck_assert_str_eq(t.name, "graph:node-created");
	ck_assert_uint_eq(t.flags, WIRE_DURABLE);
	ck_assert_uint_eq(t.seq, seq + 1);
	ck_assert_ptr_nonnull(strstr(t.body, "\"name\":\"Build\""));
	t = tap_next(&f, tap, 5000);
	ck_assert_str_eq(t.name, "command:executed");
	ck_assert_uint_eq(t.seq, seq + 2);
	ck_assert_str_eq(tap_next(&f, tap, QUIET_MS).name, "");
	zmq_close(tap);
}
END_TEST

START_TEST(a_refused_command_is_heard_as_failed_and_raises_no_seq)
{
	char session[64], root[64];
	struct tapped t;
	void *tap;

	make_project(&f, session, root);
	tap = tap_new(&f, session);
	client_send(&f.asker, "DeleteNode", session, MINIMAL,
	    "{\"node_id\":\"00000000-0000-4000-8000-000000000001\"}");
	do
		t = tap_next(&f, tap, 5000);
	while (strcmp(t.name, "command:executing") == 0);
	ck_assert_str_eq(t.name, "command:failed");
	ck_assert_uint_eq(t.flags, 0);
	ck_assert_str_eq(tap_next(&f, tap, QUIET_MS).name, "");
	zmq_close(tap);
}
END_TEST

START_TEST(every_subscription_is_answered_with_a_sync)
{
	char session[64], root[64];
	void *taps[3];

	make_project(&f, session, root);
	/* tap_new() waits for its own sync: the second and third must get one too. */
	for (int i = 0; i < 3; i++)
		taps[i] = tap_new(&f, session);
	for (int i = 0; i < 3; i++)
		zmq_close(taps[i]);
	zmq_close(tap_new(&f, "00000000-0000-4000-8000-000000000001"));
}
END_TEST

START_TEST(a_session_hears_nothing_of_another)
{
	char one[64], other[64], root[64];
	void *tap;

	make_project(&f, one, root);
	make_project(&f, other, root);
	tap = tap_new(&f, one);
	send_create(&f.asker, other, "elsewhere");
	ck_assert_str_eq(tap_next(&f, tap, QUIET_MS).name, "");
	zmq_close(tap);
}
END_TEST

START_TEST(parents_are_told_of_only_where_somebody_listens)
{
	char session[64], root[64], topic[96], args[200];
	void *tap, *dash;
	struct tapped t;

	make_project(&f, session, root);
	snprintf(args, sizeof args, "{\"blueprint_type_id\":\"phase\",\"parent_id\":\"%s\"}", root);
	tap = tap_new(&f, session);
	client_expect(&f, "OK", "CreateNode", session, MINIMAL, args);
	for (int i = 0; i < 3; i++)
		ck_assert_str_ne(tap_next(&f, tap, 5000).name, "dash/node-updated");
	ck_assert_str_eq(tap_next(&f, tap, QUIET_MS).name, "");
	dash = client_new(&f, ZMQ_SUB, f.events);
	snprintf(topic, sizeof topic, "session_%s/dash/", session);
	zmq_setsockopt(dash, ZMQ_SUBSCRIBE, topic, strlen(topic));
	/* The dash subscription itself is not answered; the next event on it is the sign that it
	 * has arrived. */
	do
		client_expect(&f, "OK", "CreateNode", session, MINIMAL, args);
	while ((t = tap_next(&f, dash, 20)).name[0] == '\0');
	ck_assert_str_eq(t.name, "dash/node-updated");
	ck_assert_uint_eq(t.flags, WIRE_DASH_ONLY);
	ck_assert_ptr_nonnull(strstr(t.body, root));
	ck_assert_ptr_nonnull(strstr(t.body, "\"children\":[\""));
	zmq_close(dash);
	zmq_close(tap);
}
END_TEST

START_TEST(a_big_answer_comes_in_parts_and_others_are_served_meanwhile)
{
	char one[64], other[64], root[64], *args = big_graph();
	struct client_socket second = { client_new(&f, ZMQ_DEALER, f.requests), 0 };
	struct answer tree, create;
	struct frames frames;

	make_project(&f, one, root);
	make_project(&f, other, root);
	client_expect(&f, "OK", "LoadGraph", one, MINIMAL, args);
	client_send(&f.asker, "GetTree", one, "", "");
	ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
	ck_assert(span_is(frames_at(&frames, 3), WIRE_STATUS_PART));
	frames_fini(&frames);
	send_create(&second, other, "meanwhile");
	create = client_await(&f, &second);
	ck_assert_str_eq(create.status, "OK");
	tree = client_await(&f, &f.asker);
	ck_assert_str_eq(tree.status, "OK");
	ck_assert_uint_gt(tree.parts, 3);
	ck_assert_ptr_nonnull(strstr(tree.body, "000000020000"));
	answer_fini(&create);
	answer_fini(&tree);
	zmq_close(second.socket);
	free(args);
}
END_TEST

START_TEST(a_graph_does_not_change_while_it_is_being_sent)
{
	char session[64], root[64], *args = big_graph();
	struct answer tree, deleted;

	make_project(&f, session, root);
	client_expect(&f, "OK", "LoadGraph", session, MINIMAL, args);
	client_send(&f.asker, "GetTree", session, "", "");
	client_send(&f.asker, "DeleteNode", session, MINIMAL,
	    "{\"node_id\":\"00000000-0000-4000-8000-000000019999\"}");
	tree = client_await(&f, &f.asker);
	deleted = client_await(&f, &f.asker);
	ck_assert_uint_eq(tree.id + 1, deleted.id);
	ck_assert_ptr_nonnull(strstr(tree.body, "000000019999"));
	ck_assert_str_eq(deleted.status, "OK");
	answer_fini(&tree);
	answer_fini(&deleted);
	free(args);
}
END_TEST

START_TEST(a_requester_that_goes_away_ends_its_big_answer)
{
	char session[64], root[64], *args = big_graph();
	void *leaver = client_new(&f, ZMQ_DEALER, f.requests);
	struct client_socket c = { leaver, 0 };
	struct frames frames;

	make_project(&f, session, root);
	client_expect(&f, "OK", "LoadGraph", session, MINIMAL, args);
	client_send(&c, "GetTree", session, "", "");
	ck_assert(fixture_recv(&f, leaver, &frames, 5000));
	frames_fini(&frames);
	zmq_close(leaver);
	/* Would wait for ever if the answer still held the session. */
	client_expect(&f, "OK", "DeleteNode", session, MINIMAL,
	    "{\"node_id\":\"00000000-0000-4000-8000-000000019999\"}");
	free(args);
}
END_TEST

START_TEST(requests_that_come_together_are_answered_in_their_order)
{
	char session[64], root[64];

	make_project(&f, session, root);
	for (int i = 0; i < 1000; i++)
		send_create(&f.asker, session, "n");
	for (unsigned i = 0; i < 1000; i++) {
		struct answer a = client_await(&f, &f.asker);

		ck_assert_str_eq(a.status, "OK");
		ck_assert_uint_eq(a.id, i + 2);
		answer_fini(&a);
	}
}
END_TEST

START_TEST(a_repeat_under_the_same_key_gets_the_first_answer)
{
	char session[64], root[64];
	struct answer first, second;
	static const char caller[] = "{\"minimal\":true,\"key\":\"k1\"}";
	static const char args[] = "{\"blueprint_type_id\":\"phase\"}";

	make_project(&f, session, root);
	client_send(&f.asker, "CreateNode", session, caller, args);
	client_send(&f.asker, "CreateNode", session, caller, args);
	first = client_await(&f, &f.asker);
	second = client_await(&f, &f.asker);
	ck_assert_str_eq(first.body, second.body);
	answer_fini(&first);
	answer_fini(&second);
	client_expect(&f, "IDEMPOTENCY_MISMATCH", "CreateNode", session, caller,
	    "{\"blueprint_type_id\":\"job\"}");
}
END_TEST

START_TEST(an_ended_session_is_heard_of_and_then_unknown)
{
	char session[64], root[64];
	struct tapped t;
	void *tap;

	make_project(&f, session, root);
	tap = tap_new(&f, session);
	client_expect(&f, "OK", "EndSession", session, "", "{}");
	do
		t = tap_next(&f, tap, 5000);
	while (strcmp(t.name, "session:closed") != 0 && t.name[0]);
	ck_assert_str_eq(t.name, "session:closed");
	client_expect(&f, "INVALID_SESSION", "GetTree", session, "", "");
	zmq_close(tap);
}
END_TEST

static void
make_sessions(int n)
{
	for (int i = 0; i < n; i++)
		client_expect(&f, "OK", "CreateSession", "", "", "{}");
}

static void
check_removed(struct answer *a, const char *removed)
{
	ck_assert_str_eq(a->status, "OK");
	ck_assert_msg(strstr(a->body, removed) != NULL, "%s", a->body);
	answer_fini(a);
}

/* Turns the loop until a share of them has ended. */
static void
await_share(void)
{
	size_t before = sessions_count(f.sessions);

	while (sessions_count(f.sessions) == before)
		loop_turn(f.loop, 10);
	ck_assert_uint_eq(sessions_count(f.sessions), before - CLEANUP_AT_ONCE);
}

START_TEST(sessions_end_a_few_at_a_time_and_the_answer_counts_them_all)
{
	const char *args = "{\"max_inactive_hours\":0}", *key = "{\"key\":\"once\"}";
	unsigned other;

	make_sessions(2 * CLEANUP_AT_ONCE + 3);
	client_send(&f.asker, "CleanupSessions", "", key, args);
	await_share();
	client_send(&f.asker, "CleanupSessions", "", key, args);
	other = client_send(&f.asker, "CleanupSessions", "", "", args);
	await_share();
	for (int i = 0; i < 3; i++) {
		struct answer a = client_await(&f, &f.asker);

		check_removed(&a,
		    a.id == other ? "\"sessions_removed\":0,\"active_sessions\":0"
				  : "\"sessions_removed\":35,\"active_sessions\":0");
	}
}
END_TEST

START_TEST(draining_goes_on_until_a_cleanup_is_over)
{
	struct answer a;

	make_sessions(3 * CLEANUP_AT_ONCE);
	client_send(&f.asker, "CleanupSessions", "", "", "{\"max_inactive_hours\":0}");
	await_share();
	server_drain(f.server);
	loop_run(f.loop);
	a = client_await(&f, &f.asker);
	check_removed(&a, "\"sessions_removed\":48,\"active_sessions\":0");
}
END_TEST

START_TEST(draining_answers_what_has_come_and_stops_the_loop)
{
	char session[64], root[64];

	make_project(&f, session, root);
	for (int i = 0; i < 50; i++)
		send_create(&f.asker, session, "n");
	for (int i = 0; i < 50; i++) {
		struct answer a = client_await(&f, &f.asker);

		answer_fini(&a);
		if (i == 0)
			server_drain(f.server);
	}
	loop_run(f.loop); /* returns because all is settled */
	ck_assert(!server_has_failed(f.server));
}
END_TEST

int
main(void)
{
	TCase *served = tcase_create("server");

	tcase_add_checked_fixture(served, open_memory, close_it);
	tcase_set_timeout(served, 60);
	tcase_add_test(served, a_command_is_heard_as_executing_then_its_changes_then_executed);
	tcase_add_test(served, a_refused_command_is_heard_as_failed_and_raises_no_seq);
	tcase_add_test(served, every_subscription_is_answered_with_a_sync);
	tcase_add_test(served, a_session_hears_nothing_of_another);
	tcase_add_test(served, parents_are_told_of_only_where_somebody_listens);
	tcase_add_test(served, a_big_answer_comes_in_parts_and_others_are_served_meanwhile);
	tcase_add_test(served, a_graph_does_not_change_while_it_is_being_sent);
	tcase_add_test(served, a_requester_that_goes_away_ends_its_big_answer);
	tcase_add_test(served, requests_that_come_together_are_answered_in_their_order);
	tcase_add_test(served, a_repeat_under_the_same_key_gets_the_first_answer);
	tcase_add_test(served, an_ended_session_is_heard_of_and_then_unknown);
	tcase_add_test(served, sessions_end_a_few_at_a_time_and_the_answer_counts_them_all);
	tcase_add_test(served, draining_goes_on_until_a_cleanup_is_over);
	tcase_add_test(served, draining_answers_what_has_come_and_stops_the_loop);
	return run_tests(served);
}
