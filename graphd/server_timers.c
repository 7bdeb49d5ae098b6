/* What the server does by the clock. */

#include "common/clock.h"
#include "common/log.h"
#include "common/owner.h"
#include "graphd/dispatcher.h"
#include "graphd/server_inner.h"

enum { UNLOAD_EVERY_MS = 1000, CLEANUP_PAUSE_MS = 20 };

static void
on_beacon(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, beacon);

	bus_beacon(&s->bus);
	loop_set_timer(s->loop, timer, clock_now_ms() + LIMIT_BEACON_MS);
}

static void
on_heartbeat(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, heartbeat);
	uint64_t now_ms = clock_now_ms();

	dispatch_awake(s->dispatcher, now_ms);
	guard_check(&s->guard);
	bus_heartbeat(&s->bus);
	loop_set_timer(s->loop, timer, now_ms + LIMIT_BUS_HEARTBEAT_MS);
}

/* Armed again at the end of the turn. Who seems silent may have spoken long ago, behind requests
 * that are still to be read: of a whole queue at most. */
static void
on_expiry(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, expiry);
	uint64_t now_ms = clock_now_ms();

	/* Behind a time of standing still this may be due before the heartbeat. */
	dispatch_awake(s->dispatcher, now_ms);
	if (s->taken >= LIMIT_TURN_REQUESTS &&
	    ++s->expiry_turns <= LIMIT_BUS_QUEUE / LIMIT_TURN_REQUESTS)
		return;
	s->expiry_turns = 0;
	dispatch_expire(s->dispatcher, now_ms, clock_wall_us(), server_take_more, s);
}

void
server_set_expiry(struct server *s)
{
	uint64_t due_ms = dispatch_expires_ms(s->dispatcher);

	if (due_ms != UINT64_MAX && (!s->expiry.slot || s->expiry.at_ms > due_ms))
		loop_set_timer(s->loop, &s->expiry, due_ms);
}

/* Not while a thread reads one of the sessions that might end; and a few at a time, for behind a
 * day of standing still it may be all of them. How long nobody was served before this process began
 * only the time of day could tell, which may be wrong: so all are idle since its beginning. */
static void
on_cleanup(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, cleanup);
	struct idleness idle = { .now_us = clock_wall_us(),
		.now_ms = clock_now_ms(),
		.inactive_ms = s->options.session_ttl_us / 1000,
		.since_ms = s->began_ms };
	uint64_t every_ms = s->options.cleanup_every_ms;
	size_t n;

	if (snapshooter_is_reading(&s->snapshooter)) {
		loop_set_timer(s->loop, timer, clock_now_ms() + UNLOAD_EVERY_MS);
		return;
	}
	n = dispatch_cleanup(s->dispatcher, &idle, server_take_more, s);
	if (n)
		log_info("sessions", "ended %zu that nobody had used", n);
	loop_set_timer(
	    s->loop, timer, clock_now_ms() + (n == CLEANUP_AT_ONCE ? CLEANUP_PAUSE_MS : every_ms));
}

static void
on_unload(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, unload);
	uint64_t now_ms = clock_now_ms();

	/* A lane means that somebody reads a session's graph piece by piece. */
	if (s->lanes.by_session.n == 0 && now_ms > s->options.idle_unload_ms)
		sessions_unload_idle(s->sessions, now_ms - s->options.idle_unload_ms);
	loop_set_timer(s->loop, timer, now_ms + UNLOAD_EVERY_MS);
}

/* There is a stream to be tried again: the turn itself does it. */
static void
on_unblock(struct loop_timer *timer)
{
	(void)timer;
}

static void
on_deadline(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, deadline);

	log_warn("server", "ending although not everything could be answered");
	loop_stop(s->loop);
}

void
server_start_timers(struct server *s)
{
	uint64_t now_ms = clock_now_ms();

	s->beacon.due = on_beacon;
	s->heartbeat.due = on_heartbeat;
	s->expiry.due = on_expiry;
	s->cleanup.due = on_cleanup;
	s->unload.due = on_unload;
	s->unblock.due = on_unblock;
	s->deadline.due = on_deadline;
	loop_set_timer(s->loop, &s->beacon, now_ms + LIMIT_BEACON_MS);
	loop_set_timer(s->loop, &s->heartbeat, now_ms);
	if (s->options.session_ttl_us)
		loop_set_timer(s->loop, &s->cleanup, now_ms + s->options.cleanup_every_ms);
	if (s->options.idle_unload_ms)
		loop_set_timer(s->loop, &s->unload, now_ms + UNLOAD_EVERY_MS);
}

void
server_stop_timers(struct server *s)
{
	struct loop_timer *timers[] = { &s->beacon, &s->heartbeat, &s->expiry, &s->cleanup,
		&s->unload, &s->unblock, &s->deadline, &s->surveys };

	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
		loop_cancel_timer(s->loop, timers[i]);
}
