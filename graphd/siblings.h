#pragma once
/*
 * The children of one parent, in order: a weight-balanced tree threaded through the nodes. The
 * number of nodes below is both its balance and the way from an index to a node and back. It also
 * carries the greatest height, so that a parent knows its own without looking at all its children.
 */

#include "graphd/node.h"

/* Behind `previous`, which is in the tree; first when that is NULL. */
void siblings_insert(struct node **top, struct node *, struct node *previous);
void siblings_remove(struct node **top, struct node *);
/* NULL beyond the end. */
struct node *siblings_at(struct node *top, uint32_t index);
uint32_t siblings_index(const struct node *);
/* NULL of an empty tree. */
struct node *siblings_first(struct node *top);
struct node *siblings_last(struct node *top);
/* NULL at the end. Constant time on average over a walk. */
struct node *siblings_next(const struct node *);
struct node *siblings_previous(const struct node *);
/* The node's height has changed: brings `tallest` up to date above it. */
void siblings_refresh(struct node *);
/* Whether counts, links, balance and heights are as they must be; slow. */
bool siblings_verify(const struct node *top, const struct node *parent);
