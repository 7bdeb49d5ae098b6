#include "graphd/import_parts.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/clip.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Nested nodes are read in one pass: skipping each object to find its members and then reading its
 * children again would take depth times the size of the text. So this walks the text itself;
 * it was scanned before and is well-formed.
 */
struct cursor {
	const char *at;
};

/* A list of nodes or children, or a node object. */
struct level {
	bool is_node;
	bool is_map;	 /* a list whose elements have their ids as keys */
	size_t position; /* list: elements so far. node: its position in the list around it */
	struct span map_key;
	struct import_entry *owner; /* list: whose children; NULL: of nobody */
	struct import_draft draft;
};

/* Lists and nodes take turns, beginning with a list. */
enum { LEVELS = 2 * (LIMIT_DEPTH + 1) + 1 };

struct walk {
	struct import_reader *reader;
	struct cursor c;
	struct level *levels;
	size_t depth;
};

/* Commas and colons stand where they must in text that was scanned, and tell nothing more. */
static void
skip_space(struct cursor *c)
{
	while (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r' ||
	    *c->at == ',' || *c->at == ':')
		c->at++;
}

/* From the opening quote to behind the closing one. */
static void
skip_text(struct cursor *c)
{
	for (c->at++; *c->at != '"'; c->at++)
		if (*c->at == '\\')
			c->at++;
	c->at++;
}

static struct span
take_text(struct cursor *c)
{
	const char *start = c->at;

	skip_text(c);
	return (struct span){ start, (size_t)(c->at - start) };
}

static void
skip_container(struct cursor *c)
{
	size_t depth = 0;

	do {
		if (*c->at == '"') {
			skip_text(c);
			continue;
		}
		if (*c->at == '{' || *c->at == '[')
			depth++;
		else if (*c->at == '}' || *c->at == ']')
			depth--;
		c->at++;
	} while (depth);
}

/* Numbers and words end before the next token; within a container there is always one. */
static struct span
take_value(struct cursor *c)
{
	const char *start = c->at;

	if (*c->at == '"')
		return take_text(c);
	if (*c->at == '{' || *c->at == '[')
		skip_container(c);
	else
		c->at += strcspn(c->at, ",]} \t\r\n");
	return (struct span){ start, (size_t)(c->at - start) };
}

/* The next member's name, decoded. */
static struct span
take_key(struct import_reader *r, struct cursor *c)
{
	struct span key = take_text(c);

	skip_space(c);
	return json_key(&r->arena, (struct span){ key.p + 1, key.n - 2 });
}

static bool
is_children(struct span key)
{
	return span_is(key, "children") || span_is(key, "child_ids") || span_is(key, "childIds");
}

/* MEMBERS: one that is computed anew, from what our own tree shows. */
static bool
find_member(struct span key, enum import_member *out)
{
	static const struct {
		const char *key;
		enum import_member member;
	} known[] = {
		{ "id", MEMBER_ID },
		{ "blueprint_type_id", MEMBER_BLUEPRINT_TYPE_ID },
		{ "blueprintType", MEMBER_BLUEPRINT_TYPE },
		{ "type", MEMBER_TYPE },
		{ "name", MEMBER_NAME },
		{ "label", MEMBER_LABEL },
		{ "properties", MEMBER_PROPERTIES },
		{ "parent_id", MEMBER_PARENT_ID },
		{ "parentId", MEMBER_PARENT_ID_CAMEL },
		{ "indicator_id", MEMBER_INDICATOR_ID },
		{ "indicator_set", MEMBER_INDICATOR_SET },
		{ "icon_id", MEMBER_ICON_ID },
		{ "indicator", MEMBERS },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (span_is(key, known[i].key)) {
			*out = known[i].member;
			return true;
		}
	return false;
}

/* How a message names a node: by its id, where that stands before what is wrong. */
static struct span
words_for(struct import_reader *r, const struct level *node)
{
	struct span id = node->draft.members[MEMBER_ID];
	char text[CLIP_BYTES + 40];
	int n;

	if (!id.p)
		id = node->map_key;
	if (id.p)
		n = snprintf(text, sizeof(text), "node %.*s", CLIP(id));
	else
		n = snprintf(text, sizeof(text), "node %zu of its list", node->position);
	return span_of(arena_text(&r->arena, (struct span){ text, (size_t)n }));
}

static enum error
take_member(struct walk *w, struct import_draft *d, struct span key, size_t position)
{
	struct span value = take_value(&w->c);
	enum import_member member = MEMBERS;
	bool is_known = find_member(key, &member);

	if (!is_known && !import_is_shallow(value))
		return refuse(w->reader->why, ERROR_invalid_graph, "graph",
		    "The member %.*s of node %zu of its list is nested too deeply.", CLIP(key),
		    position);
	if (is_known && member < MEMBERS)
		d->members[member] = value;
	/* The label is the name only when there is no other, so it is kept as well. */
	if (!is_known || member == MEMBER_LABEL) {
		json_out_key_text(&d->extra, key);
		json_out_minified(&d->extra, value);
	}
	return OK;
}

static void
add_ref(
    struct import_reader *r, struct import_entry *owner, struct span id, struct import_entry *entry)
{
	struct import_ref *ref = arena_take(&r->arena, sizeof(*ref));

	*ref = (struct import_ref){ .id = id, .entry = entry };
	*(owner->refs_last ? &owner->refs_last->next : &owner->refs) = ref;
	owner->refs_last = ref;
}

/* The bracket under the cursor says whether the elements have keys. */
static void
open_list(struct walk *w, struct import_entry *owner)
{
	w->levels[w->depth++] = (struct level){ .is_map = *w->c.at == '{', .owner = owner };
	w->c.at++;
}

static enum error
open_node(struct walk *w, const struct level *list, struct span map_key)
{
	struct import_entry *entry;
	struct import_reader *r = w->reader;

	if (w->depth == LEVELS)
		return refuse(
		    r->why, ERROR_limit_depth, "graph", "The graph is nested too deeply.");
	entry = arena_take(&r->arena, sizeof(*entry));
	*entry = (struct import_entry){ 0 };
	if (list->owner)
		add_ref(r, list->owner, (struct span){ 0 }, entry);
	w->levels[w->depth++] = (struct level){
		.is_node = true,
		.position = list->position,
		.map_key = map_key,
		.draft.entry = entry,
	};
	w->c.at++;
	return OK;
}

/* Below the outermost list, lists are the children of the node one level up. */
static enum error
refuse_element(struct walk *w, const struct level *list)
{
	struct span owner = SPAN("the graph");

	if (w->depth > 1)
		owner = words_for(w->reader, list - 1);
	return refuse(w->reader->why, ERROR_invalid_graph, "graph",
	    "Element %zu of the list in %.*s is no node.", list->position, CLIP(owner));
}

/* The next element of a list, or its end. */
static enum error
step_list(struct walk *w, struct level *list)
{
	struct span key = { 0 };

	skip_space(&w->c);
	if (*w->c.at == ']' || *w->c.at == '}') {
		w->c.at++;
		w->depth--;
		return OK;
	}
	list->position++;
	if (list->is_map)
		key = take_key(w->reader, &w->c);
	if (*w->c.at == '{')
		return open_node(w, list, key);
	if (*w->c.at != '"' || !list->owner)
		return refuse_element(w, list);
	add_ref(w->reader, list->owner, json_text(&w->reader->arena, take_text(&w->c)), NULL);
	return OK;
}

/* The next member of a node, or its end. */
static enum error
step_node(struct walk *w, struct level *node)
{
	struct span key, value, words;
	enum error err;

	skip_space(&w->c);
	if (*w->c.at == '}') {
		w->c.at++;
		w->depth--;
		err = import_read_content(w->reader, &node->draft, node->map_key, node->position);
		json_out_fini(&node->draft.extra);
		return err;
	}
	key = take_key(w->reader, &w->c);
	if (!is_children(key))
		return take_member(w, &node->draft, key, node->position);
	if (*w->c.at == '[') {
		open_list(w, node->draft.entry);
		return OK;
	}
	value = take_value(&w->c);
	if (span_is(value, "null"))
		return OK;
	words = words_for(w->reader, node);
	return refuse(w->reader->why, ERROR_invalid_graph, "graph",
	    "The children of %.*s are no list.", CLIP(words));
}

/* All state is in w.levels, so no depth of nesting costs stack. */
enum error
import_read_nodes(struct import_reader *r, struct span container, bool roots)
{
	struct walk w = { .reader = r, .c.at = container.p };
	enum error err = OK;

	w.levels = xcalloc(LEVELS, sizeof(*w.levels));
	open_list(&w, roots ? &r->top : NULL);
	while (w.depth && !err) {
		struct level *level = &w.levels[w.depth - 1];
		err = level->is_node ? step_node(&w, level) : step_list(&w, level);
	}
	for (size_t i = 0; i < w.depth; i++)
		json_out_fini(&w.levels[i].draft.extra);
	free(w.levels);
	return err;
}
