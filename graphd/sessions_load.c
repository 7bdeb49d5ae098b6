#include "graphd/sessions_rows.h"

#include "common/log.h"
#include "graphd/graph_texts.h"
#include "graphd/stored_session.h"

#include <assert.h>

struct replay {
	struct session *session;
	bool damaged;
};

static bool
replay_step(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	if (!step_decode(stored->bytes, &step)) {
		r->damaged = true;
		return false;
	}
	if (!session_replay(r->session, &step))
		r->damaged = true;
	return !r->damaged;
}

static enum error
load(struct sessions *ss, struct row *r)
{
	struct replay replay = { 0 };
	enum error err = stored_session(ss->store, &r->stored, UINT64_MAX, &replay.session);
	struct session *s = replay.session;

	if (!err)
		err = ss->store->ops->steps(
		    ss->store, &r->stored.id, s->ordinal, replay_step, &replay);
	/* A journal that ends before the row was written has lost its tail. */
	if (!err && (replay.damaged || s->ordinal < r->stored.ordinal))
		err = ERROR_session_damaged;
	if (err) {
		session_free(s);
		return err;
	}
	s->durable_seq = s->seq;
	/* A restored backup goes on as another history; its snapshots and steps still name the old
	 * one. */
	s->log_id = r->stored.log_id;
	s->epoch = r->stored.epoch;
	if (s->active_us < r->stored.active_us)
		s->active_us = r->stored.active_us;
	session_unstored_give(s, &r->unstored);
	sessions_attach(ss, r, s);
	return OK;
}

static enum error
load_or_mark(struct sessions *ss, struct row *r)
{
	enum error err = r->damaged ? ERROR_session_damaged : load(ss, r);
	char id[UUID_TEXT + 1];

	if (err == ERROR_session_damaged && !r->damaged) {
		uuid_format(&r->stored.id, id);
		log_warn(id, "the stored history of this session is damaged");
		r->damaged = true;
	}
	return err;
}

static enum error
find(struct sessions *ss, const struct uuid *id, struct row **out)
{
	struct row *r = *out = table_find(&ss->rows, id);

	return !r || (r->session && session_is_closed(r->session)) ? ERROR_invalid_session : OK;
}

enum error
sessions_peek(struct sessions *ss, const struct uuid *id, struct session **out)
{
	struct row *r;
	enum error err = find(ss, id, &r);

	*out = err ? NULL : r->session;
	if (!err && !r->session && r->damaged)
		err = ERROR_session_damaged;
	if (*out && !(*out)->is_lent)
		sessions_bind(ss, *out);
	return err;
}

enum error
sessions_get(struct sessions *ss, const struct uuid *id, struct session **out)
{
	struct row *r;
	enum error err = find(ss, id, &r);

	*out = NULL;
	if (!err && !r->session)
		err = load_or_mark(ss, r);
	if (err)
		return err;
	if (r->session->is_lent)
		return ERROR_overloaded;
	if (r->session->closed)
		return ERROR_invalid_session;
	sessions_bind(ss, r->session);
	*out = r->session;
	return OK;
}

void
sessions_lend(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s && !s->is_lent && !s->batch);
	sessions_note_row(r);
	s->face = session_face(s);
	s->is_lent = true;
	graph_texts_set_aside(s->graph);
}

void
sessions_take_back(struct sessions *ss, struct session *s)
{
	assert(s->is_lent);
	s->is_lent = false;
	graph_texts_rejoin(s->graph, ss->texts);
}
