#include "gatewayd/http_inner.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STREAM_BLOCK_BYTES = 4096,
	STATUS_CLASSES = 5,
	LONG_ANSWER_BYTES = 64 * 1024, /* shorter ones the kernel takes at once, or nearly so */
};

#define RESPONSES(class) \
	{ \
		.name = "gatewayd_http_responses_total{status=\"" class "\"}", \
		.help = "Answers given, by class of status.", .type = "counter" \
	}
static struct metric responses[STATUS_CLASSES] = { RESPONSES("1xx"), RESPONSES("2xx"),
	RESPONSES("3xx"), RESPONSES("4xx"), RESPONSES("5xx") };

static struct metric held = { .name = "gatewayd_http_held_bytes",
	.help = "Of bodies that are coming and long answers that are not taken yet.",
	.type = "gauge" };

void
http_add_held_metric(void)
{
	metrics_add(&held);
}

void
http_add_response_metrics(void)
{
	for (size_t i = 0; i < STATUS_CLASSES; i++)
		metrics_add(&responses[i]);
}

void
http_count_response(int status)
{
	responses[status / 100 - 1].value++;
}

void
http_add_header(struct http_request *r, const char *name, struct span value)
{
	struct arena *arena = http_arena(r);
	struct http_extra *extra;

	assert(!r->response && value.p);
	for (size_t i = 0; i < value.n; i++)
		assert(value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != '\0');
	for (extra = r->extras; extra; extra = extra->next)
		if (strcasecmp(extra->name, name) == 0) {
			extra->value = arena_text(arena, value);
			return;
		}
	extra = arena_take(arena, sizeof(*extra));
	extra->name = name;
	extra->value = arena_text(arena, value);
	extra->next = r->extras;
	r->extras = extra;
}

void
http_close_after(struct http_request *r)
{
	r->close_after = true;
}

void
http_set_header(struct MHD_Response *response, const char *name, const char *value)
{
	enum MHD_Result added = MHD_add_response_header(response, name, value);

	assert(added == MHD_YES);
}

void
http_answer(
    struct http_request *r, int status, const char *content_type, struct MHD_Response *response)
{
	struct http_connection *c = http_connection_of(r);

	assert(response && !r->response && (r->state == HTTP_HANDLING || r->state == HTTP_HELD));
	if (content_type)
		http_set_header(response, "Content-Type", content_type);
	for (struct http_extra *extra = r->extras; extra; extra = extra->next)
		http_set_header(response, extra->name, extra->value);
	if (r->close_after)
		http_set_header(response, "Connection", "close");
	http_count_response(status);
	r->status = status;
	r->response = response;
	r->gone = NULL;
	if (r->state == HTTP_HELD)
		http_resume(c);
}

static ssize_t
pull_nothing(void *cls, uint64_t position, char *out, size_t size)
{
	(void)cls;
	(void)position;
	(void)out;
	(void)size;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* RFC 9110 section 8.6: a 304 tells the length that a 200 would have. Its body is not asked for. */
static struct MHD_Response *
unchanged(size_t n)
{
	return MHD_create_response_from_callback(n, 1, pull_nothing, NULL, NULL);
}

size_t
http_held_bytes(const struct http *h)
{
	return h->held_bytes;
}

bool
http_hold_bytes(struct http_request *r, size_t n)
{
	struct http *h = http_connection_of(r)->http;
	size_t others = h->held_bytes - r->held_bytes;

	if (n > r->held_bytes && others > 0 && others + n > h->settings.held_bytes)
		return false;
	h->held_bytes = others + n;
	r->held_bytes = n;
	held.value = (int64_t)h->held_bytes;
	return true;
}

/* The headers were those of another answer. */
static void
refuse_long_answer(struct http_request *r, char *body)
{
	free(body);
	r->extras = NULL;
	http_answer_error(r, ERROR_overloaded, "Too much is being sent to others.");
}

void
http_reply(struct http_request *r, int status, const char *content_type, char *body, size_t n)
{
	enum MHD_ResponseMemoryMode mode = body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT;
	struct MHD_Response *response;

	r->is_long = body && n > LONG_ANSWER_BYTES;
	if (r->is_long && !http_hold_bytes(r, r->held_bytes + n)) {
		refuse_long_answer(r, body);
		return;
	}
	response = status == MHD_HTTP_NOT_MODIFIED
	    ? unchanged(n)
	    : MHD_create_response_from_buffer(body ? n : 0, body ? body : "", mode);

	http_answer(r, status, body ? content_type : NULL, response);
}

const char *
http_reason(int status)
{
	return MHD_get_reason_phrase_for((unsigned)status);
}

enum MHD_Result
http_give_answer(struct http_request *r)
{
	enum MHD_Result queued;

	if (r->is_gone || !r->response)
		return MHD_NO;
	r->state = HTTP_ANSWERED;
	queued = MHD_queue_response(http_connection_of(r)->mhd, (unsigned)r->status, r->response);
	MHD_destroy_response(r->response);
	r->response = NULL;
	if (r->is_long)
		http_await_taking(http_connection_of(r));
	return queued;
}

void
http_suspend(struct http_connection *c, enum http_state state)
{
	struct http *h = c->http;

	c->request.state = state;
	c->held_ms = clock_now_ms();
	list_append(&h->held, &c->in_held);
	if (!h->watch_timer.slot)
		loop_set_timer(h->loop, &h->watch_timer, c->held_ms + h->settings.watch_ms);
	MHD_suspend_connection(c->mhd);
}

void
http_resume(struct http_connection *c)
{
	list_remove(&c->in_held);
	loop_remove(c->http->loop, &c->watch);
	c->request.state = c->request.state == HTTP_STREAM_HELD ? HTTP_ANSWERED : HTTP_RESUMED;
	MHD_resume_connection(c->mhd);
	c->http->run_due = true;
	loop_again(c->http->loop);
}

void
http_hold(struct http_request *r, void (*gone)(void *arg), void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}

void *
http_holder(const struct http_request *r)
{
	return r->gone ? r->gone_arg : NULL;
}

bool
http_is_too_big(const struct http_request *r)
{
	return r->is_too_big;
}

void
http_tell_gone(struct http_request *r)
{
	void (*gone)(void *) = r->stream ? r->stream->gone : r->gone;
	void *arg = r->stream ? r->stream_arg : r->gone_arg;

	r->stream = NULL;
	r->gone = NULL;
	if (gone)
		gone(arg);
}

void
http_request_end(struct http_request *r)
{
	http_tell_gone(r);
	if (r->taken) {
		if (r->taken_fd >= 0)
			close(r->taken_fd);
		r->taken(r->taken_arg, -1, (struct span){ 0 });
	}
	if (r->response)
		MHD_destroy_response(r->response);
	if (r->body_is_owned)
		free(r->body);
	http_hold_bytes(r, 0);
	memset(r, 0, sizeof(*r));
}

/* Streams. */

static ssize_t
pull(void *cls, uint64_t position, char *out, size_t size)
{
	struct http_request *r = cls;
	long n;

	(void)position;
	if (!r->stream || http_connection_of(r)->http->is_ending)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = r->stream->pull(r->stream_arg, out, size);
	if (n < 0) {
		r->stream = NULL;
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	if (n == 0)
		http_suspend(http_connection_of(r), HTTP_STREAM_HELD);
	return n;
}

void
http_bound_send_buffer(int fd)
{
	int kernel_bytes = LIMIT_SEND_BUFFER_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kernel_bytes, sizeof(kernel_bytes));
}

void
http_stream(struct http_request *r, int status, const char *content_type,
    const struct http_stream_ops *ops, void *arg)
{
	struct MHD_Response *response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, pull, r, NULL);

	http_bound_send_buffer(http_connection_of(r)->fd);
	r->stream = ops;
	r->stream_arg = arg;
	/* Chunked, the library would send the last chunk to a HEAD, which has no body: whatever
	 * came next on the connection would stand behind it. */
	if (http_method(r) == HTTP_HEAD)
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	http_answer(r, status, content_type, response);
}

void
http_stream_wake(struct http_request *r)
{
	if (r->state == HTTP_STREAM_HELD)
		http_resume(http_connection_of(r));
}

void
http_cut(struct http_connection *c)
{
	struct linger at_once = { .l_onoff = 1 };

	/* What the kernel still has for it would stay there for as long as it does not read. */
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	shutdown(c->fd, SHUT_RDWR);
}

void
http_stream_cut(struct http_request *r)
{
	http_cut(http_connection_of(r));
	http_stream_wake(r);
}
