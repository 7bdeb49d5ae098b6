#include "graphd/server_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "graphd/failpoint.h"
#include "graphd/lifecycle.h"
#include "graphd/reply.h"

#include <stdlib.h>

static struct metric commits = {
	.name = "graphd_commits_total", .help = "Batches brought to disk.", .type = "counter"
};
static struct metric failures = { .name = "graphd_commit_failures_total",
	.help = "Batches that could not be stored and were taken back.",
	.type = "counter" };

/* An ended session leaves memory when nobody reads it any more. */
static void
note_ended(struct server *s, struct session *session)
{
	for (size_t i = 0; i < s->n_ended; i++)
		if (s->ended[i] == session)
			return;
	s->ended = xrealloc(s->ended, s->n_ended + 1, sizeof *s->ended);
	s->ended[s->n_ended++] = session;
}

static void
free_step(void *step)
{
	step_free(step);
}

static void
dispose_of_long_steps(struct server *s, struct batch *batch)
{
	for (size_t i = 0; i < batch->n_steps; i++) {
		if (batch->steps[i].step->n_edits <= LIMIT_STEP_EVENTS)
			continue;
		server_dispose(s, batch->steps[i].step, free_step);
		batch->steps[i].step = NULL;
	}
}

static void
land(struct server *s, struct batch *batch)
{
	commits.value++;
	batch_land(batch);
	failpoint("before-publish");
	bus_publish(&s->bus, &batch->events, false);
	failpoint("after-publish");
	for (size_t i = 0; i < batch->n_steps; i++) {
		bus_note_active(&s->bus, batch->steps[i].session);
		if (batch->steps[i].session->closed)
			note_ended(s, batch->steps[i].session);
	}
	for (struct link *l; (l = list_take(&batch->replies));)
		server_reply(s, LIST_OF(l, struct reply, link));
	router_flush(&s->router);
	dispose_of_long_steps(s, batch);
	batch_clear(batch);
}

static bool
wants_graph(struct server *s, const struct ask *ask)
{
	struct caller caller = { 0 };
	struct refusal why = { 0 };
	bool wants = caller_get(ask->caller, &s->arena, &caller, &why) == OK && !caller.minimal;

	refusal_fini(&why);
	arena_reset(&s->arena);
	return wants && lifecycle_has(ask->command);
}

/* The caller of a change that was not stored: the error, and the graph as it is again, unless the
 * session has gone with what was not stored. */
static void
answer_failure(struct server *s, struct reply *reply, enum error error)
{
	struct session *session;
	struct outcome o;
	struct refusal why = { 0 };

	outcome_init(&o);
	o.error = error;
	reply_error(&o.body, error, &why);
	if (wants_graph(s, reply->ask) &&
	    sessions_get(s->sessions, &reply->ask->session, &session) == OK) {
		o.session = session;
		reply_add_graph(&o, session);
	}
	server_reply(s, server_make_reply(s, reply->ask, &o));
	reply->ask = NULL;
	outcome_fini(&o);
	refusal_fini(&why);
}

/* An answer that only rested on what was lost is found anew. */
static void
answer_after_failure(struct server *s, struct reply *reply, enum error error, bool fatal)
{
	struct ask *ask = reply->ask;

	if (reply->reported) {
		server_reply(s, reply);
		return;
	}
	dispatch_uncommitted(s->dispatcher, reply->key_token);
	if (reply->changed || fatal || s->draining) {
		answer_failure(s, reply, error);
	} else {
		reply->ask = NULL;
		server_ask(s, ask);
	}
	reply_free(reply);
}

static void
take_replies(struct batch *batch, struct link *replies)
{
	for (struct link *l; (l = list_take(&batch->replies));) {
		struct reply *reply = LIST_OF(l, struct reply, link);

		/* An answer with the lost state in it is not finished; who waits for its end need
		 * not. */
		reply_let_go(reply);
		list_append(replies, &reply->link);
	}
}

/* created twice in one batch cannot be: each session is new once. */
static void
drop_created(struct server *s, struct batch *batch)
{
	for (size_t i = 0; i < batch->n_created; i++) {
		snapshooter_forget(&s->snapshooter, &batch->created[i]->id);
		sessions_drop(s->sessions, batch->created[i]);
	}
	batch->n_created = 0;
}

static void
revert(struct server *s, struct batch *batch)
{
	batch_revert(batch);
	for (size_t i = 0; i < batch->n_steps; i++)
		sessions_reverted(s->sessions, batch->steps[i].session);
}

/* What gathered while the failed batch was under way may rest on it, so it goes too. */
static void
take_back(struct server *s, struct batch *failed, enum error error, bool fatal)
{
	struct batch *both[2] = { failed, s->open };
	struct link replies;

	failures.value++;
	/* A full disk takes back one batch after the other, and the store has told of it. */
	log_line(error == ERROR_storage_full ? LOG_DEBUG : LOG_WARN, "store",
	    "a batch of %zu steps and %zu more behind it could not be stored and was taken back: "
	    "%s",
	    failed->n_steps, s->open->n_steps, error_rows[error].code);
	list_init(&replies);
	revert(s, s->open);
	revert(s, failed);
	dispatch_reverted(s->dispatcher);
	for (int i = 0; i < 2; i++) {
		take_replies(both[i], &replies);
		bus_publish(&s->bus, &both[i]->events, true);
		drop_created(s, both[i]);
		batch_clear(both[i]);
	}
	for (struct link *l; (l = list_take(&replies));)
		answer_after_failure(s, LIST_OF(l, struct reply, link), error, fatal);
}

static void
on_done(void *context, enum error error, bool fatal)
{
	struct server *s = context;
	struct batch *batch = s->flight;

	s->flight = NULL;
	if (error)
		take_back(s, batch, error, fatal);
	else
		land(s, batch);
	if (fatal)
		server_fail(s);
	loop_again(s->loop);
}

void
server_fail(struct server *s)
{
	if (s->failed)
		return;
	log_line(LOG_FATAL, "store", "the journal can no longer be written safely; ending");
	s->failed = true;
	loop_stop(s->loop);
}

void
server_commit(struct server *s)
{
	if (s->flight || s->failed || batch_is_empty(s->open))
		return;
	/* Who waits to read comes in between two writes; else there might never be a moment. */
	if (!list_is_empty(&s->behind_store))
		return;
	metrics_add(&commits);
	metrics_add(&failures);
	s->flight = s->open;
	s->open = s->open == &s->batches[0] ? &s->batches[1] : &s->batches[0];
	s->store->ops->commit(s->store, on_done, s);
}

bool
server_is_settled(const struct server *s)
{
	return !s->flight && batch_is_empty(s->open) && list_is_empty(&s->streams) &&
	    list_is_empty(&s->behind_store) && s->lanes.n_asks == 0 && s->readings.n == 0 &&
	    s->makings.n == 0;
}

void
server_drop_ended(struct server *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_ended; i++) {
		struct session *session = s->ended[i];
		struct lane *lane = lanes_find(&s->lanes, &session->id);

		if (session->batch || (lane && lane->holds)) {
			s->ended[kept++] = session;
			continue;
		}
		snapshooter_forget(&s->snapshooter, &session->id);
		sessions_drop(s->sessions, session);
	}
	s->n_ended = kept;
}
