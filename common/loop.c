#include "common/loop_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { LOOP_EVENTS = 256, SIGNALS = 65 };

struct signal_handler {
	void (*fn)(void *arg, int signal);
	void *arg;
};

struct loop {
	int epoll_fd;
	bool stop, again;
	uint64_t return_us; /* the next wait's bound; 0: none */
	uint64_t turn_us;   /* when the last wait ended */
	bool is_coarse;	    /* there is no waiting for less than a millisecond */

	/* What epoll_wait() gave in this turn; loop_remove() blots out what is still to come of it.
	 */
	struct epoll_event events[LOOP_EVENTS];
	int n_events, next_event;

	/* A binary heap, the earliest first. timer->slot is its place plus one. */
	struct loop_timer **timers;
	size_t n_timers, timers_capacity;

	struct loop_hook *hooks, *last_hook;

	struct loop_sockets sockets;

	struct loop_io signal_io;
	sigset_t signal_set;
	struct signal_handler handlers[SIGNALS];
};

static struct loop *
loop_of_signal_io(struct loop_io *io)
{
	return OWNER_OF(io, struct loop, signal_io);
}

struct loop *
loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		log_fatal("loop", "epoll_create1: %s", strerror(errno));
	l->signal_io.fd = -1;
	sigemptyset(&l->signal_set);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signal_io.fd >= 0)
		close(l->signal_io.fd);
	close(l->epoll_fd);
	free(l->timers);
	free(l);
}

struct loop_sockets *
loop_sockets(struct loop *l)
{
	return &l->sockets;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

void
loop_again(struct loop *l)
{
	l->again = true;
}

void
loop_return_in(struct loop *l, uint64_t us)
{
	if (l->return_us == 0 || us < l->return_us)
		l->return_us = us ? us : 1;
}

static void
control(struct loop *l, int operation, struct loop_io *io)
{
	struct epoll_event event = { .events = io->events, .data.ptr = io };

	if (epoll_ctl(l->epoll_fd, operation, io->fd, &event) < 0)
		log_fatal("loop", "epoll_ctl of descriptor %d: %s", io->fd, strerror(errno));
}

void
loop_add(struct loop *l, struct loop_io *io, int fd, uint32_t events)
{
	assert(fd >= 0 && io->ready);
	io->fd = fd;
	io->events = events;
	control(l, EPOLL_CTL_ADD, io);
}

void
loop_change(struct loop *l, struct loop_io *io, uint32_t events)
{
	/* With EPOLLET even the same events make the kernel report once more what is ready. */
	if (events == io->events && !(events & EPOLLET))
		return;
	io->events = events;
	control(l, EPOLL_CTL_MOD, io);
}

void
loop_remove(struct loop *l, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	/* Fails if it is closed already, which has removed it, or if it was never added. */
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->fd = -1;
	for (int i = l->next_event; i < l->n_events; i++)
		if (l->events[i].data.ptr == io)
			l->events[i].data.ptr = NULL;
}

static void
deliver(struct loop *l)
{
	for (l->next_event = 0; l->next_event < l->n_events;) {
		struct epoll_event *event = &l->events[l->next_event++];
		struct loop_io *io = event->data.ptr;
		if (io)
			io->ready(io, event->events);
	}
	l->n_events = 0;
}

static void
place(struct loop *l, struct loop_timer *t, size_t i)
{
	l->timers[i] = t;
	t->slot = i + 1;
}

/* Puts t at place i or where it belongs above it or below it. */
static void
sift(struct loop *l, struct loop_timer *t, size_t i)
{
	size_t child;

	for (; i > 0 && t->at_ms < l->timers[(i - 1) / 2]->at_ms; i = (i - 1) / 2)
		place(l, l->timers[(i - 1) / 2], i);
	while ((child = 2 * i + 1) < l->n_timers) {
		if (child + 1 < l->n_timers &&
		    l->timers[child + 1]->at_ms < l->timers[child]->at_ms)
			child++;
		if (t->at_ms <= l->timers[child]->at_ms)
			break;
		place(l, l->timers[child], i);
		i = child;
	}
	place(l, t, i);
}

void
loop_set_timer(struct loop *l, struct loop_timer *t, uint64_t at_ms)
{
	assert(t->due);
	t->at_ms = at_ms;
	if (t->slot) {
		sift(l, t, t->slot - 1);
		return;
	}
	if (l->n_timers == l->timers_capacity) {
		l->timers_capacity = l->timers_capacity ? l->timers_capacity * 2 : 64;
		l->timers = xrealloc(l->timers, l->timers_capacity, sizeof(struct loop_timer *));
	}
	l->timers[l->n_timers] = t;
	l->n_timers++;
	sift(l, t, l->n_timers - 1);
}

void
loop_cancel_timer(struct loop *l, struct loop_timer *t)
{
	size_t i = t->slot - 1;
	struct loop_timer *last;

	if (!t->slot)
		return;
	t->slot = 0;
	last = l->timers[--l->n_timers];
	if (last != t)
		sift(l, last, i);
}

/* At most as many as there were, lest timers that set themselves to the past block all else. */
static void
fire_timers(struct loop *l)
{
	uint64_t now_ms;

	if (l->n_timers == 0)
		return;
	now_ms = clock_now_ms();
	for (size_t left = l->n_timers; left > 0 && l->n_timers > 0; left--) {
		struct loop_timer *t = l->timers[0];
		if (t->at_ms > now_ms)
			return;
		loop_cancel_timer(l, t);
		t->due(t);
	}
}

static int
wait_ms(const struct loop *l, int timeout_ms)
{
	uint64_t now_ms, until_ms;

	if (l->again || timeout_ms == 0)
		return 0;
	if (l->n_timers == 0)
		return timeout_ms;
	now_ms = clock_now_ms();
	if (l->timers[0]->at_ms <= now_ms)
		return 0;
	until_ms = l->timers[0]->at_ms - now_ms;
	if (timeout_ms >= 0 && (uint64_t)timeout_ms < until_ms)
		return timeout_ms;
	return until_ms < INT_MAX ? (int)until_ms : INT_MAX;
}

void
loop_at_turn_end(struct loop *l, struct loop_hook *hook)
{
	struct loop_hook **end = &l->hooks;

	while (*end)
		end = &(*end)->next;
	hook->next = NULL;
	*end = hook;
}

void
loop_first_at_turn_end(struct loop *l, struct loop_hook *hook)
{
	hook->next = l->hooks;
	l->hooks = hook;
}

void
loop_last_at_turn_end(struct loop *l, struct loop_hook *hook)
{
	assert(!l->last_hook);
	l->last_hook = hook;
}

static void
signals_ready(struct loop_io *io, uint32_t events)
{
	struct loop *l = loop_of_signal_io(io);
	struct signalfd_siginfo info;

	(void)events;
	while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		struct signal_handler *h = &l->handlers[info.ssi_signo];
		h->fn(h->arg, (int)info.ssi_signo);
	}
}

void
loop_signal(struct loop *l, int signal, void (*fn)(void *arg, int signal), void *arg)
{
	int fd;

	assert(signal > 0 && signal < SIGNALS);
	l->handlers[signal] = (struct signal_handler){ fn, arg };
	sigaddset(&l->signal_set, signal);
	sigprocmask(SIG_BLOCK, &l->signal_set, NULL);
	fd = signalfd(l->signal_io.fd, &l->signal_set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		log_fatal("loop", "signalfd: %s", strerror(errno));
	if (l->signal_io.fd < 0) {
		l->signal_io.ready = signals_ready;
		loop_add(l, &l->signal_io, fd, EPOLLIN);
	}
}

/* Rounded up: who returns too early would only wait once more. */
static int
whole_ms(uint64_t us)
{
	return us < (uint64_t)INT_MAX * 1000 ? (int)((us + 999) / 1000) : INT_MAX;
}

/* epoll_wait() counts in milliseconds, which is too coarse for what returns sooner. Where the
 * kernel is older than the finer call, or a container's filter is, it has to do. */
static int
wait_for_events(struct loop *l, int timeout_ms)
{
	uint64_t us = l->return_us;
	struct timespec soon = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
	int n;

	l->return_us = 0;
	if (us == 0 || (timeout_ms >= 0 && us >= (uint64_t)timeout_ms * 1000))
		return epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS, timeout_ms);
	if (!l->is_coarse) {
		n = epoll_pwait2(l->epoll_fd, l->events, LOOP_EVENTS, &soon, NULL);
		l->is_coarse = n < 0 && (errno == ENOSYS || errno == EPERM);
		if (!l->is_coarse)
			return n;
	}
	return epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS, whole_ms(us));
}

void
loop_turn(struct loop *l, int timeout_ms)
{
	int n = wait_for_events(l, wait_ms(l, timeout_ms));

	if (n < 0 && errno != EINTR)
		log_fatal("loop", "epoll_wait: %s", strerror(errno));
	l->again = false;
	l->turn_us = clock_now_us();
	l->n_events = n > 0 ? n : 0;
	deliver(l);
	loop_sockets_deliver(&l->sockets);
	fire_timers(l);
	for (struct loop_hook *hook = l->hooks; hook; hook = hook->next)
		hook->run(hook);
	if (l->last_hook)
		l->last_hook->run(l->last_hook);
	l->again = loop_sockets_look(&l->sockets) || l->again;
}

uint64_t
loop_turn_us(const struct loop *l)
{
	return l->turn_us;
}

void
loop_run(struct loop *l)
{
	while (!l->stop)
		loop_turn(l, -1);
	l->stop = false;
}
