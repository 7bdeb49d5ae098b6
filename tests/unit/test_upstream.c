#include "tests/unit/upstream_fixture.h"

START_TEST(a_request_has_all_its_frames_and_its_answer_comes_back)
{
	struct asked q;
	struct answer a;
	struct span caller;

	RUN_UNTIL_READY(upstream);
	ck_assert_uint_ne(ask(COMMAND_get_dirty, "{\"x\":1}", 700, &a), 0);
	await(&q, "GetDirty");
	ck_assert_uint_eq(asked_at(&q, ASKED_SESSION).n, UUID_TEXT);
	ck_assert(span_is(asked_at(&q, ASKED_ARGS), "{\"x\":1}"));
	caller = asked_at(&q, ASKED_CALLER);
	ck_assert(memmem(caller.p, caller.n, "\"gateway\":\"gateway-1\"", 21));
	ck_assert(memmem(caller.p, caller.n, "\"deadline_ms\":700", 17));
	ck_assert(!memmem(caller.p, caller.n, "\"key\"", 5));
	ck_assert_uint_eq(upstream_in_flight(upstream), 1);
	fake_answer(&q, "OK", SPAN("{\"is_dirty\":false}"));
	RUN_UNTIL(a.n == 1);
	ck_assert_int_eq(a.status, OK);
	ck_assert(span_is(json_out_span(&a.body), "{\"is_dirty\":false}"));
	ck_assert_uint_eq(upstream_in_flight(upstream), 0);
	answer_fini(&a);
	frames_fini(&q.frames);
}
END_TEST

START_TEST(an_error_code_becomes_the_error_and_an_unknown_one_internal)
{
	struct asked q;
	struct answer a;

	RUN_UNTIL_READY(upstream);
	for (int i = 0; i < ERRORS; i++) {
		ask(COMMAND_get_dirty, NULL, 0, &a);
		await(&q, "GetDirty");
		ck_assert(span_is(asked_at(&q, ASKED_ARGS), "{}"));
		fake_answer(&q, i ? error_rows[i].code : "NO_SUCH_CODE", SPAN("{}"));
		RUN_UNTIL(a.n == 1);
		ck_assert_int_eq(a.status, i ? i : ERROR_internal);
		answer_fini(&a);
		frames_fini(&q.frames);
	}
}
END_TEST

START_TEST(long_bodies_are_cut_and_joined_both_ways)
{
	enum { BYTES = 3 * LIMIT_PART_BYTES + 7 };
	char *args = xmalloc(BYTES + 1);
	struct asked q;
	struct answer a;
	size_t n = 0;

	RUN_UNTIL_READY(upstream);
	memset(args, 'a', BYTES);
	args[BYTES] = '\0';
	ask(COMMAND_create_node, args, 0, &a);
	await(&q, "CreateNode");
	for (size_t i = ASKED_ARGS; asked_at(&q, i).p; i++) {
		ck_assert_uint_le(asked_at(&q, i).n, LIMIT_PART_BYTES);
		n += asked_at(&q, i).n;
	}
	ck_assert_uint_eq(n, BYTES);
	fake_answer(&q, "PART", SPAN("first,"));
	fake_answer(&q, "PART", SPAN("second,"));
	fake_answer(&q, "OK", (struct span){ args, BYTES });
	RUN_UNTIL(a.n == 1);
	ck_assert_uint_eq(a.body.n, BYTES + 13);
	ck_assert_int_eq(memcmp(a.body.bytes, "first,second,aaa", 16), 0);
	answer_fini(&a);
	frames_fini(&q.frames);
	free(args);
}
END_TEST

START_TEST(a_change_without_a_key_gets_one_and_a_key_of_the_caller_is_kept)
{
	struct upstream_question q = { .command = COMMAND_undo, .caller.key = SPAN("mine") };
	struct asked asked;
	static struct answer a, b;
	struct span caller;

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_create_node, NULL, 0, &a);
	await(&asked, "CreateNode");
	caller = asked_at(&asked, ASKED_CALLER);
	ck_assert(memmem(caller.p, caller.n, "\"key\":\"", 7));
	ck_assert(memmem(caller.p, caller.n, "\"key_is_command_id\":true", 24));
	frames_fini(&asked.frames);
	memset(&b, 0, sizeof(b));
	upstream_ask(upstream, &q, on_reply, &b);
	await(&asked, "Undo");
	caller = asked_at(&asked, ASKED_CALLER);
	ck_assert(memmem(caller.p, caller.n, "\"key\":\"mine\"", 12));
	ck_assert(!memmem(caller.p, caller.n, "key_is_command_id", 17));
	frames_fini(&asked.frames);
}
END_TEST

START_TEST(each_request_is_ended_at_its_own_deadline)
{
	static struct answer late, soon, never; /* the last is answered when all is over */
	uint64_t began_ms = clock_now_ms();

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_get_dirty, NULL, 200, &late);
	ask(COMMAND_get_dirty, NULL, 50, &soon);
	ask(COMMAND_get_dirty, NULL, 100000, &never);
	RUN_UNTIL(soon.n == 1);
	ck_assert_int_eq(soon.status, ERROR_backend_unavailable);
	ck_assert_int_eq(late.n, 0);
	RUN_UNTIL(late.n == 1);
	ck_assert_uint_ge(clock_now_ms() - began_ms, 200);
	ck_assert_uint_lt(clock_now_ms() - began_ms, 1500);
	ck_assert_int_eq(never.n, 0);
	ck_assert_uint_eq(upstream_in_flight(upstream), 1);
}
END_TEST

START_TEST(an_answer_that_nobody_waits_for_any_more_is_dropped)
{
	struct asked q;
	struct answer forgotten, late, next;

	RUN_UNTIL_READY(upstream);
	upstream_forget(upstream, ask(COMMAND_get_dirty, NULL, 0, &forgotten));
	await(&q, "GetDirty");
	fake_answer(&q, "OK", SPAN("{}"));
	frames_fini(&q.frames);
	ask(COMMAND_get_dirty, NULL, 20, &late);
	await(&q, "GetDirty");
	RUN_UNTIL(late.n == 1);
	fake_answer(&q, "OK", SPAN("{}"));
	frames_fini(&q.frames);
	/* The next one may use the same slot, but not the number. */
	ask(COMMAND_get_session, NULL, 0, &next);
	await(&q, "GetSession");
	ck_assert_int_eq(next.n, 0);
	fake_answer(&q, "OK", SPAN("[]"));
	RUN_UNTIL(next.n == 1);
	ck_assert(span_is(json_out_span(&next.body), "[]"));
	ck_assert_int_eq(forgotten.n, 0);
	ck_assert_int_eq(late.n, 1);
	answer_fini(&next);
	frames_fini(&q.frames);
}
END_TEST

START_TEST(no_more_than_the_limit_is_in_flight)
{
	static struct answer a[LIMIT_IN_FLIGHT + 1];

	for (int i = 0; i < LIMIT_IN_FLIGHT; i++)
		ck_assert_uint_ne(ask(COMMAND_get_dirty, NULL, 60000, &a[i]), 0);
	ck_assert_uint_eq(ask(COMMAND_get_dirty, NULL, 60000, &a[LIMIT_IN_FLIGHT]), 0);
}
END_TEST

/* Events. */

static bool
has_subscription(const char *topic, bool is_on)
{
	struct frames f;
	bool found = false;

	while (frames_recv(&f, fake.xpub)) {
		struct span message = frames_at(&f, 0);
		found |= message.n > 0 && message.p[0] == is_on &&
		    span_is((struct span){ message.p + 1, message.n - 1 }, topic);
		frames_fini(&f);
	}
	return found;
}

START_TEST(changes_under_way_are_counted_for_sessions_that_are_subscribed_to)
{
	struct uuid session;
	struct asked q;
	struct answer a, b, c;

	uuid_of_name(SPAN("session"), &session);
	RUN_UNTIL_READY(upstream);
	ask(COMMAND_create_node, NULL, 0, &a);
	ck_assert_uint_eq(upstream_changes_under_way(upstream, &session), 0);
	upstream_subscribe(upstream, &session, false);
	ask(COMMAND_create_node, NULL, 0, &b);
	ask(COMMAND_get_dirty, NULL, 0, &c);
	ck_assert_uint_eq(upstream_changes_under_way(upstream, &session), 1);
	for (int i = 0; i < 2; i++) {
		await(&q, "CreateNode");
		fake_answer(&q, "OK", SPAN("{}"));
		frames_fini(&q.frames);
	}
	RUN_UNTIL(a.n == 1 && b.n == 1);
	ck_assert_uint_eq(upstream_changes_under_way(upstream, &session), 0);
	await(&q, "GetDirty");
	fake_answer(&q, "OK", SPAN("{}"));
	RUN_UNTIL(c.n == 1);
	frames_fini(&q.frames);
	upstream_unsubscribe(upstream, &session, false);
	answer_fini(&a);
	answer_fini(&b);
	answer_fini(&c);
}
END_TEST

START_TEST(events_of_subscribed_sessions_arrive_and_no_others)
{
	struct wire_header header = { .version = 1, .event = EVENT_node_created, .seq = 7 };
	struct uuid session, other;
	char topic[WIRE_TOPIC_MAX + 1] = { 0 }, full[WIRE_TOPIC_MAX + 1] = { 0 };

	uuid_of_name(SPAN("a"), &session);
	uuid_of_name(SPAN("b"), &other);
	wire_topic(&session, EVENTS, topic);
	RUN_UNTIL_READY(upstream);
	upstream_subscribe(upstream, &session, false);
	RUN_UNTIL(has_subscription(topic, true));
	wire_topic(&session, EVENT_node_created, full);
	fake_publish(full, &header, SPAN("{\"n\":1}"));
	RUN_UNTIL(n_events == 1);
	ck_assert_str_eq(last_event, "{\"n\":1}");
	ck_assert_uint_eq(last_seq, 7);
	/* Malformed ones are dropped, and the next good one is heard. */
	header.event = EVENTS;
	fake_publish(full, &header, SPAN("{\"n\":2}"));
	frames_send(fake.xpub, span_of(full), true);
	frames_send(fake.xpub, SPAN("short"), false);
	memset(full, 0, sizeof(full));
	wire_topic(&other, EVENT_node_created, full);
	header.event = EVENT_node_created;
	fake_publish(full, &header, SPAN("{\"n\":3}"));
	memset(full, 0, sizeof(full));
	wire_topic(&session, EVENT_node_created, full);
	fake_publish(full, &header, SPAN("{\"n\":4}"));
	RUN_UNTIL(strcmp(last_event, "{\"n\":4}") == 0);
	ck_assert_int_eq(n_events, 2);
}
END_TEST

START_TEST(subscriptions_are_counted)
{
	struct uuid session;
	char topic[WIRE_TOPIC_MAX + 6] = { 0 }, dash[WIRE_TOPIC_MAX + 6] = { 0 };

	uuid_of_name(SPAN("a"), &session);
	strcpy(dash + wire_topic(&session, EVENTS, dash), "dash/");
	wire_topic(&session, EVENTS, topic);
	RUN_UNTIL_READY(upstream);
	upstream_subscribe(upstream, &session, false);
	upstream_subscribe(upstream, &session, true);
	RUN_UNTIL(has_subscription(dash, true));
	upstream_unsubscribe(upstream, &session, true);
	RUN_UNTIL(has_subscription(dash, false));
	for (int i = 0; i < 10; i++)
		loop_turn(loop, 2);
	ck_assert(!has_subscription(topic, false));
	upstream_resync(upstream, &session);
	RUN_UNTIL(has_subscription(topic, true));
	upstream_unsubscribe(upstream, &session, false);
	RUN_UNTIL(has_subscription(topic, false));
	/* Unknown ones are no subscriptions. */
	upstream_resync(upstream, &session);
}
END_TEST

/* The feed of gateways. */

static void
set_up_feed(void)
{
	set_up_reading(true);
}

static bool
has_feed_subscription(const struct uuid *session, bool dash, bool is_on)
{
	char topic[WIRE_TOPIC_MAX];
	size_t n = wire_feed_topic(session, dash, topic);
	struct frames f;
	bool found = false;

	while (frames_recv(&f, fake.xpub)) {
		struct span message = frames_at(&f, 0);

		found |= message.n == n + 1 && message.p[0] == is_on &&
		    memcmp(message.p + 1, topic, n) == 0;
		frames_fini(&f);
	}
	return found;
}

static void
publish_packed(const struct uuid *session, int n, uint64_t first_seq)
{
	struct json_out out = { 0 };
	char topic[WIRE_TOPIC_MAX];

	json_out_bytes(&out, (struct span){ topic, wire_feed_topic(session, false, topic) });
	for (int i = 0; i < n; i++) {
		struct wire_header h = {
			.version = 1, .event = EVENT_node_created, .seq = first_seq + i
		};

		wire_event_pack(&h, SPAN("{\"packed\":1}"), &out);
	}
	frames_send(fake.xpub, json_out_span(&out), false);
	json_out_fini(&out);
}

START_TEST(packed_events_of_subscribed_sessions_arrive_and_no_others)
{
	struct wire_header unknown = { .version = 1, .event = EVENTS };
	struct uuid session, other;
	struct json_out out = { 0 };

	uuid_of_name(SPAN("a"), &session);
	uuid_of_name(SPAN("b"), &other);
	RUN_UNTIL_READY(upstream);
	upstream_subscribe(upstream, &session, false);
	upstream_subscribe(upstream, &other, true);
	RUN_UNTIL(has_feed_subscription(&other, true, true));
	upstream_unsubscribe(upstream, &other, true);
	RUN_UNTIL(has_feed_subscription(&other, true, false));
	publish_packed(&other, 3, 1);
	publish_packed(&session, 5, 7);
	RUN_UNTIL(n_events == 5);
	ck_assert_uint_eq(last_seq, 11);
	ck_assert_str_eq(last_event, "{\"packed\":1}");
	/* Of events that it does not know and of a damaged end the rest is not lost. */
	json_out_bytes(&out, (struct span){ (const char *)session.bytes, UUID_BYTES });
	wire_event_pack(&unknown, SPAN("{}"), &out);
	unknown.event = EVENT_node_deleted;
	unknown.seq = 12;
	wire_event_pack(&unknown, SPAN("{\"last\":1}"), &out);
	json_out_bytes(&out, SPAN("damaged"));
	frames_send(fake.xpub, json_out_span(&out), false);
	publish_packed(&session, 1, 13);
	RUN_UNTIL(last_seq == 13);
	ck_assert_int_eq(n_events, 7);
	json_out_fini(&out);
}
END_TEST

/* A turn takes LIMIT_TURN_EVENTS and the rest of the message that holds the last of them. */
START_TEST(packed_events_count_one_by_one_for_a_turn)
{
	enum { EACH = 100, MESSAGES = LIMIT_TURN_EVENTS / EACH * 3 };
	struct uuid session;
	int before = 0, most = 0;

	uuid_of_name(SPAN("a"), &session);
	RUN_UNTIL_READY(upstream);
	upstream_subscribe(upstream, &session, false);
	RUN_UNTIL(has_feed_subscription(&session, false, true));
	for (int i = 0; i < MESSAGES; i++)
		publish_packed(&session, EACH, 1 + (uint64_t)i * EACH);
	while (n_events < EACH * MESSAGES) {
		loop_turn(loop, 100);
		if (n_events - before > most)
			most = n_events - before;
		before = n_events;
	}
	ck_assert_int_lt(most, LIMIT_TURN_EVENTS + EACH);
	ck_assert_uint_eq(last_seq, EACH * MESSAGES);
}
END_TEST

START_TEST(the_end_answers_what_is_still_in_flight)
{
	struct answer a;

	RUN_UNTIL_READY(upstream);
	ask(COMMAND_get_dirty, NULL, 0, &a);
	upstream_free(upstream);
	upstream = NULL;
	ck_assert_int_eq(a.n, 1);
	ck_assert_int_eq(a.status, ERROR_backend_unavailable);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("upstream");
	TCase *t = tcase_create("upstream"), *feed = tcase_create("feed");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_request_has_all_its_frames_and_its_answer_comes_back);
	tcase_add_test(t, an_error_code_becomes_the_error_and_an_unknown_one_internal);
	tcase_add_test(t, long_bodies_are_cut_and_joined_both_ways);
	tcase_add_test(t, a_change_without_a_key_gets_one_and_a_key_of_the_caller_is_kept);
	tcase_add_test(t, each_request_is_ended_at_its_own_deadline);
	tcase_add_test(t, an_answer_that_nobody_waits_for_any_more_is_dropped);
	tcase_add_test(t, no_more_than_the_limit_is_in_flight);
	tcase_add_test(t, changes_under_way_are_counted_for_sessions_that_are_subscribed_to);
	tcase_add_test(t, events_of_subscribed_sessions_arrive_and_no_others);
	tcase_add_test(t, subscriptions_are_counted);
	tcase_add_test(t, the_end_answers_what_is_still_in_flight);
	tcase_set_timeout(feed, 60);
	tcase_add_checked_fixture(feed, set_up_feed, tear_down);
	tcase_add_test(feed, packed_events_of_subscribed_sessions_arrive_and_no_others);
	tcase_add_test(feed, packed_events_count_one_by_one_for_a_turn);
	suite_add_tcase(s, feed);
	suite_add_tcase(s, t);
	return run_suite(s);
}
