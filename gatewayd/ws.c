#include "gatewayd/ws_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REASON_BYTES = 123 };

/* Sets the one timer to what is due first. */
static void
set_timer(struct ws_server *s)
{
	struct link *const lists[] = { &s->idle, &s->pinged, &s->closing };
	uint64_t due_ms = UINT64_MAX;

	for (size_t i = 0; i < 3; i++) {
		if (!list_is_empty(lists[i]) &&
		    LIST_OF(lists[i]->next, struct ws, timed)->due_ms < due_ms)
			due_ms = LIST_OF(lists[i]->next, struct ws, timed)->due_ms;
	}
	if (due_ms == UINT64_MAX)
		loop_cancel_timer(s->loop, &s->timer);
	else if (!s->timer.slot || s->timer.at_ms > due_ms)
		loop_set_timer(s->loop, &s->timer, due_ms);
}

/* after_ms 0: no time is set for it. */
static void
time_in(struct ws *w, struct link *list, uint32_t after_ms)
{
	list_remove(&w->timed);
	if (after_ms == 0) {
		list_append(&w->server->quiet, &w->timed);
		return;
	}
	w->due_ms = clock_now_ms() + after_ms;
	list_append(list, &w->timed);
	set_timer(w->server);
}

static void
die(struct ws *w)
{
	struct linger at_once = { .l_onoff = 1 };
	int fd = w->io.fd;

	/* What a peer has not taken by now, the kernel need not keep for it. */
	if (outbox_bytes(&w->out) > 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	w->state = WS_DEAD;
	list_remove(&w->timed);
	loop_remove(w->server->loop, &w->io);
	close(fd);
	ws_touch(w);
}

void
ws_watch(struct ws *w)
{
	uint32_t events = w->is_full ? EPOLLOUT : 0;

	if (w->state == WS_DEAD)
		return;
	if (!(w->state == WS_OPEN && w->is_full &&
		outbox_bytes(&w->out) > w->server->settings.owed_bytes))
		events |= EPOLLIN;
	loop_change(w->server->loop, &w->io, events);
}

static void
end(struct ws *w, enum ws_end why)
{
	w->server->settings.closed(w, why);
}

/* From here on the owner does not know it any more. */
static void
start_closing(struct ws *w, unsigned code, struct span reason, enum ws_state next)
{
	char body[2 + REASON_BYTES] = { (char)(code >> 8), (char)code };
	size_t n = code == WS_CODE_NO_STATUS ? 0 : 2 + reason.n;

	assert(w->state == WS_OPEN && reason.n <= REASON_BYTES);
	if (reason.n)
		memcpy(body + 2, reason.p, reason.n);
	ws_queue_control(w, WS_OP_CLOSE, (struct span){ body, n });
	w->state = (uint8_t)next;
	time_in(w, &w->server->closing, w->server->settings.close_ms);
	ws_touch(w);
}

void
ws_close(struct ws *w, unsigned code, const char *reason)
{
	if (w->state == WS_OPEN)
		start_closing(w, code, span_of(reason), WS_CLOSING);
}

void
ws_fail(struct ws *w, unsigned code, const char *reason, enum ws_end why)
{
	if (w->state == WS_OPEN) {
		start_closing(w, code, span_of(reason), WS_LINGERING);
		end(w, why);
	} else if (w->state == WS_CLOSING) {
		/* It has its close frame already; what it says no longer matters. */
		w->state = WS_LINGERING;
		ws_touch(w);
	}
}

void
ws_closed_by_peer(struct ws *w, unsigned code)
{
	if (w->state == WS_OPEN) {
		start_closing(w, code, (struct span){ 0 }, WS_LINGERING);
		end(w, WS_PEER_CLOSED);
	} else if (w->state == WS_CLOSING) {
		w->state = WS_LINGERING;
		ws_touch(w);
	}
}

void
ws_broke_off(struct ws *w)
{
	bool was_open = w->state == WS_OPEN;

	if (w->state == WS_DEAD)
		return;
	die(w);
	if (was_open)
		end(w, WS_BROKEN);
}

void
ws_ponged(struct ws *w)
{
	if (w->state == WS_OPEN)
		time_in(w, &w->server->idle, w->server->settings.ping_ms);
}

static void
on_ready(struct loop_io *io, uint32_t events)
{
	struct ws *w = OWNER_OF(io, struct ws, io);
	ssize_t n;

	if (events & EPOLLOUT)
		ws_write(w);
	if (w->state == WS_DEAD || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	ws_in_feed_kept(w);
	if (w->state == WS_DEAD)
		return;
	/* One read is a turn's ration; if there is more, epoll says so again. */
	n = recv(io->fd, w->server->buffer, sizeof w->server->buffer, 0);
	if (n > 0 && w->state < WS_LINGERING)
		ws_in_feed(w, (struct span){ w->server->buffer, (size_t)n });
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		ws_broke_off(w);
	ws_watch(w);
}

/* Those of a list whose time has come; each leaves the list, or is put at its end with a later
 * time. */
static void
fire(struct link *list, uint64_t now_ms, void (*due)(struct ws *))
{
	while (!list_is_empty(list)) {
		struct ws *w = LIST_OF(list->next, struct ws, timed);

		if (w->due_ms > now_ms)
			return;
		list_remove(&w->timed);
		due(w);
	}
}

static void
ping_due(struct ws *w)
{
	ws_queue(w, w->server->ping);
	time_in(w, &w->server->pinged, w->server->settings.pong_ms);
}

static void
pong_overdue(struct ws *w)
{
	ws_fail(w, WS_CODE_GOING_AWAY, "ping timeout", WS_TIMED_OUT);
}

static void
on_timer(struct loop_timer *timer)
{
	struct ws_server *s = OWNER_OF(timer, struct ws_server, timer);
	uint64_t now_ms = clock_now_ms();

	fire(&s->idle, now_ms, ping_due);
	fire(&s->pinged, now_ms, pong_overdue);
	fire(&s->closing, now_ms, die);
	set_timer(s);
}

struct ws_server *
ws_server_new(struct loop *loop, const struct ws_settings *settings)
{
	struct ws_server *s = xcalloc(1, sizeof *s);

	s->settings = *settings;
	s->loop = loop;
	list_init(&s->quiet);
	list_init(&s->idle);
	list_init(&s->pinged);
	list_init(&s->closing);
	s->ping = ws_control_frame(WS_OP_PING, (struct span){ 0 });
	s->timer.due = on_timer;
	ws_out_start(s);
	return s;
}

/* Those who wait for a turn to be written in; there is none any more. They have no owner who would
 * be told. */
static void
write_last(struct ws_server *s)
{
	while (!list_is_empty(&s->closing)) {
		struct ws *w = LIST_OF(s->closing.next, struct ws, timed);

		ws_write(w);
		ws_broke_off(w);
	}
}

void
ws_server_free(struct ws_server *s)
{
	struct link *const lists[] = { &s->quiet, &s->idle, &s->pinged };

	write_last(s);
	for (size_t i = 0; i < 3; i++) {
		while (!list_is_empty(lists[i]))
			die(LIST_OF(lists[i]->next, struct ws, timed));
	}
	ws_out_stop(s);
	assert(s->n == 0);
	loop_cancel_timer(s->loop, &s->timer);
	ws_in_free(s->spare);
	shared_bytes_unref(s->ping);
	free(s);
}

size_t
ws_server_count(const struct ws_server *s)
{
	return s->n;
}

struct ws *
ws_open(struct ws_server *s, int fd, struct span extra, void *user)
{
	struct ws *w = xcalloc(1, sizeof *w);

	w->server = s;
	w->user = user;
	w->io.ready = on_ready;
	s->n++;
	loop_add(s->loop, &w->io, fd, EPOLLIN);
	time_in(w, &s->idle, s->settings.ping_ms);
	ws_in_keep(w, extra);
	return w;
}

void
ws_set_user(struct ws *w, void *user)
{
	w->user = user;
}

void *
ws_user(const struct ws *w)
{
	return w->user;
}

void *
ws_context(const struct ws *w)
{
	return w->server->settings.context;
}

void
ws_send(struct ws *w, struct shared_bytes *bytes)
{
	if (w->state == WS_OPEN)
		ws_queue(w, bytes);
}

size_t
ws_owed(const struct ws *w)
{
	return outbox_bytes(&w->out);
}
