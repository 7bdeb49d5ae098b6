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
	uint64_t key_token; /* by which repeats find that it is under way; 0: they need not */
	bool is_over;	    /* the subject is back */
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
take_back(struct making *m)
{
	m->is_over = true;
	if (m->call.subject)
		sessions_take_back(m->call.sessions, m->call.subject);
}

static void
free_making(struct errand *errand)
{
	struct making *m = (struct making *)(void *)errand;

	if (!m->is_over) {
		take_back(m);
		dispatch_uncommitted(m->call.dispatcher, m->key_token);
		if (m->outcome.created)
			session_free(m->outcome.session);
	}
	if (m->call.store)
		m->call.store->ops->close(m->call.store);
	outcome_fini(&m->outcome);
	refusal_fini(&m->why);
	json_out_fini(&m->result);
	json_out_fini(&m->warnings);
	arena_fini(&m->arena);
	free(m->call.tail);
	free(m->call.reply);
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
	m->call.is_aside = true;
	m->outcome.session = c->session;
	return m;
}

/* What no session remembers, because there is none yet. */
static bool
is_keyed_by_itself(const struct call *c)
{
	return !c->subject && c->request->caller.key.n > 0;
}

void
making_begin(struct call *c)
{
	struct store *store = sessions_store(c->sessions);
	struct session *s = c->subject;
	struct making *m;

	/* If that is lost, what rests on it must not be under way. */
	if (s && s->batch) {
		c->outcome->session = s;
		c->outcome->unfinished = true;
		c->outcome->done = c->request->done;
		return;
	}
	m = making_new(c);
	if (!c->session && store->ops->aside)
		m->call.store = store->ops->aside(store, &m->errand.lane);
	if (s) {
		m->errand.lane = s->id;
		sessions_lend(c->sessions, s);
	} else {
		uuid_random(&m->errand.lane);
	}
	if (is_keyed_by_itself(c))
		m->key_token = keys_add(c->dispatcher->keys, c->request,
		    &(struct remembered){ .behind = m->errand.lane });
	c->outcome->errand = &m->errand;
}

static void
adopt(struct making *m)
{
	struct call *c = &m->call;
	enum error err = sessions_adopt(c->sessions, m->outcome.session);

	if (!err)
		return;
	free(c->reply);
	c->reply = NULL;
	outcome_clear(&m->outcome);
	lifecycle_refuse(c, err);
}

static void
remember(struct making *m)
{
	struct remembered answer = { .request_hash = m->call.request_hash,
		.error = m->outcome.error,
		.reply = span_of(m->call.reply) };

	if (m->call.reply)
		m->outcome.key_token = keys_add(m->call.dispatcher->keys, &m->request, &answer);
	else
		dispatch_uncommitted(m->call.dispatcher, m->key_token);
}

void
making_end(struct errand *errand, struct outcome *out)
{
	struct making *m = (struct making *)(void *)errand;
	struct outcome before = *out;

	take_back(m);
	if (m->outcome.created)
		adopt(m);
	remember(m);
	lifecycle_put_row(&m->call);
	*out = m->outcome;
	m->outcome = before;
}
