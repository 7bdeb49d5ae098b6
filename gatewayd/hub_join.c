/*
 * A member's way in and out. A counted one is reported to graphd once its room is subscribed, so
 * that it hears its own announcement; an uncounted one is in as soon as the room knows where it
 * stands.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <assert.h>
#include <stdlib.h>

enum { ANNOUNCEMENT_MS = 200 }; /* how long behind graphd's answer an announcement is waited for */

void
member_set_state(struct member *m, enum member_state state)
{
	struct room *r = m->room;
	struct link *const lists[] = {
		[MEMBER_JOINING] = &r->joining,
		[MEMBER_WAITING] = &r->waiting,
		[MEMBER_SLOW] = &r->slow,
	};

	if (m->state == MEMBER_LIVE)
		group_remove(m->group, m);
	else
		list_remove(&m->link);
	r->hub->n_joining -= m->state == MEMBER_JOINING;
	r->hub->n_joining += state == MEMBER_JOINING;
	m->state = (uint8_t)state;
	m->since_ms = clock_now_ms();
	if (state == MEMBER_SLOW)
		m->slow_owed = (uint32_t)m->group->transport->owed(m);
	if (state == MEMBER_LIVE)
		group_add(m->group, m);
	else if (state != MEMBER_OUT)
		list_append(lists[state], &m->link);
}

void
member_want_dash(struct member *m, bool wants)
{
	struct room *r = m->room;

	if (wants == m->wants_dash)
		return;
	m->wants_dash = wants;
	if (wants && r->dash_members++ == 0)
		upstream_subscribe(r->hub->upstream, &r->id, true);
	if (!wants && --r->dash_members == 0)
		upstream_unsubscribe(r->hub->upstream, &r->id, true);
}

bool
member_is_reported(const struct member *m)
{
	return m->state != MEMBER_JOINING || m->joiner->asked || m->joiner->answered;
}

static void
joiner_free(struct joiner *j)
{
	if (j)
		shared_bytes_unref(j->announcement);
	free(j);
}

/* What is left of a member that is out: nothing. */
static void
clear(struct member *m)
{
	struct hub *hub = m->room->hub;

	roster_leave(m->room, m);
	member_forget_asked(m);
	member_set_state(m, MEMBER_OUT);
	if (m->joiner && m->joiner->asked)
		upstream_forget(hub->upstream, m->joiner->asked);
	joiner_free(m->joiner);
	m->joiner = NULL;
	m->client_id = m->actor = NULL;
	member_want_dash(m, false);
	group_release(m->group);
	m->group = NULL;
	m->room = NULL;
	hub->n_members--;
}

static void
fail(struct member *m, enum error err)
{
	const struct transport *transport = m->group->transport;
	struct join_result result = { .error = err };

	clear(m);
	transport->joined(m, &result);
}

/* Everything is known: the member comes in, before the next event. */
static void
enter(struct member *m)
{
	struct room *r = m->room;
	const struct transport *transport = m->group->transport;
	struct joiner *j = m->joiner;
	struct join_result result = { .active_clients = j->active_clients, .log_id = r->log_id };
	bool other_history = !uuid_is_nil(&j->log_id) && !uuid_equal(&j->log_id, &r->log_id);

	m->joiner = NULL;
	result.seq = j->answered && m->seq > r->seq ? m->seq : r->seq;
	m->seq = m->has_since ? j->resume_seq : result.seq;
	member_set_state(m, MEMBER_WAITING);
	if (j->announcement && transport->announces_first)
		transport->deliver(m, j->announcement);
	transport->joined(m, &result);
	if (j->announcement && !transport->announces_first && m->state != MEMBER_OUT)
		transport->deliver(m, j->announcement);
	joiner_free(j);
	if (m->state == MEMBER_OUT)
		return;
	m->lost = other_history;
	member_settle(m);
	if (m->state != MEMBER_OUT)
		member_ask_entered(m);
}

void
member_settle(struct member *m)
{
	struct room *r = m->room;

	if (m->lost) {
		room_fetch(r);
		return;
	}
	if (m->seq == r->seq) {
		member_set_state(m, MEMBER_LIVE);
		return;
	}
	if (m->seq > r->seq && r->known_seq < m->seq && !m->has_since)
		r->known_seq = m->seq;
	if (m->seq < r->seq || m->has_since)
		room_fetch(r);
}

static void
on_joined(void *arg, enum error status, struct span body)
{
	struct member *m = arg;
	struct joiner *j = m->joiner;
	struct span value;
	int64_t n;
	bool announced = true;

	j->asked = 0;
	if (status) {
		m->counted = false;
		fail(m, status);
		return;
	}
	if (json_find(body, "seq", &value) && json_integer(value, &n))
		m->seq = (uint64_t)n;
	if (json_find(body, "active_clients", &value) && json_integer(value, &n))
		j->active_clients = (uint64_t)n;
	if (json_find(body, "number", &value) && json_integer(value, &n))
		m->number = (uint64_t)n;
	if (json_find(body, "announced", &value))
		announced = value.p[0] == 't';
	j->answered = true;
	m->since_ms = clock_now_ms();
	roster_enter(m->room, m, j->active_clients);
	if (j->announcement || !announced ||
	    !filter_wants(m->group->filter.events, EVENT_session_connected))
		enter(m);
}

static void
set_apart(struct member *m, struct link *list)
{
	list_remove(&m->link);
	list_append(list, &m->link);
}

/* Whoever is refused may take others along that joined with it: so nobody is while a list of theirs
 * is walked. */
static void
fail_all(struct link *members, enum error err)
{
	while (!list_is_empty(members))
		fail(LIST_OF(members->next, struct member, link), err);
}

/* refused: for those that there is no place for. */
static void
start(struct member *m, struct link *refused)
{
	if (!m->counted) {
		enter(m);
		return;
	}
	if (member_is_reported(m))
		return;
	if (!m->room->hears) {
		room_ask_sync(m->room, clock_now_ms());
		return;
	}
	m->joiner->asked = member_join(m, on_joined);
	if (!m->joiner->asked) {
		m->counted = false;
		set_apart(m, refused);
	}
}

void
room_start_joiners(struct room *r)
{
	struct link refused;

	if (r->unknown || r->hub->draining) {
		room_fail_joiners(
		    r, r->unknown ? ERROR_invalid_session : ERROR_backend_unavailable);
		return;
	}
	if (!r->synced)
		return;
	list_init(&refused);
	for (struct link *at = r->joining.next, *next; at != &r->joining; at = next) {
		next = at->next;
		start(LIST_OF(at, struct member, link), &refused);
	}
	fail_all(&refused, ERROR_overloaded);
}

void
room_fail_joiners(struct room *r, enum error err)
{
	while (!list_is_empty(&r->joining)) {
		struct member *m = LIST_OF(r->joining.next, struct member, link);

		m->counted = m->counted && m->joiner->answered;
		fail(m, err);
	}
}

void
room_expire_joiners(struct room *r, uint64_t now_ms)
{
	struct link late;

	list_init(&late);
	for (struct link *at = r->joining.next, *next; at != &r->joining; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (m->joiner->answered && now_ms - m->since_ms >= ANNOUNCEMENT_MS)
			enter(m);
		else if (!(r->synced && r->hears) && !member_is_reported(m) &&
		    now_ms - m->since_ms >= LIMIT_DEADLINE_MS)
			set_apart(m, &late);
	}
	fail_all(&late, ERROR_backend_unavailable);
}

bool
room_show_joiners(struct room *r, const struct delivery *d)
{
	struct arena arena;
	struct span value, client_id = { 0 };
	bool is_one = false;

	arena_init(&arena);
	if (json_find(d->body, "client_id", &value) && json_type(value) == JSON_STRING)
		client_id = json_text(&arena, value);
	for (struct link *at = r->joining.next, *next; at != &r->joining; at = next) {
		struct member *m = LIST_OF(at, struct member, link);

		next = at->next;
		if (!m->client_id || !span_is(client_id, m->client_id))
			continue;
		is_one = true;
		if (m->joiner->announcement)
			continue;
		if (filter_wants(m->group->filter.events, d->event))
			m->joiner->announcement = m->group->transport->encode(m->group->dialect, d);
		if (m->joiner->answered)
			enter(m);
	}
	arena_fini(&arena);
	return is_one;
}

void
member_feed(struct member *m, const struct delivery *d, struct shared_bytes *bytes)
{
	const struct transport *transport = m->group->transport;

	m->seq = d->seq;
	m->passed_over = !bytes;
	if (!bytes)
		return;
	transport->deliver(m, bytes);
	if (transport->owed(m) > LIMIT_QUEUE_BYTES / 2)
		member_set_state(m, MEMBER_SLOW);
}

void
member_evict(struct member *m, const char *reason)
{
	const struct transport *transport = m->group->transport;
	bool was_joining = m->state == MEMBER_JOINING;

	if (was_joining) {
		fail(m, ERROR_backend_unavailable);
		return;
	}
	/* Whoever is sent to another gateway comes back at once. */
	if (strcmp(reason, "drain") == 0)
		hub_lose(m->room->hub, m);
	else
		hub_leave(m->room->hub, m);
	transport->evict(m, reason);
}

struct uuid
hub_history(struct span log_id)
{
	struct uuid history = { 0 };

	if (log_id.n && !uuid_parse(log_id, &history))
		memset(&history, 0xff, sizeof history);
	return history;
}

static struct joiner *
joiner_new(const struct join *join)
{
	struct joiner *j = xcalloc(1, sizeof *j);

	j->resume_seq = join->since;
	j->log_id = hub_history(join->log_id);
	return j;
}

void
hub_join(struct hub *hub, struct member *m, const struct transport *transport, unsigned dialect,
    const struct join *j)
{
	struct room *r = hub_room(hub, &j->session);
	struct filter filter = { .subtree = j->subtree };

	assert(m->state == MEMBER_OUT && !m->room);
	if (!filter_parse(j->events, &filter.events))
		filter.events = FILTER_ALL;
	*m = (struct member){
		.room = r,
		.joiner = joiner_new(j),
		.counted = j->counted,
		.may_return = j->may_return,
		.has_since = j->has_since,
		.connection = ++hub->last_connection,
		.client_id = j->counted ? j->client_id.p : NULL,
		.actor = j->counted ? j->actor.p : NULL,
	};
	m->group = group_get(r, transport, dialect, &filter);
	member_want_dash(
	    m, j->names == NAMES_DASH && filter_wants(filter.events, EVENT_node_updated));
	hub->n_members++;
	m->state = MEMBER_JOINING;
	m->since_ms = clock_now_ms();
	hub->n_joining++;
	hub->n_joined++;
	list_append(&r->joining, &m->link);
	if (r->synced || r->unknown || hub->draining)
		hub_want_start(r);
}

/* Whether graphd may have heard of it; what is not sent yet will not be. */
static bool
is_known(struct member *m)
{
	struct joiner *j = m->joiner;
	bool was_sent;

	if (!m->counted || !j || j->answered)
		return m->counted;
	was_sent = j->asked && upstream_forget(m->room->hub->upstream, j->asked);
	j->asked = 0;
	return was_sent;
}

static void
leave(struct member *m, bool is_away)
{
	if (m->state == MEMBER_OUT)
		return;
	if (is_known(m))
		member_report_left(m, is_away);
	clear(m);
}

void
hub_leave(struct hub *hub, struct member *m)
{
	(void)hub;
	leave(m, false);
}

void
hub_lose(struct hub *hub, struct member *m)
{
	(void)hub;
	leave(m, m->may_return);
}

void
hub_progress(struct hub *hub, struct member *m)
{
	(void)hub;
	if (m->state != MEMBER_SLOW)
		return;
	m->since_ms = clock_now_ms();
	m->slow_owed = (uint32_t)m->group->transport->owed(m);
	if (m->slow_owed > LIMIT_QUEUE_BYTES / 4)
		return;
	member_set_state(m, MEMBER_WAITING);
	member_settle(m);
}

uint64_t
hub_seq(const struct member *m)
{
	if (m->state != MEMBER_LIVE)
		return m->seq;
	return m->group->n_pending ? m->group->pending_since : m->room->seq;
}

uint64_t
hub_connection(const struct member *m)
{
	return m->connection;
}

const struct uuid *
hub_session(const struct member *m)
{
	return &m->room->id;
}
