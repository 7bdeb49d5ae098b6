/* The links to graphd: sockets, and what ZeroMQ tells of how their links break and stand again. */

#include "gatewayd/upstream_inner.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/frames.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/owner.h"

#include <errno.h>
#include <stdio.h>

enum { MONITOR_EVENT_BYTES = 6, REOPEN_MS = 200 };

/* A frame with the event as a 16-bit number in front; what else comes is passed over. 0: there is
 * no more. */
static uint16_t
next_change(struct loop_zmq *monitor)
{
	struct frames f;
	uint16_t event = 0;

	while (event == 0 && frames_recv(&f, monitor->socket)) {
		struct span frame = frames_at(&f, 0);

		if (frame.n == MONITOR_EVENT_BYTES)
			memcpy(&event, frame.p, sizeof(event));
		frames_fini(&f);
	}
	return event;
}

/*
 * A socket for requests serves one link. What was not sent must not go to whoever answers at the
 * endpoint next, for it is sent again or given up. ZMQ_IMMEDIATE would see to that too, but then
 * libzmq may take a broken link away between two frames of a message that is being received, and
 * ends the process (4.3.4: hiccuped() in socket_base.cpp, recvpipe() in fq.cpp). What came before
 * the link broke is read: it may be answers.
 */
static void
requests_broke(struct upstream *u)
{
	bool had_link = u->is_linked;

	u->is_linked = false;
	u->has_broken = true;
	while (had_link && upstream_dealer_ready(&u->dealer))
		;
	/* One that never had a link tries again by itself, after an interval. */
	u->is_spent = had_link;
	upstream_lost(u, "is away");
	upstream_end_once(u);
}

static bool
on_dealer_change(struct loop_zmq *z)
{
	struct upstream *u = OWNER_OF(z, struct upstream, monitor);
	uint16_t event;

	while (!u->is_spent && (event = next_change(z)) != 0) {
		if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
			upstream_linked(u);
		else if (event == ZMQ_EVENT_DISCONNECTED)
			requests_broke(u);
	}
	return false;
}

static bool
on_sub_change(struct loop_zmq *z)
{
	struct upstream *u = OWNER_OF(z, struct upstream, sub_monitor);
	uint16_t event;

	while ((event = next_change(z)) != 0) {
		if (event != ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
			continue;
		if (u->was_fed && u->events.deaf)
			u->events.deaf(u->events.context);
		u->was_fed = true;
		upstream_fed(u);
	}
	return false;
}

/* Opening and closing. What may fail says why by errno, and has changed nothing then. */

static void *
open_socket(struct upstream *u, int type)
{
	void *socket = bus_socket_new(u->zmq, type, u->security);

	if (!socket)
		return NULL;
	/* No ZMQ_MAXMSGSIZE: graphd keeps to LIMIT_FRAME_BYTES, and a connecting socket whose peer
	 * exceeded it would be closed for good. */
	bus_socket_set(socket, ZMQ_LINGER, 0);
	bus_socket_set(socket, ZMQ_SNDHWM, LIMIT_BUS_QUEUE);
	bus_socket_set(socket, ZMQ_RCVHWM, LIMIT_BUS_QUEUE);
	bus_socket_set(socket, ZMQ_RECONNECT_IVL, 50);
	bus_socket_set(socket, ZMQ_RECONNECT_IVL_MAX, 500);
	return socket;
}

static void
close_watched(struct upstream *u, struct loop_zmq *z, struct loop_zmq *monitor)
{
	struct loop_zmq *both[] = { monitor, z };

	if (!z->socket)
		return;
	zmq_socket_monitor(z->socket, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		loop_remove_zmq(u->loop, both[i]);
		zmq_close(both[i]->socket);
		both[i]->socket = NULL;
	}
}

/* From now on it is noticed when the link of this socket comes to stand and when it breaks. Returns
 * what tells it. */
static void *
watch(struct upstream *u, void *watched)
{
	char endpoint[64];
	void *socket;
	int why;

	/* A name is free again only some time after its socket was closed. */
	snprintf(endpoint, sizeof(endpoint), "inproc://monitor-%u", u->n_opened++);
	if (zmq_socket_monitor(
		watched, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
		return NULL;
	socket = zmq_socket(u->zmq, ZMQ_PAIR);
	if (socket && zmq_connect(socket, endpoint) == 0)
		return socket;
	why = errno;
	zmq_socket_monitor(watched, NULL, 0);
	if (socket)
		zmq_close(socket);
	errno = why;
	return NULL;
}

static bool
open_watched(struct upstream *u, void *socket, const char *endpoint, struct loop_zmq *z,
    struct loop_zmq *monitor)
{
	void *watching = socket ? watch(u, socket) : NULL;
	int why = errno;

	if (!watching) {
		if (socket)
			zmq_close(socket);
		errno = why;
		return false;
	}
	monitor->tells = true;
	loop_add_zmq(u->loop, monitor, watching);
	loop_add_zmq(u->loop, z, socket);
	if (zmq_connect(socket, endpoint) == 0)
		return true;
	why = errno;
	close_watched(u, z, monitor);
	errno = why;
	return false;
}

bool
upstream_open_requests(struct upstream *u)
{
	void *dealer = open_socket(u, ZMQ_DEALER);

	u->monitor.ready = on_dealer_change;
	if (open_watched(u, dealer, u->requests_at, &u->dealer, &u->monitor))
		return true;
	/* It is tried again and again, and the reason is mostly the same. */
	if (!u->has_warned)
		log_warn("bus", "%s cannot be opened: %s", u->requests_at, zmq_strerror(errno));
	u->has_warned = true;
	return false;
}

bool
upstream_open_events(struct upstream *u, const char *endpoint)
{
	void *sub = open_socket(u, ZMQ_SUB);

	if (sub) {
		/* Nothing is lost while requests wait, but transient events are while nobody hears
		 * them: the interval does not grow. */
		bus_socket_set(sub, ZMQ_RECONNECT_IVL_MAX, 0);
		zmq_setsockopt(
		    sub, ZMQ_SUBSCRIBE, WIRE_HEARTBEAT_TOPIC, sizeof(WIRE_HEARTBEAT_TOPIC) - 1);
	}
	u->sub_monitor.ready = on_sub_change;
	if (open_watched(u, sub, endpoint, &u->sub, &u->sub_monitor))
		return true;
	log_warn("bus", "%s cannot be opened: %s", endpoint, zmq_strerror(errno));
	return false;
}

void
upstream_close_sockets(struct upstream *u)
{
	close_watched(u, &u->dealer, &u->monitor);
	close_watched(u, &u->sub, &u->sub_monitor);
}

/* Without descriptors, say, there is none for the time being, and it is as if graphd were away. */
static void
reopen(struct upstream *u)
{
	if (upstream_open_requests(u))
		u->has_warned = false;
	else
		loop_set_timer(u->loop, &u->reopening, clock_now_ms() + REOPEN_MS);
}

static void
reopen_due(struct loop_timer *t)
{
	reopen(OWNER_OF(t, struct upstream, reopening));
}

void
upstream_reopen(struct upstream *u)
{
	if (!u->is_spent)
		return;
	u->is_spent = false;
	close_watched(u, &u->dealer, &u->monitor);
	reopen(u);
}

void
upstream_prepare_links(struct upstream *u)
{
	u->reopening.due = reopen_due;
}
