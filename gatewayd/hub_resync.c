/*
 * Members whose place in history is lost begin anew. Each part of the graph that one of them
 * listens to is read by itself, one after the other, and given to all who wait for it; behind its
 * seq they go on like anybody else, while others may still wait for theirs.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "gatewayd/hub_inner.h"

/* What somebody begins anew with. */
struct beginning {
	struct uuid part;  /* the node listened to; nil: everything */
	struct span roots; /* JSON; {NULL,0}: the session has no project */
	struct uuid project, log_id;
	uint64_t seq;
};

static void
write_graph(struct json_out *out, struct span roots)
{
	bool fits = roots.n <= LIMIT_EVENT_GRAPH_BYTES;

	json_out_key(out, "graph");
	if (roots.n && fits) {
		json_out_open(out, '{');
		json_out_key(out, "roots");
		json_out_raw(out, roots);
		json_out_close(out, '}');
	} else {
		json_out_null(out);
	}
	json_out_key(out, "graph_omitted");
	json_out_bool(out, !fits);
}

static bool
is_empty(struct span roots)
{
	struct json_iter it;
	struct span key, root;

	if (!roots.n)
		return true;
	json_walk(&it, roots);
	return !json_next(&it, &key, &root);
}

/* {"session_id","project_id","seq","timestamp","log_id","graph","graph_omitted","subtree",
 * "subtree_missing"} */
static void
write_resync(struct json_out *out, const struct room *r, const struct beginning *b)
{
	json_out_open(out, '{');
	json_out_key(out, "session_id");
	json_out_uuid(out, &r->id);
	json_out_key(out, "project_id");
	json_out_uuid(out, &b->project);
	json_out_key(out, "seq");
	json_out_uint(out, b->seq);
	json_out_key(out, "timestamp");
	json_out_time(out, clock_wall_us());
	json_out_key(out, "log_id");
	json_out_uuid(out, &r->log_id);
	write_graph(out, b->roots);
	json_out_key(out, "subtree");
	json_out_uuid(out, &b->part);
	json_out_key(out, "subtree_missing");
	json_out_bool(out, !uuid_is_nil(&b->part) && is_empty(b->roots));
	json_out_close(out, '}');
}

static void
begin_anew(struct room *r, const struct beginning *b)
{
	struct json_out body = { 0 };
	struct delivery d = { .session = r->id, .event = EVENT_session_resync, .seq = b->seq };
	struct encodings e = { .delivery = &d };

	write_resync(&body, r, b);
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

/* Anything but a text, as null: left as it is. */
static void
read_id(struct span value, struct uuid *out)
{
	if (json_type(value) == JSON_STRING)
		uuid_parse((struct span){ value.p + 1, value.n - 2 }, out);
}

/* In one walk: the trees are most of it. False when it is no graph. */
static bool
read_graph(struct span body, struct beginning *b)
{
	struct json_iter it;
	struct span key, value;
	int64_t seq = -1;

	json_walk(&it, body);
	while (json_next(&it, &key, &value)) {
		if (span_is(key, "roots"))
			b->roots = value;
		else if (span_is(key, "seq"))
			json_integer(value, &seq);
		else if (span_is(key, "log_id"))
			read_id(value, &b->log_id);
		else if (span_is(key, "project_id"))
			read_id(value, &b->project);
	}
	b->seq = (uint64_t)seq;
	return seq >= 0 && b->roots.n;
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
	if (status != ERROR_invalid_state && (status || !read_graph(body, &b)))
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
	json_out_open(&args, '{');
	if (!uuid_is_nil(&r->reads_part)) {
		json_out_key(&args, "node_id");
		json_out_uuid(&args, &r->reads_part);
		json_out_key(&args, "allow_missing");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
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
