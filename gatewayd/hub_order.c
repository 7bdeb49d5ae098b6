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
	struct span value, client_id = { 0 };

	arena_init(&arena);
	if (json_find(d->body, "client_id", &value) && json_type(value) == JSON_STRING)
		client_id = json_text(&arena, value);
	group_flush(g);
	for (uint32_t i = 0; i < g->n; i++) {
		struct member *m = g->members[i];

		if (!(m->client_id && span_is(client_id, m->client_id)) &&
		    g->transport->owed(m) < LIMIT_QUEUE_BYTES)
			g->transport->deliver(m, bytes);
	}
	arena_fini(&arena);
}

void
room_spread(struct room *r, const struct delivery *d)
{
	struct encodings e = { .delivery = d };
	uint64_t before = d->durable ? d->seq - 1 : r->seq;

	LIST_EACH(at, &r->groups)
	{
		struct group *g = LIST_OF(at, struct group, in_room);
		struct shared_bytes *bytes;

		if (g->n == 0)
			continue;
		if (!filter_wants(g->filter, d->event)) {
			g->passed_over |= d->durable;
			continue;
		}
		bytes = encodings_get(&e, g->transport, g->dialect);
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
