#pragma once
/*
 * What one step did to a session besides its graph, kept until the step is durable, so that it can
 * be taken back exactly: moves between the history's lists, answers remembered and forgotten,
 * marks.
 */

#include "graphd/session.h"

enum history_change_kind {
	HISTORY_PUT,	/* an entry went to the end of a list */
	HISTORY_TAKEN,	/* an entry left a list */
	HISTORY_HIDDEN, /* a redo entry was taken from session scope */
};

struct history_change {
	enum history_change_kind kind;
	bool redo;  /* which list */
	bool final; /* TAKEN: the entry is in no list afterwards, and goes with this record */
	struct history_entry *entry;
	struct link *next; /* TAKEN: what stood behind it */
};

enum { ROLLBACK_FEW = 2 }; /* most steps make no more; a power of two */

struct rollback {
	struct link link;
	uint64_t ordinal, active_us;
	char clean_hash[33];
	bool closed;
	struct history_change *changes; /* = few until there are more */
	size_t n_changes;
	struct history_change few[ROLLBACK_FEW];
	/* The entry that an undo or redo moved, as it was before. */
	struct history_entry *moved;
	struct edit *edits;
	size_t n_edits;
	uint64_t moved_ordinal;
	bool moved_mine_only;
	struct link keys; /* struct key_entry: answers displaced since, newest last */
};

/* A record of the session as it is now, for the step with this ordinal; hangs in s->rollbacks. */
struct rollback *rollback_new(struct session *, uint64_t ordinal);
/* The step is durable: what the record keeps goes with it. */
void rollback_settle(struct rollback *);
/* Takes the step's changes back; the graph is the caller's. Frees the record. */
void rollback_run(struct session *, struct rollback *);

/* Into a list before that link (the list itself: its end), and out of it: counted and weighed. */
void history_link(struct history *, struct history_entry *, bool redo, struct link *before);
void history_unlink(struct history *, struct history_entry *, bool redo);

/* Called while a step is put on record. rollback NULL: nothing is kept. */
void history_put(struct history *, struct history_entry *, bool redo, struct rollback *);
/* Unlinks it; final: for good, freed now when nothing is kept. */
void history_take(
    struct history *, struct history_entry *, bool redo, bool final, struct rollback *);
/* A new command of this actor: clears redo in its scope. */
void history_clear_redo(struct history *, const char *actor, struct rollback *);
/* Entries came to the redo list, or back into session scope. */
void history_redo_changed(struct history *);
/* Nothing before this can be undone or done again. */
void history_clear(struct history *, struct rollback *);
/* Newest entry of that command and actor; NULL when it is not there. */
struct history_entry *history_find(
    const struct history *, bool redo, const struct uuid *command_id, const char *actor);
/* Its edits from now on; takes them. */
void history_entry_set(struct history_entry *, struct edit *edits, size_t n_edits, uint64_t ordinal,
    struct rollback *);

/* Takes back what session_key_add() did since this step was made. */
void session_keys_revert(struct session *, struct rollback *);
