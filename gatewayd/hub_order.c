/* Events in order of seq: encoded once per dialect, spread over the groups, held back behind a gap.
 */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <stdlib.h>

enum { HELD_BYTES = 4 * 1024 * 1024 }; /* beyond it the journal is read instead */

struct shared_bytes *
encodings_get(struct encodings *e, const struct transport *transport, unsigned dialect)
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

void
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
	struct span client_id;

	arena_init(&arena);
	client_id = json_find_text(&arena, d->body, "client_id");
	group_flush(g);
	for (uint32_t i = 0; i < g->n; i++) {
		struct member *m = g->members[i];

		if (!(m->client_id && span_is(client_id, m->client_id)) &&
		    g->transport->owed(m) < LIMIT_QUEUE_BYTES)
			g->transport->deliver(m, bytes);
	}
	arena_fini(&arena);
}

static void
spread_to(struct group *g, struct encodings *e)
{
	const struct delivery *d = e->delivery;
	struct shared_bytes *bytes;

	if (g->n == 0 || !filter_wants(g->filter.events, d->event))
		return;
	if (d->durable)
		g->told_seq = d->seq;
	bytes = encodings_get(e, g->transport, g->dialect);
	if (bytes && d->event == EVENT_presence_update)
		spread_presence(g, d, bytes);
	else if (bytes)
		group_queue(g, bytes, d->durable ? d->seq - 1 : g->room->seq);
	shared_bytes_unref(bytes);
}

/* To those who listen to all, and to those who listen to a part that the path lies in. */
static void
spread_along(struct room *r, struct encodings *e)
{
	struct path path = e->delivery->path;

	LIST_EACH(at, &r->whole)
	spread_to(LIST_OF(at, struct group, in_part), e);
	for (size_t i = 0; r->subtrees.n && i < path.n; i++) {
		struct link *groups = groups_below(r, &path.ids[i]);

		if (!groups)
			continue;
		LIST_EACH(at, groups)
		spread_to(LIST_OF(at, struct group, in_part), e);
	}
}

void
room_spread(struct room *r, const struct delivery *d)
{
	struct encodings e = { .delivery = d };

	if (d->path.n > 0) {
		spread_along(r, &e);
	} else {
		LIST_EACH(at, &r->groups)
		spread_to(LIST_OF(at, struct group, in_room), &e);
	}
	encodings_fini(&e);
}

bool
room_has_gap(const struct room *r)
{
	return r->synced && r->known_seq > r->seq;
}

/* What the delivery points to. */
static size_t
bytes_of(const struct delivery *d)
{
	return d->body.n + d->path.n * sizeof *d->path.ids;
}

/* Keeps it in order of seq; nearly always it belongs at the end. */
static void
hold(struct room *r, const struct delivery *d)
{
	struct held_event *h;
	struct uuid *ids;
	struct link *at = r->held.prev;

	if (r->held_bytes + bytes_of(d) > HELD_BYTES)
		return;
	while (at != &r->held && LIST_OF(at, struct held_event, link)->delivery.seq > d->seq)
		at = at->prev;
	if (at != &r->held && LIST_OF(at, struct held_event, link)->delivery.seq == d->seq)
		return;
	h = xmalloc(sizeof *h + bytes_of(d));
	h->delivery = *d;
	ids = (struct uuid *)(h + 1);
	for (size_t i = 0; i < d->path.n; i++)
		ids[i] = d->path.ids[i];
	h->delivery.path.ids = ids;
	h->delivery.body.p = memcpy(ids + d->path.n, d->body.p, d->body.n);
	r->held_bytes += bytes_of(d);
	list_append(at->next, &h->link);
}

static void
drop_held(struct room *r, struct held_event *h)
{
	list_remove(&h->link);
	r->held_bytes -= bytes_of(&h->delivery);
	free(h);
}

/* Waiting members may be ahead of the room by an event that was still on its way. */
static void
settle_waiting(struct room *r)
{
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = member_at(at);

		next = at->next;
		if (m->behind->seq == r->seq)
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
	if (d->event == EVENT_session_closed) {
		r->ended = true;
		hub_want_start(r);
	}
}

void
room_drain_held(struct room *r)
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
	room_drain_held(r);
}

void
room_drop_held(struct room *r)
{
	while (!list_is_empty(&r->held))
		drop_held(r, LIST_OF(r->held.next, struct held_event, link));
}
