#pragma once
/*
 * Undo and redo of one session: two stacks of steps, each LIMIT_UNDO_DEPTH deep and both together
 * LIMIT_UNDO_BYTES heavy, the oldest going first. The weight is never brought down by what redo in
 * session scope would take, or redos would not lead to where as many undos began; nor by the
 * entry that moved last, so that the last command can be undone however heavy it is.
 *
 * An entry's edits are those that last ran, so their inverse is exact in the state they left. A
 * redo puts the entry back on top.
 *
 * A new command clears redo in its scope: the session's redo list becomes empty for everybody,
 * while entries of other actors stay reachable for their own "mine". For that a redo entry knows
 * whether session scope may still see it.
 */

#include "common/list.h"
#include "graphd/graph.h"
#include "graphd/step.h"

struct history_entry {
	struct link link; /* undo or redo list, newest last */
	struct uuid command_id;
	enum command type;
	const char *actor; /* behind the struct, in the same allocation; "" when nobody was named */
	struct edit *edits; /* owned; content of ADD edits is not kept */
	size_t n_edits;
	bool mine_only; /* redo list: a newer command of somebody else took it from session scope */
	uint64_t ordinal; /* of the step that ran last */
	size_t weight;	  /* as it was counted when the entry came into its list */
};

struct history {
	struct link undo, redo;
	size_t n_undo, n_redo;
	size_t weight, weight_limit; /* of all entries; LIMIT_UNDO_BYTES, or less in tests */
	/* Whose command cleared redo since anything was added to it, or NULL: it need not be looked
	 * through again. */
	char *cleared_for;
};

void history_init(struct history *);
void history_fini(struct history *);
/* All else zero. */
struct history_entry *history_entry_new(struct span actor);
void history_entry_free(struct history_entry *);
/* The entry that undo would take: the newest, or the newest of this actor. NULL when there is none.
 */
struct history_entry *history_undo_next(const struct history *, const char *actor_or_null);
struct history_entry *history_redo_next(const struct history *, const char *actor_or_null);
