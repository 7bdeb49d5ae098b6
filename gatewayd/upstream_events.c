#include "gatewayd/upstream_inner.h"

#include "common/frames.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"
#include "proto/wire.h"

#include <assert.h>
#include <stdlib.h>

static struct metric heard_events = { .name = "gatewayd_bus_events_total",
	.help = "Events that graphd published on topics subscribed to.",
	.type = "counter" };

/* False: no event of this gateway's version. */
static bool
give_event(struct upstream *u, const struct uuid *session, const struct wire_header *header,
    struct span body)
{
	if (header->event >= EVENTS)
		return false;
	heard_events.value++;
	u->events.event(u->events.context, session, header, body);
	return true;
}

/* Returns how many events there were. The session may be unsubscribed by one of them. */
static int
take_packed(struct upstream *u, const struct uuid *session, struct span left)
{
	struct wire_header header;
	struct span body;
	int n = 0;

	while (table_find(&u->subscriptions, session) && wire_event_unpack(&left, &header, &body))
		n += give_event(u, session, &header, body);
	return n;
}

/* Of either endpoint (proto/wire.h). Returns how many events there were. */
static int
take_events(struct upstream *u, const struct frames *f)
{
	struct span topic = frames_at(f, 0), rest;
	struct wire_header header;
	struct uuid session;

	upstream_fed(u);
	if (span_is(topic, WIRE_HEARTBEAT_TOPIC)) {
		/* A link may be new while the heartbeats of the old one are still in the queue. And
		 * a graphd that can only be heard is not there. */
		if (u->is_linked)
			upstream_heard(u, frames_at(f, 2));
		return 0;
	}
	if (u->is_feed)
		return wire_feed_session(topic, &session, &rest) ? take_packed(u, &session, rest)
								 : 0;
	/* Topics are prefixes: only the full id says whose event it is. */
	if (!wire_topic_session(topic, &session) || !table_find(&u->subscriptions, &session))
		return 0;
	return wire_header_get(frames_at(f, 1), &header) &&
	    give_event(u, &session, &header, frames_at(f, 2));
}

static bool
on_events(struct loop_zmq *z)
{
	struct upstream *u = OWNER_OF(z, struct upstream, sub);
	struct frames f;
	int left = LIMIT_TURN_EVENTS;

	while (left > 0 && frames_recv(&f, z->socket)) {
		int n = take_events(u, &f);

		frames_fini(&f);
		left -= n > 0 ? n : 1;
	}
	return left <= 0;
}

void
upstream_prepare_events(struct upstream *u)
{
	metrics_add(&heard_events);
	u->sub.ready = on_events;
	u->sub.tells = true;
}

static struct subscription *
find_subscription(struct upstream *u, const struct uuid *session)
{
	struct subscription *s = table_find(&u->subscriptions, session);

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->session = *session;
	table_add(&u->subscriptions, s);
	return s;
}

static void
set_topic(struct upstream *u, const struct uuid *session, bool dash, int option)
{
	char topic[WIRE_TOPIC_MAX + sizeof("dash/")];
	size_t n =
	    u->is_feed ? wire_feed_topic(session, dash, topic) : wire_topic(session, EVENTS, topic);
	int rc;

	if (dash && !u->is_feed) {
		memcpy(topic + n, "dash/", sizeof("dash/") - 1);
		n += sizeof("dash/") - 1;
	}
	rc = zmq_setsockopt(u->sub.socket, option, topic, n);
	assert(rc == 0);
	u->sub.used = true;
}

void
upstream_subscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	struct subscription *s = find_subscription(u, session);

	if (s->n++ == 0)
		set_topic(u, session, false, ZMQ_SUBSCRIBE);
	if (dash && s->n_dash++ == 0)
		set_topic(u, session, true, ZMQ_SUBSCRIBE);
}

void
upstream_unsubscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	struct subscription *s = table_find(&u->subscriptions, session);

	assert(s && s->n > 0 && (!dash || s->n_dash > 0));
	if (dash && --s->n_dash == 0)
		set_topic(u, session, true, ZMQ_UNSUBSCRIBE);
	if (--s->n > 0)
		return;
	set_topic(u, session, false, ZMQ_UNSUBSCRIBE);
	free(table_remove(&u->subscriptions, session));
}

void
upstream_resync(struct upstream *u, const struct uuid *session)
{
	if (!table_find(&u->subscriptions, session))
		return;
	set_topic(u, session, false, ZMQ_UNSUBSCRIBE);
	set_topic(u, session, false, ZMQ_SUBSCRIBE);
}
