#include "gatewayd/relay_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024, HEAD_END_BYTES = 4 };

static struct metric relayed = { .name = "gatewayd_relayed_requests_total",
	.help = "Requests sent on to the gateway that has their session.",
	.type = "counter" };

void
relay_call_add_metrics(void)
{
	metrics_add(&relayed);
}

void
relay_call_free(struct relay_call *call)
{
	struct relay *relay = call->relay;

	if (call->question)
		upstream_forget(relay->settings.upstream, call->question);
	loop_remove(relay->settings.loop, &call->io);
	loop_cancel_timer(relay->settings.loop, &call->timer);
	if (call->fd >= 0)
		close(call->fd);
	list_remove(&call->link);
	relay->n_calls--;
	json_out_fini(&call->out);
	free(call->in);
	free(call);
}

void
relay_call_fail(struct relay_call *call)
{
	struct relay *relay = call->relay;
	struct http_request *request = call->request;

	call->request = NULL;
	relay_call_free(call);
	relay->settings.unknown(request);
}

/* Nobody answers at that address: the next one that asks for it asks graphd first. */
static void
give_up_home(struct relay_call *call)
{
	log_debug("relay", "a gateway that is registered does not answer");
	homes_drop(&call->relay->homes, call->home);
	relay_call_fail(call);
}

static void
timer_due(struct loop_timer *t)
{
	struct relay_call *call = OWNER_OF(t, struct relay_call, timer);

	if (call->is_connected)
		relay_call_fail(call);
	else
		give_up_home(call);
}

/* What is sent: the request as far as Engine.IO looks at it. */

static void
put(struct json_out *out, const char *text)
{
	json_out_bytes(out, span_of(text));
}

static void
put_field(struct json_out *out, const char *name, struct span value)
{
	if (!value.p)
		return;
	put(out, name);
	put(out, ": ");
	json_out_bytes(out, value);
	put(out, "\r\n");
}

static void
write_request(struct relay_call *call)
{
	static const char *const passed[] = { "Origin", "Content-Type", "Sec-WebSocket-Key",
		"Sec-WebSocket-Version" };
	struct http_request *request = call->request;
	struct json_out *out = &call->out;
	struct span body = http_body(request);
	char length[48];

	put(out, http_method(request) == HTTP_POST ? "POST " : "GET ");
	json_out_bytes(out, http_path(request));
	put(out, "?");
	json_out_bytes(out, http_query(request));
	put(out, " HTTP/1.1\r\n" RELAY_GUARD ": 1\r\n");
	/* Only HTTP/1.0 can do without, and the home is spoken to in HTTP/1.1. */
	put_field(out, "Host", http_host(request).p ? http_host(request) : SPAN(""));
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		put_field(out, passed[i], http_header(request, passed[i]));
	put(out,
	    call->is_upgrade ? "Connection: Upgrade\r\nUpgrade: websocket\r\n"
			     : "Connection: close\r\n");
	if (http_method(request) == HTTP_POST) {
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body.n);
		put(out, length);
	}
	put(out, "\r\n");
	json_out_bytes(out, body);
}

/* What comes back. */

/* The value of a field of the head; {NULL,0}: absent. The answer is a gateway's: no folding, no
 * repeats. */
static struct span
find_field(const struct relay_call *call, const char *name)
{
	size_t name_n = strlen(name);
	const char *at = call->in, *end = call->in + call->head_n;

	while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end) {
		const char *stop = memchr(at, '\r', (size_t)(end - at));

		if ((size_t)(end - at) <= name_n || at[name_n] != ':' ||
		    strncasecmp(at, name, name_n) != 0 || !stop)
			continue;
		at += name_n + 1;
		while (at < stop && *at == ' ')
			at++;
		return (struct span){ at, (size_t)(stop - at) };
	}
	return (struct span){ 0 };
}

/* False: no answer that is understood here. *is_whole once the head is here. */
static bool
read_head(struct relay_call *call)
{
	static const char version[] = "HTTP/1.1 ";
	enum { VERSION_BYTES = sizeof(version) - 1, STATUS_BYTES = 3 };
	const char *end =
	    call->in_n ? memmem(call->in, call->in_n, "\r\n\r\n", HEAD_END_BYTES) : NULL;
	uint64_t status, length;

	if (!end)
		return call->in_n < LIMIT_RELAY_HEAD_BYTES;
	call->head_n = (size_t)(end - call->in) + HEAD_END_BYTES;
	if (call->head_n < VERSION_BYTES + STATUS_BYTES + HEAD_END_BYTES ||
	    memcmp(call->in, version, VERSION_BYTES) != 0 ||
	    !span_number((struct span){ call->in + VERSION_BYTES, STATUS_BYTES }, 599, &status))
		return false;
	call->status = (int)status;
	call->whole_n = call->head_n;
	if (status == 101)
		return call->is_upgrade;
	if (status < 200 ||
	    !span_number(find_field(call, "Content-Length"), LIMIT_RELAY_ANSWER_BYTES, &length))
		return false;
	call->whole_n += length;
	return true;
}

static void
answer(struct relay_call *call)
{
	struct http_request *request = call->request;
	struct span type = find_field(call, "Content-Type");
	size_t n = call->whole_n - call->head_n;
	char *body = xmalloc(n + 1);

	memcpy(body, call->in + call->head_n, n);
	if (call->is_upgrade)
		http_close_after(request);
	call->request = NULL;
	http_reply(request, call->status,
	    type.n ? arena_text(http_arena(request), type) : "text/plain", body, n);
	relay_call_free(call);
}

/* The client's socket is ours, or (-1) gone. */
static void
on_taken(void *arg, int fd, struct span extra)
{
	struct relay_call *call = arg;
	struct span from_home = { call->in + call->head_n, call->in_n - call->head_n };

	if (fd >= 0) {
		splice_open(call->relay->splices, fd, call->fd, extra, from_home);
		call->fd = -1;
	}
	relay_call_free(call);
}

static void
accept_upgrade(struct relay_call *call)
{
	struct http_request *request = call->request;

	loop_remove(call->relay->settings.loop, &call->io);
	loop_cancel_timer(call->relay->settings.loop, &call->timer);
	call->request = NULL;
	http_upgrade(request, NULL, on_taken, call);
}

static void
grow(struct relay_call *call)
{
	size_t wanted = call->whole_n > call->in_n ? call->whole_n : call->in_n + READ_BYTES;

	if (call->in_capacity - call->in_n > 0)
		return;
	/* A length that is told is believed step by step. */
	if (wanted > 2 * call->in_capacity + READ_BYTES)
		wanted = 2 * call->in_capacity + READ_BYTES;
	call->in = xrealloc(call->in, wanted, 1);
	call->in_capacity = wanted;
}

/* False: the call is over. */
static bool
read_some(struct relay_call *call)
{
	ssize_t n;

	grow(call);
	n = recv(call->fd, call->in + call->in_n, call->in_capacity - call->in_n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n > 0)
		call->in_n += (size_t)n;
	if (n <= 0 || (!call->head_n && !read_head(call))) {
		relay_call_fail(call);
		return false;
	}
	if (!call->head_n || call->in_n < call->whole_n)
		return true;
	if (call->status == 101)
		accept_upgrade(call);
	else
		answer(call);
	return false;
}

static bool
has_connected(struct relay_call *call)
{
	int err = 0;
	socklen_t size = sizeof(err);

	if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err != 0)
		return false;
	call->is_connected = true;
	relayed.value++;
	loop_set_timer(call->relay->settings.loop, &call->timer,
	    clock_now_ms() + call->relay->settings.answer_ms);
	return true;
}

/* A home that has closed may have answered before: that is found out by reading. */
static void
write_some(struct relay_call *call)
{
	while (call->sent < call->out.n) {
		ssize_t n = send(
		    call->fd, call->out.bytes + call->sent, call->out.n - call->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			break;
		call->sent += (size_t)n;
	}
	loop_change(call->relay->settings.loop, &call->io, EPOLLIN);
}

static void
on_ready(struct loop_io *io, uint32_t events)
{
	struct relay_call *call = OWNER_OF(io, struct relay_call, io);

	if (!call->is_connected && !has_connected(call)) {
		give_up_home(call);
		return;
	}
	/* An answer may come before the whole request has gone. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !read_some(call))
		return;
	if (events & EPOLLOUT)
		write_some(call);
}

void
relay_call_start(struct relay_call *call, const struct home *home)
{
	struct loop *loop = call->relay->settings.loop;
	int on = 1;

	call->fd = socket(home->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (call->fd < 0) {
		relay_call_fail(call);
		return;
	}
	setsockopt(call->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(call->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(call->fd, (const struct sockaddr *)&home->at, home->at_size) != 0 &&
	    errno != EINPROGRESS) {
		give_up_home(call);
		return;
	}
	write_request(call);
	call->timer.due = timer_due;
	loop_set_timer(loop, &call->timer, clock_now_ms() + LIMIT_RELAY_CONNECT_MS);
	call->io.ready = on_ready;
	loop_add(loop, &call->io, call->fd, EPOLLIN | EPOLLOUT);
}
