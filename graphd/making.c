#include "graphd/making.h"

#include "graphd/dispatcher.h"
#include "graphd/failpoint.h"
#include "graphd/lifecycle.h"

#include <stdlib.h>

/* All that the dispatcher keeps for a request, once more: others are dispatched meanwhile. */
struct making {
	struct errand errand;
	struct call call;
	struct request request; /* its arguments are the asker's, who waits */
	struct outcome outcome;
	struct arena arena;
	struct json_out result, warnings;
	struct refusal why;
	bool is_over; /* the session is back */
};

static void
make(struct errand *errand, const atomic_bool *ends)
{
	struct making *m = (struct making *)(void *)errand;

	/* Half a step is none, so it is not ended early. */
	(void)ends;
	dispatch_perform(&m->call);
	if (m->outcome.step)
		step_encode(m->outcome.step, &m->outcome.step_bytes);
	failpoint("made");
}

static void
free_making(struct errand *errand)
{
	struct making *m = (struct making *)(void *)errand;

	if (!m->is_over)
		sessions_take_back(m->call.sessions, m->call.session);
	outcome_fini(&m->outcome);
	refusal_fini(&m->why);
	json_out_fini(&m->result);
	json_out_fini(&m->warnings);
	arena_fini(&m->arena);
	free(m->call.tail);
	free(m);
}

static struct span
keep(struct making *m, struct span text)
{
	return text.p ? (struct span){ arena_text(&m->arena, text), text.n } : text;
}

/* The caller's texts may lie in an arena that goes with the turn. */
static void
keep_request(struct making *m, const struct request *req)
{
	struct caller *caller = &m->request.caller;

	m->request = *req;
	caller->actor = keep(m, caller->actor);
	caller->client = keep(m, caller->client);
	caller->gateway = keep(m, caller->gateway);
	caller->key = keep(m, caller->key);
	caller->traceparent = keep(m, caller->traceparent);
}

static struct making *
making_new(const struct call *c)
{
	struct making *m = xcalloc(1, sizeof *m);

	arena_init(&m->arena);
	outcome_init(&m->outcome);
	keep_request(m, c->request);
	json_out_open(&m->result, '{');
	m->errand.run = make;
	m->errand.free = free_making;
	m->errand.changes = true;
	m->call = *c;
	m->call.request = &m->request;
	m->call.outcome = &m->outcome;
	m->call.arena = &m->arena;
	m->call.result = &m->result;
	m->call.warnings = &m->warnings;
	m->call.why = &m->why;
	m->outcome.session = c->session;
	return m;
}

void
making_begin(struct call *c)
{
	/* If that is lost, what rests on it must not be under way. */
	if (c->session->batch) {
		c->outcome->unfinished = true;
		c->outcome->done = c->request->done;
		return;
	}
	c->outcome->errand = &making_new(c)->errand;
	sessions_lend(c->sessions, c->session);
}

void
making_end(struct errand *errand, struct outcome *out)
{
	struct making *m = (struct making *)(void *)errand;
	struct outcome before = *out;

	sessions_take_back(m->call.sessions, m->call.session);
	m->is_over = true;
	lifecycle_put_row(&m->call);
	*out = m->outcome;
	m->outcome = before;
}
