/* Groups: live members of one room that get the same bytes. What a turn brings for them is joined
 * and given once. */

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <assert.h>
#include <stdlib.h>

struct link *
groups_below(const struct room *r, const struct uuid *id)
{
	struct subtree *subtree = table_find(&r->subtrees, id);

	return subtree ? &subtree->groups : NULL;
}

static struct subtree *
subtree_get(struct room *r, const struct uuid *id)
{
	struct subtree *subtree = table_find(&r->subtrees, id);

	if (subtree || uuid_is_nil(id))
		return subtree;
	subtree = xcalloc(1, sizeof *subtree);
	subtree->id = *id;
	list_init(&subtree->groups);
	table_add(&r->subtrees, subtree);
	return subtree;
}

static void
subtree_release(struct room *r, struct subtree *subtree)
{
	if (!subtree || !list_is_empty(&subtree->groups))
		return;
	table_remove(&r->subtrees, &subtree->id);
	free(subtree);
}

struct group *
group_get(struct room *r, const struct transport *transport, unsigned dialect,
    const struct filter *filter)
{
	struct subtree *subtree = subtree_get(r, &filter->subtree);
	struct link *part = subtree ? &subtree->groups : &r->whole;
	struct group *g;

	LIST_EACH(at, part)
	{
		g = LIST_OF(at, struct group, in_part);
		if (g->transport == transport && g->dialect == dialect &&
		    g->filter.events == filter->events) {
			g->users++;
			return g;
		}
	}
	g = xcalloc(1, sizeof *g);
	g->room = r;
	g->subtree = subtree;
	g->transport = transport;
	g->dialect = dialect;
	g->filter = *filter;
	g->users = 1;
	list_append(&r->groups, &g->in_room);
	list_append(part, &g->in_part);
	return g;
}

static void
drop_pending(struct group *g)
{
	for (uint32_t i = 0; i < g->n_pending; i++)
		shared_bytes_unref(g->pending[i]);
	g->n_pending = 0;
	g->mark_pending = false;
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
	list_remove(&g->in_part);
	subtree_release(g->room, g->subtree);
	free(g->pending);
	free(g->members);
	free(g);
}

/* What says how far the room has come; it lives in the body. */
static struct delivery
mark_of(const struct room *r, struct json_out *body)
{
	json_out_open(body, '{');
	json_out_key(body, "session_id");
	json_out_uuid(body, &r->id);
	json_out_key(body, "seq");
	json_out_uint(body, r->seq);
	json_out_close(body, '}');
	return (struct delivery){
		.event = EVENTS, .session = r->id, .seq = r->seq, .body = json_out_span(body)
	};
}

/* The journal gave it nothing of what came last: now that it has everything it is told so. */
static void
mark_newcomer(struct group *g, struct member *m)
{
	struct json_out body = { 0 };
	struct delivery mark = mark_of(g->room, &body);
	struct shared_bytes *bytes = g->transport->encode(g->dialect, &mark);

	m->passed_over = false;
	if (bytes)
		g->transport->deliver(m, bytes);
	shared_bytes_unref(bytes);
	json_out_fini(&body);
}

void
group_add(struct group *g, struct member *m)
{
	/* What is pending is not for the newcomer: it has those events already. */
	group_flush(g);
	if (m->passed_over)
		mark_newcomer(g, m);
	if (g->n == 0)
		g->told_seq = g->room->seq;
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
	m->passed_over = g->told_seq != g->room->seq || g->mark_pending;
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
room_mark(struct room *r)
{
	struct json_out body = { 0 };
	struct delivery mark;
	struct encodings e = { .delivery = &mark };

	LIST_EACH(at, &r->groups)
	{
		struct group *g = LIST_OF(at, struct group, in_room);
		struct shared_bytes *bytes;

		if (g->n == 0 || g->told_seq == r->seq)
			continue;
		g->told_seq = r->seq;
		if (body.n == 0)
			mark = mark_of(r, &body);
		bytes = encodings_get(&e, g->transport, g->dialect);
		g->mark_pending = bytes != NULL;
		if (bytes)
			group_queue(g, bytes, r->seq);
		shared_bytes_unref(bytes);
	}
	encodings_fini(&e);
	json_out_fini(&body);
}
