#include "graphd/server_guard.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/frames.h"
#include "common/log.h"
#include "common/owner.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

/* libzmq tells of a connection's end before it closes the descriptor. */
enum { CLOSED_BY_MS = 50 };

/* Connections come and go rarely enough for reading a directory each time. */
static int
descriptors_in_use(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int n = 0;

	/* None left to count them with. */
	if (!directory)
		return errno == EMFILE ? INT32_MAX : 0;
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void
stop_listening(struct guard *g)
{
	for (size_t i = 0; i < g->n_sockets; i++)
		zmq_unbind(g->sockets[i].socket, g->sockets[i].endpoint);
	g->closed = true;
	log_warn("bus", "too many connections for %d descriptors: accepting no more", g->limit);
}

static void
listen_again(struct guard *g)
{
	bool good = true;

	for (size_t i = 0; i < g->n_sockets; i++)
		good = (bus_socket_bind(g->sockets[i].socket, g->sockets[i].endpoint) ||
			   errno == EADDRINUSE) &&
		    good;
	g->closed = !good;
	if (good)
		log_info("bus", "accepting connections again");
}

void
guard_check(struct guard *g)
{
	int used = descriptors_in_use();

	if (!g->closed && used >= g->limit / 4 * 3)
		stop_listening(g);
	else if (g->closed && used < g->limit / 2)
		listen_again(g);
}

static bool
on_event(struct loop_zmq *z)
{
	struct guarded *guarded = OWNER_OF(z, struct guarded, monitor);
	struct frames f;

	while (frames_recv(&f, z->socket))
		frames_fini(&f);
	guard_check(guarded->guard);
	if (guarded->guard->closed)
		loop_set_timer(
		    guarded->guard->loop, &guarded->guard->later, clock_now_ms() + CLOSED_BY_MS);
	return false;
}

static void
on_later(struct loop_timer *timer)
{
	guard_check(OWNER_OF(timer, struct guard, later));
}

void
guard_init(struct guard *g, struct loop *loop, void *zmq)
{
	struct rlimit limit;

	*g = (struct guard){ .zmq = zmq, .loop = loop, .later.due = on_later, .limit = 1024 };
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX)
		g->limit = (int)limit.rlim_cur;
}

void
guard_watch(struct guard *g, void *socket, const char *endpoint)
{
	struct guarded *guarded = &g->sockets[g->n_sockets];
	void *pair = zmq_socket(g->zmq, ZMQ_PAIR);
	char name[32];

	assert(g->n_sockets < GUARD_SOCKETS);
	snprintf(name, sizeof name, "inproc://guard-%zu", g->n_sockets++);
	guarded->guard = g;
	guarded->socket = socket;
	guarded->endpoint = endpoint;
	guarded->monitor.ready = on_event;
	guarded->monitor.tells = true;
	if (!pair ||
	    zmq_socket_monitor(socket, name, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0 ||
	    zmq_connect(pair, name) != 0)
		log_fatal("bus", "a socket cannot be watched: %s", zmq_strerror(errno));
	loop_add_zmq(g->loop, &guarded->monitor, pair);
}

void
guard_fini(struct guard *g)
{
	loop_cancel_timer(g->loop, &g->later);
	for (size_t i = 0; i < g->n_sockets; i++) {
		zmq_socket_monitor(g->sockets[i].socket, NULL, 0);
		loop_remove_zmq(g->loop, &g->sockets[i].monitor);
		zmq_close(g->sockets[i].monitor.socket);
	}
}
