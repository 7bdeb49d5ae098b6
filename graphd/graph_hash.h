#pragma once
/*
 * The terms of the state hash. They are the same in every process and for ever, because hashes are
 * compared with stored ones: the layout of what is hashed is part of the storage format.
 */

#include "graphd/node.h"

/* What a node is: id, type, name, icon, indicator and unknown members. */
struct digest hash_identity(const struct node *);
/* One property with its predecessor, so that the order counts. */
struct digest hash_property(const struct node *, uint32_t index);
/* Where the node stands: its parent and its previous sibling. */
struct digest hash_place(const struct node *);
/* meta: text or NULL. */
struct digest hash_meta(const char *meta);
/* Identity and all properties. */
struct digest hash_content(const struct node *);

static inline void
digest_add(struct digest *to, struct digest term)
{
	to->low += term.low;
	to->high += term.high;
}

static inline void
digest_subtract(struct digest *from, struct digest term)
{
	from->low -= term.low;
	from->high -= term.high;
}
