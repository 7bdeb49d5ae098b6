#pragma once
/*
 * A graphd that only takes notes: defines the functions of gatewayd/upstream.h, so that the test
 * decides when and how each question is answered. Include it in one file of a program.
 */

#include "common/mem.h"
#include "gatewayd/upstream.h"

#include <check.h>
#include <stdlib.h>

enum { FAKE_ASKS = 4096 };

struct fake_ask {
	uint64_t number;
	enum command command;
	struct uuid session;
	char *args;
	char *client;
	upstream_reply_fn *fn; /* NULL: answered or forgotten */
	bool was_sent;
	void *arg;
};

struct upstream {
	struct fake_ask asks[FAKE_ASKS];
	size_t n;
	bool is_full; /* takes no more questions */
	bool is_away; /* what it is asked waits, and is not sent */
	int subscribed, dash, resyncs;
	unsigned changes; /* under way, in whichever session */
};

static inline void
fake_upstream_fini(struct upstream *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->asks[i].args);
		free(u->asks[i].client);
	}
	*u = (struct upstream){ 0 };
}

uint64_t
upstream_ask(
    struct upstream *u, const struct upstream_question *q, upstream_reply_fn *fn, void *arg)
{
	struct fake_ask *a = &u->asks[u->n];

	if (u->is_full)
		return 0;
	ck_assert_uint_lt(u->n, FAKE_ASKS);
	*a = (struct fake_ask){
		.number = ++u->n,
		.command = q->command,
		.session = q->session,
		.fn = fn,
		.arg = arg,
		.was_sent = !u->is_away,
	};
	a->args = xspandup(q->args);
	a->client = xspandup(q->caller.client);
	return a->number;
}

bool
upstream_forget(struct upstream *u, uint64_t number)
{
	ck_assert(number > 0 && number <= u->n);
	u->asks[number - 1].fn = NULL;
	return u->asks[number - 1].was_sent;
}

void
upstream_subscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	(void)session;
	u->subscribed++;
	u->dash += dash;
}

void
upstream_unsubscribe(struct upstream *u, const struct uuid *session, bool dash)
{
	(void)session;
	u->subscribed--;
	u->dash -= dash;
	ck_assert(u->subscribed >= 0 && u->dash >= 0);
}

void
upstream_resync(struct upstream *u, const struct uuid *session)
{
	(void)session;
	u->resyncs++;
}

bool
upstream_is_answered(const struct upstream *u)
{
	return !u->is_full;
}

bool
upstream_is_ready(const struct upstream *u)
{
	return !u->is_full;
}

size_t
upstream_in_flight(const struct upstream *u)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++)
		n += u->asks[i].fn != NULL;
	return n;
}

unsigned
upstream_changes_under_way(const struct upstream *u, const struct uuid *session)
{
	(void)session;
	return u->changes;
}

void
upstream_free(struct upstream *u)
{
	fake_upstream_fini(u);
}

/* The oldest open question of that command; NULL when there is none. */
static inline struct fake_ask *
fake_open(struct upstream *u, enum command command)
{
	for (size_t i = 0; i < u->n; i++) {
		if (u->asks[i].fn && u->asks[i].command == command)
			return &u->asks[i];
	}
	return NULL;
}

static inline size_t
fake_count(const struct upstream *u, enum command command)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++)
		n += u->asks[i].command == command;
	return n;
}

static inline void
fake_answer(struct upstream *u, enum command command, enum error status, const char *body)
{
	struct fake_ask *a = fake_open(u, command);
	upstream_reply_fn *fn;

	ck_assert_msg(a != NULL, "%s was not asked", command_rows[command].name);
	fn = a->fn;
	a->fn = NULL;
	fn(a->arg, status, span_of(body));
}

/* Makes room: questions that are answered or forgotten go, if no open one lies behind them. */
static inline void
fake_upstream_forget_answered(struct upstream *u)
{
	while (u->n > 0 && !u->asks[u->n - 1].fn) {
		u->n--;
		free(u->asks[u->n].args);
		free(u->asks[u->n].client);
	}
}
