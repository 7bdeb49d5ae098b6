#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct metric open_connections = { .name = "gatewayd_http_connections",
	.help = "Connections that libmicrohttpd holds.",
	.type = "gauge" };

static struct http_connection *
of_timer(struct loop_timer *t)
{
	return OWNER_OF(t, struct http_connection, timer);
}

/* UINT64_MAX: none. */
static void
set_deadline(struct http_connection *c, uint64_t at_ms)
{
	c->deadline_ms = at_ms;
	if (at_ms != UINT64_MAX && (!c->timer.slot || c->timer.at_ms > at_ms))
		loop_set_timer(c->http->loop, &c->timer, at_ms);
}

/*
 * An error as raw bytes, where the library cannot be given an answer because the request is not all
 * here. The connection must be ended behind it.
 */
static void
abort_with(struct http_connection *c, enum error err)
{
	struct json_out body = { 0 };
	char head[256];
	int n;

	json_out_open(&body, '{');
	json_out_key(&body, "error");
	error_write(&body, err, NULL);
	json_out_close(&body, '}');
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    error_rows[err].status, error_rows[err].code, body.n);
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
	abort_with(c, ERROR_request_timeout);
	c->lingers = false;
	shutdown(c->fd, SHUT_RDWR);
}

/* Whether the peer has sent anything since the last answer: what lies in the library's buffer is
 * not told. */
static bool
has_heard_since(const struct http_connection *c, uint64_t since_ms, uint64_t now_ms)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return true;
	/* The kernel counts in jiffies: what came with the last request may look a little younger.
	 */
	return now_ms - since_ms > info.tcpi_last_data_recv + 8u;
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
	set_deadline(c, now_ms + c->http->settings.head_ms);
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
		set_deadline(c, end_ms);
	else
		end_for_slowness(c);
}

static void
connection_due(struct loop_timer *t)
{
	struct http_connection *c = of_timer(t);
	uint64_t now_ms = clock_now_ms();

	if (c->deadline_ms == UINT64_MAX)
		return;
	if (now_ms < c->deadline_ms) {
		set_deadline(c, c->deadline_ms);
		return;
	}
	c->deadline_ms = UINT64_MAX;
	if (c->request.state == HTTP_IDLE || c->request.state == HTTP_HEADED)
		head_due(c, now_ms);
	else if (c->request.state == HTTP_READING)
		body_due(c, now_ms);
}

static void
connection_begin(struct http *h, struct MHD_Connection *mhd, void **slot)
{
	struct http_connection *c = xcalloc(1, sizeof(*c));

	c->http = h;
	c->mhd = mhd;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->over_limit = ++h->n_connections > h->settings.max_connections;
	c->watch.fd = -1;
	c->timer.due = connection_due;
	arena_init(&c->arena);
	set_deadline(c, clock_now_ms() + h->settings.head_ms);
	open_connections.value++;
	*slot = c;
}

static void
connection_end(struct http_connection *c)
{
	if (c->lingers)
		http_linger(c->http, c->fd);
	if (c->request.state != HTTP_IDLE)
		http_request_end(&c->request);
	loop_cancel_timer(c->http->loop, &c->timer);
	loop_remove(c->http->loop, &c->watch);
	list_remove(&c->in_held);
	arena_fini(&c->arena);
	c->http->n_connections--;
	open_connections.value--;
	free(c);
}

void
http_on_connection(
    void *cls, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_begin(cls, mhd, slot);
	else if (*slot)
		connection_end(*slot);
}

static struct http_connection *
connection_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/*
 * libmicrohttpd 0.9.75 looks for parameters behind the '?' once it has told of the target, and a
 * few hundred of them use up the connection's memory: it neither reads on nor answers then. A NUL
 * in its buffer leaves none to be found; the copy of ours is whole.
 */
static void
hide_query(const char *target, size_t query_at)
{
	((char *)(uintptr_t)target)[query_at] = '\0';
}

/* The request line is complete; target is as sent. What is returned comes back as *slot. */
void *
http_on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_connection *c = connection_of(mhd);
	struct http_request *r = &c->request;
	size_t n = strlen(target);

	(void)cls;
	memset(r, 0, sizeof(*r));
	r->state = HTTP_HEADED;
	r->raw_target = target;
	r->head.target = (struct span){ arena_text(&c->arena, (struct span){ target, n }), n };
	http_split_target(&r->head);
	if (r->head.query.p)
		hide_query(target, (size_t)(r->head.query.p - r->head.target.p));
	c->head_seen = true;
	set_deadline(c, clock_now_ms() + c->http->settings.head_ms);
	return r;
}

void
http_on_completed(
    void *cls, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct http_request *r = *slot;
	struct http_connection *c;
	uint64_t now_ms = clock_now_ms();

	(void)cls;
	(void)mhd;
	(void)code;
	*slot = NULL;
	if (!r || r->state == HTTP_IDLE)
		return;
	c = http_connection_of(r);
	http_request_end(r);
	arena_reset(&c->arena);
	c->answered_ms = now_ms;
	c->head_seen = false;
	set_deadline(c, now_ms + c->http->settings.head_ms);
}

void
http_refuse(struct http_request *r, enum error err, const char *what)
{
	struct http *h = http_connection_of(r)->http;

	r->state = HTTP_HANDLING;
	http_close_after(r);
	if (h->settings.refuse) {
		h->settings.refuse(h->settings.context, r, err, what);
	} else {
		struct json_out out = { 0 };
		struct refusal why = { 0 };
		char *body;
		size_t n;

		refuse(&why, err, NULL, "%s", what ? what : "");
		json_out_open(&out, '{');
		json_out_key(&out, "error");
		error_write(&out, err, &why);
		json_out_close(&out, '}');
		body = json_out_take(&out, &n);
		http_reply(r, error_rows[err].status, "application/json", body, n);
	}
}

static enum MHD_Result
refuse_now(struct http_request *r, enum error err, const char *what)
{
	http_refuse(r, err, what);
	return http_give_answer(r);
}

/* A told length is taken in one piece, but no more than a little before bytes have come. */
static void
begin_body(struct http_connection *c, struct http_request *r)
{
	enum { TRUSTED_BYTES = 64 * 1024 };
	int64_t told = r->head.content_length;

	r->state = HTTP_READING;
	if (told > 0 && told <= TRUSTED_BYTES) {
		r->body_capacity = (size_t)told;
		r->body = arena_take(&c->arena, r->body_capacity);
	}
	if (told > 0 || r->head.is_chunked) {
		r->body_began_ms = clock_now_ms();
		set_deadline(c, r->body_began_ms + c->http->settings.body_ms);
	}
}

/* The handler's word on the head alone; whatever it answers, the body is not read. */
static bool
answered_early(struct http_request *r)
{
	const struct http_settings *s = &http_connection_of(r)->http->settings;

	if (!s->headed || (r->head.content_length <= 0 && !r->head.is_chunked))
		return false;
	r->state = HTTP_HANDLING;
	r->close_after = true;
	s->headed(s->context, r);
	if (r->response)
		return true;
	r->close_after = false;
	return false;
}

static enum MHD_Result
head_complete(struct http_request *r, const char *method, const char *version)
{
	struct http_connection *c = http_connection_of(r);
	struct http *h = c->http;
	const char *what = NULL;
	enum error err;

	c->requests++;
	r->head.is_odd = !http_collect_fields(r, method, version);
	err = http_check_head(&r->head, &what);
	c->lingers = err || r->head.is_chunked || r->head.content_length > 0;
	if (!err && !http_method_find(method, &r->method))
		err = ERROR_method_not_allowed;
	if (!err && (c->over_limit || h->is_ending))
		err = ERROR_overloaded;
	if (err)
		return refuse_now(r, err, what);
	r->body_limit = h->settings.body_limit
	    ? h->settings.body_limit(h->settings.context, r->method, r->head.path)
	    : LIMIT_BODY_BYTES;
	if (r->head.content_length > 0 && (uint64_t)r->head.content_length > r->body_limit)
		return refuse_now(r, ERROR_payload_too_large, NULL);
	if (answered_early(r))
		return http_give_answer(r);
	begin_body(c, r);
	return MHD_YES;
}

static enum MHD_Result
take_body(struct http_request *r, const char *bytes, size_t n)
{
	size_t need = r->body_n + n;

	if (need > r->body_limit) {
		r->is_too_big = true;
		abort_with(http_connection_of(r), ERROR_payload_too_large);
		return MHD_NO;
	}
	if (need > r->body_capacity) {
		size_t capacity = need > 32768 ? need * 2 : 65536;
		r->body_capacity = capacity < r->body_limit ? capacity : r->body_limit;
		r->body = xrealloc(r->body_is_owned ? r->body : NULL, r->body_capacity, 1);
		r->body_is_owned = true;
	}
	memcpy(r->body + r->body_n, bytes, n);
	r->body_n = need;
	return MHD_YES;
}

static enum MHD_Result
request_complete(struct http_request *r)
{
	struct http_connection *c = http_connection_of(r);

	c->deadline_ms = UINT64_MAX;
	c->lingers = false;
	if (c->requests >= c->http->settings.requests_per_connection || !c->http->listening)
		http_close_after(r);
	if (c->http->is_ending)
		return refuse_now(r, ERROR_overloaded, "The server is stopping.");
	r->state = HTTP_HANDLING;
	c->http->settings.handle(c->http->settings.context, r);
	if (r->state == HTTP_HANDLING && !r->response) {
		http_suspend(c, HTTP_HELD);
		return MHD_YES;
	}
	return http_give_answer(r);
}

enum MHD_Result
http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *n, void **slot)
{
	struct http_request *r = *slot;
	size_t fresh = *n;

	(void)cls;
	(void)mhd;
	(void)url;
	*n = 0;
	if (r->state == HTTP_HEADED)
		return head_complete(r, method, version);
	if (r->state == HTTP_READING)
		return fresh ? take_body(r, data, fresh) : request_complete(r);
	return http_give_answer(r);
}

void
http_add_metrics(void)
{
	metrics_add(&open_connections);
	http_add_response_metrics();
}
