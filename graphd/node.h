#pragma once
/* What a graph and its nodes are made of; for graph*.c and siblings.c only. */

#include "common/table.h"
#include "graphd/graph.h"
#include "graphd/names.h"

/* A sum of XXH3 terms; each lane wraps on its own. */
struct digest {
	uint64_t low, high;
};

struct node {
	struct uuid id;
	struct node *parent;
	struct node *up, *left, *right; /* in the tree of its siblings */
	struct node *children;		/* top of the tree of its children */
	uint32_t count;		/* nodes in this part of the siblings' tree, this one included */
	uint16_t height;	/* levels below it: 0 without children */
	uint16_t tallest;	/* the greatest height in this part of the siblings' tree */
	struct node_text *text; /* see graph_texts.h; or NULL */
	struct content content; /* type and keys are shared through graph.names */
};

struct graph {
	struct table nodes; /* by id */
	struct node *roots; /* top of their tree */
	struct names names;
	struct digest hash; /* of the nodes */
	struct digest meta_hash;
	char *meta;		   /* text of the last META edit, or NULL */
	struct graph_texts *texts; /* or NULL */
};
