#include "graphd/graph.h"

#include "common/limits.h"
#include "graphd/graph_hash.h"
#include "graphd/siblings.h"

static const char *
verify_content(const struct node *n)
{
	if (!n->content.type || !n->content.name)
		return "a node has no type or no name";
	if (n->content.n_properties > LIMIT_PROPERTIES)
		return "a node has too many properties";
	for (uint32_t i = 0; i < n->content.n_properties; i++) {
		if (!n->content.properties[i].value)
			return "a property has no value";
		if (node_property(n, n->content.properties[i].key) !=
		    n->content.properties[i].value)
			return "a node has a property twice";
	}
	return NULL;
}

static const char *
verify_node(const struct graph *g, const struct node *n)
{
	unsigned height = n->children ? n->children->tallest + 1U : 0;

	if (table_find(&g->nodes, &n->id) != n)
		return "a node is not found by its id";
	if (n->height != height)
		return "a node does not know its height";
	if (!siblings_verify(n->children, n))
		return "the tree of some children is broken";
	return verify_content(n);
}

static bool
is_same(struct digest a, struct digest b)
{
	return a.low == b.low && a.high == b.high;
}

const char *
graph_verify(const struct graph *g)
{
	struct digest hash = { 0, 0 };
	size_t seen = 0;

	if (!siblings_verify(g->roots, NULL))
		return "the tree of the roots is broken";
	if (g->roots && g->roots->tallest > LIMIT_DEPTH)
		return "a tree is too deep";
	for (const struct node *n = graph_walk(g, NULL, NULL); n; n = graph_walk(g, n, NULL)) {
		const char *broken = verify_node(g, n);
		if (broken)
			return broken;
		if (++seen > g->nodes.n)
			return "the walk meets more nodes than there are";
		digest_add(&hash, hash_content(n));
		digest_add(&hash, hash_place(n));
	}
	if (seen != g->nodes.n)
		return "some nodes hang nowhere";
	if (!is_same(hash_meta(g->meta), g->meta_hash))
		return "the hash of the meta text is another one's";
	return is_same(hash, g->hash) ? NULL : "the state hash is not that of the nodes";
}
