/* Questions that live clients wait for. One that has gone takes its questions with it. */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/live.h"

#include <stdlib.h>

struct live_ask {
	struct link link;
	struct live_asks *asks;
	uint64_t number;
	live_answer_fn *answer;
	void *user;
	char *id; /* owned */
	size_t id_bytes;
};

static void
ask_free(struct live_ask *a)
{
	list_remove(&a->link);
	a->asks->n--;
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
			live_write_error(&own, status, NULL);
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
	list_remove(&a->link);
	a->asks->n--;
	give_answer(a, status, body);
	free(a->id);
	free(a);
}

bool
live_ask(struct hub *hub, struct live_asks *asks, const struct upstream_question *q, struct span id,
    live_answer_fn *answer, void *user)
{
	struct live_ask *a;

	if (asks->n >= LIMIT_ASKS_PER_CLIENT)
		return false;
	if (!asks->list.next)
		list_init(&asks->list);
	a = xcalloc(1, sizeof *a);
	a->asks = asks;
	a->answer = answer;
	a->user = user;
	a->id = xspandup(id);
	a->id_bytes = id.n;
	asks->n++;
	list_append(&asks->list, &a->link);
	a->number = upstream_ask(hub_upstream(hub), q, on_reply, a);
	if (a->number)
		return true;
	ask_free(a);
	return false;
}

void
live_forget(struct live_asks *asks, struct hub *hub)
{
	struct link *at;

	while (asks->list.next && (at = list_take(&asks->list))) {
		struct live_ask *a = LIST_OF(at, struct live_ask, link);

		upstream_forget(hub_upstream(hub), a->number);
		ask_free(a);
	}
}
