#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct lingerer {
	struct http *http;
	struct link link;
	struct loop_io io;
	struct loop_timer timer;
};

static void
linger_end(struct lingerer *l)
{
	int fd = l->io.fd;

	loop_remove(l->http->loop, &l->io);
	loop_cancel_timer(l->http->loop, &l->timer);
	list_remove(&l->link);
	close(fd);
	free(l);
}

static void
linger_ready(struct loop_io *io, uint32_t events)
{
	struct lingerer *l = OWNER_OF(io, struct lingerer, io);
	char dropped[LIMIT_TURN_READ_BYTES];
	ssize_t n = recv(io->fd, dropped, sizeof(dropped), MSG_DONTWAIT);

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		linger_end(l);
}

static void
linger_due(struct loop_timer *t)
{
	linger_end(OWNER_OF(t, struct lingerer, timer));
}

void
http_linger(struct http *h, int fd)
{
	int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct lingerer *l;

	if (mine < 0)
		return;
	shutdown(mine, SHUT_WR);
	l = xcalloc(1, sizeof(*l));
	l->http = h;
	l->io.ready = linger_ready;
	l->timer.due = linger_due;
	list_append(&h->lingering, &l->link);
	loop_add(h->loop, &l->io, mine, EPOLLIN);
	loop_set_timer(h->loop, &l->timer, clock_now_ms() + LIMIT_LINGER_MS);
}

void
http_linger_all_end(struct http *h)
{
	while (!list_is_empty(&h->lingering))
		linger_end(LIST_OF(h->lingering.next, struct lingerer, link));
}
