#include "common/loop_inner.h"

#include "common/log.h"
#include "common/owner.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <zmq.h>

static void
zmq_fd_ready(struct loop_io *io, uint32_t events)
{
	struct loop_zmq *z = OWNER_OF(io, struct loop_zmq, io);

	(void)events;
	/* Maybe there is nothing to read but a command among ZeroMQ's threads; then ready() finds
	 * out. */
	z->readable = true;
}

static bool
is_readable(struct loop_zmq *z)
{
	int events = 0;
	size_t size = sizeof(events);

	/* Fails once the context is ending. */
	return zmq_getsockopt(z->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

void
loop_add_zmq(struct loop *l, struct loop_zmq *z, void *socket)
{
	struct loop_sockets *sockets = loop_sockets(l);
	int fd;
	size_t size = sizeof(fd);

	assert(z->ready);
	z->socket = socket;
	z->loop = l;
	z->next = sockets->first;
	sockets->first = z;
	if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
		log_fatal("loop", "a socket without descriptor: %s", zmq_strerror(errno));
	z->io.ready = zmq_fd_ready;
	loop_add(l, &z->io, fd, EPOLLIN);
	/* What came before gives no edge any more. */
	z->readable = true;
	loop_again(l);
}

void
loop_remove_zmq(struct loop *l, struct loop_zmq *z)
{
	struct loop_sockets *sockets = loop_sockets(l);
	struct loop_zmq **at = &sockets->first;

	while (*at && *at != z)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = z->next;
	if (sockets->following == z)
		sockets->following = z->next;
	if (sockets->current == z)
		sockets->current = NULL;
	loop_remove(l, &z->io);
}

void
loop_sockets_deliver(struct loop_sockets *s)
{
	for (struct loop_zmq *z = s->first; z; z = s->following) {
		bool more;

		s->following = z->next;
		if (!z->readable)
			continue;
		s->current = z;
		more = z->ready(z);
		/* Once removed, z may be freed. */
		if (s->current)
			z->readable = more;
	}
	s->current = s->following = NULL;
}

/*
 * Sends and receives of this turn may have swallowed a wake-up. Asking for the events also takes
 * the signal off the descriptor, so the next epoll_wait() sleeps until something new happens.
 */
bool
loop_sockets_look(struct loop_sockets *s)
{
	bool more = false;

	for (struct loop_zmq *z = s->first; z; z = z->next) {
		if (!z->readable && (z->used || !z->tells))
			z->readable = is_readable(z);
		z->used = false;
		more = more || z->readable;
	}
	return more;
}
