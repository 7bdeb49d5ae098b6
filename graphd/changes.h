#pragma once
/*
 * What one batch is going to change in a store, as plain data that owns its bytes. Back-ends
 * collect changes while the batch is open and carry them out when it is committed, perhaps in
 * another thread.
 */

#include "common/list.h"
#include "graphd/store.h"

enum change_kind {
	CHANGE_STEP,
	CHANGE_SNAPSHOT,
	CHANGE_SESSION,
	CHANGE_PROJECT,
	CHANGE_DROP_PROJECT
};

/* Where a step stands in a journal that links each session's records; unused by back-ends without
 * one. */
struct chain_place {
	int64_t session_ref;
	int64_t lsn, previous_lsn; /* record numbers; 0: none before it */
	uint64_t checksum, previous_checksum;
};

struct change {
	enum change_kind kind;
	struct uuid id;		  /* of the session or the project */
	char *bytes;		  /* owned: of the step, the snapshot or the project; or NULL */
	char *name, *template_id; /* owned: of the project */
	union {
		struct store_step step;
		struct store_session session;
		struct store_project project;
		struct {
			uint64_t ordinal, seq;
			struct span bytes;
		} snapshot;
	} of;
	struct chain_place place;
};

struct changes {
	struct change *list;
	size_t n, capacity;
	size_t bytes; /* of steps, snapshots and projects */
};

void changes_init(struct changes *);
/* Frees all; the list is empty again. */
void changes_clear(struct changes *);
/* What the change holds instead of what it was given: all bytes are copied, but for those that are
 * taken (store_step.taken). */
struct change *changes_add_step(struct changes *, const struct store_step *);
struct change *changes_add_snapshot(struct changes *, const struct uuid *session, uint64_t ordinal,
    uint64_t seq, struct span bytes, char *taken);
struct change *changes_add_session(struct changes *, const struct store_session *);
struct change *changes_add_project(struct changes *, const struct store_project *);
struct change *changes_add_drop_project(struct changes *, const struct uuid *id);

/* Changes on their way, and whom to tell. */
struct commit {
	struct link link;
	struct changes changes;
	store_done_fn *done;
	void *context;
	enum error error;
	bool fatal;
};

/* Moves the changes into a new commit. */
struct commit *commit_new(struct changes *, store_done_fn *, void *context);
void commit_free(struct commit *);
