/*
 * Members whose place in history is lost begin anew. Each part of the graph that one of them
 * listens to is read by itself, one after the other, and given to all who wait for it; behind its
 * seq they go on like anybody else, while others may still wait for theirs.
 */

#include "gatewayd/beginning.h"
#include "gatewayd/hub_inner.h"

static void
begin_anew(struct room *r, const struct beginning *b)
{
	struct json_out body = { 0 };
	struct delivery d = { .session = r->id, .event = EVENT_session_resync, .seq = b->seq };
	struct encodings e = { .delivery = &d };

	beginning_write(&body, &r->id, b);
	d.body = json_out_span(&body);
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = member_at(at);
		struct shared_bytes *bytes;

		next = at->next;
		if (!m->lost || !uuid_equal(&m->group->filter.subtree, &b->part))
			continue;
		m->lost = false;
		bytes = encodings_get(&e, m->group->transport, m->group->dialect);
		member_feed(m, &d, bytes);
		shared_bytes_unref(bytes);
	}
	encodings_fini(&e);
	json_out_fini(&body);
	room_settle(r, b->seq);
}

static void
on_graph(void *arg, enum error status, struct span body)
{
	struct room *r = arg;
	struct beginning b = { .part = r->reads_part, .log_id = r->log_id, .seq = r->seq };

	r->reading = 0;
	if (status == ERROR_invalid_session) {
		room_end(r);
		return;
	}
	/* A session without a project has no graph yet. After any other error the tick asks again.
	 */
	if (status != ERROR_invalid_state && (status || !beginning_read(body, &b)))
		return;
	/* Replaced once more since it was asked for: the live go on from here as well. */
	if (!uuid_equal(&b.log_id, &r->log_id))
		room_restart(r, &b.log_id, b.seq);
	begin_anew(r, &b);
	room_fetch(r);
}

static const struct member *
first_lost(const struct room *r)
{
	LIST_EACH(at, &r->waiting)
	{
		const struct member *m = member_at(at);

		if (m->lost)
			return m;
	}
	return NULL;
}

bool
room_ask_graph(struct room *r)
{
	const struct member *m = first_lost(r);
	struct upstream_question q = { .command = COMMAND_get_tree, .session = r->id };
	struct json_out args = { 0 };

	if (!m)
		return false;
	r->reads_part = m->group->filter.subtree;
	beginning_ask(&args, &r->reads_part);
	q.args = json_out_span(&args);
	r->reading = upstream_ask(r->hub->upstream, &q, on_graph, r);
	json_out_fini(&args);
	return true;
}

/* What is still pending for the group goes out first. */
static void
take_aside(struct group *g)
{
	group_flush(g);
	while (g->n)
		member_set_state(g->members[g->n - 1], MEMBER_WAITING);
}

void
room_restart(struct room *r, const struct uuid *log_id, uint64_t seq)
{
	bool is_same = uuid_equal(&r->log_id, log_id);

	room_stop_reading(r);
	LIST_EACH(at, &r->groups)
	take_aside(LIST_OF(at, struct group, in_room));
	LIST_EACH(at, &r->waiting)
	member_at(at)->lost = true;
	LIST_EACH(at, &r->slow)
	member_at(at)->lost = true;
	/* Whoever is coming in was told a place in the old one. */
	LIST_EACH(at, &r->joining)
	member_at(at)->behind->seq = 0;
	room_drop_held(r);
	r->log_id = *log_id;
	r->seq = seq;
	if (!is_same || r->known_seq < seq)
		r->known_seq = seq;
}
