#pragma once
/* The whole REST side in this process: real HTTP, a fake graphd, raw clients. */

#include "gatewayd/rest.h"
#include "tests/unit/graphd_fixture.h"

#define SESSION "11111111-2222-4333-8444-555555555555"
#define PROJECT "66666666-7777-4888-8999-aaaaaaaaaaaa"
#define NODE "bbbbbbbb-cccc-4ddd-8eee-ffffffffffff"

static struct upstream *upstream;
static struct assets *assets;
static struct rest *rest;
static struct http *http;

static inline uint16_t
client_port(void)
{
	return http_port(http);
}

#include "tests/unit/http_client.h"

static inline void
ignore_event(
    void *context, const struct uuid *session, const struct wire_header *h, struct span body)
{
	(void)context;
	(void)session;
	(void)h;
	(void)body;
}

static inline void
start_rest(const struct rest_settings *given)
{
	struct upstream_events events = { .event = ignore_event };
	struct rest_settings settings = *given;
	struct http_settings server = { .address = "127.0.0.1",
		.max_connections = 100,
		.body_limit = rest_body_limit,
		.handle = rest_handle,
		.refuse = rest_refuse };

	memset(&fake, 0, sizeof(fake));
	loop = loop_new();
	fake_start();
	upstream = upstream_new(loop,
	    &(struct upstream_endpoints){ fake.requests, fake.events, false, 2000 }, "gateway-1",
	    NULL, &events);
	assets = assets_new("gatewayd/assets");
	if (!assets)
		assets = assets_new(NULL);
	settings.upstream = upstream;
	settings.assets = assets;
	rest = rest_new(&settings);
	server.context = rest;
	http = http_new(loop, &server);
	ck_assert_ptr_nonnull(http);
	RUN_UNTIL_READY(upstream);
}

static inline void
stop_rest(void)
{
	http_free(http);
	upstream_free(upstream);
	rest_free(rest);
	assets_free(assets);
	loop_free(loop);
	fake_stop();
}

/* Sends a request with these header lines (each ended by CR LF) and body. */
static inline int
send_request(const char *method, const char *target, const char *fields, const char *body)
{
	static char text[70000];
	int fd = dial();

	snprintf(text, sizeof(text),
	    "%s %s HTTP/1.1\r\nHost: localhost:5000\r\nConnection: close\r\n%sContent-Length: "
	    "%zu\r\n\r\n%s",
	    method, target, fields, strlen(body), body);
	say(fd, text);
	return fd;
}

/* The answer to a request that graphd is not asked about. */
static inline const char *
fetch(const char *method, const char *target, const char *fields, const char *body)
{
	int fd = send_request(method, target, fields, body);
	const char *answer = hear_all(fd);

	close(fd);
	return answer;
}

/* The answer to one that graphd is asked about; what it was asked is in *q, which the caller ends.
 */
static inline const char *
fetch_through(struct asked *q, const char *method, const char *target, const char *fields,
    const char *body, const char *status, const char *reply)
{
	int fd = send_request(method, target, fields, body);
	const char *answer;

	RUN_UNTIL(fake_asked(q));
	fake_answer(q, status, span_of(reply));
	answer = hear_all(fd);
	close(fd);
	return answer;
}

static inline bool
asked_is(const struct asked *q, const char *command, const char *session, const char *args)
{
	return span_is(asked_at(q, ASKED_COMMAND), command) &&
	    span_is(asked_at(q, ASKED_SESSION), session) && span_is(asked_at(q, ASKED_ARGS), args);
}

static inline bool
caller_has(const struct asked *q, const char *text)
{
	struct span caller = asked_at(q, ASKED_CALLER);

	return memmem(caller.p, caller.n, text, strlen(text)) != NULL;
}
