/* Groups: live members of one room that get the same bytes. What a turn brings for them is joined
 * and given once. */

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <assert.h>
#include <stdlib.h>

struct group *
group_get(struct room *r, const struct transport *transport, unsigned dialect, filter_set filter)
{
	struct group *g;

	LIST_EACH(at, &r->groups)
	{
		g = LIST_OF(at, struct group, in_room);
		if (g->transport == transport && g->dialect == dialect && g->filter == filter) {
			g->users++;
			return g;
		}
	}
	g = xcalloc(1, sizeof *g);
	g->room = r;
	g->transport = transport;
	g->dialect = dialect;
	g->filter = filter;
	g->users = 1;
	list_append(&r->groups, &g->in_room);
	return g;
}

static void
drop_pending(struct group *g)
{
	for (uint32_t i = 0; i < g->n_pending; i++)
		shared_bytes_unref(g->pending[i]);
	g->n_pending = 0;
	list_remove(&g->dirty);
}

void
group_release(struct group *g)
{
	if (--g->users)
		return;
	assert(g->n == 0);
	drop_pending(g);
	list_remove(&g->in_room);
	free(g->pending);
	free(g->members);
	free(g);
}

void
group_add(struct group *g, struct member *m)
{
	/* What is pending is not for the newcomer: it has those events already. */
	group_flush(g);
	if (g->n == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 4;
		g->members = xrealloc(g->members, g->capacity, sizeof *g->members);
	}
	m->place = g->n;
	g->members[g->n++] = m;
}

void
group_remove(struct group *g, struct member *m)
{
	struct member *last = g->members[--g->n];

	assert(g->members[m->place] == m);
	m->seq = g->n_pending ? g->pending_since : g->room->seq;
	g->members[m->place] = last;
	last->place = m->place;
}

void
group_queue(struct group *g, struct shared_bytes *bytes, uint64_t before)
{
	if (g->n == 0)
		return;
	if (g->n_pending == g->pending_capacity) {
		g->pending_capacity = g->pending_capacity ? g->pending_capacity * 2 : 8;
		g->pending = xrealloc(g->pending, g->pending_capacity, sizeof *g->pending);
	}
	if (g->n_pending == 0) {
		g->pending_since = before;
		g->pending_us = clock_now_us();
		list_append(&g->room->hub->dirty_groups, &g->dirty);
	}
	g->pending[g->n_pending++] = shared_bytes_ref(bytes);
}

/* All pending frames as one buffer, so that each member costs one reference and one piece of a
 * write. */
static struct shared_bytes *
join_pending(struct group *g)
{
	struct span *pieces;
	struct shared_bytes *joined;

	pieces = xmalloc(g->n_pending * sizeof *pieces);
	for (uint32_t i = 0; i < g->n_pending; i++)
		pieces[i] = shared_bytes_frame(g->pending[i]);
	joined = shared_bytes_join(SHARED_PLAIN, pieces, g->n_pending);
	free(pieces);
	return joined;
}

static size_t
pending_bytes(const struct group *g)
{
	size_t n = 0;

	for (uint32_t i = 0; i < g->n_pending; i++)
		n += shared_bytes_frame(g->pending[i]).n;
	return n;
}

/* A member that owes too much is no longer live; the journal will feed it when it has drained. */
static bool
has_room(struct group *g, struct member *m, size_t more_bytes)
{
	size_t owed = g->transport->owed(m);

	if (owed == 0 || owed + more_bytes <= LIMIT_QUEUE_BYTES)
		return true;
	member_set_state(m, MEMBER_SLOW);
	return false;
}

static void
give(struct group *g, struct member *m, struct shared_bytes *joined)
{
	const struct transport *t = g->transport;

	if (joined && (!t->takes_stream || t->takes_stream(m))) {
		t->deliver(m, joined);
		return;
	}
	for (uint32_t i = 0; i < g->n_pending; i++)
		t->deliver(m, g->pending[i]);
}

void
group_flush(struct group *g)
{
	struct shared_bytes *joined = NULL;
	size_t total;

	if (g->n_pending == 0)
		return;
	total = pending_bytes(g);
	if (g->transport->is_stream && g->n_pending > 1 && g->n > 0)
		joined = join_pending(g);
	/* From the end, since a slow member gives its place to the last one. */
	for (uint32_t i = g->n; i-- > 0;) {
		if (has_room(g, g->members[i], total))
			give(g, g->members[i], joined);
	}
	shared_bytes_unref(joined);
	drop_pending(g);
}

void
group_mark(struct group *g)
{
	struct json_out body = { 0 };
	struct delivery mark = { .event = EVENTS, .session = g->room->id, .seq = g->room->seq };
	struct shared_bytes *bytes;

	if (!g->passed_over || g->n == 0)
		return;
	g->passed_over = false;
	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, &g->room->id);
	json_out_key(&body, "seq");
	json_out_uint(&body, g->room->seq);
	json_out_close(&body, '}');
	mark.body = json_out_span(&body);
	bytes = g->transport->encode(g->dialect, &mark);
	if (bytes)
		group_queue(g, bytes, g->room->seq);
	shared_bytes_unref(bytes);
	json_out_fini(&body);
}
