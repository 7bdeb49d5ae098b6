#pragma once
/* A hub between a fake graphd and fake clients, for the tests of gatewayd/hub. Time stands still
 * unless a test moves it. */

#include "common/clock.h"
#include "common/owner.h"
#include "gatewayd/hub.h"
#include "fake_upstream.h"
#include "run_tests.h"

#include <stdio.h>

enum { HEARD_BYTES = 64 * 1024, START_MS = 1000 };

struct fake_client {
	struct member member;
	char heard[HEARD_BYTES]; /* "node-created 3, …" without commas: one word and seq each */
	size_t n;
	size_t owed;
	unsigned n_joined, n_deliveries;
	struct join_result result;
	const char *evicted;
};

static struct upstream fake;
static struct loop *loop;
static struct hub *hub;
static uint64_t now_ms;
static struct uuid session, log_id;
static unsigned n_encoded;
static uint64_t asked_number;  /* of the last question that was encoded */
static char resync_body[1024]; /* of the last session:resync that was encoded */
static struct fake_client ann __attribute__((unused)), bob __attribute__((unused)),
    cem __attribute__((unused));

static inline struct fake_client *
fake_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct fake_client, member);
}

static void
hear(struct fake_client *c, struct span text)
{
	ck_assert_uint_lt(c->n + text.n, HEARD_BYTES);
	memcpy(c->heard + c->n, text.p, text.n);
	c->n += text.n;
	c->heard[c->n] = '\0';
}

static struct shared_bytes *
fake_encode(unsigned dialect, const struct delivery *d)
{
	char text[64];
	const char *name = d->event == EVENTS ? "mark"
	    : dialect == NAMES_DASH	      ? event_rows[d->event].dash
					      : event_rows[d->event].ident;
	int n = snprintf(text, sizeof text, "%s %llu;", name, (unsigned long long)d->seq);

	n_encoded++;
	if (d->event == EVENT_session_resync)
		snprintf(resync_body, sizeof resync_body, "%.*s", (int)d->body.n, d->body.p);
	if (d->question) {
		asked_number = d->question->number;
		n = snprintf(text, sizeof text, "%.*s %.*s?", (int)d->question->event.n,
		    d->question->event.p, (int)d->question->data.n, d->question->data.p);
		return shared_bytes_new(SHARED_PLAIN, (struct span){ text, (size_t)n });
	}
	if (dialect == NAMES_COLON && d->event == EVENT_node_updated)
		return NULL;
	return shared_bytes_new(SHARED_PLAIN, (struct span){ text, (size_t)n });
}

static void
fake_deliver(struct member *m, struct shared_bytes *bytes)
{
	fake_of(m)->n_deliveries++;
	hear(fake_of(m), shared_bytes_payload(bytes));
}

static size_t
fake_owed(const struct member *m)
{
	return fake_of(m)->owed;
}

static void
fake_joined(struct member *m, const struct join_result *result)
{
	struct fake_client *c = fake_of(m);
	char text[64];
	int n = snprintf(text, sizeof text, "joined %llu;", (unsigned long long)result->seq);

	c->n_joined++;
	c->result = *result;
	if (!result->error)
		hear(c, (struct span){ text, (size_t)n });
}

static void
fake_evict(struct member *m, const char *reason)
{
	ck_assert_ptr_null(fake_of(m)->evicted);
	fake_of(m)->evicted = reason;
}

static const struct transport fake_transport = {
	.name = "fake",
	.is_stream = true,
	.encode = fake_encode,
	.deliver = fake_deliver,
	.owed = fake_owed,
	.joined = fake_joined,
	.evict = fake_evict,
};

static const struct transport early_transport __attribute__((unused)) = {
	.name = "early",
	.announces_first = true,
	.encode = fake_encode,
	.deliver = fake_deliver,
	.owed = fake_owed,
	.joined = fake_joined,
	.evict = fake_evict,
};

static inline void
turn(void)
{
	loop_turn(loop, 0);
}

/* Time passes, a bit at a time, as it does. */
static inline void
pass(uint64_t ms)
{
	for (uint64_t step; ms; ms -= step) {
		step = ms < 50 ? ms : 50;
		now_ms += step;
		clock_set(now_ms, now_ms * 1000);
		turn();
	}
}

static inline void
hub_setup(void)
{
	now_ms = START_MS;
	clock_set(now_ms, now_ms * 1000);
	uuid_of_name(SPAN("a session"), &session);
	uuid_of_name(SPAN("a history"), &log_id);
	loop = loop_new();
	hub = hub_new(loop, &fake);
	n_encoded = 0;
}

static inline void
hub_teardown(void)
{
	hub_free(hub);
	ck_assert_int_eq(fake.subscribed, 0);
	ck_assert_int_eq(fake.dash, 0);
	fake_upstream_fini(&fake);
	loop_free(loop);
	clock_set(0, 0);
}

static inline void
say(enum event event, uint64_t seq, unsigned flags, const char *body)
{
	struct wire_header h = { .version = 1,
		.flags = (uint8_t)flags,
		.event = (uint16_t)event,
		.log_id = log_id,
		.seq = seq };

	hub_event(hub, &session, &h, span_of(body));
}

/* The node of that letter. */
static inline struct uuid
node_of(char letter)
{
	struct uuid id;

	uuid_of_name((struct span){ &letter, 1 }, &id);
	return id;
}

/* What happened at "cba": to node c, below b, below a. */
static inline void
say_at(enum event event, uint64_t seq, unsigned flags, const char *path)
{
	struct uuid ids[16];
	struct wire_header h = { .version = 1,
		.flags = (uint8_t)flags,
		.event = (uint16_t)event,
		.log_id = log_id,
		.seq = seq,
		.path = { ids, strlen(path) } };

	for (size_t i = 0; i < h.path.n; i++)
		ids[i] = node_of(path[i]);
	hub_event(hub, &session, &h, SPAN("{}"));
}

static inline void
durable_at(uint64_t seq, const char *path)
{
	say_at(EVENT_node_created, seq, WIRE_DURABLE, path);
}

static inline void
durable(uint64_t seq)
{
	say(EVENT_node_created, seq, WIRE_DURABLE, "{}");
}

static inline void
sync_at(uint64_t seq)
{
	say(EVENT_sync, seq, 0, "{}");
	turn();
}

static inline void
connected(const char *client_id, uint64_t seq)
{
	char body[128];

	snprintf(body, sizeof body, "{\"client_id\":\"%s\"}", client_id);
	say(EVENT_session_connected, seq, 0, body);
}

/* An uncounted client that wants everything. */
static inline void
join_plainly(struct fake_client *c)
{
	struct join j = { .session = session };

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, &fake_transport, NAMES_COLON, &j);
}

static inline void
join_since(struct fake_client *c, uint64_t since)
{
	struct join j = { .session = session, .has_since = true, .since = since };

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, &fake_transport, NAMES_COLON, &j);
}

static inline void
join_filtered(struct fake_client *c, const char *events)
{
	struct join j = { .session = session, .events = span_of(events) };

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, &fake_transport, NAMES_COLON, &j);
}

static inline void
join_part(struct fake_client *c, char node, const char *events)
{
	struct join j = { .session = session, .subtree = node_of(node), .events = span_of(events) };

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, &fake_transport, NAMES_COLON, &j);
}

static inline void
join_part_since(struct fake_client *c, char node, uint64_t since)
{
	struct join j = {
		.session = session, .subtree = node_of(node), .has_since = true, .since = since
	};

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, &fake_transport, NAMES_COLON, &j);
}

static inline void
join_counted(struct fake_client *c, const char *client_id, const struct transport *transport)
{
	struct join j = { .session = session,
		.counted = true,
		.client_id = span_of(client_id),
		.actor = SPAN("ann") };

	*c = (struct fake_client){ 0 };
	hub_join(hub, &c->member, transport, NAMES_COLON, &j);
}

/* What was heard is forgotten, so that the next check looks at what is new. */
static inline void
forget_heard(struct fake_client *c)
{
	c->n = 0;
	c->heard[0] = '\0';
	c->n_deliveries = 0;
}

/* Instead of hub_setup(): cem listens to the session, uncounted. */
static inline void
listener_setup(void)
{
	hub_setup();
	join_plainly(&cem);
	sync_at(0);
}

/* ann listens to a, bob to b, and cem to everything; all at seq 0. */
static inline void
three_members(void)
{
	join_part(&ann, 'a', NULL);
	join_part(&bob, 'b', NULL);
	join_plainly(&cem);
	sync_at(0);
	forget_heard(&ann);
	forget_heard(&bob);
	forget_heard(&cem);
}

/* A counted client, all the way in, as one of so many. */
static inline void
bring_in_as(struct fake_client *c, const char *client_id, unsigned n_clients)
{
	char body[64];

	join_counted(c, client_id, &fake_transport);
	turn();
	connected(client_id, 0);
	snprintf(
	    body, sizeof body, "{\"active_clients\":%u,\"seq\":0,\"announced\":true}", n_clients);
	fake_answer(&fake, COMMAND_join, OK, body);
	turn();
	ck_assert_uint_eq(c->n_joined, 1);
	forget_heard(c);
}

static inline void
ck_heard(const struct fake_client *c, const char *expected)
{
	ck_assert_str_eq(c->heard, expected);
}
