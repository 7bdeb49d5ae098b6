#include "graphd/ctl_link.h"

#include "common/bus_security.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* libzmq says that a link broke a moment before it hands over what had come. */
enum { MONITOR_EVENT_BYTES = 6, LATE_MS = 100 };

struct ctl_link {
	void *socket, *monitor;
	bool stands, broke;
};

/* The socket takes over what it needs of the certificates. */
static bool
secure(const struct ctl_options *o, void *socket)
{
	struct bus_security *security;
	char message[256];

	if (!o->curve_certificate)
		return true;
	security = bus_security_client(o->curve_certificate, o->curve_server, message);
	if (!security)
		return ctl_say("%s", message), false;
	bus_security_apply(security, socket);
	bus_security_free(security);
	return true;
}

bool
ctl_connect(const struct ctl_options *o, void *socket, const char *endpoint)
{
	if (!secure(o, socket))
		return false;
	if (zmq_connect(socket, endpoint) == 0)
		return true;
	return ctl_say("%s: %s", endpoint, zmq_strerror(errno)), false;
}

static void
set(void *socket, int option, int value)
{
	zmq_setsockopt(socket, option, &value, sizeof value);
}

/* Before it connects, so that nothing is missed. The name is free again when the socket is closed,
 * but only some time later. */
static bool
watch(struct ctl_link *l, void *context)
{
	char name[64];

	snprintf(name, sizeof name, "inproc://link-%p-%llu", (void *)l,
	    (unsigned long long)clock_now_us());
	l->monitor = zmq_socket(context, ZMQ_PAIR);
	return l->monitor &&
	    zmq_socket_monitor(
		l->socket, name, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0 &&
	    zmq_connect(l->monitor, name) == 0;
}

struct ctl_link *
ctl_link_new(const struct ctl_options *o, void *context, const char *endpoint)
{
	struct ctl_link *l = xcalloc(1, sizeof *l);

	l->socket = zmq_socket(context, ZMQ_DEALER);
	set(l->socket, ZMQ_LINGER, 0);
	set(l->socket, ZMQ_HEARTBEAT_IVL, LIMIT_BUS_HEARTBEAT_MS);
	set(l->socket, ZMQ_HEARTBEAT_TIMEOUT, LIMIT_BUS_SILENCE_MS);
	if (!watch(l, context))
		ctl_say("%s: %s", endpoint, zmq_strerror(errno));
	else if (ctl_connect(o, l->socket, endpoint))
		return l;
	ctl_link_free(l);
	return NULL;
}

void
ctl_link_free(struct ctl_link *l)
{
	if (!l)
		return;
	zmq_close(l->socket);
	if (l->monitor)
		zmq_close(l->monitor);
	free(l);
}

void *
ctl_link_socket(struct ctl_link *l)
{
	return l->socket;
}

/* Each event is a frame with its number in front, and one with the endpoint. */
static void
note_changes(struct ctl_link *l)
{
	struct frames f;

	while (frames_recv(&f, l->monitor)) {
		uint16_t event = 0;

		if (frames_at(&f, 0).n == MONITOR_EVENT_BYTES)
			memcpy(&event, frames_at(&f, 0).p, sizeof event);
		frames_fini(&f);
		/* One that never stood tries again by itself. */
		l->broke |= l->stands && event == ZMQ_EVENT_DISCONNECTED;
		l->stands |= event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
	}
}

/* Until something was said, or has changed where that is waited for. False: nothing until then. */
static bool
wait_for(struct ctl_link *l, bool changes, uint64_t deadline_ms)
{
	zmq_pollitem_t items[] = { { .socket = l->socket, .events = ZMQ_POLLIN },
		{ .socket = l->monitor, .events = ZMQ_POLLIN } };
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = now_ms < deadline_ms ? deadline_ms - now_ms : 0;

	return zmq_poll(items, changes ? 2 : 1, left_ms < INT_MAX ? (long)left_ms : INT_MAX) > 0;
}

bool
ctl_link_await(struct ctl_link *l, uint64_t deadline_ms)
{
	note_changes(l);
	while (!l->stands && wait_for(l, true, deadline_ms))
		note_changes(l);
	return l->stands && !l->broke;
}

bool
ctl_link_recv(struct ctl_link *l, uint64_t deadline_ms, struct frames *out)
{
	while (!frames_recv(out, l->socket)) {
		bool waited = l->broke ? wait_for(l, false, clock_now_ms() + LATE_MS)
				       : wait_for(l, true, deadline_ms);

		if (!waited)
			return false;
		note_changes(l);
	}
	return true;
}
