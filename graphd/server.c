#include "graphd/server_inner.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/frames.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"
#include "graphd/dispatcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_MS = 10000 }; /* longest time that ending may take */

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

static void
on_turn_end(struct loop_hook *hook)
{
	struct server *s = OWNER_OF(hook, struct server, turn_end);
	bool idle;

	snapshooter_give_way(&s->snapshooter);
	server_run_behind_store(s);
	server_run_lanes(s);
	/* A commit may be written here and now, which takes a while. */
	router_flush(&s->router);
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
	router_flush(&s->router);
	server_set_expiry(s);
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
	s->began_ms = clock_now_ms();
	s->zmq = zmq_ctx_new();
	s->dispatcher = dispatcher_new(sessions, options->grace_ms);
	guard_init(&s->guard, s->loop, s->zmq);
	bus_init(&s->bus, sessions, &s->dispatcher->boot_id);
	if (!secure(s, message) || !bind_all(s, message)) {
		guard_fini(&s->guard);
		bus_fini(&s->bus, loop);
		if (s->router.socket)
			router_fini(&s->router);
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
	list_init(&s->behind_store);
	outcome_init(&s->outcome);
	arena_init(&s->arena);
	server_errands_init(s);
	snapshooter_init(&s->snapshooter, loop, sessions, &s->lanes, on_snapshot);
	s->snapshooter.every_steps = options->snapshot_steps;
	s->requests.ready = on_requests;
	loop_add_zmq(loop, &s->requests, s->router.socket);
	s->turn_end.run = on_turn_end;
	loop_at_turn_end(loop, &s->turn_end);
	server_start_timers(s);
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
	server_stop_timers(s);
	server_end_surveys(s);
	guard_fini(&s->guard);
	snapshooter_fini(&s->snapshooter);
	server_errands_fini(s);
	for (struct link *l; (l = list_take(&s->streams));) {
		struct stream *stream = LIST_OF(l, struct stream, link);

		stream->lane = NULL;
		stream_free(stream);
	}
	for (struct link *l; (l = list_take(&s->behind_store));)
		reply_free(LIST_OF(l, struct reply, link));
	if (!s->draining)
		loop_remove_zmq(s->loop, &s->requests);
	router_fini(&s->router);
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
