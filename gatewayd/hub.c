#include "gatewayd/hub_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	TICK_MS = 1000,
	JOINING_TICK_MS = 50,
	TRIM_JOINS = 256,
	GATHER_MEMBERS = 50,
	GATHER_US_PER_MEMBER = 10,
};

static struct metric clients = { .name = "gatewayd_clients",
	.help = "Live clients, once for each session they are in.",
	.type = "gauge" };
static struct metric stalled = { .name = "gatewayd_clients_stalled_total",
	.help = "Live clients closed because they took nothing for too long.",
	.type = "counter" };

/* graphd tells where the session stands: once behind each subscription, and from time to time after
 * that. */
static void
on_sync(struct room *r, const struct wire_header *h)
{
	if (uuid_is_nil(&h->log_id)) {
		room_end(r);
		return;
	}
	r->unknown = false;
	if (!r->hears) {
		hub_want_start(r);
		/* Who left before we heard again was announced to others only. */
		roster_remind(r);
	}
	r->hears = true;
	if (!r->synced) {
		r->synced = true;
		r->log_id = h->log_id;
		r->seq = h->seq; /* nobody is live yet */
		r->known_seq = h->seq;
		room_drain_held(r);
	} else if (!uuid_equal(&r->log_id, &h->log_id)) {
		room_restart(r, &h->log_id, h->seq);
		room_fetch(r);
		return;
	}
	if (r->known_seq < h->seq)
		r->known_seq = h->seq;
	if (room_has_gap(r))
		room_fetch(r);
}

static void
on_transient(struct room *r, const struct delivery *d)
{
	bool comes = d->event == EVENT_session_connected;

	if (!comes || !roster_has_told(r, d))
		room_spread(r, d);
	/* Last: whom it lets in has been given it, and would be among those that it is spread to.
	 */
	if (comes && room_show_joiners(r, d))
		return;
	if (comes || d->event == EVENT_session_disconnected)
		roster_hear(r, d);
}

void
hub_event(
    struct hub *hub, const struct uuid *session, const struct wire_header *h, struct span body)
{
	struct room *r = table_find(&hub->rooms, session);
	struct delivery d = {
		.session = *session,
		.event = (enum event)h->event,
		.seq = h->seq,
		.time_us = h->time_us,
		.durable = h->flags & WIRE_DURABLE,
		.body = body,
		.path = h->path,
	};

	if (!r || h->event >= EVENTS)
		return;
	if (h->event == EVENT_sync)
		on_sync(r, h);
	else if (h->event == EVENT_ask)
		room_ask(r, &d);
	else if (!d.durable)
		on_transient(r, &d);
	else if (r->synced && !uuid_equal(&r->log_id, &h->log_id))
		upstream_resync(hub->upstream, session);
	else
		room_durable(r, &d);
}

/*
 * Handshakes need 50 times what they leave behind, so after many of them the heap is mostly holes
 * under long-lived small objects. They are given back once nobody is coming in any more.
 */
static void
give_memory_back(struct hub *hub)
{
	if (hub->n_joining || hub->n_joined < TRIM_JOINS)
		return;
	hub->n_joined = 0;
	mem_give_back();
}

/* Joiners are looked at more often: stock clients wait for one second and no longer. So are rooms,
 * when each must read its events: not all at once. */
static void
set_tick(struct hub *hub, uint64_t now_ms)
{
	uint64_t at_ms = hub->next_tick_ms;

	if ((hub->n_joining || hub->is_unfed) && at_ms > now_ms + JOINING_TICK_MS)
		at_ms = now_ms + JOINING_TICK_MS;
	loop_set_timer(hub->loop, &hub->tick, at_ms);
}

static void
on_tick(struct loop_timer *timer)
{
	struct hub *hub = OWNER_OF(timer, struct hub, tick);
	uint64_t now_ms = clock_now_ms();
	bool is_whole = now_ms >= hub->next_tick_ms;
	struct room *r;

	for (size_t i = 0; (r = table_next(&hub->rooms, &i));) {
		if (!list_is_empty(&r->joining))
			room_expire_joiners(r, now_ms);
		if (hub->is_unfed)
			room_look(r, now_ms);
		if (is_whole)
			room_tick(r, now_ms);
	}
	if (is_whole) {
		hub->next_tick_ms = now_ms + TICK_MS;
		hub->reports_rest = false;
		give_memory_back(hub);
	}
	set_tick(hub, now_ms);
}

/*
 * Writing costs some 5 us a member, whatever is written. So while further commands for the session
 * are under way here, a big group waits for their events, which then cost no write of their own:
 * no longer than twice as long as the writing will take. Returns for how many us.
 */
static uint64_t
gathers_for(const struct group *g, uint64_t now_us)
{
	uint64_t bound_us = (uint64_t)g->n * GATHER_US_PER_MEMBER;
	uint64_t waited_us = now_us - g->pending_us;

	if (g->n < GATHER_MEMBERS)
		return 0;
	if (bound_us > LIMIT_GATHER_US)
		bound_us = LIMIT_GATHER_US;
	/* The command whose event this is may be under way back as well. */
	if (waited_us >= bound_us ||
	    upstream_changes_under_way(g->room->hub->upstream, &g->room->id) <= 1)
		return 0;
	return bound_us - waited_us;
}

static void
flush_groups(struct hub *hub)
{
	uint64_t now_us = list_is_empty(&hub->dirty_groups) ? 0 : clock_now_us();

	for (struct link *at = hub->dirty_groups.next, *next; at != &hub->dirty_groups; at = next) {
		struct group *g = LIST_OF(at, struct group, dirty);
		uint64_t wait_us = gathers_for(g, now_us);

		next = at->next;
		if (wait_us)
			loop_return_in(hub->loop, wait_us);
		else
			group_flush(g);
	}
}

/* The end of a turn: joiners come in, and what the turn encoded is given to its members, once each.
 */
static void
on_turn_end(struct loop_hook *hook)
{
	struct hub *hub = OWNER_OF(hook, struct hub, flush);
	struct link *at;

	while ((at = list_take(&hub->starting))) {
		struct room *r = LIST_OF(at, struct room, starting);

		if (r->ended)
			room_end(r);
		room_start_joiners(r);
	}
	if (hub->n_joining && hub->tick.at_ms > clock_now_ms() + JOINING_TICK_MS)
		set_tick(hub, clock_now_ms());
	flush_groups(hub);
	hub_send_answers(hub);
	hub_send_reports(hub);
}

struct hub *
hub_new(struct loop *loop, struct upstream *upstream)
{
	struct hub *hub = xcalloc(1, sizeof *hub);

	hub->loop = loop;
	hub->upstream = upstream;
	metrics_add(&clients);
	metrics_add(&stalled);
	table_init(&hub->rooms, offsetof(struct room, id), UUID_BYTES);
	list_init(&hub->dirty_groups);
	list_init(&hub->starting);
	list_init(&hub->answering);
	list_init(&hub->reports);
	list_init(&hub->reported);
	hub->flush.run = on_turn_end;
	loop_at_turn_end(loop, &hub->flush);
	hub->tick.due = on_tick;
	hub->next_tick_ms = clock_now_ms() + TICK_MS;
	set_tick(hub, clock_now_ms());
	return hub;
}

void
hub_free(struct hub *hub)
{
	struct room *r;

	if (!hub)
		return;
	for (size_t i = 0; (r = table_next(&hub->rooms, &i));) {
		room_fail_joiners(r, ERROR_backend_unavailable);
		room_evict_all(r, "drain");
		room_free(r);
	}
	loop_cancel_timer(hub->loop, &hub->tick);
	loop_cancel_timer(hub->loop, &hub->drain_timer);
	for (size_t i = 0; i < hub->n_transports; i++) {
		if (hub->transports[i].transport->stop)
			hub->transports[i].transport->stop(hub->transports[i].common);
	}
	hub_drop_reports(hub);
	table_fini(&hub->rooms);
	free(hub);
}

void
hub_up(struct hub *hub, bool restarted)
{
	struct room *r;

	/* ZeroMQ renews the subscriptions by itself, and each is answered with a sync. Until then
	 * nobody comes in who would miss its own announcement. */
	for (size_t i = 0; (r = table_next(&hub->rooms, &i));) {
		if (restarted) {
			r->hears = false;
			r->asked_ms = 0;
			room_rejoin(r, true);
		}
		/* Who left while nothing was heard was announced to others only. */
		roster_remind(r);
	}
}

void
hub_forgotten(struct hub *hub)
{
	struct room *r;

	for (size_t i = 0; (r = table_next(&hub->rooms, &i));)
		room_rejoin(r, false);
}

void
hub_deaf(struct hub *hub)
{
	struct room *r;

	/* As behind a restart each room waits for its sync; ZeroMQ has asked for it already. */
	for (size_t i = 0; (r = table_next(&hub->rooms, &i));) {
		r->hears = false;
		r->asked_ms = clock_now_ms();
	}
}

void
hub_fed(struct hub *hub, bool is_fed)
{
	hub->is_unfed = !is_fed;
	set_tick(hub, clock_now_ms());
}

void
hub_count(const struct member *m, int change)
{
	struct hub *hub = member_room(m)->hub;

	hub->n_members += (size_t)change;
	hub->n_seats += m->group->transport->has_seats ? (size_t)change : 0;
	clients.value = (int64_t)hub->n_members;
}

void
hub_count_stalled(void)
{
	stalled.value++;
}

size_t
hub_members(const struct hub *hub)
{
	return hub->n_members;
}

size_t
hub_clients(const struct hub *hub)
{
	return hub->n_members - hub->n_seats;
}

void *
hub_transport(struct hub *hub, const struct transport *transport)
{
	size_t i = 0;

	while (i < hub->n_transports && hub->transports[i].transport != transport)
		i++;
	if (i == hub->n_transports) {
		assert(i < HUB_TRANSPORTS);
		hub->transports[hub->n_transports++].transport = transport;
		hub->transports[i].common = transport->start ? transport->start(hub) : NULL;
	}
	return hub->transports[i].common;
}

struct upstream *
hub_upstream(struct hub *hub)
{
	return hub->upstream;
}

struct loop *
hub_loop(struct hub *hub)
{
	return hub->loop;
}
