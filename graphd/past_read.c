/* What takes long to be read of the past: in a thread, where the store can be read aside. */

#include "graphd/audit.h"
#include "graphd/journal.h"
#include "graphd/past.h"

#include <stdlib.h>

/* The graph at a seq. */
struct graph_reading {
	struct journal journal;
	uint64_t at_seq;
	uint64_t before_ordinal; /* of the first step that ends behind it; 0: none does */
	struct session *session;
};

static bool
take_ordinal(void *context, const struct store_step *step)
{
	((struct graph_reading *)context)->before_ordinal = step->ordinal;
	return false;
}

static void
read_graph(struct errand *errand, const atomic_bool *ends)
{
	struct graph_reading *g = (struct graph_reading *)(void *)errand;
	struct journal *j = &g->journal;

	j->ends = ends;
	j->error = j->store->ops->steps_by_seq(j->store, &j->session, g->at_seq, take_ordinal, g);
	if (!j->error)
		j->error = journal_replay(j, g->before_ordinal, &g->session);
	if (j->error)
		return;
	/* Nobody asks for it, and the loop shall not spend its time on freeing it. */
	history_fini(&g->session->history);
	history_init(&g->session->history);
}

static void
free_graph_reading(struct errand *errand)
{
	struct graph_reading *g = (struct graph_reading *)(void *)errand;

	journal_close(&g->journal);
	session_free(g->session);
	free(g);
}

static enum error
take_session(struct call *c, struct graph_reading *g, struct session **out)
{
	if (g->journal.error)
		return g->journal.error;
	*out = g->session;
	g->session = NULL;
	/* A restored backup goes on as another history than its steps name. */
	(*out)->log_id = c->session->log_id;
	sessions_bind(c->sessions, *out);
	return OK;
}

static enum error
read_session(struct call *c, uint64_t at_seq, struct session **out)
{
	struct graph_reading *g = xcalloc(1, sizeof *g);
	enum error err;

	g->journal.errand.run = read_graph;
	g->journal.errand.free = free_graph_reading;
	g->at_seq = at_seq;
	if (!journal_read(c, c->session, &g->journal))
		return OK;
	err = take_session(c, g, out);
	free_graph_reading(&g->journal.errand);
	return err;
}

enum error
past_session(struct call *c, uint64_t at_seq, struct session **out)
{
	struct store *store = sessions_store(c->sessions);
	uint64_t first = store->ops->first_seq(store, &c->session->id);

	*out = NULL;
	if (c->request->errand)
		return take_session(c, (struct graph_reading *)(void *)c->request->errand, out);
	if (at_seq > c->session->seq)
		return refuse(c->why, ERROR_invalid_request, "at",
		    "The session is only at seq %llu.", (unsigned long long)c->session->seq);
	if (at_seq + 1 < first)
		return refuse(c->why, ERROR_invalid_request, "at",
		    "Seqs before %llu are no longer kept.", (unsigned long long)first);
	/* The store shows what is on disk. */
	c->outcome->unfinished = at_seq > c->session->durable_seq;
	return c->outcome->unfinished ? OK : read_session(c, at_seq, out);
}

/* A page of the audit trail, as it is answered: one long step makes it longer than may be copied in
 * passing. */
struct steps_reading {
	struct journal journal;
	uint64_t since, last_seq;
	size_t limit, n;
	struct json_out reply;
	bool more;
};

/* A step without events ends where the one before it did, so no page can begin with it. */
static bool
is_full(const struct steps_reading *s, const struct step *next)
{
	return (s->n >= s->limit || s->reply.n >= PAST_ANSWER_BYTES) &&
	    next->last_seq != s->last_seq;
}

static bool
write_step(void *context, const struct store_step *stored)
{
	struct steps_reading *s = context;
	struct step step;

	if (!step_decode(stored->bytes, &step)) {
		s->journal.error = ERROR_session_damaged;
		return false;
	}
	s->more = is_full(s, &step);
	if (!s->more) {
		audit_write(&s->reply, &step);
		s->n++;
		s->last_seq = step.last_seq;
	}
	step_fini(&step);
	return !s->more && !*s->journal.ends;
}

static void
read_steps(struct errand *errand, const atomic_bool *ends)
{
	struct steps_reading *s = (struct steps_reading *)(void *)errand;
	struct journal *j = &s->journal;
	enum error err;

	j->ends = ends;
	json_out_open(&s->reply, '{');
	json_out_key(&s->reply, "steps");
	json_out_open(&s->reply, '[');
	err = j->store->ops->steps_by_seq(j->store, &j->session, s->since, write_step, s);
	json_out_close(&s->reply, ']');
	json_out_key(&s->reply, "more");
	json_out_bool(&s->reply, s->more);
	json_out_close(&s->reply, '}');
	if (err)
		j->error = err;
}

static void
free_steps_reading(struct errand *errand)
{
	struct steps_reading *s = (struct steps_reading *)(void *)errand;

	journal_close(&s->journal);
	json_out_fini(&s->reply);
	free(s);
}

static enum error
take_steps(struct call *c, struct steps_reading *s)
{
	struct json_out empty = c->outcome->body;

	if (s->journal.error)
		return s->journal.error;
	c->outcome->body = s->reply;
	s->reply = empty;
	c->is_written = true;
	return OK;
}

enum error
past_steps(struct call *c, uint64_t since, size_t limit)
{
	struct steps_reading *s;
	enum error err;

	if (c->request->errand)
		return take_steps(c, (struct steps_reading *)(void *)c->request->errand);
	s = xcalloc(1, sizeof *s);
	s->journal.errand.run = read_steps;
	s->journal.errand.free = free_steps_reading;
	s->since = since;
	s->limit = limit;
	if (!journal_read(c, c->session, &s->journal))
		return OK;
	err = take_steps(c, s);
	free_steps_reading(&s->journal.errand);
	return err;
}
