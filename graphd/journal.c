#include "graphd/journal.h"

#include "graphd/stored_session.h"

bool
journal_read(struct call *c, const struct session *s, struct journal *j)
{
	static const atomic_bool never;
	struct store *store = sessions_store(c->sessions);

	if (s) {
		j->session = s->id;
		j->log_id = s->log_id;
		j->created_us = s->created_us;
	}
	j->store = store->ops->aside ? store->ops->aside(store, &j->session) : NULL;
	j->is_aside = j->store;
	if (j->is_aside) {
		c->outcome->errand = &j->errand;
		return false;
	}
	j->store = store;
	j->errand.run(&j->errand, &never);
	return true;
}

void
journal_close(struct journal *j)
{
	if (j->is_aside)
		j->store->ops->close(j->store);
}

struct replay {
	const struct journal *journal;
	struct session *session;
	uint64_t before_ordinal; /* 0: all */
	bool damaged;
};

static bool
replay_step(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	if (r->before_ordinal && stored->ordinal >= r->before_ordinal)
		return false;
	r->damaged = !step_decode(stored->bytes, &step) || !session_replay(r->session, &step);
	return !r->damaged && !*r->journal->ends;
}

enum error
journal_replay(struct journal *j, uint64_t before_ordinal, struct session **out)
{
	struct replay r = { .journal = j, .before_ordinal = before_ordinal };
	struct store_session row = {
		.id = j->session, .log_id = j->log_id, .created_us = j->created_us
	};
	enum error err = stored_session(
	    j->store, &row, before_ordinal ? before_ordinal - 1 : UINT64_MAX, &r.session);

	if (!err)
		err = j->store->ops->steps(
		    j->store, &j->session, r.session->ordinal, replay_step, &r);
	if (!err && r.damaged)
		err = ERROR_session_damaged;
	*out = err ? NULL : r.session;
	if (err)
		session_free(r.session);
	return err;
}
