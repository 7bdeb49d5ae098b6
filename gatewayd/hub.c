#include "gatewayd/hub_inner.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	TICK_MS = 1000,
	JOINING_TICK_MS = 50,
	ROOM_LINGER_MS = 10000, /* a room nobody is in stays subscribed so long: pollers come and go */
	HELD_BYTES = 4 * 1024 * 1024, /* beyond it the journal is read instead */
};

/* The bytes of one event in the dialects that were asked for so far. */
struct encodings {
	const struct delivery *delivery;
	unsigned n;
	struct {
		const struct transport *transport;
		unsigned dialect;
		struct shared_bytes *bytes;
	} made[DIALECT_CACHE];
};

/* Returns owned. */
static struct shared_bytes *
encoding(struct encodings *e, const struct transport *transport, unsigned dialect)
{
	struct shared_bytes *bytes;

	for (unsigned i = 0; i < e->n; i++) {
		if (e->made[i].transport == transport && e->made[i].dialect == dialect)
			return e->made[i].bytes ? shared_bytes_ref(e->made[i].bytes) : NULL;
	}
	bytes = transport->encode(dialect, e->delivery);
	if (e->n < DIALECT_CACHE) {
		e->made[e->n].transport = transport;
		e->made[e->n].dialect = dialect;
		e->made[e->n++].bytes = bytes ? shared_bytes_ref(bytes) : NULL;
	}
	return bytes;
}

static void
encodings_fini(struct encodings *e)
{
	for (unsigned i = 0; i < e->n; i++)
		shared_bytes_unref(e->made[i].bytes);
}

/* Presence goes to the others: the member it came from is passed by. */
static void
spread_presence(struct group *g, const struct delivery *d, struct shared_bytes *bytes)
{
	struct arena arena;
	struct span value, client_id = { 0 };

	arena_init(&arena);
	if (json_find(d->body, "client_id", &value) && json_type(value) == JSON_STRING)
		client_id = json_text(&arena, value);
	group_flush(g);
	for (uint32_t i = 0; i < g->n; i++) {
		struct member *m = g->members[i];

		if (!(m->client_id && span_is(client_id, m->client_id)) && g->transport->owed(m) < LIMIT_QUEUE_BYTES)
			g->transport->deliver(m, bytes);
	}
	arena_fini(&arena);
}

void
room_spread(struct room *r, const struct delivery *d)
{
	struct encodings e = { .delivery = d };
	uint64_t before = d->durable ? d->seq - 1 : r->seq;

	LIST_EACH (at, &r->groups) {
		struct group *g = LIST_OF(at, struct group, in_room);
		struct shared_bytes *bytes;

		if (g->n == 0)
			continue;
		if (!filter_wants(g->filter, d->event)) {
			g->passed_over |= d->durable;
			continue;
		}
		bytes = encoding(&e, g->transport, g->dialect);
		if (bytes && d->event == EVENT_presence_update)
			spread_presence(g, d, bytes);
		else if (bytes)
			group_queue(g, bytes, before);
		shared_bytes_unref(bytes);
	}
	encodings_fini(&e);
}

bool
room_has_gap(const struct room *r)
{
	return r->synced && r->known_seq > r->seq;
}

/* Keeps it in order of seq; nearly always it belongs at the end. */
static void
hold(struct room *r, const struct delivery *d)
{
	struct held_event *h;
	struct link *at = r->held.prev;

	if (r->held_bytes + d->body.n > HELD_BYTES)
		return;
	while (at != &r->held && LIST_OF(at, struct held_event, link)->delivery.seq > d->seq)
		at = at->prev;
	if (at != &r->held && LIST_OF(at, struct held_event, link)->delivery.seq == d->seq)
		return;
	h = xmalloc(sizeof *h + d->body.n);
	h->delivery = *d;
	memcpy(h + 1, d->body.p, d->body.n);
	h->delivery.body.p = (const char *)(h + 1);
	r->held_bytes += d->body.n;
	list_append(at->next, &h->link);
}

static void
drop_held(struct room *r, struct held_event *h)
{
	list_remove(&h->link);
	r->held_bytes -= h->delivery.body.n;
	free(h);
}

/* Waiting members may be ahead of the room by an event that was still on its way. */
static void
settle_waiting(struct room *r)
{
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (m->seq == r->seq)
			member_settle(m);
	}
}

static void
advance(struct room *r, const struct delivery *d)
{
	room_spread(r, d);
	r->seq = d->seq;
	if (r->known_seq < r->seq)
		r->known_seq = r->seq;
	if (!list_is_empty(&r->waiting))
		settle_waiting(r);
}

static void
drain_held(struct room *r)
{
	while (!list_is_empty(&r->held)) {
		struct held_event *h = LIST_OF(r->held.next, struct held_event, link);

		if (h->delivery.seq > r->seq + 1)
			return;
		if (h->delivery.seq == r->seq + 1)
			advance(r, &h->delivery);
		drop_held(r, h);
	}
}

void
room_durable(struct room *r, const struct delivery *d)
{
	if (r->synced && d->seq <= r->seq)
		return;
	if (r->known_seq < d->seq)
		r->known_seq = d->seq;
	if (!r->synced || d->seq != r->seq + 1) {
		hold(r, d);
		if (r->synced)
			room_fetch(r);
		return;
	}
	advance(r, d);
	drain_held(r);
}

/* What a member of a session that has ended is told. */
static void
evict_everybody(struct room *r, const char *reason)
{
	struct link *const lists[] = { &r->waiting, &r->slow };

	for (size_t i = 0; i < 2; i++) {
		while (!list_is_empty(lists[i]))
			member_evict(LIST_OF(lists[i]->next, struct member, link), reason);
	}
	LIST_EACH (at, &r->groups)
		group_flush(LIST_OF(at, struct group, in_room));
	for (struct link *at = r->groups.next, *next; at != &r->groups; at = next) {
		struct group *g = LIST_OF(at, struct group, in_room);

		next = at->next;
		g->users++;
		while (g->n)
			member_evict(g->members[g->n - 1], reason);
		group_release(g);
	}
}

/* graphd tells where the session stands: once behind each subscription, and from time to time after that. */
static void
on_sync(struct room *r, const struct wire_header *h)
{
	if (uuid_is_nil(&h->log_id)) {
		r->unknown = true;
		r->synced = false;
		room_fail_joiners(r, ERROR_invalid_session);
		evict_everybody(r, "closed");
		return;
	}
	r->unknown = false;
	if (!r->synced) {
		r->synced = true;
		r->log_id = h->log_id;
		r->seq = h->seq; /* nobody is live yet */
		r->known_seq = h->seq;
		drain_held(r);
		hub_want_start(r);
	} else if (!uuid_equal(&r->log_id, &h->log_id)) {
		r->lost = true;
		room_resync(r);
		return;
	}
	if (r->known_seq < h->seq)
		r->known_seq = h->seq;
	if (room_has_gap(r))
		room_fetch(r);
}

static void
on_transient(struct room *r, const struct delivery *d)
{
	if (d->event == EVENT_session_connected && !list_is_empty(&r->joining))
		room_show_joiners(r, d);
	room_spread(r, d);
}

void
hub_event(struct hub *hub, const struct uuid *session, const struct wire_header *h, struct span body)
{
	struct room *r = table_find(&hub->rooms, session);
	struct delivery d = {
		.session = *session,
		.event = (enum event)h->event,
		.seq = h->seq,
		.time_us = h->time_us,
		.durable = h->flags & WIRE_DURABLE,
		.body = body,
	};

	if (!r || h->event >= EVENTS)
		return;
	if (h->event == EVENT_sync)
		on_sync(r, h);
	else if (!d.durable)
		on_transient(r, &d);
	else if (r->synced && !uuid_equal(&r->log_id, &h->log_id))
		upstream_resync(hub->upstream, session);
	else
		room_durable(r, &d);
	if (h->event == EVENT_session_closed && r->seq >= h->seq)
		evict_everybody(r, "closed");
}

struct room *
hub_room(struct hub *hub, const struct uuid *id)
{
	struct room *r = table_find(&hub->rooms, id);

	if (r)
		return r;
	r = xcalloc(1, sizeof *r);
	r->id = *id;
	r->hub = hub;
	r->asked_ms = clock_now_ms();
	r->empty_since_ms = r->asked_ms;
	list_init(&r->groups);
	list_init(&r->joining);
	list_init(&r->waiting);
	list_init(&r->slow);
	list_init(&r->held);
	table_add(&hub->rooms, r);
	upstream_subscribe(hub->upstream, id, false);
	return r;
}

void
hub_want_start(struct room *r)
{
	if (!link_is_in_list(&r->starting))
		list_append(&r->hub->starting, &r->starting);
	loop_again(r->hub->loop);
}

static bool
room_is_empty(const struct room *r)
{
	return list_is_empty(&r->groups) && list_is_empty(&r->joining);
}

static void
room_free(struct room *r)
{
	assert(room_is_empty(r));
	while (!list_is_empty(&r->held))
		drop_held(r, LIST_OF(r->held.next, struct held_event, link));
	list_remove(&r->starting);
	table_remove(&r->hub->rooms, &r->id);
	upstream_unsubscribe(r->hub->upstream, &r->id, false);
	free(r);
}

static void
room_tick(struct room *r, uint64_t now_ms)
{
	if (!list_is_empty(&r->joining))
		room_expire_joiners(r, now_ms);
	for (struct link *at = r->slow.next, *next; at != &r->slow; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (now_ms - m->since_ms >= LIMIT_STALLED_MS)
			member_evict(m, "slow");
	}
	LIST_EACH (at, &r->groups)
		group_mark(LIST_OF(at, struct group, in_room));
	if (!r->synced && !r->unknown && now_ms - r->asked_ms >= TICK_MS) {
		r->asked_ms = now_ms;
		upstream_resync(r->hub->upstream, &r->id);
	}
	if (r->lost)
		room_resync(r);
	else if (room_has_gap(r) || !list_is_empty(&r->waiting))
		room_fetch(r);
	if (!room_is_empty(r))
		r->empty_since_ms = now_ms;
	else if (!r->fetching && !r->resyncing && now_ms - r->empty_since_ms >= ROOM_LINGER_MS)
		room_free(r);
}

static void
on_tick(struct loop_timer *timer)
{
	struct hub *hub = (struct hub *)(void *)((char *)timer - offsetof(struct hub, tick));
	uint64_t now_ms = clock_now_ms();
	struct room *r;

	for (size_t i = 0; (r = table_next(&hub->rooms, &i));)
		room_tick(r, now_ms);
	loop_set_timer(hub->loop, timer, now_ms + (hub->n_joining ? JOINING_TICK_MS : TICK_MS));
}

/* The end of a turn: joiners come in, and what the turn encoded is given to its members, once each. */
static void
on_turn_end(struct loop_hook *hook)
{
	struct hub *hub = (struct hub *)(void *)((char *)hook - offsetof(struct hub, flush));
	struct link *at;

	while ((at = list_take(&hub->starting)))
		room_start_joiners(LIST_OF(at, struct room, starting));
	while (!list_is_empty(&hub->dirty_groups))
		group_flush(LIST_OF(hub->dirty_groups.next, struct group, dirty));
}

struct hub *
hub_new(struct loop *loop, struct upstream *upstream)
{
	struct hub *hub = xcalloc(1, sizeof *hub);

	hub->loop = loop;
	hub->upstream = upstream;
	table_init(&hub->rooms, offsetof(struct room, id), UUID_BYTES);
	list_init(&hub->dirty_groups);
	list_init(&hub->starting);
	hub->flush.run = on_turn_end;
	loop_at_turn_end(loop, &hub->flush);
	hub->tick.due = on_tick;
	loop_set_timer(loop, &hub->tick, clock_now_ms() + TICK_MS);
	return hub;
}

void
hub_free(struct hub *hub)
{
	struct room *r;

	if (!hub)
		return;
	for (size_t i = 0; (r = table_next(&hub->rooms, &i));) {
		room_fail_joiners(r, ERROR_backend_unavailable);
		evict_everybody(r, "drain");
		room_free(r);
	}
	loop_cancel_timer(hub->loop, &hub->tick);
	loop_cancel_timer(hub->loop, &hub->drain_timer);
	table_fini(&hub->rooms);
	free(hub);
}

void
hub_up(struct hub *hub, bool restarted)
{
	struct room *r;

	/* ZeroMQ renews the subscriptions by itself, and each is answered with a sync. */
	for (size_t i = 0; restarted && (r = table_next(&hub->rooms, &i));)
		room_rejoin(r);
}

size_t
hub_members(const struct hub *hub)
{
	return hub->n_members;
}

struct upstream *
hub_upstream(struct hub *hub)
{
	return hub->upstream;
}

struct loop *
hub_loop(struct hub *hub)
{
	return hub->loop;
}

/* One member of the room, in whatever state; NULL when nobody is in. */
static struct member *
anybody(struct room *r)
{
	struct link *const lists[] = { &r->waiting, &r->slow, &r->joining };

	for (size_t i = 0; i < 3; i++) {
		if (!list_is_empty(lists[i]))
			return LIST_OF(lists[i]->next, struct member, link);
	}
	LIST_EACH (at, &r->groups) {
		struct group *g = LIST_OF(at, struct group, in_room);

		if (g->n)
			return g->members[g->n - 1];
	}
	return NULL;
}

static void
drain_some(struct hub *hub, size_t n)
{
	struct room *r;

	for (size_t i = 0; n && (r = table_next(&hub->rooms, &i));) {
		struct member *m;

		for (; n && (m = anybody(r)); n--)
			member_evict(m, "drain");
	}
}

enum { DRAIN_STEP_MS = 50 };

static void
on_drain(struct loop_timer *timer)
{
	struct hub *hub = (struct hub *)(void *)((char *)timer - offsetof(struct hub, drain_timer));
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = hub->drain_end_ms > now_ms ? hub->drain_end_ms - now_ms : 0;
	uint64_t steps = left_ms / DRAIN_STEP_MS;

	drain_some(hub, steps ? (hub->n_members + steps - 1) / steps : SIZE_MAX);
	if (hub->n_members == 0) {
		hub->drained(hub->drain_context);
		return;
	}
	loop_set_timer(hub->loop, timer, now_ms + DRAIN_STEP_MS);
}

void
hub_drain(struct hub *hub, uint64_t over_ms, void (*done)(void *), void *context)
{
	hub->draining = true;
	hub->drained = done;
	hub->drain_context = context;
	hub->drain_end_ms = clock_now_ms() + over_ms;
	hub->drain_timer.due = on_drain;
	loop_set_timer(hub->loop, &hub->drain_timer, clock_now_ms());
}
