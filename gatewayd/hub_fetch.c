/*
 * What lies before: read from the journal in pages, one reading per room at a time. A page serves
 * everybody who lacks it: the room itself when it has a gap, and all members that wait at or behind its
 * beginning. Who waits longest says where the next page begins.
 */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <stdlib.h>

enum { PAGE_EVENTS = 1000 };

/* An answer of several parts, joined; the room is found again by id, since it may have gone meanwhile. */
struct reading {
	struct hub *hub;
	struct uuid session;
	struct json_out body;
};

static void
reading_free(struct reading *f)
{
	json_out_fini(&f->body);
	free(f);
}

/* False when there is no place for another request just now; the tick tries again. */
static bool
ask(struct room *r, const struct upstream_question *q, upstream_reply_fn *fn)
{
	struct reading *f = xcalloc(1, sizeof *f);

	f->hub = r->hub;
	f->session = r->id;
	if (upstream_ask(r->hub->upstream, q, fn, f))
		return true;
	reading_free(f);
	return false;
}

/* Waiting members that the event is next for; the encoding is made once per group. */
static void
feed_waiting(struct room *r, const struct delivery *d)
{
	struct group *made_for = NULL;
	struct shared_bytes *bytes = NULL;

	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (m->seq + 1 != d->seq)
			continue;
		if (m->group != made_for) {
			shared_bytes_unref(bytes);
			made_for = m->group;
			bytes = made_for->transport->encode(made_for->dialect, d);
		}
		member_feed(m, d, bytes);
	}
	shared_bytes_unref(bytes);
}

static bool
event_read(struct room *r, struct span item, struct delivery *d)
{
	struct span name, seq, value;
	int64_t n;

	if (!json_find(item, "event", &name) || !json_find(item, "seq", &seq) || !json_find(item, "data", &value) ||
		!json_integer(seq, &n) || name.n < 2)
		return false;
	name = (struct span){ name.p + 1, name.n - 2 };
	*d = (struct delivery){ .session = r->id, .event = event_find(name), .seq = (uint64_t)n, .durable = true, .body = value };
	return d->event != EVENTS;
}

/* Gives out a page: to the waiting, and to everybody live where the room lacked it. Returns how many events it held. */
static size_t
give_page(struct room *r, struct span events)
{
	struct json_iter it;
	struct span key, item;
	struct delivery d;
	size_t n = 0;

	json_walk(&it, events);
	while (json_next(&it, &key, &item)) {
		if (!event_read(r, item, &d))
			continue;
		n++;
		feed_waiting(r, &d);
		if (d.seq == r->seq + 1)
			room_durable(r, &d);
	}
	return n;
}

/* Those who have everything are live; the one this page was read for goes behind the others. */
static void
settle_after_page(struct room *r)
{
	size_t n = 0;

	LIST_EACH (at, &r->waiting)
		n++;
	while (n-- && !list_is_empty(&r->waiting)) {
		struct member *m = LIST_OF(r->waiting.next, struct member, link);

		list_remove(&m->link);
		list_append(&r->waiting, &m->link);
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
	LIST_EACH (at, &r->waiting) {
		struct member *m = LIST_OF(at, struct member, link);

		m->lost |= m->seq + 1 < first_seq || (m->seq > newest && m->seq > r->known_seq);
		found |= m->lost;
	}
	return found;
}

static void
page_done(struct room *r, struct span body)
{
	struct span value, events = { 0 };
	int64_t newest = 0, first_seq = 1;
	size_t n;

	json_find(body, "events", &events);
	if (json_find(body, "seq", &value))
		json_integer(value, &newest);
	if (json_find(body, "first_seq", &value))
		json_integer(value, &first_seq);
	if (json_find(body, "resync", &value) && value.p[0] == 't')
		r->lost = true;
	if (find_lost(r, (uint64_t)first_seq, (uint64_t)newest)) {
		room_resync(r);
		return;
	}
	n = give_page(r, events);
	settle_after_page(r);
	/* An empty page brings nobody on: the next tick or event asks again. */
	if (n)
		room_fetch(r);
}

static void
on_page(void *arg, enum error status, struct span body, bool more)
{
	struct reading *f = arg;
	struct room *r;

	json_out_bytes(&f->body, body);
	if (more)
		return;
	r = table_find(&f->hub->rooms, &f->session);
	if (r) {
		r->fetching = false;
		if (status == OK)
			page_done(r, json_out_span(&f->body));
	}
	reading_free(f);
}

/* Where to read from: the room's own gap first, since it holds up everybody who is live. */
static bool
next_since(const struct room *r, uint64_t *since)
{
	if (room_has_gap(r)) {
		*since = r->seq;
		return true;
	}
	LIST_EACH (at, &r->waiting) {
		const struct member *m = LIST_OF(at, struct member, link);

		if (m->seq != r->seq) {
			*since = m->seq;
			return true;
		}
	}
	return false;
}

void
room_fetch(struct room *r)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_list_events, .session = r->id };
	char log_id[UUID_TEXT + 1];
	uint64_t since;

	if (r->fetching || r->resyncing || !r->synced || !next_since(r, &since))
		return;
	uuid_format(&r->log_id, log_id);
	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, since);
	json_out_key(&args, "limit");
	json_out_uint(&args, PAGE_EVENTS);
	json_out_key(&args, "log_id");
	json_out_string(&args, log_id);
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	r->fetching = ask(r, &q, on_page);
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
	LIST_EACH (at, &r->groups)
		group_flush(LIST_OF(at, struct group, in_room));
	r->seq = r->known_seq = d->seq;
	r->lost = false;
	LIST_EACH (at, &r->waiting)
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
	settle_after_page(r);
}

static void
on_graph(void *arg, enum error status, struct span body, bool more)
{
	struct reading *f = arg;
	struct room *r;
	struct span roots = { 0 }, value;
	int64_t seq = 0;

	json_out_bytes(&f->body, body);
	if (more)
		return;
	r = table_find(&f->hub->rooms, &f->session);
	if (r) {
		r->resyncing = false;
		body = json_out_span(&f->body);
		json_find(body, "roots", &roots);
		if (json_find(body, "log_id", &value) && json_type(value) == JSON_STRING)
			uuid_parse((struct span){ value.p + 1, value.n - 2 }, &r->log_id);
		if (status == OK && json_find(body, "seq", &value) && json_integer(value, &seq)) {
			begin_anew(r, roots, (uint64_t)seq);
			room_fetch(r);
		} else if (status == ERROR_invalid_state) {
			/* A session without a project has no graph yet. */
			begin_anew(r, roots, r->known_seq);
		}
	}
	reading_free(f);
}

void
room_resync(struct room *r)
{
	struct upstream_question q = { .command = COMMAND_get_tree, .session = r->id, .args = SPAN("{}") };

	if (!r->resyncing)
		r->resyncing = ask(r, &q, on_graph);
}
