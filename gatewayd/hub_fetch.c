/*
 * What lies before: read from the journal in pages, one reading per room at a time. A page serves
 * everybody who lacks it: the room itself when it has a gap, and all members that wait at or behind
 * its beginning. Who waits longest says where the next page begins. Who is lost needs a graph
 * first.
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

/* Waiting members that the event is next for. */
static void
feed_waiting(struct room *r, const struct delivery *d)
{
	struct encodings e = { .delivery = d };

	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = member_at(at);
		struct shared_bytes *bytes = NULL;

		next = at->next;
		if (m->lost || m->behind->seq + 1 != d->seq)
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

void
room_settle(struct room *r, uint64_t newest)
{
	for (struct link *at = r->waiting.next, *next; at != &r->waiting; at = next) {
		struct member *m = member_at(at);

		next = at->next;
		if (m->lost)
			continue;
		/* Nobody who is behind that is ahead of history. */
		if (m->behind->seq <= newest)
			m->has_since = false;
		if (m->behind->seq == r->seq)
			member_set_state(m, MEMBER_LIVE);
	}
}

/* An answer to ListEvents. */
struct page {
	struct span events;
	uint64_t newest, first_seq;
	struct uuid log_id; /* nil: it was not told */
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
		else if (span_is(key, "log_id") && json_type(value) == JSON_STRING)
			uuid_parse((struct span){ value.p + 1, value.n - 2 }, &page.log_id);
	}
	return page;
}

/* Whether the journal has nothing for the room itself to go on with. */
static bool
room_is_lost(const struct room *r, const struct page *page)
{
	return (!uuid_is_nil(&page->log_id) && !uuid_equal(&page->log_id, &r->log_id)) ||
	    (room_has_gap(r) && r->seq + 1 < page->first_seq);
}

/* Marks those who wait at a seq that the session does not have, or no longer keeps. */
static bool
find_lost(struct room *r, const struct page *page)
{
	bool found = false;

	LIST_EACH(at, &r->waiting)
	{
		struct member *m = member_at(at);

		m->lost |= m->behind->seq + 1 < page->first_seq ||
		    (m->behind->seq > page->newest && m->behind->seq > r->known_seq);
		found |= m->lost;
	}
	return found;
}

static void
page_done(struct room *r, struct span body)
{
	struct page page = read_page(body);
	bool goes_on;

	if (room_is_lost(r, &page)) {
		room_restart(r, uuid_is_nil(&page.log_id) ? &r->log_id : &page.log_id, page.newest);
		room_fetch(r);
		return;
	}
	goes_on = find_lost(r, &page);
	goes_on |= give_page(r, page.events) > 0;
	room_settle(r, page.newest);
	/* An empty page brings nobody on: the next tick or event asks again. */
	if (goes_on)
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
 * read once. Then those who claim to be ahead, to see whether that history exists. Last, what
 * nobody can have heard of.
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
		const struct member *m = member_at(at);

		if (m->lost)
			continue;
		if (m->behind->seq < *since ||
		    (!found && m->behind->seq > r->seq && m->has_since)) {
			*since = m->behind->seq;
			found = true;
		}
	}
	return found || r->hub->is_unfed;
}

void
room_fetch(struct room *r)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_list_events, .session = r->id };
	char log_id[UUID_TEXT + 1];
	uint64_t since;

	if (r->reading || !r->synced)
		return;
	/* A gap keeps everybody waiting who is live, a graph those alone who need it. */
	if (!room_has_gap(r) && room_ask_graph(r))
		return;
	if (!next_since(r, &since))
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
	r->reads_paths = r->subtrees.n;
	/* When there is no place for another request just now, the tick tries again. */
	r->reading = upstream_ask(r->hub->upstream, &q, on_page, r);
	metrics_add(&reads);
	reads.value += r->reading != 0;
	json_out_fini(&args);
}
