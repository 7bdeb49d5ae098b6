#pragma once
/*
 * What one commit covers: the steps it stores, the events that are published when it is on disk,
 * and the replies that are sent then. Those whose answer rests on what it stores wait here as well.
 */

#include "graphd/events_due.h"
#include "graphd/server_router.h"
#include "graphd/server_stream.h"

struct batch_step {
	struct session *session;
	struct step *step; /* owned */
};

/* An answer that waits for the commit. */
struct reply {
	struct link link;
	struct ask *ask; /* owned; NULL: nobody is to be answered */
	enum error error;
	char *body; /* owned; or NULL when stream is set */
	size_t n;
	struct stream *stream; /* owned; a body that is sent in parts */
	struct lane *lane;     /* held by a command that is unfinished and goes on in it; or NULL */
	uint64_t key_token;    /* dispatch_uncommitted() */
	bool changed;	       /* made a step or stored something: fails with the batch */
	bool reported;	       /* REPORTS: stands even if the batch fails */
};

struct batch {
	struct batch_step *steps; /* in order */
	size_t n_steps, steps_capacity;
	struct session **created; /* new sessions */
	size_t n_created, created_capacity;
	struct events_due events;
	struct link replies;
	bool stores; /* rows, projects or snapshots are in the store's open batch too */
};

void batch_init(struct batch *);
/* What it still holds is freed; steps and sessions are untouched otherwise. */
void batch_clear(struct batch *);
void batch_fini(struct batch *);
/* Nothing is to be committed. */
bool batch_is_empty(const struct batch *);
/* Takes the step; the session counts as uncommitted until the batch lands. */
void batch_add_step(struct batch *, struct session *, struct step *taken);
void batch_add_created(struct batch *, struct session *);
/* On disk: seqs become durable, sessions are free of it. */
void batch_land(struct batch *);
/* Not on disk: takes the steps back, newest first. */
void batch_revert(struct batch *);

/* Of the lane that it holds: nothing need wait for it any more. */
void reply_let_go(struct reply *);
/* An answer that was never sent lets go as well. */
void reply_free(struct reply *);
