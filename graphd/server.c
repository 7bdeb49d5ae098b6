#include "graphd/server_inner.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/frames.h"
#include "common/log.h"
#include "common/mem.h"
#include "graphd/dispatcher.h"
#include "common/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNLOAD_EVERY_MS = 1000,
	CLEANUP_PAUSE_MS = 20,
	DRAIN_MS = 10000, /* longest time that ending may take */
};

static struct server *
server_of_timer(struct loop_timer *timer, size_t offset)
{
	return (struct server *)(void *)((char *)timer - offset);
}
#define SERVER_OF(timer, member) server_of_timer(timer, offsetof(struct server, member))

static bool
on_requests(struct loop_zmq *z)
{
	struct server *s = OWNER_OF(z, struct server, requests);
	struct ask *ask;

	while (s->taken < LIMIT_TURN_REQUESTS) {
		if (!router_take(&s->router, &ask))
			return false;
		s->taken++;
		if (ask)
			server_ask(s, ask);
	}
	return true;
}

/* Armed too early it fires, finds nothing and is armed again: cheaper than moving it with each
 * Hello. */
static void
set_expiry(struct server *s)
{
	uint64_t due_ms = dispatch_expires_ms(s->dispatcher);

	if (due_ms != UINT64_MAX && (!s->expiry.slot || s->expiry.at_ms > due_ms))
		loop_set_timer(s->loop, &s->expiry, due_ms);
}

static void
on_turn_end(struct loop_hook *hook)
{
	struct server *s = OWNER_OF(hook, struct server, turn_end);
	bool idle;

	snapshooter_give_way(&s->snapshooter);
	server_run_lanes(s);
	server_commit(s);
	server_run_streams(s);
	server_drop_ended(s);
	idle = s->taken == 0 && !s->flight;
	snapshooter_work(&s->snapshooter, !idle);
	server_commit(s);
	if (!s->store->ops->tend(s->store, idle && !s->flight))
		server_fail(s);
	s->taken = 0;
	if (s->draining)
		server_end_surveys(s);
	set_expiry(s);
	if (s->draining && server_is_settled(s) && !snapshooter_is_reading(&s->snapshooter))
		loop_stop(s->loop);
}

/* The snapshot is in the store's open batch: that is a reason to commit it. */
static void
on_snapshot(struct snapshooter *p)
{
	struct server *s = OWNER_OF(p, struct server, snapshooter);

	s->open->stores = true;
}

static void
on_beacon(struct loop_timer *timer)
{
	struct server *s = SERVER_OF(timer, beacon);

	bus_beacon(&s->bus);
	loop_set_timer(s->loop, timer, clock_now_ms() + LIMIT_BEACON_MS);
}

static void
on_heartbeat(struct loop_timer *timer)
{
	struct server *s = SERVER_OF(timer, heartbeat);

	guard_check(&s->guard);
	bus_heartbeat(&s->bus);
	loop_set_timer(s->loop, timer, clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS);
}

/* Armed again at the end of the turn. Who seems silent may have spoken long ago, behind requests
 * that are still to be read: of a whole queue at most. */
static void
on_expiry(struct loop_timer *timer)
{
	struct server *s = SERVER_OF(timer, expiry);

	if (s->taken >= LIMIT_TURN_REQUESTS &&
	    ++s->expiry_turns <= LIMIT_BUS_QUEUE / LIMIT_TURN_REQUESTS)
		return;
	s->expiry_turns = 0;
	dispatch_expire(s->dispatcher, clock_now_ms(), clock_wall_us(), server_take_more, s);
}

/* Not while a thread reads one of the sessions that might end; and a few at a time, for behind a
 * day of standing still it may be all of them. */
static void
on_cleanup(struct loop_timer *timer)
{
	struct server *s = SERVER_OF(timer, cleanup);
	uint64_t every_ms = s->options.cleanup_every_ms;
	size_t n;

	if (snapshooter_is_reading(&s->snapshooter)) {
		loop_set_timer(s->loop, timer, clock_now_ms() + UNLOAD_EVERY_MS);
		return;
	}
	n = dispatch_cleanup(
	    s->dispatcher, clock_wall_us(), s->options.session_ttl_us, server_take_more, s);
	if (n)
		log_info("sessions", "ended %zu that nobody had used", n);
	loop_set_timer(
	    s->loop, timer, clock_now_ms() + (n == CLEANUP_AT_ONCE ? CLEANUP_PAUSE_MS : every_ms));
}

static void
on_unload(struct loop_timer *timer)
{
	struct server *s = SERVER_OF(timer, unload);
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
	struct server *s = SERVER_OF(timer, deadline);

	log_warn("server", "ending although not everything could be answered");
	loop_stop(s->loop);
}

static void
start_timers(struct server *s)
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

static void
stop_timers(struct server *s)
{
	struct loop_timer *timers[] = { &s->beacon, &s->heartbeat, &s->expiry, &s->cleanup,
		&s->unload, &s->unblock, &s->deadline, &s->surveys };

	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
		loop_cancel_timer(s->loop, timers[i]);
}

static bool
secure(struct server *s, char message[256])
{
	if (s->options.curve_certificate)
		s->security = bus_security_server(
		    s->loop, s->zmq, s->options.curve_certificate, s->options.curve_allow, message);
	return s->security || !s->options.curve_certificate;
}

/* Packed messages are longer: as much memory holds fewer of them. */
static int
queue_of(const struct server *s, bool is_packed)
{
	int n = is_packed ? s->options.snd_hwm / 4 : s->options.snd_hwm;

	return n > 0 ? n : 1;
}

static bool
bind_outlet(struct server *s, const char *endpoint, bool is_packed)
{
	void *socket;

	if (!endpoint)
		return true;
	if (!bus_endpoint_is_free(endpoint))
		return false;
	socket = outlet_bind(s->zmq, endpoint, queue_of(s, is_packed), s->security);
	if (!socket)
		return false;
	bus_add_outlet(&s->bus, socket, is_packed, s->loop);
	guard_watch(&s->guard, socket, endpoint);
	return true;
}

static bool
bind_router(struct server *s, const char *endpoint)
{
	if (bus_endpoint_is_free(endpoint))
		s->router.socket = router_bind(s->zmq, endpoint, s->security);
	if (!s->router.socket)
		return false;
	guard_watch(&s->guard, s->router.socket, endpoint);
	return true;
}

static bool
bind_all(struct server *s, char message[256])
{
	const struct server_options *o = &s->options;
	const char *failed = !bind_router(s, o->requests) ? o->requests
	    : !bind_outlet(s, o->events, false)		  ? o->events
	    : !bind_outlet(s, o->feed, true)		  ? o->feed
							  : NULL;

	if (failed)
		snprintf(message, 256, "cannot bind %.150s: %s", failed, zmq_strerror(errno));
	return !failed;
}

struct server *
server_new(struct loop *loop, struct sessions *sessions, const struct server_options *options,
    char message[256])
{
	struct server *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	s->sessions = sessions;
	s->store = sessions_store(sessions);
	s->options = *options;
	s->zmq = zmq_ctx_new();
	s->dispatcher = dispatcher_new(sessions, options->grace_ms);
	guard_init(&s->guard, s->loop, s->zmq);
	bus_init(&s->bus, sessions, &s->dispatcher->boot_id);
	if (!secure(s, message) || !bind_all(s, message)) {
		guard_fini(&s->guard);
		bus_fini(&s->bus, loop);
		if (s->router.socket)
			zmq_close(s->router.socket);
		bus_security_free(s->security);
		dispatcher_free(s->dispatcher);
		zmq_ctx_term(s->zmq);
		free(s);
		return NULL;
	}
	dispatcher_on_more(s->dispatcher, server_take_more, s);
	server_survey_init(s);
	dispatcher_backup_to(s->dispatcher, options->backup_directory);
	for (int i = 0; i < 2; i++)
		batch_init(&s->batches[i]);
	s->open = &s->batches[0];
	lanes_init(&s->lanes);
	list_init(&s->streams);
	outcome_init(&s->outcome);
	arena_init(&s->arena);
	snapshooter_init(&s->snapshooter, loop, sessions, &s->lanes, on_snapshot);
	s->snapshooter.every_steps = options->snapshot_steps;
	s->requests.ready = on_requests;
	loop_add_zmq(loop, &s->requests, s->router.socket);
	s->turn_end.run = on_turn_end;
	loop_at_turn_end(loop, &s->turn_end);
	start_timers(s);
	return s;
}

void
server_drain(struct server *s)
{
	struct ask *ask;

	if (s->draining)
		return;
	s->draining = true;
	loop_remove_zmq(s->loop, &s->requests);
	for (int n = 0; n < LIMIT_BUS_QUEUE && router_take(&s->router, &ask); n++)
		if (ask)
			server_ask(s, ask);
	loop_set_timer(s->loop, &s->deadline, clock_now_ms() + DRAIN_MS);
	loop_again(s->loop);
}

bool
server_has_failed(const struct server *s)
{
	return s->failed;
}

/* The hook stays with the loop, which must not run any more. */
void
server_free(struct server *s)
{
	if (!s)
		return;
	stop_timers(s);
	server_end_surveys(s);
	guard_fini(&s->guard);
	snapshooter_fini(&s->snapshooter);
	for (struct link *l; (l = list_take(&s->streams));) {
		struct stream *stream = LIST_OF(l, struct stream, link);

		stream->lane = NULL;
		stream_free(stream);
	}
	if (!s->draining)
		loop_remove_zmq(s->loop, &s->requests);
	zmq_close(s->router.socket);
	bus_fini(&s->bus, s->loop);
	for (int i = 0; i < 2; i++)
		batch_fini(&s->batches[i]);
	lanes_fini(&s->lanes);
	events_due_fini(&s->now);
	outcome_fini(&s->outcome);
	dispatcher_free(s->dispatcher);
	arena_fini(&s->arena);
	json_out_fini(&s->scratch);
	free(s->ended);
	bus_security_free(s->security);
	zmq_ctx_term(s->zmq);
	free(s);
}

const char *
server_bus_version(char out[16])
{
	int major, minor, patch;

	zmq_version(&major, &minor, &patch);
	snprintf(out, 16, "%d.%d.%d", major, minor, patch);
	return out;
}
