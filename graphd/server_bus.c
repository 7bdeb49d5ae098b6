#include "graphd/server_bus.h"

#include "common/clock.h"
#include "common/frames.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/wire.h"

#include <stdlib.h>

static struct metric published = { .name = "graphd_events_published_total",
	.help = "Messages given to the event bus.",
	.type = "counter" };
static struct metric subscribed = { .name = "graphd_subscriptions_total",
	.help = "Subscriptions that arrived on the event bus.",
	.type = "counter" };

enum { LAST_BEACON_BEATS = 64 }; /* a power of two */

struct dashed {
	struct uuid session;
};

struct active {
	struct uuid session, log_id;
	uint64_t epoch, seq;
	unsigned beats; /* since the seq changed */
};

void *
bus_bind(void *zmq, const char *endpoint, int snd_hwm, const struct bus_security *security)
{
	void *socket = zmq_socket(zmq, ZMQ_XPUB);
	int on = 1, linger = LIMIT_BUS_LINGER_MS, handshake = LIMIT_BUS_HANDSHAKE_MS;
	int beat = LIMIT_BUS_HEARTBEAT_MS, silence = LIMIT_BUS_SILENCE_MS;
	int64_t longest = LIMIT_FRAME_BYTES;

	if (!socket)
		return NULL;
	metrics_add(&published);
	metrics_add(&subscribed);
	/* A second gateway's subscription to a topic that is already subscribed must be seen too.
	 */
	zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &on, sizeof on);
	zmq_setsockopt(socket, ZMQ_SNDHWM, &snd_hwm, sizeof snd_hwm);
	zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest);
	zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &handshake, sizeof handshake);
	zmq_setsockopt(socket, ZMQ_HEARTBEAT_IVL, &beat, sizeof beat);
	zmq_setsockopt(socket, ZMQ_HEARTBEAT_TIMEOUT, &silence, sizeof silence);
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	bus_security_apply(security, socket);
	if (zmq_bind(socket, endpoint) == 0)
		return socket;
	zmq_close(socket);
	return NULL;
}

static void
send(struct bus *b, struct span topic, const struct wire_header *header, struct span body)
{
	uint8_t bytes[WIRE_HEADER_MOST_BYTES];
	size_t n = wire_header_put(header, bytes);

	if (!frames_send(b->socket, topic, true))
		return;
	frames_send(b->socket, (struct span){ (const char *)bytes, n }, true);
	frames_send(b->socket, body, false);
	published.value++;
}

static void
publish(struct bus *b, const struct events_due *due, const struct due_event *e)
{
	char topic[WIRE_TOPIC_MAX];
	struct wire_header header = { .version = 1,
		.flags = e->flags,
		.event = (uint16_t)e->event,
		.log_id = e->log_id,
		.epoch = e->epoch,
		.seq = e->seq,
		.time_us = e->time_us,
		.path = events_due_path(due, e) };
	size_t n = wire_topic(&e->session, e->event, topic);

	send(b, (struct span){ topic, n }, &header, events_due_body(due, e));
}

/* Encodes a step's events; began is the announcement of its command, or NULL. */
static void
publish_step(struct bus *b, const struct events_due *due, const struct due_event *began,
    const struct due_event *e)
{
	if (began) {
		struct step_event told = { .event = began->event, .seq = began->seq };

		told.body = events_due_body(due, began);
		events_due_add(&b->made, e->of, &told, began->time_us);
	}
	events_due_add_step(&b->made, e->of, e->step);
	for (size_t i = 0; i < b->made.n; i++)
		publish(b, &b->made, &b->made.list[i]);
	events_due_clear(&b->made);
}

bool
bus_hears(const struct bus *b, const struct uuid *session)
{
	return audience_hears(&b->audience, session);
}

/* The announcement of the command whose step comes next: it learns its place from the step. */
static bool
begins_next(const struct events_due *due, size_t i)
{
	const struct due_event *e = &due->list[i];

	return e->event == EVENT_command_executing && i + 1 < due->n && e[1].step &&
	    uuid_equal(&e->session, &e[1].session);
}

/* Whoever subscribed since the events became due was told the seq before them and waits for them.
 */
void
bus_publish(struct bus *b, const struct events_due *due, bool only_kept)
{
	for (size_t i = 0; i < due->n; i++) {
		const struct due_event *e = &due->list[i];

		if ((only_kept && !e->keep) || !bus_hears(b, &e->session))
			continue;
		if (e->step)
			publish_step(b, due, NULL, e);
		else if (!only_kept && begins_next(due, i))
			publish_step(b, due, e, &due->list[++i]);
		else
			publish(b, due, e);
	}
}

static void
send_sync(struct bus *b, const struct uuid *session, const struct uuid *log_id, uint64_t epoch,
    uint64_t seq)
{
	char topic[WIRE_TOPIC_MAX];
	size_t n = wire_topic(session, EVENT_sync, topic);
	struct json_out body = { 0 };
	struct wire_header header = { .version = 1,
		.event = EVENT_sync,
		.log_id = *log_id,
		.epoch = epoch,
		.seq = seq,
		.time_us = clock_wall_us() };

	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, session);
	json_out_key(&body, "seq");
	json_out_uint(&body, seq);
	json_out_key(&body, "log_id");
	json_out_uuid(&body, log_id);
	json_out_close(&body, '}');
	send(b, (struct span){ topic, n }, &header, json_out_span(&body));
	json_out_fini(&body);
}

/* The subscriber learns from which seq on it hears everything; of a session that is not there, that
 * it is not. */
static void
answer_subscription(struct bus *b, const struct uuid *id)
{
	static const struct uuid nil;
	struct session *s;

	if (sessions_get(b->sessions, id, &s) == OK)
		send_sync(b, id, &s->log_id, s->epoch, s->durable_seq);
	else
		send_sync(b, id, &nil, 0, 0);
}

static bool
is_dash(struct span rest)
{
	return rest.n >= 5 && memcmp(rest.p, "dash/", 5) == 0;
}

static void
note_dash(struct bus *b, const struct uuid *session, bool on)
{
	struct dashed *d = table_find(&b->dashed, session);

	if (on && !d && b->dashed.n < LIMIT_SESSIONS) {
		d = xcalloc(1, sizeof *d);
		d->session = *session;
		table_add(&b->dashed, d);
	} else if (!on && d) {
		table_remove(&b->dashed, session);
		free(d);
	}
}

/*
 * ZeroMQ hands up every subscription, but the end of one only when no subscriber to that topic is
 * left, also when the last one just vanishes. So a set of topics is enough, without counts.
 */
static void
take_subscription(struct bus *b, struct span message)
{
	struct span topic = { message.p + 1, message.n - 1 };
	struct span rest;
	struct uuid session;
	bool on = message.p[0] == 1;

	audience_note(&b->audience, topic, on);
	if (!wire_topic_session(topic, &session))
		return;
	subscribed.value += on;
	rest = (struct span){ memchr(topic.p, '/', topic.n), 0 };
	rest.p++;
	rest.n = topic.n - (size_t)(rest.p - topic.p);
	if (is_dash(rest))
		note_dash(b, &session, on);
	else if (on && (rest.n == 0 || span_is(rest, "sync")))
		answer_subscription(b, &session);
}

static bool
on_subscriptions(struct loop_zmq *z)
{
	struct bus *b = (struct bus *)(void *)((char *)z - offsetof(struct bus, subscriptions));
	struct frames f;

	for (int n = 0; n < LIMIT_TURN_REQUESTS; n++) {
		struct span message;

		if (!frames_recv(&f, b->socket))
			return false;
		message = frames_at(&f, 0);
		/* A subscriber may also send messages of its own upstream: those are none of ours.
		 */
		if (f.n == 1 && message.n > 0 && (uint8_t)message.p[0] <= 1)
			take_subscription(b, message);
		frames_fini(&f);
	}
	return true;
}

void
bus_init(struct bus *b, void *socket, struct loop *loop, struct sessions *sessions,
    const struct uuid *boot_id)
{
	b->socket = socket;
	b->sessions = sessions;
	b->boot_id = *boot_id;
	audience_init(&b->audience, LIMIT_TOPICS);
	table_init(&b->dashed, offsetof(struct dashed, session), UUID_BYTES);
	table_init(&b->active, offsetof(struct active, session), UUID_BYTES);
	b->subscriptions.ready = on_subscriptions;
	loop_add_zmq(loop, &b->subscriptions, socket);
}

void
bus_fini(struct bus *b, struct loop *loop)
{
	void *object;

	loop_remove_zmq(loop, &b->subscriptions);
	for (size_t i = 0; (object = table_next(&b->dashed, &i));)
		free(object);
	for (size_t i = 0; (object = table_next(&b->active, &i));)
		free(object);
	audience_fini(&b->audience);
	events_due_fini(&b->made);
	table_fini(&b->dashed);
	table_fini(&b->active);
	zmq_close(b->socket);
}

bool
bus_has_dash(const struct bus *b, const struct uuid *session)
{
	return table_find(&b->dashed, session) != NULL;
}

void
bus_note_active(struct bus *b, const struct session *s)
{
	static const struct uuid nil;
	struct active *a = table_find(&b->active, &s->id);

	if (!a) {
		a = xcalloc(1, sizeof *a);
		a->session = s->id;
		table_add(&b->active, a);
	}
	/* Of one that has ended the beacons say, as to a subscription, that it is not there. */
	a->log_id = s->closed ? nil : s->log_id;
	a->epoch = s->epoch;
	a->seq = s->durable_seq;
	a->beats = 0;
}

/*
 * Beacons may be lost too, for as long as a subscriber is behind. With the time between them
 * doubled each time, one comes within as long again.
 */
void
bus_beacon(struct bus *b)
{
	struct active *a;

	for (size_t i = 0; (a = table_next(&b->active, &i));) {
		a->beats++;
		if ((a->beats & (a->beats - 1)) == 0)
			send_sync(b, &a->session, &a->log_id, a->epoch, a->seq);
		if (a->beats == LAST_BEACON_BEATS) {
			table_remove(&b->active, &a->session);
			free(a);
		}
	}
}

void
bus_heartbeat(struct bus *b)
{
	struct wire_header header = { .version = 1, .event = EVENTS, .time_us = clock_wall_us() };
	struct json_out body = { 0 };

	json_out_open(&body, '{');
	json_out_key(&body, "boot_id");
	json_out_uuid(&body, &b->boot_id);
	json_out_key(&body, "contract");
	json_out_string(&body, WIRE_CONTRACT);
	json_out_close(&body, '}');
	send(b, SPAN(WIRE_HEARTBEAT_TOPIC), &header, json_out_span(&body));
	json_out_fini(&body);
}
