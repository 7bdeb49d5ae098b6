/*
 * A member's way in. A counted one is reported to graphd once its room is subscribed, so
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

bool
member_is_reported(const struct member *m)
{
	return m->state != MEMBER_JOINING || m->behind->joiner->asked ||
	    m->behind->joiner->answered;
}

static struct joiner *
joiner_of(const struct member *m)
{
	return m->behind ? m->behind->joiner : NULL;
}

static void
joiner_free(struct joiner *j)
{
	if (j)
		shared_bytes_unref(j->announcement);
	free(j);
}

void
joiner_drop(struct member *m)
{
	struct joiner *j = joiner_of(m);

	if (!j)
		return;
	if (j->asked)
		upstream_forget(member_room(m)->hub->upstream, j->asked);
	joiner_free(j);
	m->behind->joiner = NULL;
}

bool
joiner_withdraw(struct member *m)
{
	struct joiner *j = joiner_of(m);
	bool was_sent;

	if (!m->counted || !j || j->answered)
		return m->counted;
	was_sent = j->asked && upstream_forget(member_room(m)->hub->upstream, j->asked);
	j->asked = 0;
	return was_sent;
}

void
joiner_refuse(struct member *m, enum error err)
{
	const struct transport *transport = m->group->transport;
	struct join_result result = { .error = err };

	if (err == ERROR_backend_unavailable && joiner_withdraw(m))
		member_report_left(m, m->may_return);
	member_clear(m);
	transport->joined(m, &result);
}

/* Everything is known: the member comes in, before the next event. */
static void
enter(struct member *m)
{
	struct room *r = member_room(m);
	const struct transport *transport = m->group->transport;
	struct joiner *j = m->behind->joiner;
	struct join_result result = { .active_clients = j->active_clients, .log_id = r->log_id };
	bool other_history = !uuid_is_nil(&j->log_id) && !uuid_equal(&j->log_id, &r->log_id);

	m->behind->joiner = NULL;
	result.seq = j->answered && m->behind->seq > r->seq ? m->behind->seq : r->seq;
	m->behind->seq = m->has_since ? j->resume_seq : result.seq;
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

static void
on_joined(void *arg, enum error status, struct span body)
{
	struct member *m = arg;
	struct joiner *j = m->behind->joiner;
	struct span value;
	int64_t n;
	bool announced = true;

	j->asked = 0;
	if (status) {
		/* Not answered does not mean not heard. */
		j->answered = status == ERROR_backend_unavailable;
		joiner_refuse(m, status);
		return;
	}
	if (json_find_integer(body, "seq", &n))
		m->behind->seq = (uint64_t)n;
	if (json_find_integer(body, "active_clients", &n))
		j->active_clients = (uint64_t)n;
	if (json_find_integer(body, "number", &n))
		m->number = (uint64_t)n;
	if (json_find(body, "announced", &value))
		announced = value.p[0] == 't';
	j->answered = true;
	m->behind->since_ms = clock_now_ms();
	roster_enter(member_room(m), m, j->active_clients);
	if (j->announcement || !announced ||
	    !filter_wants(m->group->filter.events, EVENT_session_connected))
		enter(m);
}

static void
set_apart(struct member *m, struct link *list)
{
	list_remove(&m->behind->link);
	list_append(list, &m->behind->link);
}

/* Whoever is refused may take others along that joined with it: so nobody is while a list of theirs
 * is walked. */
static void
fail_all(struct link *members, enum error err)
{
	while (!list_is_empty(members))
		joiner_refuse(member_at(members->next), err);
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
	if (!member_room(m)->hears) {
		room_ask_sync(member_room(m), clock_now_ms());
		return;
	}
	m->behind->joiner->asked = member_join(m, on_joined);
	m->behind->since_ms = clock_now_ms();
	if (!m->behind->joiner->asked)
		set_apart(m, refused);
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
		start(member_at(at), &refused);
	}
	fail_all(&refused, ERROR_overloaded);
}

void
room_fail_joiners(struct room *r, enum error err)
{
	fail_all(&r->joining, err);
}

void
room_expire_joiners(struct room *r, uint64_t now_ms)
{
	struct link late;

	list_init(&late);
	for (struct link *at = r->joining.next, *next; at != &r->joining; at = next) {
		struct member *m = member_at(at);

		next = at->next;
		if (m->behind->joiner->answered && now_ms - m->behind->since_ms >= ANNOUNCEMENT_MS)
			enter(m);
		else if (now_ms - m->behind->since_ms >= LIMIT_DEADLINE_MS)
			set_apart(m, &late);
	}
	fail_all(&late, ERROR_backend_unavailable);
}

bool
room_show_joiners(struct room *r, const struct delivery *d)
{
	struct arena arena;
	struct span client_id;
	bool is_one = false;

	arena_init(&arena);
	client_id = json_find_text(&arena, d->body, "client_id");
	for (struct link *at = r->joining.next, *next; at != &r->joining; at = next) {
		struct member *m = member_at(at);

		next = at->next;
		if (!m->client_id || !span_is(client_id, m->client_id))
			continue;
		is_one = true;
		if (m->behind->joiner->announcement)
			continue;
		if (filter_wants(m->group->filter.events, d->event))
			m->behind->joiner->announcement =
			    m->group->transport->encode(m->group->dialect, d);
		if (m->behind->joiner->answered)
			enter(m);
	}
	arena_fini(&arena);
	return is_one;
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

	assert(m->state == MEMBER_OUT && !m->group);
	if (!filter_parse(j->events, &filter.events))
		filter.events = FILTER_ALL;
	*m = (struct member){
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
	hub_count(m, 1);
	hub->n_joined++;
	member_begin(m, joiner_new(j));
	if (r->synced || r->unknown || hub->draining)
		hub_want_start(r);
}
