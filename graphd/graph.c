#include "graphd/graph.h"

#include "common/mem.h"
#include "graphd/graph_hash.h"
#include "graphd/graph_texts.h"
#include "graphd/siblings.h"

#include <stdlib.h>

struct graph *
graph_new(void)
{
	struct graph *g = xcalloc(1, sizeof(*g));

	table_init(&g->nodes, offsetof(struct node, id), UUID_BYTES);
	names_init(&g->names);
	return g;
}

/* Types and keys belong to g->names and go with it. */
static void
node_bury(struct node *n)
{
	free(n->content.name);
	free(n->content.icon_id);
	free(n->content.indicator_id);
	free(n->content.indicator_set);
	free(n->content.extra);
	for (uint32_t i = 0; i < n->content.n_properties; i++)
		free(n->content.properties[i].value);
	free(n->content.properties);
	free(n);
}

void
graph_free(struct graph *g)
{
	if (!g)
		return;
	graph_texts_leave(g);
	/* The table is walked by slot and not by key, so its objects may go before it does. */
	for (size_t i = 0; i < g->nodes.capacity; i++)
		if (g->nodes.slots[i])
			node_bury(g->nodes.slots[i]);
	table_fini(&g->nodes);
	names_fini(&g->names);
	free(g->meta);
	free(g);
}

size_t
graph_count(const struct graph *g)
{
	return g->nodes.n;
}

static void
write_digest(struct digest d, char out[33])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		out[i] = digits[d.high >> (60 - 4 * i) & 15];
		out[16 + i] = digits[d.low >> (60 - 4 * i) & 15];
	}
	out[32] = '\0';
}

void
graph_hash(const struct graph *g, char out[33])
{
	write_digest(g->hash, out);
}

void
graph_whole_hash(const struct graph *g, char out[33])
{
	struct digest sum = g->hash;

	digest_add(&sum, g->meta_hash);
	write_digest(sum, out);
}

const char *
graph_meta(const struct graph *g)
{
	return g->meta;
}

const struct node *
graph_find(const struct graph *g, const struct uuid *id)
{
	return table_find(&g->nodes, id);
}

const struct node *
graph_first_root(const struct graph *g)
{
	return siblings_first(g->roots);
}

const struct uuid *
node_id(const struct node *n)
{
	return &n->id;
}

const struct content *
node_content(const struct node *n)
{
	return &n->content;
}

uint64_t
node_content_hash(const struct node *n)
{
	return hash_content(n).low;
}

const struct node *
node_parent(const struct node *n)
{
	return n->parent;
}

const struct node *
node_first_child(const struct node *n)
{
	return siblings_first(n->children);
}

const struct node *
node_next(const struct node *n)
{
	return siblings_next(n);
}

uint32_t
node_index(const struct node *n)
{
	return siblings_index(n);
}

size_t
node_child_count(const struct node *n)
{
	return n->children ? n->children->count : 0;
}

unsigned
node_depth(const struct node *n)
{
	unsigned depth = 0;

	for (n = n->parent; n; n = n->parent)
		depth++;
	return depth;
}

const char *
node_property(const struct node *n, const char *key)
{
	for (uint32_t i = 0; i < n->content.n_properties; i++)
		if (strcmp(n->content.properties[i].key, key) == 0)
			return n->content.properties[i].value;
	return NULL;
}

bool
node_is_below(const struct node *n, const struct node *ancestor)
{
	while (n && n != ancestor)
		n = n->parent;
	return n != NULL;
}

const struct node *
graph_walk(const struct graph *g, const struct node *at, const struct node *within)
{
	if (!at)
		return within ? within : graph_first_root(g);
	if (at->children)
		return siblings_first(at->children);
	for (; at && at != within; at = at->parent) {
		const struct node *next = siblings_next(at);
		if (next)
			return next;
	}
	return NULL;
}

/* Backwards through parents-first order: what is removed so comes back in the order of reading. */
const struct node *
graph_walk_up(const struct node *at, const struct node *within)
{
	const struct node *previous;

	if (at == within)
		return NULL;
	previous = siblings_previous(at);
	return previous ? graph_deepest_first(previous) : at->parent;
}

const struct node *
graph_deepest_first(const struct node *within)
{
	while (within->children)
		within = siblings_last(within->children);
	return within;
}
