/*
 * Server-sent events (WHATWG HTML section 9.2) and their plainer sister, one JSON object per line.
 * Both are answers without an end. Durable events carry id: <seq>, so that a browser resumes by
 * itself.
 */

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/live.h"
#include "gatewayd/outbox.h"
#include "gatewayd/transport.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct streams;

struct stream {
	struct member member;
	struct streams *common;
	struct http_request *request;
	struct outbox out;
	struct link timed; /* in streams.quiet: when it must say something again */
	struct link dirty; /* in streams.dirty: has bytes to give, or gave some */
	uint64_t due_ms;
	bool is_ndjson;
	bool is_ending; /* the member is out; when all is written the answer ends */
};

struct streams {
	struct hub *hub;
	struct link quiet, dirty;
	struct loop_timer timer;
	struct loop_hook turn_end;
	struct shared_bytes *comment, *newline; /* what keeps a quiet connection open */
};

/* names in the lowest bit, then whether it is NDJSON. */
enum { DIALECT_NDJSON = 2 };

static const struct transport sse_transport;

static struct stream *
stream_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct stream, member);
}

static void
touch(struct stream *s)
{
	if (!link_is_in_list(&s->dirty))
		list_append(&s->common->dirty, &s->dirty);
}

/* From now on: it owes something or has just taken some, so there is nothing to be said for a
 * while, nor to be held against it. */
static void
stay_awake(struct stream *s)
{
	struct streams *common = s->common;

	list_remove(&s->timed);
	s->due_ms = clock_now_ms() + LIMIT_SSE_KEEPALIVE_MS;
	list_append(&common->quiet, &s->timed);
	if (!common->timer.slot)
		loop_set_timer(hub_loop(common->hub), &common->timer, s->due_ms);
}

static void
stream_free(struct stream *s)
{
	hub_leave(s->common->hub, &s->member);
	list_remove(&s->timed);
	list_remove(&s->dirty);
	outbox_fini(&s->out);
	free(s);
}

static void
on_gone(void *arg)
{
	stream_free(arg);
}

static void
put(struct stream *s, struct shared_bytes *bytes)
{
	if (outbox_bytes(&s->out) == 0)
		stay_awake(s);
	outbox_add(&s->out, bytes);
	touch(s);
}

static void
put_text(struct stream *s, const struct json_out *text)
{
	struct shared_bytes *bytes = shared_bytes_new(SHARED_PLAIN, json_out_span(text));

	put(s, bytes);
	shared_bytes_unref(bytes);
}

/* The library asks for bytes. What follows from their going is left to the end of the turn, when it
 * is not at work. */
static long
on_pull(void *arg, char *out, size_t size)
{
	struct stream *s = arg;
	size_t n = outbox_take(&s->out, out, size);

	if (n) {
		stay_awake(s);
		touch(s);
		return (long)n;
	}
	if (!s->is_ending)
		return 0;
	stream_free(s);
	return -1;
}

static void
on_turn_end(struct loop_hook *hook)
{
	struct streams *common = OWNER_OF(hook, struct streams, turn_end);
	struct link *at;

	while ((at = list_take(&common->dirty))) {
		struct stream *s = LIST_OF(at, struct stream, dirty);

		hub_progress(common->hub, &s->member);
		if (outbox_bytes(&s->out) || s->is_ending)
			http_stream_wake(s->request);
	}
}

static void
on_timer(struct loop_timer *timer)
{
	struct streams *common = OWNER_OF(timer, struct streams, timer);
	uint64_t now_ms = clock_now_ms();

	while (!list_is_empty(&common->quiet)) {
		struct stream *s = LIST_OF(common->quiet.next, struct stream, timed);

		if (s->due_ms > now_ms) {
			loop_set_timer(hub_loop(common->hub), timer, s->due_ms);
			return;
		}
		/* A peer that has taken nothing of it for so long is not there. */
		if (outbox_bytes(&s->out) > 0) {
			stay_awake(s);
			http_stream_cut(s->request);
		} else {
			put(s, s->is_ndjson ? common->newline : common->comment);
		}
	}
}

/* How events look. */

/* data: is one line, since JSON as we write it has no line breaks; peers' own may, so they are
 * taken out. */
static void
write_sse(struct json_out *out, const char *name, uint64_t seq, bool has_id, struct span data)
{
	char head[160];
	int n;

	if (has_id)
		n = snprintf(head, sizeof head,
		    "id: %llu\nevent: %s\ndata: ", (unsigned long long)seq, name);
	else
		n = snprintf(head, sizeof head, "event: %s\ndata: ", name);
	json_out_bytes(out, (struct span){ head, (size_t)n });
	while (data.n) {
		size_t line = 0;

		while (line < data.n && data.p[line] != '\n' && data.p[line] != '\r')
			line++;
		json_out_bytes(out, (struct span){ data.p, line });
		line += line < data.n;
		data = (struct span){ data.p + line, data.n - line };
	}
	json_out_bytes(out, SPAN("\n\n"));
}

static struct shared_bytes *
encode(unsigned dialect, const struct delivery *d)
{
	enum names names = (enum names)(dialect & 1);
	const char *name = live_event_name(names, d->event);
	struct json_out out = { 0 };
	struct shared_bytes *bytes = NULL;

	if (!name)
		return NULL;
	if (dialect & DIALECT_NDJSON) {
		live_write_event(&out, names, d);
		json_out_bytes(&out, SPAN("\n"));
	} else {
		/* A mark and a resync move the browser's position as well: what lies before is
		 * settled. */
		bool has_id = d->durable || d->event == EVENTS || d->event == EVENT_session_resync;

		write_sse(&out, name, d->seq, has_id, d->body);
	}
	bytes = shared_bytes_new(SHARED_PLAIN, json_out_span(&out));
	json_out_fini(&out);
	return bytes;
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	put(stream_of(m), bytes);
}

static size_t
owed(const struct member *m)
{
	return outbox_bytes(&stream_of(m)->out);
}

static void
write_joined(struct stream *s, const struct uuid *session, const struct join_result *result)
{
	const struct span nobody = { 0 };
	struct json_out out = { 0 }, data = { 0 };
	char retry[32];
	int n = snprintf(retry, sizeof retry, "retry: %d\n", LIMIT_SSE_RETRY_MS);

	if (s->is_ndjson) {
		live_write_joined_event(&out, session, nobody, result);
		json_out_bytes(&out, SPAN("\n"));
	} else {
		live_write_joined(&data, session, nobody, result);
		json_out_bytes(&out, (struct span){ retry, (size_t)n });
		/* The id lets a browser resume even if it is cut off before the first event; with a
		 * since it has one. */
		write_sse(&out, "joined", result->seq, !s->member.has_since, json_out_span(&data));
	}
	put_text(s, &out);
	json_out_fini(&data);
	json_out_fini(&out);
}

static void
joined(struct member *m, const struct join_result *result)
{
	static const struct http_stream_ops ops = { .pull = on_pull, .gone = on_gone };
	struct stream *s = stream_of(m);

	if (result->error) {
		live_refuse(s->request, result->error, NULL, NULL);
		list_remove(&s->dirty);
		free(s);
		return;
	}
	write_joined(s, hub_session(m), result);
	/* Proxies must not gather what is meant to flow. */
	http_add_header(s->request, "X-Accel-Buffering", SPAN("no"));
	http_stream(
	    s->request, 200, s->is_ndjson ? "application/x-ndjson" : "text/event-stream", &ops, s);
}

static void
evict(struct member *m, const char *reason)
{
	struct stream *s = stream_of(m);

	s->is_ending = true;
	/* The end of an answer stands behind what it does not take. */
	if (strcmp(reason, "slow") == 0)
		http_stream_cut(s->request);
	else
		touch(s);
}

static void *
start(struct hub *hub)
{
	struct streams *common = xcalloc(1, sizeof *common);

	common->hub = hub;
	list_init(&common->quiet);
	list_init(&common->dirty);
	common->timer.due = on_timer;
	common->turn_end.run = on_turn_end;
	common->comment = shared_bytes_new(SHARED_PLAIN, SPAN(":\n\n"));
	common->newline = shared_bytes_new(SHARED_PLAIN, SPAN("\n"));
	loop_at_turn_end(hub_loop(hub), &common->turn_end);
	return common;
}

/* The requests are over before the hub goes: http_free() has told each of its streams. */
static void
stop(void *arg)
{
	struct streams *common = arg;

	loop_cancel_timer(hub_loop(common->hub), &common->timer);
	shared_bytes_unref(common->comment);
	shared_bytes_unref(common->newline);
	free(common);
}

static const struct transport sse_transport = {
	.name = "stream",
	.is_stream = true,
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
	.start = start,
	.stop = stop,
};

void
transport_sse_accept(
    struct hub *hub, struct http_request *request, const struct join *join, bool ndjson)
{
	struct stream *s;
	struct join uncounted = *join;

	if (!live_check_join(request, join))
		return;
	s = xcalloc(1, sizeof *s);
	s->common = hub_transport(hub, &sse_transport);
	s->request = request;
	s->is_ndjson = ndjson;
	uncounted.counted = false;
	http_hold(request, on_gone, s);
	hub_join(hub, &s->member, &sse_transport,
	    (unsigned)join->names | (ndjson ? DIALECT_NDJSON : 0), &uncounted);
}
