/* What gateways read: the events of a session and commit in one message, the same as taps read. */

#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "proto/wire.h"
#include "memory_server.h"

#include <stdio.h>
#include <stdlib.h>

static char session[64], root[64];
static struct uuid id;
static void *feed;

struct heard {
	uint64_t seq;
	enum event event;
	char *body; /* owned */
};

static struct heard heard[2 * LIMIT_STEP_EVENTS];
static size_t n_heard, n_messages;

static void *
subscriber(bool dash)
{
	void *socket = client_new(&f, ZMQ_SUB, f.feed);
	char topic[WIRE_TOPIC_MAX];

	/* The sync that answers the last one says that both have arrived. */
	for (int i = dash; i >= 0; i--)
		zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, wire_feed_topic(&id, i > 0, topic));
	return socket;
}

/* Beacons come when they like: they are kept only by who waits for one. */
static void
keep(const struct wire_header *h, struct span body)
{
	while (n_heard > 0 && heard[n_heard - 1].event == EVENT_sync)
		free(heard[--n_heard].body);
	ck_assert_uint_lt(n_heard, sizeof heard / sizeof *heard);
	heard[n_heard++] = (struct heard){ h->seq, (enum event)h->event, xspandup(body) };
}

static void
forget(void)
{
	while (n_heard > 0)
		free(heard[--n_heard].body);
	n_messages = 0;
}

/* One message. Those of more than one event keep to the limit, give or take one event's head. */
static void
take(struct span message)
{
	struct wire_header h;
	struct span left, body;
	struct uuid whose;
	size_t n = 0;

	ck_assert(wire_feed_session(message, &whose, &left));
	ck_assert(uuid_equal(&whose, &id));
	for (; wire_event_unpack(&left, &h, &body); n++)
		keep(&h, body);
	ck_assert_uint_eq(left.n, 0);
	ck_assert_uint_gt(n, 0);
	if (n > 1)
		ck_assert_uint_le(message.n, LIMIT_PACK_BYTES + WIRE_HEADER_MOST_BYTES);
	n_messages += h.event != EVENT_sync;
}

/* Until this event has come; heartbeats are left out. */
static void
hear_until(void *socket, enum event event)
{
	do {
		struct frames frames;

		ck_assert(fixture_recv(&f, socket, &frames, 5000));
		if (!span_is(frames_at(&frames, 0), WIRE_HEARTBEAT_TOPIC)) {
			ck_assert_uint_eq(frames.n, 1);
			take(frames_at(&frames, 0));
		}
		frames_fini(&frames);
	} while (n_heard == 0 || heard[n_heard - 1].event != event);
}

static void
set_up(void)
{
	open_memory();
	make_project(&f, session, root);
	ck_assert(uuid_parse(span_of(session), &id));
	feed = subscriber(false);
	hear_until(feed, EVENT_sync);
	forget();
}

static void
tear_down(void)
{
	forget();
	zmq_close(feed);
	close_it();
}

static void
do_update(const char *value)
{
	char args[200 + LIMIT_PACK_BYTES];

	snprintf(args, sizeof args,
	    "{\"node_id\":\"%s\",\"property_id\":\"notes\",\"value\":\"%s\"}", root, value);
	client_expect(&f, "OK", "UpdateProperty", session, MINIMAL, args);
}

START_TEST(a_subscription_is_answered_with_a_sync_and_each_further_one_again)
{
	void *second = subscriber(false);

	hear_until(second, EVENT_sync);
	ck_assert_uint_eq(n_heard, 1);
	ck_assert_ptr_nonnull(strstr(heard[0].body, session));
	zmq_close(second);
}
END_TEST

START_TEST(a_command_and_its_events_are_one_message)
{
	do_update("x");
	hear_until(feed, EVENT_command_executed);
	ck_assert_uint_eq(n_messages, 1);
	ck_assert_uint_eq(n_heard, 3);
	ck_assert_int_eq(heard[0].event, EVENT_command_executing);
	ck_assert_int_eq(heard[1].event, EVENT_property_changed);
	ck_assert_uint_eq(heard[2].seq, heard[1].seq + 1);
}
END_TEST

START_TEST(a_tap_of_everything_reads_the_same_events_and_no_packed_ones)
{
	void *tap = client_new(&f, ZMQ_SUB, f.events);
	struct frames frames;
	size_t n = 0;

	zmq_setsockopt(tap, ZMQ_SUBSCRIBE, "", 0);
	/* A heartbeat says that the subscription has arrived. */
	ck_assert(fixture_recv(&f, tap, &frames, 5000));
	frames_fini(&frames);
	for (int i = 0; i < 10; i++)
		do_update(i % 2 ? "x" : "y");
	while (n_heard < 30)
		hear_until(feed, EVENT_command_executed);
	while (n < 30) {
		struct wire_header h;

		ck_assert(fixture_recv(&f, tap, &frames, 5000));
		ck_assert_uint_eq(frames.n, 3);
		ck_assert(wire_header_get(frames_at(&frames, 1), &h));
		if (h.event < EVENTS && h.event != EVENT_sync) {
			ck_assert_uint_eq(h.event, heard[n].event);
			ck_assert_uint_eq(h.seq, heard[n].seq);
			ck_assert(span_is(frames_at(&frames, 2), heard[n].body));
			n++;
		}
		frames_fini(&frames);
	}
	zmq_close(tap);
}
END_TEST

START_TEST(many_events_travel_in_messages_of_bounded_length)
{
	enum { NODES = 200 };
	static char args[NODES * 128];
	size_t n = (size_t)sprintf(args, "{\"commands\":[");

	for (int i = 0; i < NODES; i++)
		n += (size_t)sprintf(args + n,
		    "%s{\"command_type\":\"CreateNode\",\"data\":{\"blueprint_type_id\":\"x\","
		    "\"name\":\"N%d\"}}",
		    i ? "," : "", i);
	strcpy(args + n, "]}");
	client_expect(&f, "OK", "Batch", session, MINIMAL, args);
	hear_until(feed, EVENT_command_executed);
	ck_assert_uint_gt(n_messages, 2);
	ck_assert_uint_lt(n_messages, NODES / 4);
	for (size_t i = 2; i < n_heard; i++)
		ck_assert_uint_eq(heard[i].seq, heard[i - 1].seq + 1);
}
END_TEST

START_TEST(an_event_beyond_the_limit_is_a_message_of_its_own)
{
	static char value[LIMIT_PACK_BYTES + 1];

	memset(value, 'v', sizeof value - 1);
	do_update(value);
	hear_until(feed, EVENT_command_executed);
	ck_assert_uint_eq(n_messages, 3);
	ck_assert_uint_eq(n_heard, 3);
}
END_TEST

/* It would end the connection of a subscriber that takes no longer ones. */
START_TEST(an_event_too_long_to_be_published_is_told_of_by_a_sync)
{
	static char args[4 * 245000 + 400];
	size_t n = (size_t)sprintf(
	    args, "{\"blueprint_type_id\":\"x\",\"parent_id\":\"%s\",\"properties\":{", root);
	struct tapped told;
	void *tap = tap_new(&f, session);

	for (int i = 0; i < 4; i++) {
		n += (size_t)sprintf(args + n, "%s\"p%d\":\"", i ? "," : "", i);
		memset(args + n, 'v', 240000);
		n += 240000;
		args[n++] = '"';
	}
	strcpy(args + n, "}}");
	client_expect(&f, "OK", "CreateNode", session, MINIMAL, args);
	hear_until(feed, EVENT_sync);
	ck_assert_uint_eq(heard[n_heard - 1].seq, heard[0].seq + 1);
	hear_until(feed, EVENT_command_executed);
	for (size_t i = 0; i < n_heard; i++)
		ck_assert_int_ne(heard[i].event, EVENT_node_created);
	ck_assert_uint_eq(heard[n_heard - 1].seq, heard[0].seq + 2);
	told = tap_next(&f, tap, 5000);
	ck_assert_str_eq(told.name, "command:executing");
	told = tap_next(&f, tap, 5000);
	ck_assert_str_eq(told.name, "command:executed");
	zmq_close(tap);
}
END_TEST

/* A graph of so many nodes below one root instead of what there was. */
static void
load(int n_nodes)
{
	char *args = xmalloc((size_t)n_nodes * 64 + 64), *at = args;

	at = stpcpy(at, "{\"graph\":{\"nodes\":[");
	for (int i = 0; i < n_nodes; i++)
		at += sprintf(at, "%s{\"id\":\"n%d\",\"type\":\"x\"%s}", i ? "," : "", i,
		    i ? ",\"parent_id\":\"n0\"" : "");
	sprintf(at, "]}}");
	client_expect(&f, "OK", "LoadGraph", session, MINIMAL, args);
	free(args);
}

/* The events besides those of the nodes: the removed root's, and the one that ends the command. */
START_TEST(the_longest_step_that_is_published_is_published_whole)
{
	load(LIMIT_STEP_EVENTS - 2);
	hear_until(feed, EVENT_command_executed);
	ck_assert_int_eq(heard[0].event, EVENT_command_executing);
	ck_assert_uint_eq(n_heard, 1 + LIMIT_STEP_EVENTS);
	ck_assert_uint_eq(heard[n_heard - 1].seq, heard[0].seq + LIMIT_STEP_EVENTS);
}
END_TEST

START_TEST(a_longer_step_is_told_of_by_one_sync_and_what_follows_comes_behind_it)
{
	void *tap = tap_new(&f, session), *dash = subscriber(true);
	struct tapped told;
	uint64_t seq;

	hear_until(dash, EVENT_sync);
	forget();
	load(LIMIT_STEP_EVENTS - 1);
	hear_until(dash, EVENT_sync);
	ck_assert_uint_eq(n_heard, 2);
	ck_assert_int_eq(heard[0].event, EVENT_command_executing);
	seq = heard[0].seq + LIMIT_STEP_EVENTS + 1;
	ck_assert_uint_eq(heard[1].seq, seq);
	client_expect(&f, "OK", "CreateNode", session, MINIMAL, "{\"blueprint_type_id\":\"x\"}");
	hear_until(dash, EVENT_command_executed);
	for (size_t i = 0; i < n_heard; i++)
		ck_assert_int_ne(heard[i].event, EVENT_node_updated);
	ck_assert_uint_eq(heard[n_heard - 1].seq, seq + 2);
	told = tap_next(&f, tap, 5000);
	ck_assert_str_eq(told.name, "command:executing");
	told = tap_next(&f, tap, 5000);
	ck_assert_str_eq(told.name, "command:executing");
	told = tap_next(&f, tap, 5000);
	ck_assert_str_eq(told.name, "graph:node-created");
	ck_assert_uint_eq(told.seq, seq + 1);
	zmq_close(tap);
	zmq_close(dash);
}
END_TEST

START_TEST(who_wants_dash_events_hears_of_updated_parents)
{
	void *dash = subscriber(true);
	char args[200];

	hear_until(dash, EVENT_sync);
	forget();
	snprintf(args, sizeof args, "{\"blueprint_type_id\":\"x\",\"parent_id\":\"%s\"}", root);
	client_expect(&f, "OK", "CreateNode", session, MINIMAL, args);
	hear_until(dash, EVENT_node_updated);
	ck_assert_ptr_nonnull(strstr(heard[n_heard - 1].body, root));
	zmq_close(dash);
}
END_TEST

START_TEST(beacons_tell_the_seq_on_the_feed_too)
{
	uint64_t seq;

	do_update("x");
	hear_until(feed, EVENT_command_executed);
	seq = heard[n_heard - 1].seq;
	hear_until(feed, EVENT_sync);
	ck_assert_uint_eq(heard[n_heard - 1].seq, seq);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("server_feed");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_subscription_is_answered_with_a_sync_and_each_further_one_again);
	tcase_add_test(t, a_command_and_its_events_are_one_message);
	tcase_add_test(t, a_tap_of_everything_reads_the_same_events_and_no_packed_ones);
	tcase_add_test(t, many_events_travel_in_messages_of_bounded_length);
	tcase_add_test(t, an_event_beyond_the_limit_is_a_message_of_its_own);
	tcase_add_test(t, an_event_too_long_to_be_published_is_told_of_by_a_sync);
	tcase_add_test(t, the_longest_step_that_is_published_is_published_whole);
	tcase_add_test(t, a_longer_step_is_told_of_by_one_sync_and_what_follows_comes_behind_it);
	tcase_add_test(t, who_wants_dash_events_hears_of_updated_parents);
	tcase_add_test(t, beacons_tell_the_seq_on_the_feed_too);
	return run_tests(t);
}
