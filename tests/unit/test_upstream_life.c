/* What happens when graphd comes, goes, and comes again. */

#include "metric_value.h"
#include "upstream_fixture.h"

#define RESENT "gatewayd_requests_resent_total"

static void
restart_fake(void)
{
	fake_stop();
	fake_start();
}

START_TEST(what_is_asked_while_graphd_is_away_waits_for_it)
{
	struct asked q;
	struct answer a;
	int64_t resent;

	RUN_UNTIL_READY(upstream);
	resent = metric_value(RESENT);
	fake_stop();
	RUN_UNTIL(!upstream_is_ready(upstream));
	ask(COMMAND_create_node, "{\"held\":true}", 4000, &a);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 5);
	fake_start();
	await(&q, "CreateNode");
	ck_assert(span_is(asked_at(&q, ASKED_ARGS), "{\"held\":true}"));
	fake_answer(&q, "OK", SPAN("{}"));
	RUN_UNTIL(a.n == 1);
	ck_assert_int_eq(a.status, OK);
	ck_assert_int_eq(n_restarted, 1);
	ck_assert_int_eq(metric_value(RESENT), resent); /* it was sent once */
	answer_fini(&a);
	frames_fini(&q.frames);
}
END_TEST

START_TEST(what_was_in_flight_at_a_restart_is_sent_once_more_with_the_same_key)
{
	struct asked before, after, none;
	static struct answer a, b;

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_create_node, "{}", 4000, &a);
	ask(COMMAND_get_dirty, "{}", 4000, &b);
	await(&before, "CreateNode");
	restart_fake();
	await(&after, "CreateNode");
	ck_assert(span_equal(asked_at(&before, ASKED_CALLER), asked_at(&after, ASKED_CALLER)));
	/* Under another name, so that its answer is not taken for the rest of an older one. */
	ck_assert(!span_equal(asked_at(&before, ASKED_NUMBER), asked_at(&after, ASKED_NUMBER)));
	fake_answer(&after, "OK", SPAN("{}"));
	frames_fini(&after.frames);
	await(&after, "GetDirty");
	fake_answer(&after, "OK", SPAN("{}"));
	RUN_UNTIL(a.n == 1 && b.n == 1);
	ck_assert(!fake_asked(&none));
	ck_assert_int_eq(a.status, OK);
	answer_fini(&a);
	answer_fini(&b);
	frames_fini(&before.frames);
	frames_fini(&after.frames);
}
END_TEST

START_TEST(what_is_sent_again_keeps_its_order_whatever_its_deadlines)
{
	static const enum command asked[] = { COMMAND_create_node, COMMAND_delete_node,
		COMMAND_undo, COMMAND_redo };
	static const int64_t deadlines_ms[] = { 9000, 4000, 12000, 3000 };
	static struct answer a[4];
	struct asked q;
	int64_t resent = metric_value(RESENT);

	RUN_UNTIL_READY(upstream);
	for (size_t i = 0; i < 4; i++)
		ask(asked[i], "{}", deadlines_ms[i], &a[i]);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 4; i++) {
			await(&q, command_rows[asked[i]].name);
			frames_fini(&q.frames);
		}
		if (round == 0)
			restart_fake();
	}
	ck_assert_int_eq(metric_value(RESENT), resent + 4);
	for (size_t i = 0; i < 4; i++)
		answer_fini(&a[i]);
}
END_TEST

START_TEST(an_answer_that_broke_off_in_the_middle_comes_again_as_a_whole)
{
	struct asked q, again;
	struct answer a;

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_get_tree, NULL, 4000, &a);
	await(&q, "GetTree");
	fake_answer(&q, "PART", SPAN("{\"roots\":["));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 5);
	restart_fake();
	await(&again, "GetTree");
	/* What is left over of the first one is not part of the second. */
	fake_answer_over(&again, &q, "OK", SPAN("]}"));
	fake_answer(&again, "PART", SPAN("{\"roots\":"));
	fake_answer(&again, "OK", SPAN("[]}"));
	RUN_UNTIL(a.n == 1);
	ck_assert_int_eq(a.status, OK);
	ck_assert(span_is(json_out_span(&a.body), "{\"roots\":[]}"));
	frames_fini(&q.frames);
	frames_fini(&again.frames);
	answer_fini(&a);
}
END_TEST

/* As graphd ends: with a moment in which what it said gets through. */
static void
end_fake(void)
{
	int linger_ms = 10000;

	zmq_setsockopt(fake.router, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
	fake_stop();
}

START_TEST(what_graphd_answered_before_it_ended_is_heard_to_the_last)
{
	enum { N = 300 };
	struct answer *answers = xcalloc(N, sizeof(*answers));
	struct asked *asked = xcalloc(N, sizeof(*asked));

	RUN_UNTIL_READY(upstream);
	for (int i = 0; i < N; i++)
		ask(COMMAND_get_session, NULL, 4000, &answers[i]);
	for (int i = 0; i < N; i++)
		await(&asked[i], "GetSession");
	for (int i = 0; i < N; i++) {
		fake_answer(&asked[i], "OK", SPAN("{\"seq\":1}"));
		frames_fini(&asked[i].frames);
	}
	/* ZeroMQ's thread sees the link break while all of it is still to be read; nothing tells us
	 * when it has. */
	end_fake();
	usleep(100000);
	RUN_UNTIL(!upstream_is_ready(upstream));
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(answers[i].n, 1);
		ck_assert_int_eq(answers[i].status, OK);
		answer_fini(&answers[i]);
	}
	fake_start();
	RUN_UNTIL_READY(upstream);
	free(answers);
	free(asked);
}
END_TEST

START_TEST(another_contract_version_is_not_served)
{
	struct asked q;
	struct answer a;

	fake.contract = "7.0";
	ask(COMMAND_get_dirty, NULL, 150, &a);
	while (a.n == 0) {
		ck_assert(!fake_asked(&q));
		loop_turn(loop, 5);
	}
	ck_assert_int_eq(a.status, ERROR_backend_unavailable);
	ck_assert(!upstream_is_ready(upstream));
	ck_assert_int_eq(n_up, 0);
}
END_TEST

/* graphd answers all the time. */
START_TEST(a_link_for_events_on_which_nothing_comes_is_noticed_though_requests_are_answered)
{
	struct wire_header header = { .version = 1, .event = EVENT_node_created, .seq = 7 };
	char topic[WIRE_TOPIC_MAX + 1] = { 0 };
	struct uuid session;
	struct asked none;
	uint64_t began_ms;

	uuid_of_name(SPAN("a"), &session);
	wire_topic(&session, EVENT_node_created, topic);
	RUN_UNTIL_READY(upstream);
	upstream_subscribe(upstream, &session, false);
	began_ms = clock_now_ms();
	RUN_UNTIL((fake_asked(&none), !upstream_is_ready(upstream)));
	ck_assert_uint_lt(
	    clock_now_ms() - began_ms, LIMIT_BUS_SILENCE_MS + 2 * LIMIT_BUS_HEARTBEAT_MS);
	ck_assert(upstream_is_answered(upstream));
	ck_assert_int_eq(n_starved, 1);
	ck_assert(!is_fed);
	/* Whatever comes over it shows that it is there. */
	RUN_UNTIL((fake_asked(&none), fake_publish(topic, &header, SPAN("{}")),
	    upstream_is_ready(upstream)));
	ck_assert(is_fed);
	ck_assert_int_eq(n_up, 1);
}
END_TEST

START_TEST(silence_is_noticed_and_a_heartbeat_ends_it)
{
	uint64_t now_ms;

	RUN_UNTIL_READY(upstream);
	now_ms = clock_now_ms();
	/* The clock jumps; the link stands and says nothing. */
	clock_set(now_ms + LIMIT_BUS_SILENCE_MS + 1500, 1);
	loop_turn(loop, 0);
	ck_assert(!upstream_is_ready(upstream));
	clock_set(0, 0);
	/* The first ones may come before the subscription to them. */
	RUN_UNTIL((fake_heartbeat(), upstream_is_ready(upstream)));
	ck_assert_int_eq(n_up, 2);
	ck_assert_int_eq(n_restarted, 0);
}
END_TEST

START_TEST(who_was_forgotten_hears_of_it_but_not_after_a_restart)
{
	struct asked none;

	fake.known = "true";
	RUN_UNTIL_READY(upstream);
	ck_assert_int_eq(n_forgotten, 0);
	fake.known = "false";
	RUN_UNTIL((fake_asked(&none), n_forgotten == 1));
	/* Then all is reported anyway. */
	restart_fake();
	fake.known = "false";
	RUN_UNTIL((fake_asked(&none), n_restarted == 1));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 5);
	ck_assert_int_eq(n_forgotten, 1);
}
END_TEST

/* It says so once, and the answer may have been lost with the link. */
START_TEST(who_may_have_been_forgotten_while_the_link_was_broken_hears_of_it)
{
	char boot_id[UUID_TEXT + 1];
	struct asked none;

	fake.known = "true";
	RUN_UNTIL_READY(upstream);
	memcpy(boot_id, fake.boot_id, sizeof(boot_id));
	fake_stop();
	RUN_UNTIL(!upstream_is_ready(upstream));
	fake_start();
	memcpy(fake.boot_id, boot_id, sizeof(boot_id));
	ck_assert_int_eq(n_deaf, 0);
	RUN_UNTIL((fake_asked(&none), n_forgotten == 1 && n_deaf == 1));
	ck_assert_int_eq(n_restarted, 0);
	/* Once for each link. */
	clock_set(clock_now_ms() + 2 * LIMIT_BUS_HEARTBEAT_MS, 1);
	for (int i = 0; i < 10; i++) {
		loop_turn(loop, 5);
		fake_asked(&none);
	}
	clock_set(0, 0);
	ck_assert_int_eq(n_deaf, 1);
	ck_assert_int_eq(n_forgotten, 1);
}
END_TEST

/* The old one may have given us up, and the new one does not know: what is reported is news. */
START_TEST(who_stood_still_before_a_restart_may_have_been_forgotten)
{
	struct asked none;
	uint64_t now_ms;

	RUN_UNTIL_READY(upstream);
	now_ms = clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS;
	clock_set(now_ms, 1);
	loop_turn(loop, 0);
	now_ms += LIMIT_LEASE_MS;
	clock_set(now_ms, 1);
	restart_fake();
	fake.known = "false";
	for (int i = 0; i < 1000 && n_restarted == 0; i++) {
		loop_turn(loop, 5);
		fake_asked(&none);
		now_ms += 5;
		clock_set(now_ms, 1);
	}
	ck_assert_int_eq(n_restarted, 1);
	ck_assert_int_eq(n_forgotten, 1);
	for (int i = 0; i < 5; i++) {
		loop_turn(loop, 5);
		fake_asked(&none);
	}
	clock_set(0, 0);
	ck_assert_int_eq(n_forgotten, 1);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("upstream_life");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, what_is_asked_while_graphd_is_away_waits_for_it);
	tcase_add_test(t, what_was_in_flight_at_a_restart_is_sent_once_more_with_the_same_key);
	tcase_add_test(t, what_is_sent_again_keeps_its_order_whatever_its_deadlines);
	tcase_add_test(t, an_answer_that_broke_off_in_the_middle_comes_again_as_a_whole);
	tcase_add_test(t, what_graphd_answered_before_it_ended_is_heard_to_the_last);
	tcase_add_test(t, another_contract_version_is_not_served);
	tcase_add_test(
	    t, a_link_for_events_on_which_nothing_comes_is_noticed_though_requests_are_answered);
	tcase_add_test(t, silence_is_noticed_and_a_heartbeat_ends_it);
	tcase_add_test(t, who_was_forgotten_hears_of_it_but_not_after_a_restart);
	tcase_add_test(t, who_may_have_been_forgotten_while_the_link_was_broken_hears_of_it);
	tcase_add_test(t, who_stood_still_before_a_restart_may_have_been_forgotten);
	return run_tests(t);
}
