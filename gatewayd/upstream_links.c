/* The links to graphd, as ZeroMQ tells that they break and stand again. */

#include "gatewayd/upstream_inner.h"

#include "common/frames.h"
#include "common/log.h"
#include "common/owner.h"

#include <stdio.h>

enum { MONITOR_EVENT_BYTES = 6 };

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
	}
	return false;
}

static void
watch(struct upstream *u, struct loop_zmq *monitor, void *watched, const char *endpoint)
{
	void *socket;

	if (zmq_socket_monitor(
		watched, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
		log_fatal("bus", "%s", zmq_strerror(zmq_errno()));
	socket = zmq_socket(u->zmq, ZMQ_PAIR);
	if (!socket || zmq_connect(socket, endpoint) != 0)
		log_fatal("bus", "%s", zmq_strerror(zmq_errno()));
	loop_add_zmq(u->loop, monitor, socket);
}

void
upstream_watch_requests(struct upstream *u, void *dealer)
{
	char endpoint[64];

	/* A name is free again only some time after its socket was closed. */
	snprintf(endpoint, sizeof(endpoint), "inproc://dealer-monitor-%u", u->n_opened++);
	u->monitor.ready = on_dealer_change;
	u->monitor.tells = true;
	watch(u, &u->monitor, dealer, endpoint);
}

void
upstream_watch_events(struct upstream *u, void *sub)
{
	u->sub_monitor.ready = on_sub_change;
	u->sub_monitor.tells = true;
	watch(u, &u->sub_monitor, sub, "inproc://sub-monitor");
}
