/* Questions that live clients wait for. One that has gone takes its questions with it. */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/live.h"

#include <stdlib.h>

struct live_ask {
	struct live_asks *asks;
	struct live_ask *older, *newer;
	unsigned n; /* of the newest: how many there are */
	uint64_t number;
	live_answer_fn *answer;
	void *user;
	char *id; /* owned */
	size_t id_bytes;
};

static unsigned
count(const struct live_asks *asks)
{
	return asks->newest ? asks->newest->n : 0;
}

static void
link_ask(struct live_asks *asks, struct live_ask *a)
{
	a->asks = asks;
	a->n = count(asks) + 1;
	a->older = asks->newest;
	if (a->older)
		a->older->newer = a;
	asks->newest = a;
}

static void
unlink_ask(struct live_ask *a)
{
	struct live_asks *asks = a->asks;
	unsigned left = count(asks) - 1;

	*(a->newer ? &a->newer->older : &asks->newest) = a->older;
	if (a->older)
		a->older->newer = a->newer;
	if (asks->newest)
		asks->newest->n = left;
}

static void
ask_free(struct live_ask *a)
{
	free(a->id);
	free(a);
}

static void
give_answer(struct live_ask *a, enum error status, struct span body)
{
	struct span id = { a->id, a->id_bytes };
	struct span error;
	struct json_out own = { 0 };
	live_answer_fn *answer = a->answer;

	if (!status) {
		answer(a->user, id, false, body);
	} else {
		/* Errors made by the gateway have no body. */
		if (!body.n || !json_find(body, "error", &error)) {
			error_write(&own, status, NULL);
			error = json_out_span(&own);
		}
		answer(a->user, id, true, error);
		json_out_fini(&own);
	}
}

static void
on_reply(void *arg, enum error status, struct span body)
{
	struct live_ask *a = arg;

	/* The answer may end the client, which must not find this question among its own. */
	unlink_ask(a);
	give_answer(a, status, body);
	ask_free(a);
}

bool
live_ask(struct hub *hub, struct live_asks *asks, const struct upstream_question *q, struct span id,
    live_answer_fn *answer, void *user)
{
	struct live_ask *a;

	if (count(asks) >= LIMIT_ASKS_PER_CLIENT)
		return false;
	a = xcalloc(1, sizeof *a);
	a->answer = answer;
	a->user = user;
	a->id = xspandup(id);
	a->id_bytes = id.n;
	link_ask(asks, a);
	a->number = upstream_ask(hub_upstream(hub), q, on_reply, a);
	if (a->number)
		return true;
	unlink_ask(a);
	ask_free(a);
	return false;
}

void
live_forget(struct live_asks *asks, struct hub *hub)
{
	struct live_ask *a;

	while ((a = asks->newest)) {
		upstream_forget(hub_upstream(hub), a->number);
		unlink_ask(a);
		ask_free(a);
	}
}
