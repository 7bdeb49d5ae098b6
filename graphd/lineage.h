#pragma once
/*
 * Who was below whom at each moment of a step of several edits. It is made in one pass over the
 * edits and asked in any order, so that a long step can be told from anywhere in it.
 */

#include "graphd/step.h"

#include <stddef.h>

struct lineage;

/* The edits of the step are still to be noted. */
struct lineage *lineage_new(void);
/* Of all edits that the step has. */
struct lineage *lineage_of(const struct step *);
void lineage_free(struct lineage *);
/* The step's next edit, of which kind, node and parents count. Nothing is borrowed. */
void lineage_note(struct lineage *, const struct edit *);
/* Behind the last edit: the step's ancestors (graphd/ancestry.h). */
void lineage_note_ancestors(struct lineage *, const struct step *);
/* Memory that it takes. */
size_t lineage_bytes(const struct lineage *);
/* The node's parent when the first n_edits had been done; nil: a root, or not known. */
struct uuid lineage_parent(const struct lineage *, const struct uuid *node, size_t n_edits);
