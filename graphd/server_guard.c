#include "graphd/server_guard.h"

#include "common/frames.h"
#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
	for (int i = 0; i < GUARD_SOCKETS; i++)
		zmq_unbind(g->sockets[i].socket, g->sockets[i].endpoint);
	g->closed = true;
	log_warn("bus", "too many connections for %d descriptors: accepting no more", g->limit);
}

static void
listen_again(struct guard *g)
{
	mode_t mask = umask(077);
	bool good = true;

	for (int i = 0; i < GUARD_SOCKETS; i++)
		good = (zmq_bind(g->sockets[i].socket, g->sockets[i].endpoint) == 0 ||
			   errno == EADDRINUSE) &&
		    good;
	umask(mask);
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
	struct guarded *guarded =
	    (struct guarded *)(void *)((char *)z - offsetof(struct guarded, monitor));
	struct frames f;

	while (frames_recv(&f, z->socket))
		frames_fini(&f);
	guard_check(guarded->guard);
	return false;
}

void
guard_init(struct guard *g, void *zmq, struct loop *loop, void *const sockets[GUARD_SOCKETS],
    const char *const endpoints[GUARD_SOCKETS])
{
	struct rlimit limit;

	*g = (struct guard){ .zmq = zmq, .limit = 1024 };
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX)
		g->limit = (int)limit.rlim_cur;
	for (int i = 0; i < GUARD_SOCKETS; i++) {
		struct guarded *guarded = &g->sockets[i];
		char name[32];
		void *pair = zmq_socket(zmq, ZMQ_PAIR);

		snprintf(name, sizeof name, "inproc://guard-%d", i);
		guarded->guard = g;
		guarded->socket = sockets[i];
		guarded->endpoint = endpoints[i];
		guarded->monitor.ready = on_event;
		if (!pair ||
		    zmq_socket_monitor(
			sockets[i], name, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0 ||
		    zmq_connect(pair, name) != 0)
			log_fatal("bus", "a socket cannot be watched: %s", zmq_strerror(errno));
		loop_add_zmq(loop, &guarded->monitor, pair);
	}
}

void
guard_fini(struct guard *g, struct loop *loop)
{
	for (int i = 0; i < GUARD_SOCKETS; i++) {
		zmq_socket_monitor(g->sockets[i].socket, NULL, 0);
		loop_remove_zmq(loop, &g->sockets[i].monitor);
		zmq_close(g->sockets[i].monitor.socket);
	}
}
