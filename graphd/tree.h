#pragma once
/*
 * Writes graphs as the JSON that clients see, in slices: a writer stops when it has written enough
 * and goes on later. The session must not change in between; the server holds its requests back
 * while a slice is due.
 */

#include "common/json_out.h"
#include "graphd/graph.h"

struct blueprint;

enum { TREE_SLACK_BYTES = 8 * 1024 }; /* the node that ends a slice goes beyond its length */

struct tree_writer {
	const struct graph *graph;
	const struct blueprint *blueprint; /* for indicators; may be NULL */
	const struct node *within;	   /* NULL: all roots */
	const struct node *at;		   /* next node to write; NULL: done */
	int64_t depth;			   /* levels below the start; negative: all */
	unsigned level;
	bool started;
	bool keeps_texts; /* see graph_texts.h */
};

void tree_init(struct tree_writer *, const struct graph *, const struct blueprint *,
    const struct node *within, int64_t depth);
/* Appends node objects, separated by commas, to an open array until out has grown by about
 * limit_bytes. True when all is written. */
bool tree_write(struct tree_writer *, struct json_out *out, size_t limit_bytes);
/* One node object without its children's contents ("children":[]). */
void tree_write_node(struct json_out *, const struct node *, const struct blueprint *);
