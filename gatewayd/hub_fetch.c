/*
 * What lies before: read from the journal in pages, one reading per room at a time. A page serves
 * everybody who lacks it: the room itself when it has a gap, and all members that wait at or behind
 * its beginning. Who waits longest says where the next page begins.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gatewayd/hub_inner.h"

#include <stdlib.h>

enum { PAGE_EVENTS = 1000 };

static struct metric reads = { .name = "gatewayd_journal_reads_total",
	.help = "Pages of events asked of graphd for clients that lacked them.",
	.type = "counter" };

void
room_stop_reading(struct room *r)
{
	if (r->reading)
		upstream_forget(r->hub->upstream, r->reading);
	r->reading = 0;
}

/* When there is no place for another request just now, the tick tries again. */
static void
ask(struct room *r, const struct upstream_question *q, bool with_paths, upstream_reply_fn *fn)
{
	r->reading = upstream_ask(r->hub->upstream, q, fn, r);
	r->reads_paths = with_paths;
}

/* Waiting members that the event is next for. */
static void
feed_waiting(struct room *r, const struct delivery *d)
{
	struct encodings e = { .delivery = d };

	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = LIST_OF(at, struct member, link);
		struct shared_bytes *bytes = NULL;

		next = at->next;
		if (m->seq + 1 != d->seq)
			continue;
		if (filter_passes(&m->group->filter, d->event, d->path))
			bytes = encodings_get(&e, m->group->transport, m->group->dialect);
		member_feed(m, d, bytes);
		shared_bytes_unref(bytes);
	}
	encodings_fini(&e);
}

static bool
event_read(struct room *r, struct span item, struct uuid path[LIMIT_PATH_NODES], struct delivery *d)
{
	struct span name, seq, value;
	int64_t n;

	if (!json_find(item, "event", &name) || !json_find(item, "seq", &seq) ||
	    !json_find(item, "data", &value) || !json_integer(seq, &n) || name.n < 2)
		return false;
	name = (struct span){ name.p + 1, name.n - 2 };
	*d = (struct delivery){ .session = r->id,
		.event = event_find(name),
		.seq = (uint64_t)n,
		.durable = true,
		.body = value };
	if (json_find(item, "path", &value))
		d->path = filter_read_path(value, path);
	return d->event != EVENTS;
}

/* Gives out a page: to the waiting, and to everybody live where the room lacked it. Returns how
 * many events it held. */
static size_t
give_page(struct room *r, struct span events)
{
	struct json_iter it;
	struct span key, item;
	struct uuid path[LIMIT_PATH_NODES];
	struct delivery d;
	size_t n = 0;

	json_walk(&it, events);
	while (json_next(&it, &key, &item)) {
		if (!event_read(r, item, path, &d))
			continue;
		n++;
		feed_waiting(r, &d);
		if (d.seq == r->seq + 1)
			room_durable(r, &d);
	}
	return n;
}

/* Those who have everything are live. The room knows as much as newest: nobody who is behind that
 * is ahead of history. */
static void
settle_after_page(struct room *r, uint64_t newest)
{
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (m->seq <= newest)
			m->has_since = false;
		if (m->seq == r->seq)
			member_set_state(m, MEMBER_LIVE);
	}
}

/* Marks those who wait at a seq that the session does not have, or no longer keeps. */
static bool
find_lost(struct room *r, uint64_t first_seq, uint64_t newest)
{
	bool found = r->lost;

	if (r->seq + 1 < first_seq && room_has_gap(r))
		found = r->lost = true;
	LIST_EACH(at, &r->waiting)
	{
		struct member *m = LIST_OF(at, struct member, link);

		m->lost |= m->seq + 1 < first_seq || (m->seq > newest && m->seq > r->known_seq);
		found |= m->lost;
	}
	return found;
}

/* An answer to ListEvents. */
struct page {
	struct span events;
	uint64_t newest, first_seq;
	bool resync;
};

/* In one walk: the events are most of it, and each search would pass over them again. */
static struct page
read_page(struct span body)
{
	struct page page = { .first_seq = 1 };
	struct json_iter it;
	struct span key, value;
	int64_t n;

	json_walk(&it, body);
	while (json_next(&it, &key, &value)) {
		if (span_is(key, "events"))
			page.events = value;
		else if (span_is(key, "seq") && json_integer(value, &n))
			page.newest = (uint64_t)n;
		else if (span_is(key, "first_seq") && json_integer(value, &n))
			page.first_seq = (uint64_t)n;
		else if (span_is(key, "resync"))
			page.resync = span_is(value, "true");
	}
	return page;
}

static void
page_done(struct room *r, struct span body)
{
	struct page page = read_page(body);
	size_t n;

	if (page.resync)
		r->lost = true;
	if (find_lost(r, page.first_seq, page.newest)) {
		room_resync(r);
		return;
	}
	n = give_page(r, page.events);
	settle_after_page(r, page.newest);
	/* An empty page brings nobody on: the next tick or event asks again. */
	if (n)
		room_fetch(r);
}

static void
on_page(void *arg, enum error status, struct span body)
{
	struct room *r = arg;

	r->reading = 0;
	/* Who came meanwhile may need what was not asked for. */
	if (status == OK && r->subtrees.n && !r->reads_paths)
		room_fetch(r);
	else if (status == OK)
		page_done(r, body);
	else if (status == ERROR_invalid_session)
		room_end(r);
}

/*
 * Where to read from: the room's own gap first, since it holds up everybody who is live. Then
 * whoever is furthest behind: on its way forward it takes along all others, so that everything is
 * read once. Last, those who claim to be ahead, to see whether that history exists.
 */
static bool
next_since(const struct room *r, uint64_t *since)
{
	bool found = false;

	*since = r->seq;
	if (room_has_gap(r))
		return true;
	LIST_EACH(at, &r->waiting)
	{
		const struct member *m = LIST_OF(at, struct member, link);

		if (m->seq < *since || (!found && m->seq > r->seq && m->has_since)) {
			*since = m->seq;
			found = true;
		}
	}
	return found;
}

void
room_fetch(struct room *r)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_list_events, .session = r->id };
	char log_id[UUID_TEXT + 1];
	uint64_t since;

	if (r->reading || !r->synced || !next_since(r, &since))
		return;
	uuid_format(&r->log_id, log_id);
	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, since);
	json_out_key(&args, "limit");
	json_out_uint(&args, PAGE_EVENTS);
	json_out_key(&args, "log_id");
	json_out_string(&args, log_id);
	if (r->subtrees.n) {
		json_out_key(&args, "paths");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	metrics_add(&reads);
	reads.value++;
	ask(r, &q, r->subtrees.n, on_page);
	json_out_fini(&args);
}

/* {"session_id","timestamp","seq","log_id","graph"}: the graph is left out when it is large. */
static void
resync_body(struct json_out *out, const struct room *r, struct span roots, uint64_t seq)
{
	bool fits = roots.n && roots.n <= LIMIT_EVENT_GRAPH_BYTES;

	json_out_open(out, '{');
	json_out_key(out, "session_id");
	json_out_uuid(out, &r->id);
	json_out_key(out, "seq");
	json_out_uint(out, seq);
	json_out_key(out, "timestamp");
	json_out_time(out, clock_wall_us());
	json_out_key(out, "log_id");
	json_out_uuid(out, &r->log_id);
	json_out_key(out, "graph");
	if (fits) {
		json_out_open(out, '{');
		json_out_key(out, "roots");
		json_out_raw(out, roots);
		json_out_close(out, '}');
	} else {
		json_out_null(out);
		json_out_key(out, "graph_omitted");
		json_out_bool(out, true);
	}
	json_out_close(out, '}');
}

/* The whole room: what is live hears it now, what was held back belongs to another history. */
static void
restart_room(struct room *r, const struct delivery *d)
{
	room_spread(r, d);
	LIST_EACH(at, &r->groups)
	group_flush(LIST_OF(at, struct group, in_room));
	room_drop_held(r);
	r->seq = r->known_seq = d->seq;
	r->lost = false;
	LIST_EACH(at, &r->waiting)
	LIST_OF(at, struct member, link)->lost = true;
}

static void
begin_anew(struct room *r, struct span roots, uint64_t seq)
{
	struct json_out body = { 0 };
	struct delivery d = { .session = r->id, .event = EVENT_session_resync, .seq = seq };

	resync_body(&body, r, roots, seq);
	d.body = json_out_span(&body);
	if (r->lost)
		restart_room(r, &d);
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = LIST_OF(at, struct member, link);
		struct shared_bytes *bytes;

		next = at->next;
		if (!m->lost)
			continue;
		m->lost = false;
		bytes = m->group->transport->encode(m->group->dialect, &d);
		member_feed(m, &d, bytes);
		shared_bytes_unref(bytes);
	}
	json_out_fini(&body);
	settle_after_page(r, seq);
}

static void
graph_done(struct room *r, enum error status, struct span body)
{
	struct span roots = { 0 }, value;
	int64_t seq = 0;

	json_find(body, "roots", &roots);
	if (json_find(body, "log_id", &value) && json_type(value) == JSON_STRING)
		uuid_parse((struct span){ value.p + 1, value.n - 2 }, &r->log_id);
	if (status == OK && json_find(body, "seq", &value) && json_integer(value, &seq)) {
		begin_anew(r, roots, (uint64_t)seq);
		room_fetch(r);
	} else if (status == ERROR_invalid_state) {
		/* A session without a project has no graph yet. */
		begin_anew(r, roots, r->known_seq);
	} else if (status == ERROR_invalid_session) {
		room_end(r);
	}
}

static void
on_graph(void *arg, enum error status, struct span body)
{
	struct room *r = arg;

	r->reading = 0;
	graph_done(r, status, body);
}

void
room_resync(struct room *r)
{
	struct upstream_question q = {
		.command = COMMAND_get_tree, .session = r->id, .args = SPAN("{}")
	};

	if (!r->reading)
		ask(r, &q, false, on_graph);
}
