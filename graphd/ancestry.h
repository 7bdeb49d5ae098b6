#pragma once
/*
 * Where a step's events happened. A step keeps runs of ids, each id followed by its parent's, with
 * a nil id between two runs; from them each event's path can be told again at any time.
 *
 * Of a step of one edit, as most are, the runs are the paths themselves: of a move, the one before
 * it and the one behind it. Of several edits they hold the ways up to the roots from where each
 * edit was, as far as the edits do not tell of these themselves by naming the parents of what they
 * add, remove and move. All others stay where they are during the step. A run ends with a root, or
 * with a node whose parent is known by then.
 */

#include "common/limits.h"
#include "common/table.h"
#include "graphd/graph.h"
#include "graphd/lineage.h"

/* Finds them in the graph, as it was before the step or as it is behind it: that is the same to
 * them. Work in proportion to the edits and to what lies above them. */
void step_find_ancestors(struct step *, const struct graph *);

/* The paths of a step's events, asked for in the order of its edits. */
struct paths {
	const struct step *step;
	const struct lineage *lineage; /* of a step of several edits, else NULL; borrowed */
	size_t passed;		       /* several edits: so many have been told */
	size_t next;		       /* one edit: where the next run begins */
	struct path only;	       /* one edit: the first run, until there is another one */
	struct table united;	       /* ids in all */
	size_t n_all;
	bool too_many;
	struct uuid one[LIMIT_DEPTH + 2];
	struct uuid all[LIMIT_PATH_NODES];
};
void paths_init(struct paths *, const struct step *, const struct lineage *);
void paths_fini(struct paths *);
/* The node and what is above that parent (nil: it is a root). Lives until the next call. */
struct path paths_under(struct paths *, const struct uuid *node, const struct uuid *parent);
/* The same of a node that stays where it is. */
struct path paths_of(struct paths *, const struct uuid *node);
/* An edit has been told: from now on its node is where it puts it. */
void paths_pass(struct paths *);
/* All nodes of the paths so far, each once; empty when they are too many for one. */
struct path paths_all(const struct paths *);
