/* The links to graphd, as ZeroMQ tells that they break and stand again. */

#include "gatewayd/upstream_inner.h"

#include "common/frames.h"
#include "common/log.h"
#include "common/owner.h"

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

static bool
on_dealer_change(struct loop_zmq *z)
{
	struct upstream *u = OWNER_OF(z, struct upstream, monitor);
	uint16_t event;

	while ((event = next_change(z)) != 0) {
		if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
			upstream_linked(u);
		} else if (event == ZMQ_EVENT_DISCONNECTED) {
			u->is_linked = false;
			u->has_broken = true;
			upstream_lost(u, "is away");
			upstream_end_once(u);
		}
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
upstream_watch_links(struct upstream *u, void *dealer, void *sub)
{
	u->monitor.ready = on_dealer_change;
	u->monitor.tells = true;
	u->sub_monitor.ready = on_sub_change;
	u->sub_monitor.tells = true;
	watch(u, &u->monitor, dealer, "inproc://dealer-monitor");
	watch(u, &u->sub_monitor, sub, "inproc://sub-monitor");
}
