#include "tests/bench/load_net.h"

#include "common/log.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TURN_EVENTS = 512,
	READ_BYTES = 256 * 1024,
};

struct net {
	int epoll;
	uint64_t received;
	char scratch[READ_BYTES]; /* most reads leave nothing over, so one buffer serves all */
};

void
net_lift_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	prctl(PR_SET_TIMERSLACK, 1L, 0L, 0L, 0L);
}

struct net *
net_new(void)
{
	struct net *net = xmalloc(sizeof *net);

	net_lift_limits();
	net->received = 0;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (net->epoll < 0)
		log_fatal("load", "epoll_create1: %s", strerror(errno));
	return net;
}

void
net_free(struct net *net)
{
	close(net->epoll);
	free(net);
}

uint64_t
net_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
net_received(const struct net *net)
{
	return net->received;
}

void
net_init(struct net_connection *c, struct net *net, const struct net_handler *handler)
{
	*c = (struct net_connection){ .handler = handler, .net = net, .fd = -1 };
}

static void
watch(struct net_connection *c, int operation)
{
	struct epoll_event e = { .events = EPOLLIN | (c->wants_out ? EPOLLOUT : 0u),
		.data.ptr = c };

	if (epoll_ctl(c->net->epoll, operation, c->fd, &e) < 0)
		log_fatal("load", "epoll_ctl: %s", strerror(errno));
}

void
net_open(struct net_connection *c, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		log_fatal("load", "socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		log_fatal("load", "connect to port %u: %s", port, strerror(errno));
	c->opening = c->wants_out = true;
	c->times_opened++;
	watch(c, EPOLL_CTL_ADD);
}

void
net_close(struct net_connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->opening = c->wants_out = false;
	c->in.n = c->out.n = 0;
}

void
net_fini(struct net_connection *c)
{
	net_close(c);
	free(c->in.bytes);
	free(c->out.bytes);
}

static void
lose(struct net_connection *c)
{
	net_close(c);
	c->handler->closed(c);
}

static void
keep(struct net_bytes *b, struct span more)
{
	if (b->capacity - b->n < more.n) {
		b->capacity = (b->n + more.n) * 2;
		b->bytes = xrealloc(b->bytes, b->capacity, 1);
	}
	memcpy(b->bytes + b->n, more.p, more.n);
	b->n += more.n;
}

static void
drop_front(struct net_bytes *b, size_t n)
{
	memmove(b->bytes, b->bytes + n, b->n - n);
	b->n -= n;
	/* A connection that was sent something big once need not hold on to the room for it. */
	if (b->n == 0 && b->capacity > READ_BYTES) {
		free(b->bytes);
		*b = (struct net_bytes){ 0 };
	}
}

void
net_send(struct net_connection *c, struct span bytes)
{
	ssize_t sent = 0;

	if (c->fd < 0)
		return;
	if (c->out.n == 0 && !c->opening)
		sent = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
	/* An error shows again when the connection is read. */
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == bytes.n)
		return;
	keep(&c->out, (struct span){ bytes.p + sent, bytes.n - (size_t)sent });
	if (!c->wants_out) {
		c->wants_out = true;
		watch(c, EPOLL_CTL_MOD);
	}
}

static void
finish_opening(struct net_connection *c)
{
	int err = 0;
	socklen_t size = sizeof err;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (err) {
		lose(c);
		return;
	}
	c->opening = c->wants_out = false;
	watch(c, EPOLL_CTL_MOD);
	c->handler->opened(c);
}

static void
write_rest(struct net_connection *c)
{
	ssize_t sent = send(c->fd, c->out.bytes, c->out.n, MSG_NOSIGNAL);

	if (sent > 0)
		drop_front(&c->out, (size_t)sent);
	if (c->out.n == 0) {
		c->wants_out = false;
		watch(c, EPOLL_CTL_MOD);
	}
}

/* Hands over what came, behind what was left over before. */
static void
hand_over(struct net_connection *c, struct span bytes)
{
	unsigned times_opened = c->times_opened;
	bool was_empty = c->in.n == 0;
	size_t done;

	c->net->received += bytes.n;
	if (!was_empty) {
		keep(&c->in, bytes);
		bytes = (struct span){ c->in.bytes, c->in.n };
	}
	done = c->handler->received(c, bytes);
	/* What is left belongs to a connection that the handler may have closed, or opened anew. */
	if (c->fd < 0 || c->times_opened != times_opened)
		return;
	if (!was_empty && done)
		drop_front(&c->in, done);
	else if (was_empty && done < bytes.n)
		keep(&c->in, (struct span){ bytes.p + done, bytes.n - done });
}

static void
read_some(struct net_connection *c)
{
	ssize_t n = recv(c->fd, c->net->scratch, sizeof c->net->scratch, 0);

	if (n > 0)
		hand_over(c, (struct span){ c->net->scratch, (size_t)n });
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		lose(c);
}

void
net_turn(struct net *net, uint64_t timeout_ns)
{
	struct epoll_event events[TURN_EVENTS];
	struct timespec timeout = { (time_t)(timeout_ns / 1000000000u),
		(long)(timeout_ns % 1000000000u) };
	int n = epoll_pwait2(net->epoll, events, TURN_EVENTS, &timeout, NULL);

	for (int i = 0; i < n; i++) {
		struct net_connection *c = events[i].data.ptr;

		/* An earlier event of this turn may have closed it. */
		if (c->fd >= 0 && c->opening)
			finish_opening(c);
		else if (c->fd >= 0 && (events[i].events & EPOLLOUT) && c->out.n)
			write_rest(c);
		if (c->fd >= 0 && !c->opening && (events[i].events & ~(uint32_t)EPOLLOUT))
			read_some(c);
	}
}
