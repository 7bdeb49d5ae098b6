#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Connections are accepted here and given to the library, which by itself asks again and again, or
 * not at all for a minute, when there are no descriptors.
 */

enum { LISTEN_BACKLOG = 1024, TURN_ACCEPTS = 256, PAUSE_MS = 100, WARN_EVERY_MS = 60000 };

static int
open_socket(const char *address, uint16_t port, uint16_t *bound)
{
	struct sockaddr_storage at = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;
	socklen_t size = sizeof(at);
	int fd, on = 1, err;

	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		at.ss_family = AF_INET;
		four->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		at.ss_family = AF_INET6;
		six->sin6_port = htons(port);
	} else {
		errno = EINVAL;
		return -1;
	}
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, LISTEN_BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
		*bound = ntohs(at.ss_family == AF_INET ? four->sin_port : six->sin6_port);
		return fd;
	}
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* Who wants in waits in the backlog meanwhile. */
static void
pause_listening(struct http *h)
{
	loop_remove(h->loop, &h->listener);
	loop_set_timer(h->loop, &h->listen_timer, clock_now_ms() + PAUSE_MS);
}

static void
pause_over(struct loop_timer *t)
{
	struct http *h = OWNER_OF(t, struct http, listen_timer);

	loop_add(h->loop, &h->listener, h->listen_fd, EPOLLIN);
}

/* It may come and go many times a second. */
static void
warn_of_shortage(struct http *h, int err)
{
	uint64_t now_ms = clock_now_ms();

	if (h->warned_ms && now_ms - h->warned_ms < WARN_EVERY_MS)
		return;
	h->warned_ms = now_ms;
	log_warn("http", "connections have to wait: %s", strerror(err));
}

/* accept(2): the errors of the network come from the connection that is taken off, as does its end
 * before that. False: there is no other to be had now. */
static bool
goes_on_after(struct http *h, int err)
{
	if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM) {
		warn_of_shortage(h, err);
		pause_listening(h);
		return false;
	}
	return err != EAGAIN && err != EWOULDBLOCK;
}

/* False: there is no other to be had now. */
static bool
accept_one(struct http *h)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	int fd;

	if (h->n_connections >= h->most_connections) {
		pause_listening(h);
		return false;
	}
	fd = accept4(h->listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return goes_on_after(h, errno);
	/* Where it does not take it, it has closed it. */
	MHD_add_connection(h->daemon, fd, (struct sockaddr *)&from, size);
	h->run_due = true;
	return true;
}

static void
listener_ready(struct loop_io *io, uint32_t events)
{
	struct http *h = OWNER_OF(io, struct http, listener);
	int left = TURN_ACCEPTS;

	(void)events;
	while (left > 0 && accept_one(h))
		left--;
}

bool
http_listen(struct http *h)
{
	h->listen_fd = open_socket(h->settings.address, h->settings.port, &h->port);
	h->listener.fd = -1;
	h->listener.ready = listener_ready;
	h->listen_timer.due = pause_over;
	return h->listen_fd >= 0;
}

void
http_begin_accepting(struct http *h)
{
	h->listening = true;
	loop_add(h->loop, &h->listener, h->listen_fd, EPOLLIN);
}

void
http_stop_listening(struct http *h)
{
	if (!h->listening)
		return;
	h->listening = false;
	loop_remove(h->loop, &h->listener);
	loop_cancel_timer(h->loop, &h->listen_timer);
	close(h->listen_fd);
}
