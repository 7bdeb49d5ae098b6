/* Rooms: a session as this gateway sees it, from the first who joins until some time after the last
 * has left. */

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <assert.h>
#include <stdlib.h>

enum {
	SYNC_MS = 1000, /* an unanswered subscription is renewed after that */
	LOOK_MS = 1000,
	LOOKS_IN_FLIGHT = LIMIT_IN_FLIGHT / 2, /* clients have questions too */
	ROOM_LINGER_MS =
	    10000, /* a room nobody is in stays subscribed so long: pollers come and go */
};

struct room *
hub_room(struct hub *hub, const struct uuid *id)
{
	struct room *r = table_find(&hub->rooms, id);

	if (r)
		return r;
	r = xcalloc(1, sizeof *r);
	r->id = *id;
	r->hub = hub;
	r->asked_ms = clock_now_ms();
	r->empty_since_ms = r->asked_ms;
	list_init(&r->groups);
	list_init(&r->whole);
	table_init(&r->subtrees, offsetof(struct subtree, id), UUID_BYTES);
	list_init(&r->joining);
	list_init(&r->waiting);
	list_init(&r->slow);
	list_init(&r->held);
	list_init(&r->surveys);
	roster_init(r);
	table_add(&hub->rooms, r);
	upstream_subscribe(hub->upstream, id, false);
	return r;
}

void
hub_want_start(struct room *r)
{
	if (!link_is_in_list(&r->starting))
		list_append(&r->hub->starting, &r->starting);
	loop_again(r->hub->loop);
}

void
room_each_counted(const struct room *r, void (*fn)(void *context, struct member *), void *context)
{
	const struct link *const lists[] = { &r->waiting, &r->slow };

	LIST_EACH(at, &r->joining)
	{
		struct member *m = member_at(at);

		if (m->behind->joiner->answered)
			fn(context, m);
	}
	for (size_t i = 0; i < 2; i++) {
		LIST_EACH(at, lists[i])
		{
			struct member *m = member_at(at);

			if (m->counted)
				fn(context, m);
		}
	}
	LIST_EACH(at, &r->groups)
	{
		const struct group *g = LIST_OF(at, struct group, in_room);

		for (uint32_t i = 0; i < g->n; i++)
			if (g->members[i]->counted)
				fn(context, g->members[i]);
	}
}

struct member *
room_anybody(const struct room *r)
{
	const struct link *const lists[] = { &r->waiting, &r->slow, &r->joining };

	for (size_t i = 0; i < 3; i++) {
		if (!list_is_empty(lists[i]))
			return member_at(lists[i]->next);
	}
	LIST_EACH(at, &r->groups)
	{
		const struct group *g = LIST_OF(at, struct group, in_room);

		if (g->n)
			return g->members[g->n - 1];
	}
	return NULL;
}

/* Whoever goes may take others along, and with them their groups: no list is walked. behind: the
 * reason for those that are. */
static void
evict_all(struct room *r, const char *reason, const char *behind)
{
	struct member *m;

	/* First of all, since it may turn members slow. */
	LIST_EACH(at, &r->groups)
	group_flush(LIST_OF(at, struct group, in_room));
	while ((m = room_anybody(r)))
		member_evict(m, m->state == MEMBER_LIVE ? reason : behind);
}

void
room_evict_all(struct room *r, const char *reason)
{
	evict_all(r, reason, reason);
}

void
room_end(struct room *r)
{
	bool is_told = r->ended; /* to those who are live */

	r->ended = false;
	r->unknown = true;
	r->synced = false;
	r->hears = false;
	room_stop_reading(r);
	room_drop_held(r);
	room_fail_joiners(r, ERROR_invalid_session);
	/* There is no journal any more from which the others could be told. */
	evict_all(r, is_told ? "closed" : "gone", "gone");
}

static bool
room_is_empty(const struct room *r)
{
	return list_is_empty(&r->groups) && list_is_empty(&r->joining);
}

void
room_free(struct room *r)
{
	assert(room_is_empty(r));
	room_stop_reading(r);
	room_drop_held(r);
	room_expire_surveys(r, UINT64_MAX);
	roster_fini(r);
	list_remove(&r->starting);
	table_fini(&r->subtrees);
	table_remove(&r->hub->rooms, &r->id);
	upstream_unsubscribe(r->hub->upstream, &r->id, false);
	free(r);
}

void
room_ask_sync(struct room *r, uint64_t now_ms)
{
	if (now_ms - r->asked_ms < SYNC_MS)
		return;
	r->asked_ms = now_ms;
	upstream_resync(r->hub->upstream, &r->id);
}

static void
look_after_slow(struct room *r, uint64_t now_ms)
{
	struct link stalled;

	list_init(&stalled);
	for (struct link *at = r->slow.next, *next; at != &r->slow; at = next) {
		struct member *m = member_at(at);

		next = at->next;
		/* What was not told of as it happened counts as well. */
		if (m->group->transport->owed(m) < m->behind->slow_owed) {
			hub_progress(r->hub, m);
		} else if (now_ms - m->behind->since_ms >= LIMIT_STALLED_MS) {
			list_remove(&m->behind->link);
			list_append(&stalled, &m->behind->link);
		}
	}
	/* Whoever is sent away may take others along, so nobody is while the list is walked. */
	while (!list_is_empty(&stalled)) {
		hub_count_stalled();
		member_evict(member_at(stalled.next), "slow");
	}
}

void
room_look(struct room *r, uint64_t now_ms)
{
	if (room_is_empty(r) || now_ms - r->looked_ms < LOOK_MS ||
	    upstream_in_flight(r->hub->upstream) >= LOOKS_IN_FLIGHT)
		return;
	r->looked_ms = now_ms;
	room_fetch(r);
}

void
room_tick(struct room *r, uint64_t now_ms)
{
	look_after_slow(r, now_ms);
	room_mark(r);
	roster_tick(r);
	room_expire_surveys(r, now_ms);
	if (!r->hears && !r->unknown)
		room_ask_sync(r, now_ms);
	if (room_has_gap(r) || !list_is_empty(&r->waiting))
		room_fetch(r);
	if (!room_is_empty(r))
		r->empty_since_ms = now_ms;
	else if (now_ms - r->empty_since_ms >= ROOM_LINGER_MS)
		room_free(r);
}
