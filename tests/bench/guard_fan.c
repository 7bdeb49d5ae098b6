#include "tests/bench/guard.h"

#include "common/loop.h"
#include "common/mem.h"
#include "gatewayd/hub.h"
#include "gatewayd/live.h"
#include "gatewayd/sio_packet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS = 100, EVENTS_PER_TURN = 8 };

/* The functions of gatewayd/upstream.h, of which uncounted members need only that they are there.
 */
struct upstream {
	unsigned subscriptions;
};

uint64_t
upstream_ask(
    struct upstream *u, const struct upstream_question *question, upstream_reply_fn *fn, void *arg)
{
	(void)u;
	(void)question;
	(void)fn;
	(void)arg;
	return 0;
}

bool
upstream_forget(struct upstream *u, uint64_t number)
{
	(void)u;
	(void)number;
	return false;
}

void
upstream_subscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	(void)session;
	(void)dash;
	u->subscriptions++;
}

void
upstream_unsubscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	(void)session;
	(void)dash;
	u->subscriptions--;
}

void
upstream_resync(struct upstream *u, const struct uuid *session)
{
	(void)u;
	(void)session;
}

bool
upstream_is_ready(const struct upstream *u)
{
	(void)u;
	return true;
}

unsigned
upstream_changes_under_way(const struct upstream *u, const struct uuid *session)
{
	(void)u;
	(void)session;
	return 0;
}

size_t
upstream_in_flight(const struct upstream *u)
{
	(void)u;
	return 0;
}

void
upstream_free(struct upstream *u)
{
	assert(u->subscriptions == 0);
}

struct client {
	struct member member;
	uint64_t bytes;
};

struct fan {
	struct upstream upstream;
	struct loop *loop;
	struct hub *hub;
	struct uuid session, log_id;
	struct client *clients;
	size_t n;
	uint64_t seq;
};

static struct shared_bytes *
encode_socketio(unsigned dialect, const struct delivery *d)
{
	struct sio_message message = {
		.type = SIO_EVENT,
		.ns = SPAN("/graph"),
		.name = span_of(live_event_name((enum names)dialect, d->event)),
		.args = d->body,
	};

	return sio_encode(&message);
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	((struct client *)(void *)m)->bytes += shared_bytes_frame(bytes).n;
}

static size_t
owed(const struct member *m)
{
	(void)m;
	return 0;
}

static void
joined(struct member *m, const struct join_result *result)
{
	(void)m;
	assert(result->error == OK);
}

static void
evict(struct member *m, const char *reason)
{
	(void)m;
	(void)reason;
}

#define TRANSPORT(encoder) \
	{ \
		.name = "guard", .is_stream = true, .encode = encoder, .deliver = deliver, \
		.owed = owed, .joined = joined, .evict = evict \
	}

static const struct transport socketio = TRANSPORT(encode_socketio);
static const struct transport websocket = TRANSPORT(live_encode_event);

static void
say(struct fan *f, enum event event, unsigned flags, struct span body)
{
	struct wire_header header = { .version = 1,
		.flags = (uint8_t)flags,
		.event = (uint16_t)event,
		.log_id = f->log_id,
		.seq = f->seq };

	hub_event(f->hub, &f->session, &header, body);
}

static struct fan *
begin(size_t n_clients, const struct transport *transport)
{
	struct fan *f = xcalloc(1, sizeof *f);
	struct join join;

	uuid_of_name(SPAN("a session"), &f->session);
	uuid_of_name(SPAN("a history"), &f->log_id);
	f->loop = loop_new();
	f->hub = hub_new(f->loop, &f->upstream);
	f->n = n_clients;
	f->clients = xcalloc(n_clients, sizeof *f->clients);
	join = (struct join){ .session = f->session, .events = SPAN("graph:*") };
	for (size_t i = 0; i < n_clients; i++)
		hub_join(f->hub, &f->clients[i].member, transport, NAMES_COLON, &join);
	say(f, EVENT_sync, 0, SPAN("{}"));
	loop_turn(f->loop, 0);
	return f;
}

void *
guard_fan_begin_socketio(size_t n_clients)
{
	return begin(n_clients, &socketio);
}

void *
guard_fan_begin_websocket(size_t n_clients)
{
	return begin(n_clients, &websocket);
}

/* Each turn brings the two events of some commands; the filter lets one of each through. */
void
guard_fan_run(void *fan)
{
	struct fan *f = fan;
	char body[512];

	for (int turn = 0; turn < TURNS; turn++) {
		for (int i = 0; i < EVENTS_PER_TURN; i++) {
			int n = snprintf(body, sizeof body,
			    "{\"session_id\":\"0b7de1a4-7d38-4b0e-bfd0-5d0f1b6e3f10\",\"seq\":%llu,"
			    "\"node_id\":\"7f3f9c1e-2222-4444-8888-0123456789ab\","
			    "\"property_id\":\"notes\",\"old_value\":null,\"new_value\":\"T\"}",
			    (unsigned long long)++f->seq);

			say(f, i % 2 ? EVENT_command_executed : EVENT_property_changed,
			    WIRE_DURABLE, (struct span){ body, (size_t)n });
		}
		loop_turn(f->loop, 0);
	}
}

void
guard_fan_end(void *fan)
{
	struct fan *f = fan;

	/* Work that was not done would be the cheapest of all. */
	for (size_t i = 0; i < f->n; i++)
		assert(f->clients[i].bytes > TURNS * EVENTS_PER_TURN / 2 * 200);
	hub_free(f->hub);
	upstream_free(&f->upstream);
	loop_free(f->loop);
	free(f->clients);
	free(f);
}
