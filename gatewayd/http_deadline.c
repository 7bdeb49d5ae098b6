/* How long a peer may take: for a head, for a body, and for an answer. */

#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/owner.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static struct http_connection *
of_timer(struct loop_timer *t)
{
	return OWNER_OF(t, struct http_connection, timer);
}

void
http_set_deadline(struct http_connection *c, uint64_t at_ms)
{
	c->deadline_ms = at_ms;
	if (at_ms != UINT64_MAX && (!c->timer.slot || c->timer.at_ms > at_ms))
		loop_set_timer(c->http->loop, &c->timer, at_ms);
}

void
http_abort_with(struct http_connection *c, enum error err)
{
	struct json_out body = { 0 };
	char head[256];
	int n;

	json_out_open(&body, '{');
	json_out_key(&body, "error");
	error_write(&body, err, NULL);
	json_out_close(&body, '}');
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%s"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    error_rows[err].status, error_rows[err].code,
	    error_rows[err].status == 503 ? "Retry-After: 1\r\n" : "", body.n);
	/* Nothing was sent before, so the socket has room; if it has not, the peer does without. */
	send(c->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
	send(c->fd, body.bytes, body.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	json_out_fini(&body);
	http_count_response(error_rows[err].status);
}

/* The library reads the end of the connection and drops it. */
static void
end_for_slowness(struct http_connection *c)
{
	http_abort_with(c, ERROR_request_timeout);
	c->lingers = false;
	shutdown(c->fd, SHUT_RDWR);
}

/* What the kernel knows of the connection; false when it does not tell. */
static bool
ask_kernel(const struct http_connection *c, struct tcp_info *info)
{
	socklen_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0;
}

/* Whether the peer has sent anything since the last answer: what lies in the library's buffer is
 * not told. */
static bool
has_heard_since(const struct http_connection *c, uint64_t since_ms, uint64_t now_ms)
{
	struct tcp_info info;

	/* The kernel counts in jiffies: what came with the last request may look a little younger.
	 */
	return !ask_kernel(c, &info) || now_ms - since_ms > info.tcpi_last_data_recv + 8u;
}

/*
 * A head must be complete head_ms after its first byte. On a connection that was used before, that
 * byte is only noticed here, so a dribbling head gets up to twice the time; silence is the
 * library's time-out.
 */
static void
head_due(struct http_connection *c, uint64_t now_ms)
{
	bool is_first = c->requests == 0;

	if (is_first || c->head_seen) {
		end_for_slowness(c);
		return;
	}
	c->head_seen = has_heard_since(c, c->answered_ms, now_ms);
	if (!c->head_seen)
		arena_fini(&c->arena);
	http_set_deadline(c, now_ms + c->http->settings.head_ms);
}

/* A long body on a slow line is no attack: what has come gives time for more, and it costs its
 * sender as much as it costs us. */
static void
body_due(struct http_connection *c, uint64_t now_ms)
{
	const struct http_request *r = &c->request;
	uint64_t earned_ms = r->body_n * 1000 / LIMIT_BODY_BYTES_PER_S;
	uint64_t end_ms = r->body_began_ms + c->http->settings.body_ms + earned_ms;

	if (now_ms < end_ms)
		http_set_deadline(c, end_ms);
	else
		end_for_slowness(c);
}

/* Of what was sent on the connection; how far the library has come with an answer it does not say.
 */
static uint64_t
taken_bytes(const struct http_connection *c)
{
	struct tcp_info info;

	return ask_kernel(c, &info) ? info.tcpi_bytes_acked : 0;
}

void
http_await_taking(struct http_connection *c)
{
	struct http_request *r = &c->request;

	r->answer_began_ms = clock_now_ms();
	r->answer_began_bytes = taken_bytes(c);
	http_set_deadline(c, r->answer_began_ms + c->http->settings.answer_ms);
}

/* The same for a long answer, which is held until the peer has taken it. The library's time-out
 * begins anew with each byte. */
static void
answer_due(struct http_connection *c, uint64_t now_ms)
{
	const struct http_request *r = &c->request;
	uint64_t taken = taken_bytes(c) - r->answer_began_bytes;
	uint64_t earned_ms = taken * 1000 / LIMIT_ANSWER_BYTES_PER_S;
	uint64_t end_ms = r->answer_began_ms + c->http->settings.answer_ms + earned_ms;

	if (now_ms < end_ms)
		http_set_deadline(c, end_ms);
	else
		http_cut(c);
}

void
http_connection_due(struct loop_timer *t)
{
	struct http_connection *c = of_timer(t);
	uint64_t now_ms = clock_now_ms();

	if (c->deadline_ms == UINT64_MAX)
		return;
	if (now_ms < c->deadline_ms) {
		http_set_deadline(c, c->deadline_ms);
		return;
	}
	c->deadline_ms = UINT64_MAX;
	if (c->request.state == HTTP_IDLE || c->request.state == HTTP_HEADED)
		head_due(c, now_ms);
	else if (c->request.state == HTTP_READING)
		body_due(c, now_ms);
	else if (c->request.state == HTTP_ANSWERED && c->request.is_long)
		answer_due(c, now_ms);
}
