#pragma once
/* An HTTP server in this process, on a free port of loopback, and clients that speak raw bytes. */

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gatewayd/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MS = 150, BODY_MS = 200, WATCH_MS = 20, BODY_MAX = 100000, PATIENCE_MS = 5000 };

static struct loop *loop;
static struct http *http;
static struct http_request *held; /* the last request to /hold */
static int n_handled, n_gone;
static char last_target[8192];

static struct span
path_and_query(const struct http_request *r)
{
	struct span path = http_path(r), query = http_query(r);

	return (struct span){ path.p, path.n + (query.p ? query.n + 1 : 0) };
}

static void
count_gone(void *arg)
{
	(void)arg;
	n_gone++;
	held = NULL;
}

static void
reply_text(struct http_request *r, int status, const char *text)
{
	http_reply(r, status, "text/plain", xstrdup(text), strlen(text));
}

static void handle_more(struct http_request *r);

static void
handle(void *context, struct http_request *r)
{
	struct span target = path_and_query(r);

	(void)context;
	n_handled++;
	snprintf(last_target, sizeof(last_target), "%.*s", (int)target.n, target.p);
	if (span_is(http_path(r), "/echo")) {
		struct span body = http_body(r);
		http_reply(r, 200, "application/octet-stream", xspandup(body.p ? body : SPAN("")),
		    body.n);
	} else if (span_is(http_path(r), "/hold")) {
		held = r;
		http_hold(r, count_gone, NULL);
	} else if (span_is(http_path(r), "/ok")) {
		reply_text(r, 200, "fine");
	} else {
		handle_more(r);
	}
}

static size_t
body_limit(void *context, enum http_method method, struct span target)
{
	(void)context;
	(void)method;
	return span_is(target, "/small") ? 10 : BODY_MAX;
}

static void
start(unsigned max_connections, unsigned requests_per_connection)
{
	struct http_settings settings = { .address = "127.0.0.1",
		.max_connections = max_connections,
		.body_limit = body_limit,
		.handle = handle,
		.head_ms = HEAD_MS,
		.body_ms = BODY_MS,
		.keepalive_ms = 1000,
		.watch_ms = WATCH_MS,
		.requests_per_connection = requests_per_connection };

	n_handled = n_gone = 0;
	held = NULL;
	loop = loop_new();
	http = http_new(loop, &settings);
	ck_assert_ptr_nonnull(http);
}

static void
set_up(void)
{
	start(100, 0);
}

static void
tear_down(void)
{
	http_free(http);
	loop_free(loop);
}

/* Runs turns until the condition holds; fails when it takes too long. */
#define RUN_UNTIL(condition) \
	do { \
		uint64_t patience_ends_ms = clock_now_ms() + PATIENCE_MS; \
		while (!(condition)) { \
			ck_assert_msg(clock_now_ms() < patience_ends_ms, "never: " #condition); \
			loop_turn(loop, 5); \
		} \
	} while (0)

static int
dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
say_bytes(int fd, const char *bytes, size_t n)
{
	uint64_t end_ms = clock_now_ms() + PATIENCE_MS;

	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return; /* the server has had enough */
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		ck_assert(clock_now_ms() < end_ms);
		loop_turn(loop, 0);
	}
}

static void
say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

struct reading {
	char text[300000];
	size_t n;
	bool is_closed, is_reset;
};

static void
read_some(int fd, struct reading *r)
{
	ssize_t n = recv(fd, r->text + r->n, sizeof(r->text) - 1 - r->n, 0);

	if (n > 0)
		r->n += (size_t)n;
	r->is_closed = n == 0 || (n < 0 && errno != EAGAIN);
	r->is_reset = n < 0 && errno == ECONNRESET;
	r->text[r->n] = '\0';
}

/* One whole answer with Content-Length, or what comes until the end. */
static bool
is_whole(struct reading *r)
{
	char *end = strstr(r->text, "\r\n\r\n"), *length = strstr(r->text, "Content-Length: ");

	if (r->is_closed)
		return true;
	return end && length && r->n >= (size_t)(end + 4 - r->text) + strtoul(length + 16, NULL, 10);
}

static struct reading reading;

static const char *
hear(int fd)
{
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), is_whole(&reading)));
	return reading.text;
}

/* Everything until the server closes. */
static const char *
hear_all(int fd)
{
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), reading.is_closed));
	return reading.text;
}

static int
status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}
