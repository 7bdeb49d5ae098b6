#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/metrics.h"

#include <stdlib.h>

static struct metric open_connections = { .name = "gatewayd_http_connections",
	.help = "Connections that libmicrohttpd holds.",
	.type = "gauge" };

static void
connection_begin(struct http *h, struct MHD_Connection *mhd, void **slot)
{
	struct http_connection *c = xcalloc(1, sizeof(*c));

	c->http = h;
	c->mhd = mhd;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->over_limit = ++h->n_connections > h->settings.max_connections;
	c->watch.fd = -1;
	c->timer.due = http_connection_due;
	arena_init(&c->arena);
	http_set_deadline(c, clock_now_ms() + h->settings.head_ms);
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
	http_set_deadline(c, clock_now_ms() + c->http->settings.head_ms);
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
	http_set_deadline(c, now_ms + c->http->settings.head_ms);
}

void
http_answer_error(struct http_request *r, enum error err, const char *what)
{
	struct http *h = http_connection_of(r)->http;

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

void
http_refuse(struct http_request *r, enum error err, const char *what)
{
	r->state = HTTP_HANDLING;
	http_answer_error(r, err, what);
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
		http_set_deadline(c, r->body_began_ms + c->http->settings.body_ms);
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

/* False: too much is held for others. */
static bool
grow_body(struct http_request *r, size_t need)
{
	size_t capacity = need > 32768 ? need * 2 : 65536;

	if (capacity > r->body_limit)
		capacity = r->body_limit;
	if (!http_hold_bytes(r, capacity))
		return false;
	r->body_capacity = capacity;
	r->body = xrealloc(r->body_is_owned ? r->body : NULL, capacity, 1);
	r->body_is_owned = true;
	return true;
}

static enum MHD_Result
take_body(struct http_request *r, const char *bytes, size_t n)
{
	size_t need = r->body_n + n;

	if (need > r->body_limit) {
		r->is_too_big = true;
		http_abort_with(http_connection_of(r), ERROR_payload_too_large);
		return MHD_NO;
	}
	if (need > r->body_capacity && !grow_body(r, need)) {
		http_abort_with(http_connection_of(r), ERROR_overloaded);
		return MHD_NO;
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
	http_add_held_metric();
	http_add_response_metrics();
}
