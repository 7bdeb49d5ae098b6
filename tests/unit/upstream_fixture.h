#pragma once
/* The way to a fake graphd, what is asked on it, and notes of what came back. */

#include "tests/unit/graphd_fixture.h"

static struct upstream *upstream;
static int n_up, n_restarted, n_forgotten, n_deaf, n_starved, n_events;
static bool is_fed;
static char last_event[200];
static uint64_t last_seq;

static inline void
on_up(void *context, bool restarted)
{
	(void)context;
	n_up++;
	n_restarted += restarted;
}

static inline void
on_forgotten(void *context)
{
	(void)context;
	n_forgotten++;
}

static inline void
on_deaf(void *context)
{
	(void)context;
	n_deaf++;
}

static inline void
on_fed(void *context, bool fed)
{
	(void)context;
	n_starved += !fed;
	is_fed = fed;
}

static inline void
on_event(
    void *context, const struct uuid *session, const struct wire_header *header, struct span body)
{
	(void)context;
	(void)session;
	n_events++;
	last_seq = header->seq;
	snprintf(last_event, sizeof(last_event), "%.*s", (int)body.n, body.p);
}

/* The answers to one question. */
struct answer {
	int n;
	enum error status;
	struct json_out body;
};

static inline void
on_reply(void *arg, enum error status, struct span body)
{
	struct answer *a = arg;

	a->n++;
	a->status = status;
	json_out_bytes(&a->body, body);
}

static inline void
set_up_reading(bool is_feed)
{
	struct upstream_events events = { .event = on_event,
		.up = on_up,
		.forgotten = on_forgotten,
		.deaf = on_deaf,
		.fed = on_fed };

	memset(&fake, 0, sizeof(fake));
	n_up = n_restarted = n_forgotten = n_deaf = n_starved = n_events = 0;
	loop = loop_new();
	fake_start();
	upstream = upstream_new(loop,
	    &(struct upstream_endpoints){ fake.requests, fake.events, is_feed, 0 }, "gateway-1",
	    NULL, &events);
	ck_assert_ptr_nonnull(upstream);
}

static inline void
set_up(void)
{
	set_up_reading(false);
}

static void
tear_down(void)
{
	upstream_free(upstream);
	loop_free(loop);
	fake_stop();
}

static inline uint64_t
ask(enum command command, const char *args, int64_t deadline_ms, struct answer *a)
{
	struct upstream_question q = { .command = command, .deadline_ms = deadline_ms };

	memset(a, 0, sizeof(*a));
	if (args)
		q.args = span_of(args);
	uuid_of_name(SPAN("session"), &q.session);
	return upstream_ask(upstream, &q, on_reply, a);
}

static inline void
answer_fini(struct answer *a)
{
	json_out_fini(&a->body);
}

/* Waits for a request and checks what it asks. */
static inline void
await(struct asked *a, const char *command)
{
	RUN_UNTIL(fake_asked(a));
	ck_assert(span_is(asked_at(a, ASKED_COMMAND), command));
}
