#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
	POOL_BYTES = 24 * 1024,	 /* the library's memory for one connection: head in, head out */
	SPARE_CONNECTIONS = 256, /* beyond ours, so that an answer can say why */
};

/* The library's own work is done, and it is asked when it wants to be run again. */
static void
run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	h->run_due = false;
	http_drop_upgraded(h);
	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &wait_ms) != MHD_YES)
		return;
	if (wait_ms == 0) {
		h->run_due = true;
		loop_again(h->loop);
	} else if (!h->timer.slot) {
		loop_set_timer(h->loop, &h->timer, clock_now_ms() + wait_ms);
	}
}

static void
daemon_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	run(OWNER_OF(io, struct http, io));
}

static void
daemon_due(struct loop_timer *t)
{
	run(OWNER_OF(t, struct http, timer));
}

/* Answers that were given in this turn leave in this turn. */
static void
turn_end(struct loop_hook *hook)
{
	struct http *h = OWNER_OF(hook, struct http, turn_end);

	if (h->run_due)
		run(h);
}

static void
peer_left(struct loop_io *io, uint32_t events)
{
	struct http_connection *c = OWNER_OF(io, struct http_connection, watch);

	(void)events;
	c->request.is_gone = true;
	http_tell_gone(&c->request);
	http_resume(c);
}

/*
 * While suspended a connection is in nobody's epoll set, and the library would notice the peer's
 * leaving only at the answer. Most requests are answered long before it pays to watch them.
 */
static void
watch_due(struct loop_timer *t)
{
	struct http *h = OWNER_OF(t, struct http, watch_timer);
	uint64_t now_ms = clock_now_ms();

	while (!list_is_empty(&h->held)) {
		struct http_connection *c = LIST_OF(h->held.next, struct http_connection, in_held);
		if (c->held_ms + h->settings.watch_ms > now_ms) {
			loop_set_timer(h->loop, t, c->held_ms + h->settings.watch_ms);
			return;
		}
		list_remove(&c->in_held);
		list_append(&h->watched, &c->in_held);
		c->watch.ready = peer_left;
		loop_add(h->loop, &c->watch, c->fd, EPOLLRDHUP);
	}
}

__attribute__((format(printf, 2, 0))) static void
log_library(void *cls, const char *format, va_list args)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof(text), format, args);
	log_debug("http", "libmicrohttpd: %.*s", (int)strcspn(text, "\n"), text);
}

/* Targets are decoded by us, segment by segment. */
static size_t
unescape_nothing(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void
set_defaults(struct http_settings *s)
{
	s->head_ms = s->head_ms ? s->head_ms : LIMIT_HEAD_MS;
	s->body_ms = s->body_ms ? s->body_ms : LIMIT_BODY_MS;
	s->answer_ms = s->answer_ms ? s->answer_ms : LIMIT_ANSWER_MS;
	s->held_bytes = s->held_bytes ? s->held_bytes : LIMIT_HELD_BYTES;
	s->keepalive_ms = s->keepalive_ms ? s->keepalive_ms : LIMIT_KEEPALIVE_MS;
	s->watch_ms = s->watch_ms ? s->watch_ms : LIMIT_WATCH_MS;
	s->requests_per_connection =
	    s->requests_per_connection ? s->requests_per_connection : LIMIT_REQUESTS_PER_CONNECTION;
}

static struct MHD_Daemon *
start_daemon(struct http *h)
{
	struct MHD_Daemon *daemon;
	/* Resuming would wake the daemon through a pipe of its own; our loop runs it anyway. */
	unsigned resume = MHD_ALLOW_SUSPEND_RESUME & ~(unsigned)MHD_USE_ITC;
	unsigned flags =
	    MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG | resume;

	/* Strict, the library answers a request without Host by itself, in HTML and with the head
	 * twice; what it would refuse is refused by http_check_head(). */
	daemon = MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, h,
	    MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET, h->listen_fd,
	    MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
	    MHD_OPTION_CONNECTION_LIMIT, h->most_connections, MHD_OPTION_CONNECTION_TIMEOUT,
	    (h->settings.keepalive_ms + 999) / 1000, MHD_OPTION_NOTIFY_CONNECTION,
	    http_on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, h,
	    MHD_OPTION_URI_LOG_CALLBACK, http_on_target, h, MHD_OPTION_UNESCAPE_CALLBACK,
	    unescape_nothing, NULL, MHD_OPTION_END);
	/* With an epoll set it wants a socket to begin with. */
	if (daemon)
		MHD_quiesce_daemon(daemon);
	return daemon;
}

struct http *
http_new(struct loop *loop, const struct http_settings *settings)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->settings = *settings;
	set_defaults(&h->settings);
	h->most_connections = settings->max_connections + SPARE_CONNECTIONS;
	h->loop = loop;
	if (!http_listen(h)) {
		int err = errno;

		free(h);
		errno = err;
		return NULL;
	}
	list_init(&h->held);
	list_init(&h->watched);
	list_init(&h->upgraded);
	list_init(&h->lingering);
	http_add_metrics();
	h->daemon = start_daemon(h);
	if (!h->daemon)
		log_fatal("http", "libmicrohttpd does not start");
	h->io.ready = daemon_ready;
	h->timer.due = daemon_due;
	h->watch_timer.due = watch_due;
	h->turn_end.run = turn_end;
	loop_add(loop, &h->io, MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
	    EPOLLIN);
	/* Before the events, which may take a while to write to many. */
	loop_first_at_turn_end(loop, &h->turn_end);
	http_begin_accepting(h);
	return h;
}

uint16_t
http_port(const struct http *h)
{
	return h->port;
}

size_t
http_connections(const struct http *h)
{
	return h->n_connections;
}

/* The library aborts the process when it is stopped with a suspended connection. */
static void
end_held(struct link *list)
{
	while (!list_is_empty(list)) {
		struct http_connection *c = LIST_OF(list->next, struct http_connection, in_held);
		struct http_request *r = &c->request;

		http_tell_gone(r);
		if (r->state == HTTP_HELD)
			http_refuse(r, ERROR_overloaded, "The server is stopping.");
		r->is_gone = !r->response;
		http_resume(c);
	}
}

void
http_free(struct http *h)
{
	enum { LAST_RUNS = 4 };

	if (!h)
		return;
	http_stop_listening(h);
	h->is_ending = true;
	end_held(&h->held);
	end_held(&h->watched);
	for (int i = 0; i < LAST_RUNS; i++) {
		http_drop_upgraded(h);
		MHD_run(h->daemon);
	}
	loop_remove(h->loop, &h->io);
	loop_cancel_timer(h->loop, &h->timer);
	loop_cancel_timer(h->loop, &h->watch_timer);
	MHD_stop_daemon(h->daemon);
	http_linger_all_end(h);
	free(h);
}

const char *
http_library_version(void)
{
	return MHD_get_version();
}
