#pragma once
/*
 * The JSON of single nodes, kept from one answer to the next, so that writing a graph again is
 * mostly copying. A text goes when something changes that it shows: the node's content, or the
 * parent it hangs under. Texts are no part of what a graph is, so they come and go behind const.
 *
 * All graphs that joined share one bound. The one that was not written for longest gives its texts
 * up first; when there is no other, what does not fit is written anew each time.
 */

#include "graphd/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct texts;

struct texts *texts_new(size_t limit_bytes);
/* All graphs must have left or be gone. */
void texts_free(struct texts *);
size_t texts_bytes(const struct texts *);

/* From now on the graph's texts are kept; it must not have joined before. */
void graph_texts_join(struct graph *, struct texts *);
/* Forgets them all; nothing when it has not joined. graph_free() does it. */
void graph_texts_leave(struct graph *);

/*
 * While another thread has the graph its texts are under no bound and none are added, for the bound
 * is everybody's; then it joins again, with those that it still has. Nothing when it has not
 * joined.
 */
void graph_texts_set_aside(struct graph *);
void graph_texts_rejoin(struct graph *, struct texts *);

/* Before a graph is written. False: it has not joined, or is set aside. Texts that were made with
 * another blueprint go. */
bool graph_texts_begin(const struct graph *, const void *made_with);

/* head: up to the bracket that opens the children; tail: from the one that closes them. */
struct node_text {
	uint32_t head_n, tail_n;
	char bytes[];
};

/* Borrowed until any graph is written or changed; NULL: none. */
const struct node_text *node_text(const struct node *);
/* Copies the text, if there is room; the node must have none. */
void node_text_keep(const struct graph *, const struct node *, struct span head, struct span tail);
/* For what changes the node. */
void node_text_drop(struct graph *, struct node *);
