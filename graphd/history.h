#pragma once
/*
 * Undo and redo of one session: two stacks of steps. Each holds at most LIMIT_UNDO_DEPTH entries,
 * and both together at most LIMIT_UNDO_BYTES; the oldest are dropped first. Two kinds of entries
 * are never dropped for their weight: those that redo in session scope would take, or n redos
 * would not lead back to where n undos began; and the one that moved last, so that the last
 * command can be undone however big it is.
 *
 * An entry's edits are those that last ran, so their inverse is exact in the state they left. A
 * redo puts the entry back on top of the undo stack.
 *
 * A new command empties the redo stack in session scope, for everybody, while the entries of other
 * actors can still be redone in their own scope, "mine". That is why a redo entry says whether
 * session scope may still take it (mine_only).
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
	size_t weight;	  /* edits_weight() when the entry came into its list */
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
/* Returns owned; everything but the actor is zero. */
struct history_entry *history_entry_new(struct span actor);
void history_entry_free(struct history_entry *);
/* The entry that undo would take: the newest, or the newest of this actor. NULL when there is none.
 */
struct history_entry *history_undo_next(const struct history *, const char *actor_or_null);
struct history_entry *history_redo_next(const struct history *, const char *actor_or_null);
