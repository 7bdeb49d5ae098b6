#pragma once
/*
 * A forest of ordered trees. Siblings hang in a balanced tree that counts, so that a place is found
 * from an index and an index from a place in O(log siblings), for a node with 100,000 children too.
 * Everything is iterative: a chain of any permitted depth costs no stack.
 *
 * The state hash is the sum (two 64-bit lanes, wrapping) of XXH3 terms: one for each node's
 * identity, type and name, one for each property with its predecessor, one for each node's parent
 * and previous sibling. So an edit changes a constant number of terms, and equal graphs, order
 * included, have equal hashes.
 */

#include "graphd/edit.h"
#include "proto/proto.h"

#include <stddef.h>

struct graph;
struct node;

struct graph *graph_new(void);
void graph_free(struct graph *);
size_t graph_count(const struct graph *);
/* The state hash: of the nodes. 32 hexadecimal digits and a NUL. */
void graph_hash(const struct graph *, char out[33]);
/* The same with the meta text: changes also when only the project's name, template or rules do. */
void graph_whole_hash(const struct graph *, char out[33]);

/* The text of the last META edit, borrowed; NULL when there was none. */
const char *graph_meta(const struct graph *);

/*
 * Makes one edit, or says why not and changes nothing. Places: after.index decides when
 * after.previous is nil and index is not 0; UINT32_MAX means the end. On return the edit is
 * complete and exact: before and after places with index and previous, old values, removed content.
 * META and MARK edits change only the hash (META). Refuses: node_not_found, node_exists,
 * would_cycle, limit_nodes, limit_depth, limit_properties, property_not_found, invalid_graph for a
 * repeated property, and not_allowed_here for removing a node that still has children.
 * property_index says where a property that the node does not have yet goes; beyond the end: to the
 * end. LIMIT_DEPTH is the greatest node_depth() there may be.
 */
enum error graph_apply(struct graph *, struct edit *);

/* Borrowed; NULL when no node has that id. Valid until that node is removed. */
const struct node *graph_find(const struct graph *, const struct uuid *id);
const struct node *graph_first_root(const struct graph *);

const struct uuid *node_id(const struct node *);
const struct content *node_content(const struct node *);
/* As edit.content_hash: equal for equal contents of the same node, in every process. */
uint64_t node_content_hash(const struct node *);
const struct node *node_parent(const struct node *); /* NULL for a root */
const struct node *node_first_child(const struct node *);
const struct node *node_next(const struct node *); /* next sibling */
uint32_t node_index(const struct node *);	   /* O(log siblings) */
size_t node_child_count(const struct node *);
/* Depth below its root, from 0. */
unsigned node_depth(const struct node *);
/* NULL when it has none; the value is JSON text. */
const char *node_property(const struct node *, const char *key);
bool node_is_below(const struct node *, const struct node *ancestor); /* or the same */
/* Next in depth-first order, parents first; within (may be NULL) bounds the walk to that subtree.
 */
const struct node *graph_walk(
    const struct graph *, const struct node *at, const struct node *within);
/*
 * Next in the reverse of depth-first order, so children before their parents: for deletion. Take it
 * before the node goes. NULL when within itself was given.
 */
const struct node *graph_walk_up(const struct node *at, const struct node *within);
/* Where such a walk begins: the last node of the subtree in depth-first order. */
const struct node *graph_deepest_first(const struct node *within);
/* Every invariant, slowly: for tests and graphctl check. NULL when all hold, else what is broken.
 */
const char *graph_verify(const struct graph *);
