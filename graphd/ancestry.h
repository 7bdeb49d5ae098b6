#pragma once
/*
 * Where a step's events happened: the path of each, that is the node and its ancestors. A step
 * keeps runs of ids (step.ancestors), each id followed by its parent's, with a nil id between two
 * runs. From these and the edits each event's path can be worked out again at any time.
 *
 * For a step of one edit, as most are, the runs are the paths themselves; a move has two, the one
 * before it and the one after it. For several edits the runs are the ways up to the roots from
 * where each edit took place, without what the edits say themselves, since they name the parents
 * of the nodes they add, remove and move. All other nodes stay where they are during the step. A
 * run ends with a root, or with a node whose parent an earlier run or an edit names.
 */

#include "common/limits.h"
#include "common/table.h"
#include "graphd/graph.h"
#include "graphd/lineage.h"

/* Fills in step.ancestors from the graph, either as it was before the step or as it is after it:
 * the result is the same. Takes time in proportion to the edits and their ancestors. */
void step_find_ancestors(struct step *, const struct graph *);

/* The paths of a step's events, asked for in the order of its edits. */
struct paths {
	const struct step *step;
	const struct lineage *lineage; /* of a step of several edits, else NULL; borrowed */
	size_t passed;		       /* several edits: how many have been passed */
	size_t next;		       /* one edit: where the next run begins */
	struct path only;	       /* one edit: the first run, until there is another one */
	struct table united;	       /* the ids in all[], to find repeats */
	size_t n_all;
	bool too_many;
	struct uuid one[LIMIT_DEPTH + 2];
	struct uuid all[LIMIT_PATH_NODES];
};
void paths_init(struct paths *, const struct step *, const struct lineage *);
void paths_fini(struct paths *);
/* The path of a node under that parent (nil: the node is a root). Lives until the next call. */
struct path paths_under(struct paths *, const struct uuid *node, const struct uuid *parent);
/* The same of a node that stays where it is. */
struct path paths_of(struct paths *, const struct uuid *node);
/* The events of an edit are done: from here on its node is where the edit put it. */
void paths_pass(struct paths *);
/* All nodes of the paths so far, each once; empty if there are more than LIMIT_PATH_NODES. */
struct path paths_all(const struct paths *);
