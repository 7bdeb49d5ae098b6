/*
 * A member in its room: its states, what it is fed, and how it goes. hub_join.c says how it comes
 * in.
 */

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <stdlib.h>

static struct behind *
behind_new(struct member *m, uint64_t seq)
{
	struct behind *b = xcalloc(1, sizeof *b);

	b->member = m;
	b->seq = seq;
	return b;
}

static void
behind_free(struct member *m)
{
	free(m->behind);
	m->behind = NULL;
}

void
member_begin(struct member *m, struct joiner *joiner)
{
	struct room *r = member_room(m);

	m->state = MEMBER_JOINING;
	m->behind = behind_new(m, 0);
	m->behind->joiner = joiner;
	m->behind->since_ms = clock_now_ms();
	r->hub->n_joining++;
	list_append(&r->joining, &m->behind->link);
}

/* Out of the list or the group of its state. */
static void
come_from(struct member *m, enum member_state next)
{
	if (m->state != MEMBER_LIVE) {
		list_remove(&m->behind->link);
		return;
	}
	if (next != MEMBER_OUT)
		m->behind = behind_new(m, hub_seq(m));
	group_remove(m->group, m);
}

void
member_set_state(struct member *m, enum member_state state)
{
	struct room *r = member_room(m);
	struct link *const lists[] = {
		[MEMBER_JOINING] = &r->joining,
		[MEMBER_WAITING] = &r->waiting,
		[MEMBER_SLOW] = &r->slow,
	};

	come_from(m, state);
	r->hub->n_joining -= m->state == MEMBER_JOINING;
	r->hub->n_joining += state == MEMBER_JOINING;
	m->state = (uint8_t)state;
	if (state == MEMBER_LIVE)
		group_add(m->group, m);
	if (state == MEMBER_LIVE || state == MEMBER_OUT) {
		behind_free(m);
		return;
	}
	m->behind->since_ms = clock_now_ms();
	if (state == MEMBER_SLOW)
		m->behind->slow_owed = (uint32_t)m->group->transport->owed(m);
	list_append(lists[state], &m->behind->link);
}

void
member_want_dash(struct member *m, bool wants)
{
	struct room *r = member_room(m);

	if (wants == m->wants_dash)
		return;
	m->wants_dash = wants;
	if (wants && r->dash_members++ == 0)
		upstream_subscribe(r->hub->upstream, &r->id, true);
	if (!wants && --r->dash_members == 0)
		upstream_unsubscribe(r->hub->upstream, &r->id, true);
}

void
member_clear(struct member *m)
{
	roster_leave(member_room(m), m);
	member_forget_asked(m);
	joiner_drop(m);
	member_set_state(m, MEMBER_OUT);
	m->client_id = m->actor = NULL;
	member_want_dash(m, false);
	hub_count(m, -1);
	group_release(m->group);
	m->group = NULL;
}

void
member_settle(struct member *m)
{
	struct room *r = member_room(m);

	if (m->lost) {
		room_fetch(r);
		return;
	}
	if (m->behind->seq == r->seq) {
		member_set_state(m, MEMBER_LIVE);
		return;
	}
	if (m->behind->seq > r->seq && r->known_seq < m->behind->seq && !m->has_since)
		r->known_seq = m->behind->seq;
	if (m->behind->seq < r->seq || m->has_since)
		room_fetch(r);
}

void
member_feed(struct member *m, const struct delivery *d, struct shared_bytes *bytes)
{
	const struct transport *transport = m->group->transport;

	m->behind->seq = d->seq;
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
		joiner_refuse(m, ERROR_backend_unavailable);
		return;
	}
	/* Whoever is sent to another gateway comes back at once. */
	if (strcmp(reason, "drain") == 0)
		hub_lose(member_room(m)->hub, m);
	else
		hub_leave(member_room(m)->hub, m);
	transport->evict(m, reason);
}

static void
leave(struct member *m, bool is_away)
{
	if (m->state == MEMBER_OUT)
		return;
	if (joiner_withdraw(m))
		member_report_left(m, is_away);
	member_clear(m);
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
	m->behind->since_ms = clock_now_ms();
	m->behind->slow_owed = (uint32_t)m->group->transport->owed(m);
	if (m->behind->slow_owed > LIMIT_QUEUE_BYTES / 4)
		return;
	member_set_state(m, MEMBER_WAITING);
	member_settle(m);
}

uint64_t
hub_seq(const struct member *m)
{
	if (m->behind)
		return m->behind->seq;
	return m->group->n_pending ? m->group->pending_since : member_room(m)->seq;
}

uint64_t
hub_connection(const struct member *m)
{
	return m->connection;
}

const struct uuid *
hub_session(const struct member *m)
{
	return &member_room(m)->id;
}
