#pragma once
/* An HTTP server in this process, on a free port of loopback, and clients that speak raw bytes. */

#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/http.h"
#include "run_until.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MS = 150, BODY_MS = 200, WATCH_MS = 20, BODY_MAX = 100000 };

static struct http *http;
static unsigned head_ms = HEAD_MS, keepalive_ms = 1000, answer_ms;
static size_t held_bytes;
static struct http_request *held; /* the last request to /hold */
static int n_handled, n_gone;
static char last_target[8192];

static inline struct span
path_and_query(const struct http_request *r)
{
	struct span path = http_path(r), query = http_query(r);

	return (struct span){ path.p, path.n + (query.p ? query.n + 1 : 0) };
}

static inline void
count_gone(void *arg)
{
	(void)arg;
	n_gone++;
	held = NULL;
}

static inline void
reply_text(struct http_request *r, int status, const char *text)
{
	http_reply(r, status, "text/plain", xstrdup(text), strlen(text));
}

static void handle_more(struct http_request *r);

static inline void
handle(void *context, struct http_request *r)
{
	struct span target = path_and_query(r);

	(void)context;
	n_handled++;
	snprintf(last_target, sizeof(last_target), "%.*s", (int)target.n, target.p);
	if (span_is(http_path(r), "/echo")) {
		struct span body = http_body(r);
		http_reply(
		    r, 200, "application/octet-stream", xspandup(body.p ? body : SPAN("")), body.n);
	} else if (span_is(http_path(r), "/hold")) {
		held = r;
		http_hold(r, count_gone, NULL);
	} else if (span_is(http_path(r), "/ok")) {
		reply_text(r, 200, "fine");
	} else {
		handle_more(r);
	}
}

static inline size_t
body_limit(void *context, enum http_method method, struct span path)
{
	(void)context;
	(void)method;
	return span_is(path, "/small") ? 10 : BODY_MAX;
}

static void (*on_head)(struct http_request *); /* what a test wants done; may be NULL */

static inline void
headed(void *context, struct http_request *r)
{
	(void)context;
	if (on_head)
		on_head(r);
}

static inline void
start(unsigned max_connections, unsigned requests_per_connection)
{
	struct http_settings settings = { .address = "127.0.0.1",
		.max_connections = max_connections,
		.body_limit = body_limit,
		.headed = headed,
		.handle = handle,
		.head_ms = head_ms,
		.body_ms = BODY_MS,
		.answer_ms = answer_ms,
		.held_bytes = held_bytes,
		.keepalive_ms = keepalive_ms,
		.watch_ms = WATCH_MS,
		.requests_per_connection = requests_per_connection };

	n_handled = n_gone = 0;
	held = NULL;
	loop = loop_new();
	http = http_new(loop, &settings);
	ck_assert_ptr_nonnull(http);
}

static inline void
set_up(void)
{
	start(100, 0);
}

static inline void
tear_down(void)
{
	http_free(http);
	loop_free(loop);
}

static inline uint16_t
client_port(void)
{
	return http_port(http);
}

#include "tests/unit/http_client.h"
