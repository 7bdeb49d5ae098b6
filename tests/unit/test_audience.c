#include "graphd/audience.h"

#include "common/loop.h"
#include "proto/wire.h"
#include "run_tests.h"
#include "server_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const struct uuid first = { { 1 } }, second = { { 2 } };

/* The session's topic with this behind it. */
static struct span
topic_of(const struct uuid *session, const char *rest, char out[WIRE_TOPIC_MAX + 64])
{
	size_t n = wire_topic(session, EVENTS, out);

	strcpy(out + n, rest);
	return span_of(out);
}

static void
note(struct audience *a, const struct uuid *session, const char *rest, bool on)
{
	char topic[WIRE_TOPIC_MAX + 64];

	audience_note(a, topic_of(session, rest, topic), on);
}

START_TEST(a_session_is_heard_as_long_as_one_of_its_topics_is_subscribed)
{
	struct audience a;

	audience_init(&a, 10, false);
	ck_assert(!audience_hears(&a, &first));
	note(&a, &first, "", true);
	note(&a, &first, "", true); /* another gateway */
	note(&a, &first, "graph:node-created", true);
	ck_assert(audience_hears(&a, &first));
	ck_assert(!audience_hears(&a, &second));
	note(&a, &first, "", false);
	ck_assert(audience_hears(&a, &first));
	note(&a, &first, "dash/", false); /* never subscribed */
	ck_assert(audience_hears(&a, &first));
	note(&a, &first, "graph:node-created", false);
	ck_assert(!audience_hears(&a, &first));
	audience_fini(&a);
}
END_TEST

START_TEST(a_topic_that_may_match_any_session_lets_all_be_heard)
{
	static const char *const topics[] = { "", "s", "session_", "session_01000000-",
		"session_nonsense/of/this/length/and/more/than/that" };

	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		struct audience a;

		audience_init(&a, 10, false);
		audience_note(&a, span_of(topics[i]), true);
		ck_assert_msg(audience_hears(&a, &first), "%s", topics[i]);
		audience_note(&a, span_of(topics[i]), false);
		ck_assert_msg(!audience_hears(&a, &first), "%s", topics[i]);
		audience_fini(&a);
	}
}
END_TEST

START_TEST(a_topic_that_can_match_no_session_lets_none_be_heard)
{
	char endless[WIRE_TOPIC_MAX + 64];
	struct audience a;

	audience_init(&a, 10, false);
	audience_note(&a, SPAN(WIRE_HEARTBEAT_TOPIC), true);
	audience_note(&a, SPAN("t"), true);
	memset(endless, 'x', sizeof endless);
	wire_topic(&first, EVENTS, endless);
	audience_note(&a, (struct span){ endless, WIRE_TOPIC_MAX + 1 }, true);
	ck_assert(!audience_hears(&a, &first));
	ck_assert_uint_eq(a.topics.n, 0);
	audience_fini(&a);
}
END_TEST

START_TEST(a_topic_of_the_feed_lets_its_session_be_heard)
{
	char topic[WIRE_TOPIC_MAX];
	struct audience a;

	audience_init(&a, 10, true);
	audience_note(&a, SPAN(WIRE_HEARTBEAT_TOPIC), true);
	ck_assert(!audience_hears(&a, &first));
	for (int dash = 0; dash <= 1; dash++) {
		struct span t = { topic, wire_feed_topic(&first, dash, topic) };

		audience_note(&a, t, true);
		ck_assert(audience_hears(&a, &first));
		ck_assert(!audience_hears(&a, &second));
		audience_note(&a, t, false);
		ck_assert(!audience_hears(&a, &first));
	}
	/* A piece of an id may be that of any session. */
	audience_note(&a, (struct span){ (const char *)first.bytes, UUID_BYTES - 1 }, true);
	ck_assert(audience_hears(&a, &second));
	audience_fini(&a);
}
END_TEST

START_TEST(with_more_topics_than_are_kept_all_sessions_count_as_heard)
{
	struct audience a;

	audience_init(&a, 2, false);
	note(&a, &first, "a", true);
	note(&a, &first, "b", true);
	ck_assert(!audience_hears(&a, &second));
	note(&a, &first, "c", true);
	ck_assert(audience_hears(&a, &second));
	note(&a, &first, "a", false);
	note(&a, &first, "b", false);
	note(&a, &first, "c", false);
	ck_assert(audience_hears(&a, &first));
	ck_assert_uint_eq(a.topics.n, 2);
	audience_fini(&a);
}
END_TEST

/* The header of the next message on any of the session's topics. */
static struct wire_header
hear(struct server_fixture *f, void *tap, bool *is_sync)
{
	struct wire_header header;
	struct frames frames;
	struct span topic;

	ck_assert(fixture_recv(f, tap, &frames, 5000));
	topic = frames_at(&frames, 0);
	*is_sync = topic.n > 4 && memcmp(topic.p + topic.n - 4, "sync", 4) == 0;
	ck_assert(wire_header_get(frames_at(&frames, 1), &header));
	frames_fini(&frames);
	return header;
}

static void
send_update(struct client_socket *asker, const char *session, const char *root)
{
	char args[200];

	snprintf(args, sizeof args, "{\"node_id\":\"%s\",\"property_id\":\"name\",\"value\":\"x\"}",
	    root);
	client_send(asker, "UpdateProperty", session, "{\"minimal\":true}", args);
}

/* Commands run and are stored while the subscription is on its way. */
START_TEST(who_subscribes_while_steps_are_being_stored_hears_all_behind_the_sync)
{
	enum { ROUNDS = 20, UPDATES = 10 };
	struct server_fixture f;
	char session[64], root[64], topic[96];

	server_fixture_open(&f, "memory");
	for (int round = 0; round < ROUNDS; round++) {
		struct wire_header header;
		uint64_t last = 0, seq = 0;
		bool is_sync;
		void *tap;

		make_project(&f, session, root);
		tap = client_new(&f, ZMQ_SUB, f.events);
		snprintf(topic, sizeof topic, "session_%s/", session);
		for (int i = 0; i < UPDATES; i++) {
			if (i == round % UPDATES)
				zmq_setsockopt(tap, ZMQ_SUBSCRIBE, topic, strlen(topic));
			send_update(&f.asker, session, root);
			loop_turn(f.loop, 1);
		}
		for (int i = 0; i < UPDATES; i++) {
			struct answer a = client_await(&f, &f.asker);
			const char *at = strstr(a.body, "\"seq\":");

			ck_assert_str_eq(a.status, "OK");
			last = strtoull(at + 6, NULL, 10);
			answer_fini(&a);
		}
		header = hear(&f, tap, &is_sync);
		ck_assert(is_sync);
		for (seq = header.seq; seq < last;) {
			header = hear(&f, tap, &is_sync);
			if (is_sync || !(header.flags & WIRE_DURABLE))
				continue;
			ck_assert_uint_eq(header.seq, ++seq);
		}
		zmq_close(tap);
	}
	server_fixture_close(&f);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("audience");

	tcase_add_test(c, a_session_is_heard_as_long_as_one_of_its_topics_is_subscribed);
	tcase_add_test(c, a_topic_that_may_match_any_session_lets_all_be_heard);
	tcase_add_test(c, a_topic_that_can_match_no_session_lets_none_be_heard);
	tcase_add_test(c, a_topic_of_the_feed_lets_its_session_be_heard);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, who_subscribes_while_steps_are_being_stored_hears_all_behind_the_sync);
	tcase_add_test(c, with_more_topics_than_are_kept_all_sessions_count_as_heard);
	return run_tests(c);
}
