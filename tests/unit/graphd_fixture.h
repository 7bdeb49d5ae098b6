#pragma once
/* A graphd made of two sockets: what the gateway's tests ask, and what it answers, is theirs to
 * say. */

#include "common/frames.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/upstream.h"
#include "run_until.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fake_graphd {
	void *zmq, *router, *xpub;
	char requests[64], events[64];
	char boot_id[UUID_TEXT + 1];
	const char *contract;
	const char *known; /* in the answer to Hello; NULL: true */
	bool takes_rows;
};

/* A request as it came: [routing id] [] [packed head] [arguments]… */
struct asked {
	struct frames frames;
	struct wire_packed head;
	char session[UUID_TEXT + 1]; /* empty: none */
	char caller[2048];	     /* as JSON, which reads better in a test */
};

static struct fake_graphd fake;

static inline void
fake_bind(void)
{
	struct uuid boot;
	int no_linger = 0;

	uuid_random(&boot);
	uuid_format(&boot, fake.boot_id);
	fake.contract = WIRE_CONTRACT;
	fake.router = zmq_socket(fake.zmq, ZMQ_ROUTER);
	fake.xpub = zmq_socket(fake.zmq, ZMQ_XPUB);
	zmq_setsockopt(fake.router, ZMQ_LINGER, &no_linger, sizeof(no_linger));
	zmq_setsockopt(fake.xpub, ZMQ_LINGER, &no_linger, sizeof(no_linger));
	ck_assert_int_eq(zmq_bind(fake.router, fake.requests), 0);
	ck_assert_int_eq(zmq_bind(fake.xpub, fake.events), 0);
}

static inline void
fake_start(void)
{
	fake.zmq = zmq_ctx_new();
	if (!fake.requests[0]) {
		struct uuid name;
		char text[UUID_TEXT + 1];
		uuid_random(&name);
		uuid_format(&name, text);
		snprintf(fake.requests, sizeof(fake.requests), "ipc:///tmp/%s.r", text);
		snprintf(fake.events, sizeof(fake.events), "ipc:///tmp/%s.e", text);
	}
	fake_bind();
}

static inline void
fake_stop(void)
{
	zmq_close(fake.router);
	zmq_close(fake.xpub);
	zmq_ctx_term(fake.zmq);
	unlink(fake.requests + sizeof("ipc://") - 1);
	unlink(fake.events + sizeof("ipc://") - 1);
}

enum { ASKED_NUMBER = 1, ASKED_COMMAND, ASKED_SESSION, ASKED_CALLER, ASKED_ARGS };

static inline struct span
asked_at(const struct asked *a, size_t i)
{
	enum { ARGS_FRAME = 3 };

	switch (i) {
	case ASKED_NUMBER:
		return a->head.id;
	case ASKED_COMMAND:
		return a->head.command;
	case ASKED_SESSION:
		return span_of(a->session);
	case ASKED_CALLER:
		return span_of(a->caller);
	default:
		return frames_at(&a->frames, i - ASKED_ARGS + ARGS_FRAME);
	}
}

static inline void
read_caller(struct asked *a)
{
	struct caller caller;
	struct refusal why = { 0 };
	struct json_out text = { 0 };
	struct arena arena;

	arena_init(&arena);
	ck_assert(a->head.caller.n == 0 || caller_is_packed(a->head.caller));
	ck_assert_int_eq(caller_get(a->head.caller, &arena, &caller, &why), OK);
	caller_put(&caller, &text);
	ck_assert_uint_lt(text.n, sizeof(a->caller));
	memcpy(a->caller, text.bytes, text.n);
	a->caller[text.n] = '\0';
	json_out_fini(&text);
	arena_fini(&arena);
}

static inline bool
fake_recv(struct asked *a)
{
	if (!frames_recv(&a->frames, fake.router))
		return false;
	ck_assert(wire_packed_get(frames_at(&a->frames, 2), &a->head));
	read_caller(a);
	a->session[0] = '\0';
	if (!uuid_is_nil(&a->head.session))
		uuid_format(&a->head.session, a->session);
	return true;
}

/* Over the connection of one question, in answer to another, or the same. Long bodies take several
 * frames. */
static inline void
fake_answer_over(
    const struct asked *link, const struct asked *a, const char *status, struct span body)
{
	char head[WIRE_ANSWER_HEAD_MAX];
	size_t n = wire_answer_head(a->head.id, status, head);

	frames_send(fake.router, frames_at(&link->frames, 0), true);
	frames_send(fake.router, SPAN(""), true);
	frames_send(fake.router, (struct span){ head, n }, true);
	while (body.n > LIMIT_PART_BYTES) {
		frames_send(fake.router, (struct span){ body.p, LIMIT_PART_BYTES }, true);
		body.p += LIMIT_PART_BYTES;
		body.n -= LIMIT_PART_BYTES;
	}
	frames_send(fake.router, body, false);
}

static inline void
fake_answer(const struct asked *a, const char *status, struct span body)
{
	fake_answer_over(a, a, status, body);
}

static inline struct span
fake_greeting(char out[128])
{
	int n = snprintf(out, 128, "{\"boot_id\":\"%s\",\"contract\":\"%s\",%s\"known\":%s}",
	    fake.boot_id, fake.contract, fake.takes_rows ? "\"rows\":true," : "",
	    fake.known ? fake.known : "true");

	return (struct span){ out, (size_t)n };
}

/* The next request that is not Hello, whose answer is given here. False: none waits. */
static inline bool
fake_asked(struct asked *a)
{
	char text[128];

	while (fake_recv(a)) {
		if (!span_is(asked_at(a, ASKED_COMMAND), "Hello"))
			return true;
		fake_answer(a, "OK", fake_greeting(text));
		frames_fini(&a->frames);
	}
	return false;
}

static inline void
fake_publish(const char *topic, const struct wire_header *header, struct span body)
{
	uint8_t bytes[WIRE_HEADER_MOST_BYTES];
	size_t n = wire_header_put(header, bytes);

	frames_send(fake.xpub, span_of(topic), true);
	frames_send(fake.xpub, (struct span){ (char *)bytes, n }, true);
	frames_send(fake.xpub, body, false);
}

static inline void
fake_heartbeat(void)
{
	char text[128];

	fake_publish(
	    WIRE_HEARTBEAT_TOPIC, &(struct wire_header){ .version = 1 }, fake_greeting(text));
}

/* Until the gateway's side knows that graphd is there; requests but Hello must not be under way. */
#define RUN_UNTIL_READY(upstream) \
	do { \
		struct asked not_asked; \
		RUN_UNTIL((fake_asked(&not_asked), upstream_is_ready(upstream))); \
	} while (0)
