#include "graphd/graph.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/graph_hash.h"
#include "graphd/graph_texts.h"
#include "graphd/siblings.h"

#include <assert.h>
#include <stdlib.h>

static struct node **
siblings_of(struct graph *g, struct node *parent)
{
	return parent ? &parent->children : &g->roots;
}

/* The heights of the parent and of those above it, as far up as anything changes. */
static void
mend_heights(struct node *parent)
{
	for (; parent; parent = parent->parent) {
		unsigned height = parent->children ? parent->children->tallest + 1U : 0;
		if (height == parent->height)
			return;
		parent->height = (uint16_t)height;
		siblings_refresh(parent);
	}
}

static void
hash_out_place(struct graph *g, const struct node *n)
{
	if (n)
		digest_subtract(&g->hash, hash_place(n));
}

static void
hash_in_place(struct graph *g, const struct node *n)
{
	if (n)
		digest_add(&g->hash, hash_place(n));
}

/* Whose next sibling a node at this place will be; NULL: it will be the first. */
static struct node *
previous_at(struct graph *g, struct node *parent, const struct place *place)
{
	struct node *top = *siblings_of(g, parent), *previous;

	if (!uuid_is_nil(&place->previous)) {
		previous = table_find(&g->nodes, &place->previous);
		if (previous && previous->parent == parent && (previous->up || previous == top))
			return previous;
	}
	if (place->index == 0 || !top)
		return NULL;
	return place->index < top->count ? siblings_at(top, place->index - 1) : siblings_last(top);
}

static void
place_of(const struct node *n, struct place *out)
{
	const struct node *previous = siblings_previous(n);

	*out = (struct place){ .index = siblings_index(n) };
	if (n->parent)
		out->parent = n->parent->id;
	if (previous)
		out->previous = previous->id;
}

static void
attach(struct graph *g, struct node *n, struct node *parent, struct place *place)
{
	struct node *previous = previous_at(g, parent, place);
	struct node *next =
	    previous ? siblings_next(previous) : siblings_first(*siblings_of(g, parent));

	hash_out_place(g, next);
	n->parent = parent;
	siblings_insert(siblings_of(g, parent), n, previous);
	mend_heights(parent);
	hash_in_place(g, next);
	hash_in_place(g, n);
	place_of(n, place);
}

static void
detach(struct graph *g, struct node *n)
{
	struct node *next = siblings_next(n), *parent = n->parent;

	hash_out_place(g, next);
	hash_out_place(g, n);
	siblings_remove(siblings_of(g, parent), n);
	n->parent = NULL;
	mend_heights(parent);
	hash_in_place(g, next);
}

/* False: there is no such node. Nil gives NULL: among the roots. */
static bool
find_parent(const struct graph *g, const struct uuid *id, struct node **out)
{
	*out = uuid_is_nil(id) ? NULL : table_find(&g->nodes, id);
	return *out || uuid_is_nil(id);
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct property *)a)->key, ((const struct property *)b)->key);
}

/* Few are compared pairwise; many sorted, for a graph that is loaded may be made of such nodes. */
static bool
repeats_a_property(const struct content *c)
{
	enum { FEW = 16 };
	struct property sorted[LIMIT_PROPERTIES];

	for (uint32_t i = 1; i < c->n_properties && c->n_properties <= FEW; i++)
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(c->properties[i].key, c->properties[j].key) == 0)
				return true;
	if (c->n_properties <= FEW)
		return false;
	memcpy(sorted, c->properties, c->n_properties * sizeof(*sorted));
	qsort(sorted, c->n_properties, sizeof(*sorted), compare_keys);
	for (uint32_t i = 1; i < c->n_properties; i++)
		if (strcmp(sorted[i - 1].key, sorted[i].key) == 0)
			return true;
	return false;
}

static void
share_name(struct graph *g, char **text)
{
	char *own = *text;

	*text = names_take(&g->names, own);
	free(own);
}

static void
unshare_name(struct graph *g, char **text)
{
	char *shared = *text;

	*text = xstrdup(shared);
	names_drop(&g->names, shared);
}

/* Takes the content into the node. */
static void
settle_content(struct graph *g, struct node *n, struct content *c)
{
	if (c->packed) {
		struct content *loose = content_copy(c);
		content_free(c);
		c = loose;
	}
	n->content = *c;
	free(c);
	share_name(g, &n->content.type);
	for (uint32_t i = 0; i < n->content.n_properties; i++)
		share_name(g, &n->content.properties[i].key);
}

static enum error
apply_add(struct graph *g, struct edit *e)
{
	struct node *parent, *n;
	struct digest content;

	assert(e->content && e->content->type && e->content->name);
	if (table_find(&g->nodes, &e->node))
		return ERROR_node_exists;
	if (g->nodes.n >= LIMIT_NODES)
		return ERROR_limit_nodes;
	if (e->content->n_properties > LIMIT_PROPERTIES)
		return ERROR_limit_properties;
	if (repeats_a_property(e->content))
		return ERROR_invalid_graph;
	if (!find_parent(g, &e->after.parent, &parent))
		return ERROR_node_not_found;
	if (parent && node_depth(parent) >= LIMIT_DEPTH)
		return ERROR_limit_depth;
	n = xcalloc(1, sizeof(*n));
	n->id = e->node;
	settle_content(g, n, e->content);
	e->content = NULL;
	table_add(&g->nodes, n);
	attach(g, n, parent, &e->after);
	content = hash_content(n);
	digest_add(&g->hash, content);
	e->content_hash = content.low;
	return OK;
}

static enum error
apply_remove(struct graph *g, struct edit *e)
{
	struct node *n = table_find(&g->nodes, &e->node);
	struct digest content;

	if (!n)
		return ERROR_node_not_found;
	if (n->children)
		return ERROR_not_allowed_here;
	place_of(n, &e->before);
	content = hash_content(n);
	digest_subtract(&g->hash, content);
	e->content_hash = content.low;
	detach(g, n);
	table_remove(&g->nodes, &n->id);
	node_text_drop(g, n);
	content_free(e->content);
	e->content = xmalloc(sizeof(*e->content));
	*e->content = n->content;
	free(n);
	unshare_name(g, &e->content->type);
	for (uint32_t i = 0; i < e->content->n_properties; i++)
		unshare_name(g, &e->content->properties[i].key);
	return OK;
}

/* Whether n may hang under parent: walks up once, and knows n's own height. */
static enum error
check_parent(const struct node *n, const struct node *parent)
{
	unsigned depth = 0;

	for (const struct node *at = parent; at; at = at->parent) {
		if (at == n)
			return ERROR_would_cycle;
		depth++;
	}
	if (parent != n->parent && depth + n->height > LIMIT_DEPTH)
		return ERROR_limit_depth;
	return OK;
}

static enum error
apply_move(struct graph *g, struct edit *e)
{
	struct node *n = table_find(&g->nodes, &e->node), *parent;
	enum error err;

	if (!n || !find_parent(g, &e->after.parent, &parent))
		return ERROR_node_not_found;
	err = check_parent(n, parent);
	if (err)
		return err;
	place_of(n, &e->before);
	if (parent != n->parent)
		node_text_drop(g, n);
	detach(g, n);
	attach(g, n, parent, &e->after);
	return OK;
}

static uint32_t
property_at(const struct node *n, const char *key)
{
	uint32_t i = 0;

	while (i < n->content.n_properties && strcmp(n->content.properties[i].key, key) != 0)
		i++;
	return i;
}

/* A property and the one behind it, whose term names it: out before a change, in after it. */
static void
hash_properties(struct graph *g, const struct node *n, uint32_t i, uint32_t behind,
    void (*fold)(struct digest *, struct digest))
{
	for (; i < behind && i < n->content.n_properties; i++)
		fold(&g->hash, hash_property(n, i));
}

static void
insert_property(struct graph *g, struct node *n, struct edit *e)
{
	struct content *c = &n->content;
	uint32_t i = e->property_index < c->n_properties ? e->property_index : c->n_properties;

	hash_properties(g, n, i, i + 1, digest_subtract);
	c->properties = xrealloc(c->properties, c->n_properties + 1, sizeof(*c->properties));
	memmove(c->properties + i + 1, c->properties + i,
	    (c->n_properties - i) * sizeof(*c->properties));
	c->properties[i].key = names_take(&g->names, e->key);
	c->properties[i].value = xstrdup(e->value_after);
	c->n_properties++;
	hash_properties(g, n, i, i + 2, digest_add);
	e->property_index = i;
}

static void
remove_property(struct graph *g, struct node *n, uint32_t i, struct edit *e)
{
	struct content *c = &n->content;

	hash_properties(g, n, i, i + 2, digest_subtract);
	e->value_before = c->properties[i].value;
	e->property_index = i;
	names_drop(&g->names, c->properties[i].key);
	c->n_properties--;
	memmove(c->properties + i, c->properties + i + 1,
	    (c->n_properties - i) * sizeof(*c->properties));
	if (c->n_properties == 0) {
		free(c->properties);
		c->properties = NULL;
	}
	hash_properties(g, n, i, i + 1, digest_add);
}

static void
replace_value(struct graph *g, struct node *n, uint32_t i, struct edit *e)
{
	digest_subtract(&g->hash, hash_property(n, i));
	e->value_before = n->content.properties[i].value;
	e->property_index = i;
	n->content.properties[i].value = xstrdup(e->value_after);
	digest_add(&g->hash, hash_property(n, i));
}

static void
rename_node(struct graph *g, struct node *n, struct edit *e)
{
	free(e->name_before);
	e->name_before = NULL;
	if (!e->name_after)
		return;
	digest_subtract(&g->hash, hash_identity(n));
	e->name_before = n->content.name;
	n->content.name = xstrdup(e->name_after);
	digest_add(&g->hash, hash_identity(n));
}

static enum error
apply_property(struct graph *g, struct edit *e)
{
	struct node *n = table_find(&g->nodes, &e->node);
	uint32_t i;

	if (!n)
		return ERROR_node_not_found;
	i = property_at(n, e->key);
	if (i == n->content.n_properties && !e->value_after)
		return ERROR_property_not_found;
	if (i == n->content.n_properties && i >= LIMIT_PROPERTIES)
		return ERROR_limit_properties;
	node_text_drop(g, n);
	free(e->value_before);
	e->value_before = NULL;
	if (i == n->content.n_properties)
		insert_property(g, n, e);
	else if (e->value_after)
		replace_value(g, n, i, e);
	else
		remove_property(g, n, i, e);
	rename_node(g, n, e);
	return OK;
}

static enum error
apply_meta(struct graph *g, struct edit *e)
{
	free(e->value_before);
	e->value_before = g->meta;
	g->meta = xspandup(span_of(e->value_after));
	g->meta_hash = hash_meta(g->meta);
	return OK;
}

enum error
graph_apply(struct graph *g, struct edit *e)
{
	switch (e->kind) {
	case EDIT_ADD:
		return apply_add(g, e);
	case EDIT_REMOVE:
		return apply_remove(g, e);
	case EDIT_MOVE:
		return apply_move(g, e);
	case EDIT_PROPERTY:
		return apply_property(g, e);
	case EDIT_META:
		return apply_meta(g, e);
	case EDIT_MARK:
		return OK;
	}
	return ERROR_internal;
}
