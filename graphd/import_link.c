#include "graphd/import_parts.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/clip.h"

struct import_entry *
import_find(const struct import_reader *r, struct span id_text)
{
	struct uuid id;

	import_uuid(id_text, &id);
	return table_find(&r->by_id, &id);
}

/* A child is hung once and never moved again: whoever names it first has it. */
static void
hang(struct import_entry *parent, struct import_entry *child)
{
	child->parent = parent;
	*(parent->last ? &parent->last->next : &parent->first) = child;
	parent->last = child;
}

static enum error
refuse_cycle(struct import_reader *r, const struct import_entry *entry)
{
	return refuse(r->why, ERROR_invalid_graph, "graph", "The node %.*s is its own ancestor.",
	    CLIP(entry->id_text));
}

/* One element of a node's list of children, or of the list of roots. */
static enum error
link_ref(struct import_reader *r, struct import_entry *parent, const struct import_ref *ref)
{
	struct import_entry *child = ref->entry ? ref->entry : import_find(r, ref->id);
	bool top = parent == &r->top;

	if (!child) {
		import_warn(r, top ? NULL : parent, "missing_child",
		    "The child %.*s of %.*s is dropped: there is no such node.", CLIP(ref->id),
		    CLIP(parent->id_text));
		return OK;
	}
	if (child == parent)
		return refuse_cycle(r, child);
	if (!child->parent)
		hang(parent, child);
	else if (child->parent != parent)
		import_warn(r, child, "two_parents",
		    "The node %.*s stays under %.*s, not under %.*s.", CLIP(child->id_text),
		    CLIP(child->parent->id_text), CLIP(parent->id_text));
	return OK;
}

static enum error
link_children(struct import_reader *r, struct import_entry *parent)
{
	enum error err = OK;

	for (struct import_ref *ref = parent->refs; ref && !err; ref = ref->next)
		err = link_ref(r, parent, ref);
	return err;
}

/* What a node says of its own parent counts when no list of children names it. */
static enum error
link_parent(struct import_reader *r, struct import_entry *child)
{
	struct import_entry *parent;

	if (!child->parent_text.p)
		return OK;
	parent = import_find(r, child->parent_text);
	if (parent == child)
		return refuse_cycle(r, child);
	if (!child->parent && parent)
		hang(parent, child);
	else if (!parent)
		import_warn(r, child, "unknown_parent",
		    "The node %.*s names the parent %.*s, but there is no such node.",
		    CLIP(child->id_text), CLIP(child->parent_text));
	else if (child->parent != parent)
		import_warn(r, child, "two_parents",
		    "The node %.*s stays under %.*s, not under %.*s.", CLIP(child->id_text),
		    CLIP(child->parent->id_text), CLIP(parent->id_text));
	return OK;
}

/* NULL also for an edge that is no object or has no such end; the text is for the warning. */
static struct import_entry *
find_end(struct import_reader *r, struct span edge, const char *key, struct span *text)
{
	struct span value;

	*text = (struct span){ "", 0 };
	if (!json_find(edge, key, &value) || json_type(value) != JSON_STRING)
		return NULL;
	*text = json_text(&r->arena, value);
	return import_find(r, *text);
}

/* An edge counts where neither children nor parents say anything about its target. */
static enum error
link_edge(struct import_reader *r, struct span edge)
{
	struct span source_text, target_text;
	struct import_entry *source = find_end(r, edge, "source", &source_text);
	struct import_entry *target = find_end(r, edge, "target", &target_text);

	if (!source || !target)
		import_warn(r, target, "edge_ignored",
		    "The edge from %.*s to %.*s is dropped: there is no such node.",
		    CLIP(source_text), CLIP(target_text));
	else if (source == target)
		return refuse_cycle(r, target);
	else if (!target->parent)
		hang(source, target);
	else if (target->parent != source)
		import_warn(r, target, "edge_ignored",
		    "The node %.*s stays under %.*s, not under %.*s.", CLIP(target->id_text),
		    CLIP(target->parent->id_text), CLIP(source->id_text));
	return OK;
}

static enum error
link_edges(struct import_reader *r, struct span edges)
{
	struct span key, edge;
	struct json_iter iter;
	enum error err = OK;

	if (!edges.p || json_type(edges) == JSON_NULL)
		return OK;
	if (json_type(edges) != JSON_ARRAY)
		return refuse(r->why, ERROR_invalid_graph, "graph", "The edges are no list.");
	for (json_walk(&iter, edges); !err && json_next(&iter, &key, &edge);)
		err = link_edge(r, edge);
	return err;
}

enum error
import_link(struct import_reader *r, struct span edges)
{
	enum error err = OK;

	for (struct import_entry *e = r->read_first; e && !err; e = e->read_next)
		err = link_children(r, e);
	for (struct import_entry *e = r->read_first; e && !err; e = e->read_next)
		err = link_parent(r, e);
	if (!err)
		err = link_edges(r, edges);
	/* A list of roots gives their order; roots that it does not name come behind. */
	if (!err)
		err = link_children(r, &r->top);
	for (struct import_entry *e = r->read_first; e && !err; e = e->read_next)
		if (!e->parent)
			hang(&r->top, e);
	return err;
}

/* Some node of a cycle: whoever cannot be reached from the roots hangs on one or below it. */
static const struct import_entry *
find_in_cycle(const struct import_reader *r)
{
	const struct import_entry *at = r->read_first;

	while (at->content == NULL)
		at = at->read_next;
	for (size_t i = 0; i < r->n; i++)
		at = at->parent;
	return at;
}

/* Down to the first child, else on to the next sibling of the nearest ancestor that has one. */
static struct import_entry *
next_in_order(const struct import_reader *r, struct import_entry *at, size_t *depth)
{
	if (at->first) {
		++*depth;
		return at->first;
	}
	while (at != &r->top && !at->next) {
		at = at->parent;
		--*depth;
	}
	return at == &r->top ? NULL : at->next;
}

/* Parents first, siblings in order; who was not met hangs on a cycle. */
enum error
import_order(struct import_reader *r, struct import *out)
{
	size_t depth = 0;

	out->nodes = xcalloc(r->n, sizeof(*out->nodes));
	for (struct import_entry *e = r->top.first; e; e = next_in_order(r, e, &depth)) {
		struct import_node *node = &out->nodes[out->n++];
		if (depth > LIMIT_DEPTH)
			return refuse(r->why, ERROR_limit_depth, "graph",
			    "The node %.*s lies too deep.", CLIP(e->id_text));
		node->id = e->id;
		if (e->parent != &r->top)
			node->parent = e->parent->id;
		node->content = e->content;
		e->content = NULL;
	}
	return out->n < r->n ? refuse_cycle(r, find_in_cycle(r)) : OK;
}
