/* What takes long to be read of the past: in a thread, where the store can be read aside. */

#include "graphd/audit.h"
#include "graphd/past.h"

#include <stdlib.h>

/* One session's journal, for a thread. */
struct journal {
	struct reading reading;
	struct store *store;
	bool is_aside; /* the store is the reading's own */
	struct uuid session, log_id;
	uint64_t created_us;
	const atomic_bool *ends;
	enum error error;
};

/* True: it was read here and now, since the store cannot be read aside. */
static bool
read_journal(struct call *c, struct journal *j)
{
	static const atomic_bool never;
	struct store *store = sessions_store(c->sessions);
	const struct session *s = c->session;

	j->session = s->id;
	j->log_id = s->log_id;
	j->created_us = s->created_us;
	j->store = store->ops->aside ? store->ops->aside(store, &s->id) : NULL;
	j->is_aside = j->store;
	if (j->is_aside) {
		c->outcome->reading = &j->reading;
		return false;
	}
	j->store = store;
	j->reading.run(&j->reading, &never);
	return true;
}

static void
close_journal(struct journal *j)
{
	if (j->is_aside)
		j->store->ops->close(j->store);
}

/* The graph at a seq. */
struct graph_reading {
	struct journal journal;
	uint64_t at_seq;
	uint64_t before_ordinal; /* of the first step that ends behind it; 0: none does */
	struct session *session;
	bool damaged;
};

static bool
take_ordinal(void *context, const struct store_step *step)
{
	((struct graph_reading *)context)->before_ordinal = step->ordinal;
	return false;
}

static bool
replay(void *context, const struct store_step *stored)
{
	struct graph_reading *g = context;
	struct step step;

	if (g->before_ordinal && stored->ordinal >= g->before_ordinal)
		return false;
	g->damaged = !step_decode(stored->bytes, &step) || !session_replay(g->session, &step);
	return !g->damaged && !*g->journal.ends;
}

static enum error
begin_at(struct graph_reading *g)
{
	struct journal *j = &g->journal;
	uint64_t not_after = g->before_ordinal ? g->before_ordinal - 1 : UINT64_MAX;
	struct json_out bytes = { 0 };
	uint64_t ordinal = 0;
	enum error err =
	    j->store->ops->snapshot(j->store, &j->session, not_after, &bytes, &ordinal);

	if (!err)
		g->session = ordinal == 0 ? session_new(&j->session, &j->log_id, j->created_us)
					  : session_restore(json_out_span(&bytes));
	json_out_fini(&bytes);
	if (err)
		return err;
	return g->session ? OK : ERROR_session_damaged;
}

static void
read_graph(struct reading *reading, const atomic_bool *ends)
{
	struct graph_reading *g = (struct graph_reading *)(void *)reading;
	struct journal *j = &g->journal;
	const struct store_ops *ops = j->store->ops;

	j->ends = ends;
	j->error = ops->steps_by_seq(j->store, &j->session, g->at_seq, take_ordinal, g);
	if (!j->error)
		j->error = begin_at(g);
	if (!j->error)
		j->error = ops->steps(j->store, &j->session, g->session->ordinal, replay, g);
	if (!j->error && g->damaged)
		j->error = ERROR_session_damaged;
}

static void
free_graph_reading(struct reading *reading)
{
	struct graph_reading *g = (struct graph_reading *)(void *)reading;

	close_journal(&g->journal);
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

	g->journal.reading.run = read_graph;
	g->journal.reading.free = free_graph_reading;
	g->at_seq = at_seq;
	if (!read_journal(c, &g->journal))
		return OK;
	err = take_session(c, g, out);
	free_graph_reading(&g->journal.reading);
	return err;
}

enum error
past_session(struct call *c, uint64_t at_seq, struct session **out)
{
	struct store *store = sessions_store(c->sessions);
	uint64_t first = store->ops->first_seq(store, &c->session->id);

	*out = NULL;
	if (c->request->reading)
		return take_session(c, (struct graph_reading *)(void *)c->request->reading, out);
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

/* A page of the audit trail. */
struct steps_reading {
	struct journal journal;
	struct past_page page;
	struct json_out steps; /* an open array */
	size_t n;
};

static bool
write_step(void *context, const struct store_step *stored)
{
	struct steps_reading *s = context;
	struct step step;

	s->page.more = s->n == s->page.limit || s->steps.n >= PAST_ANSWER_BYTES;
	if (s->page.more)
		return false;
	if (!step_decode(stored->bytes, &step)) {
		s->journal.error = ERROR_session_damaged;
		return false;
	}
	audit_write(&s->steps, &step);
	s->n++;
	s->page.last_seq = step.last_seq;
	step_fini(&step);
	return !*s->journal.ends;
}

static void
read_steps(struct reading *reading, const atomic_bool *ends)
{
	struct steps_reading *s = (struct steps_reading *)(void *)reading;
	struct journal *j = &s->journal;
	enum error err;

	j->ends = ends;
	json_out_open(&s->steps, '[');
	err = j->store->ops->steps_by_seq(j->store, &j->session, s->page.since, write_step, s);
	if (err)
		j->error = err;
}

static void
free_steps_reading(struct reading *reading)
{
	struct steps_reading *s = (struct steps_reading *)(void *)reading;

	close_journal(&s->journal);
	json_out_fini(&s->steps);
	free(s);
}

static void
take_steps(struct steps_reading *s, struct past_page *page, struct json_out *out)
{
	*page = s->page;
	page->error = s->journal.error;
	json_out_members(out, (struct span){ s->steps.bytes + 1, s->steps.n - 1 });
}

bool
past_steps(struct call *c, struct past_page *page, struct json_out *out)
{
	struct steps_reading *s;

	if (c->request->reading) {
		take_steps((struct steps_reading *)(void *)c->request->reading, page, out);
		return true;
	}
	s = xcalloc(1, sizeof *s);
	s->journal.reading.run = read_steps;
	s->journal.reading.free = free_steps_reading;
	s->page = *page;
	s->page.last_seq = page->since;
	if (!read_journal(c, &s->journal))
		return false;
	take_steps(s, page, out);
	free_steps_reading(&s->journal.reading);
	return true;
}
