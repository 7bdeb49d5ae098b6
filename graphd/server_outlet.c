#include "graphd/server_outlet.h"

#include "common/bus_socket.h"
#include "common/frames.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <stdlib.h>

static struct metric published = { .name = "graphd_events_published_total",
	.help = "Messages given to the event bus.",
	.type = "counter" };
static struct metric subscribed = { .name = "graphd_subscriptions_total",
	.help = "Subscriptions that arrived on the event bus.",
	.type = "counter" };

struct dashed {
	struct uuid session;
};

void *
outlet_bind(void *zmq, const char *endpoint, int snd_hwm, const struct bus_security *security)
{
	void *socket = bus_socket_new(zmq, ZMQ_XPUB, security);

	if (!socket)
		return NULL;
	metrics_add(&published);
	metrics_add(&subscribed);
	/* A second gateway's subscription to a topic that is already subscribed must be seen too.
	 */
	bus_socket_set(socket, ZMQ_XPUB_VERBOSE, 1);
	bus_socket_set(socket, ZMQ_SNDHWM, snd_hwm);
	return bus_socket_listen(socket, endpoint);
}

static void
send_frames(struct outlet *o, struct span topic, const struct wire_header *header, struct span body)
{
	uint8_t bytes[WIRE_HEADER_MOST_BYTES];
	size_t n = wire_header_put(header, bytes);

	o->subscriptions.used = true;
	if (!frames_send(o->socket, topic, true))
		return;
	frames_send(o->socket, (struct span){ (const char *)bytes, n }, true);
	frames_send(o->socket, body, false);
	published.value++;
}

void
outlet_flush(struct outlet *o)
{
	if (o->pack.n == 0)
		return;
	o->subscriptions.used = true;
	if (frames_send(o->socket, json_out_span(&o->pack), false))
		published.value++;
	json_out_clear(&o->pack);
}

static void
pack(struct outlet *o, const struct uuid *session, const struct wire_header *header,
    struct span body)
{
	if (o->pack.n > 0 &&
	    (!uuid_equal(&o->pack_session, session) || o->pack.n + body.n > LIMIT_PACK_BYTES))
		outlet_flush(o);
	if (o->pack.n == 0) {
		o->pack_session = *session;
		json_out_bytes(&o->pack, (struct span){ (const char *)session->bytes, UUID_BYTES });
	}
	wire_event_pack(header, body, &o->pack);
}

void
outlet_send(struct outlet *o, const struct uuid *session, const struct wire_header *header,
    struct span body)
{
	char topic[WIRE_TOPIC_MAX];
	size_t n;

	if (o->is_packed) {
		pack(o, session, header, body);
		return;
	}
	n = wire_topic(session, (enum event)header->event, topic);
	send_frames(o, (struct span){ topic, n }, header, body);
}

void
outlet_send_heartbeat(struct outlet *o, const struct wire_header *header, struct span body)
{
	send_frames(o, SPAN(WIRE_HEARTBEAT_TOPIC), header, body);
}

static void
note_dash(struct outlet *o, const struct uuid *session, bool on)
{
	struct dashed *d = table_find(&o->dashed, session);

	if (on && !d && o->dashed.n < LIMIT_SESSIONS) {
		d = xcalloc(1, sizeof *d);
		d->session = *session;
		table_add(&o->dashed, d);
	} else if (!on && d) {
		table_remove(&o->dashed, session);
		free(d);
	}
}

/* What of the session the topic is about: all, its dash/ topics, or another part. */
enum topic_part { TOPIC_ALL, TOPIC_DASH, TOPIC_PART };

static enum topic_part
part_of(struct span rest)
{
	if (rest.n >= 5 && memcmp(rest.p, "dash/", 5) == 0)
		return TOPIC_DASH;
	return rest.n == 0 || span_is(rest, "sync") ? TOPIC_ALL : TOPIC_PART;
}

/* False: it names no session. */
static bool
read_topic(const struct outlet *o, struct span topic, struct uuid *session, enum topic_part *part)
{
	struct span rest;

	if (o->is_packed) {
		if (!wire_feed_session(topic, session, &rest))
			return false;
		*part = rest.n == 0		    ? TOPIC_ALL
		    : span_is(rest, WIRE_FEED_DASH) ? TOPIC_DASH
						    : TOPIC_PART;
		return true;
	}
	if (!wire_topic_session(topic, session))
		return false;
	rest.p = (const char *)memchr(topic.p, '/', topic.n) + 1;
	rest.n = topic.n - (size_t)(rest.p - topic.p);
	*part = part_of(rest);
	return true;
}

/*
 * ZeroMQ hands up every subscription, but the end of one only when no subscriber to that topic is
 * left, also when the last one just vanishes. So a set of topics is enough, without counts.
 */
static void
take_subscription(struct outlet *o, struct span message)
{
	struct span topic = { message.p + 1, message.n - 1 };
	enum topic_part part;
	struct uuid session;
	bool on = message.p[0] == 1;

	audience_note(&o->audience, topic, on);
	if (span_is(topic, WIRE_HEARTBEAT_TOPIC) || !read_topic(o, topic, &session, &part))
		return;
	subscribed.value += on;
	if (part == TOPIC_DASH)
		note_dash(o, &session, on);
	else if (on && part == TOPIC_ALL)
		o->subscribed(o, &session);
}

static bool
on_subscriptions(struct loop_zmq *z)
{
	struct outlet *o = OWNER_OF(z, struct outlet, subscriptions);
	struct frames f;

	for (int n = 0; n < LIMIT_TURN_REQUESTS; n++) {
		struct span message;

		if (!frames_recv(&f, o->socket))
			return false;
		message = frames_at(&f, 0);
		/* A subscriber may also send messages of its own upstream: those are none of ours.
		 */
		if (f.n == 1 && message.n > 0 && (uint8_t)message.p[0] <= 1)
			take_subscription(o, message);
		frames_fini(&f);
	}
	return true;
}

void
outlet_init(struct outlet *o, void *socket, bool is_packed, struct loop *loop)
{
	o->socket = socket;
	o->is_packed = is_packed;
	audience_init(&o->audience, LIMIT_TOPICS, is_packed);
	table_init(&o->dashed, offsetof(struct dashed, session), UUID_BYTES);
	o->subscriptions.ready = on_subscriptions;
	o->subscriptions.tells = true;
	loop_add_zmq(loop, &o->subscriptions, socket);
}

void
outlet_fini(struct outlet *o, struct loop *loop)
{
	void *object;

	loop_remove_zmq(loop, &o->subscriptions);
	for (size_t i = 0; (object = table_next(&o->dashed, &i));)
		free(object);
	table_fini(&o->dashed);
	audience_fini(&o->audience);
	json_out_fini(&o->pack);
	zmq_close(o->socket);
}

bool
outlet_hears(const struct outlet *o, const struct uuid *session)
{
	return audience_hears(&o->audience, session);
}

bool
outlet_has_dash(const struct outlet *o, const struct uuid *session)
{
	return table_find(&o->dashed, session) != NULL;
}
