#include "graphd/import_parts.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/clip.h"

#include <stdlib.h>

/* As deep as a request can make it, in which it stands one level deep at least, so that what was
 * exported comes in again. Members of a file lie three levels deep in meta_read()'s text. */
enum { VALUE_DEPTH = LIMIT_JSON_DEPTH - 1 };

void
import_uuid(struct span text, struct uuid *out)
{
	if (!uuid_parse(text, out))
		uuid_of_name(text, out);
}

bool
import_is_shallow(struct span value)
{
	size_t depth = 0;

	for (const char *at = value.p; at < value.p + value.n; at++) {
		if (*at == '"')
			while (*++at != '"')
				at += *at == '\\';
		else if ((*at == '{' || *at == '[') && ++depth > VALUE_DEPTH)
			return false;
		else if (*at == '}' || *at == ']')
			depth--;
	}
	return true;
}

/* In YAML a name may look like a number or like true, and counts as it is written. {NULL,0} for
 * what cannot be a name. */
static struct span
name_of(struct import_reader *r, struct span value)
{
	if (!value.p)
		return value;
	switch (json_type(value)) {
	case JSON_STRING:
		return json_text(&r->arena, value);
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_BOOL:
		return value;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return (struct span){ 0 };
}

static bool
is_text(struct span value)
{
	return value.p && json_type(value) == JSON_STRING;
}

/* Clients write null for what they do not know; it means the same as nothing. */
static bool
is_absent(struct span value)
{
	return !value.p || json_type(value) == JSON_NULL;
}

/* The id stands in the object, or is its key in a map; both must agree. */
static enum error
read_id(struct import_reader *r, struct import_draft *d, struct span map_key, size_t position)
{
	struct import_entry *entry = d->entry;
	struct span value = d->members[MEMBER_ID];

	if (!is_absent(value) && !is_text(value))
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "The id of node %zu of its list is no text.", position);
	entry->id_text = is_text(value) ? json_text(&r->arena, value) : map_key;
	if (entry->id_text.n == 0)
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "Node %zu of its list has no id.", position);
	if (map_key.p && !span_equal(map_key, entry->id_text))
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "The node %.*s stands under the key %.*s.", CLIP(entry->id_text),
		    CLIP(map_key));
	import_uuid(entry->id_text, &entry->id);
	if (table_find(&r->by_id, &entry->id))
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "The node %.*s stands there twice.", CLIP(entry->id_text));
	if (r->n == LIMIT_NODES)
		return refuse(r->why, ERROR_limit_nodes, "graph",
		    "The graph has more than %d nodes.", LIMIT_NODES);
	return OK;
}

/* From here on the reader owns the entry's content, whatever happens next. */
static void
keep_entry(struct import_reader *r, struct import_entry *entry)
{
	table_add(&r->by_id, entry);
	*(r->read_last ? &r->read_last->read_next : &r->read_first) = entry;
	r->read_last = entry;
	r->n++;
}

/* The plain id of a type that the text names by its uuid; else the text. */
static struct span
translate_type(const struct blueprint *b, struct span type)
{
	for (size_t i = 0; b && type.n == UUID_TEXT && i < b->n_types; i++)
		if (strncasecmp(b->types[i].uuid, type.p, UUID_TEXT) == 0)
			return span_of(b->types[i].id);
	return type;
}

static struct span
translate_property(const struct node_type *t, struct span key)
{
	for (size_t i = 0; t && key.n == UUID_TEXT && i < t->n_properties; i++)
		if (strncasecmp(t->properties[i].uuid, key.p, UUID_TEXT) == 0)
			return span_of(t->properties[i].id);
	return key;
}

/* Three spellings occur, sometimes two in one node: what the editor draws, and what the node is. */
static enum error
read_type(struct import_reader *r, const struct import_draft *d, struct content *out)
{
	struct span value = { 0 }, type;

	for (int m = MEMBER_BLUEPRINT_TYPE_ID; m <= MEMBER_TYPE && is_absent(value); m++)
		value = d->members[m];
	type = is_text(value) ? json_text(&r->arena, value) : (struct span){ 0 };
	if (type.n == 0)
		return refuse(r->why, ERROR_invalid_graph, "graph", "The node %.*s has no type.",
		    CLIP(d->entry->id_text));
	if (type.n > LIMIT_TYPE_BYTES)
		return refuse(r->why, ERROR_limit_value, "graph",
		    "The type of node %.*s is too long.", CLIP(d->entry->id_text));
	for (int m = MEMBER_BLUEPRINT_TYPE_ID; m <= MEMBER_TYPE; m++)
		if (!is_absent(d->members[m]) && !span_equal(d->members[m], value))
			import_warn(r, d->entry, "type_ignored",
			    "Node %.*s names two types; %.*s counts.", CLIP(d->entry->id_text),
			    CLIP(type));
	out->type = xspandup(translate_type(r->blueprint, type));
	return OK;
}

/* Keys of the properties that a node has so far: comparing each with all others would take the
 * square of their number. */
struct keys {
	struct table table; /* struct span */
	struct span keys[LIMIT_PROPERTIES];
};

static bool
is_taken(const struct keys *taken, struct span key)
{
	return table_find(&taken->table, &key) != NULL;
}

/* The value is stored as it was written but for white space: numbers keep their digits. */
static enum error
read_property(struct import_reader *r, const struct import_draft *d, struct span key,
    struct span value, struct keys *taken, struct content *out)
{
	struct json_out json = { 0 };
	struct property *p = &out->properties[out->n_properties];
	struct span plain =
	    translate_property(blueprint_type(r->blueprint, out->type), json_key(&r->arena, key));

	/* A property under its plain id and under its uuid: the first one has the id. */
	if (is_taken(taken, plain))
		plain = json_key(&r->arena, key);
	if (is_taken(taken, plain)) {
		import_warn(r, d->entry, "repeated_property",
		    "The second value of property %.*s of node %.*s is dropped.", CLIP(plain),
		    CLIP(d->entry->id_text));
		return OK;
	}
	json_out_minified(&json, value);
	if (json.n > LIMIT_VALUE_BYTES || !import_is_shallow(value)) {
		json_out_fini(&json);
		return refuse(r->why, ERROR_limit_value, "graph",
		    "The property %.*s of node %.*s is too large.", CLIP(plain),
		    CLIP(d->entry->id_text));
	}
	p->key = xspandup(plain);
	p->value = xspandup(json_out_span(&json));
	taken->keys[out->n_properties] = (struct span){ p->key, plain.n };
	table_add(&taken->table, &taken->keys[out->n_properties++]);
	json_out_fini(&json);
	return OK;
}

static enum error
read_properties(struct import_reader *r, const struct import_draft *d, struct content *out)
{
	struct span value = d->members[MEMBER_PROPERTIES], key, member;
	struct json_iter iter;
	struct keys taken;
	enum error err = OK;
	size_t n = 0;

	if (is_absent(value))
		return OK;
	if (json_type(value) != JSON_OBJECT)
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "The properties of node %.*s are no object.", CLIP(d->entry->id_text));
	for (json_walk(&iter, value); json_next(&iter, &key, &member);)
		n++;
	if (n > LIMIT_PROPERTIES)
		return refuse(r->why, ERROR_limit_properties, "graph",
		    "The node %.*s has more than %d properties.", CLIP(d->entry->id_text),
		    LIMIT_PROPERTIES);
	out->properties = n ? xcalloc(n, sizeof(*out->properties)) : NULL;
	table_init(&taken.table, 0, 0);
	for (json_walk(&iter, value); !err && json_next(&iter, &key, &member);)
		err = read_property(r, d, key, member, &taken, out);
	table_fini(&taken.table);
	return err;
}

/* The text of the property "name"; empty when there is none. */
static struct span
name_property(struct import_reader *r, const struct content *c)
{
	for (uint32_t i = 0; i < c->n_properties; i++)
		if (strcmp(c->properties[i].key, "name") == 0)
			return name_of(r, span_of(c->properties[i].value));
	return (struct span){ 0 };
}

/* A name that is given counts even when it is empty; the other places only when they say something.
 */
static enum error
read_name(struct import_reader *r, const struct import_draft *d, struct content *out)
{
	struct span given = name_of(r, d->members[MEMBER_NAME]), name = given;

	if (!given.p)
		name = name_property(r, out);
	if (!given.p && !name.n)
		name = name_of(r, d->members[MEMBER_LABEL]);
	if (!name.p)
		name = span_of(out->type);
	if (name.n > LIMIT_NAME_BYTES)
		return refuse(r->why, ERROR_limit_value, "graph",
		    "The name of node %.*s is too long.", CLIP(d->entry->id_text));
	out->name = xspandup(name);
	return OK;
}

/* A member that is a text or nothing. What it cannot be is left out, and said. */
static char *
read_optional(struct import_reader *r, const struct import_draft *d, enum import_member member,
    const char *key)
{
	struct span value = d->members[member];

	if (is_absent(value))
		return NULL;
	if (is_text(value) && value.n <= LIMIT_TYPE_BYTES)
		return xspandup(json_text(&r->arena, value));
	import_warn(r, d->entry, "member_ignored",
	    "The %s of node %.*s is left out: it is no short text.", key, CLIP(d->entry->id_text));
	return NULL;
}

/* null says nothing: older editors wrote it into nodes that an edge puts under a parent. */
static enum error
read_parent(struct import_reader *r, const struct import_draft *d)
{
	struct span value = d->members[MEMBER_PARENT_ID];

	if (is_absent(value))
		value = d->members[MEMBER_PARENT_ID_CAMEL];
	if (is_absent(value))
		return OK;
	if (!is_text(value))
		return refuse(r->why, ERROR_invalid_graph, "graph",
		    "The parent_id of node %.*s is no text.", CLIP(d->entry->id_text));
	d->entry->parent_text = json_text(&r->arena, value);
	return OK;
}

/* An indicator that follows from a property, or half of one, is not kept: it would stay behind when
 * the property changes. */
static void
forget_found_indicator(const struct blueprint *b, struct content *c)
{
	const struct option *option;
	const char *set;

	if (!b || !blueprint_indicator(b, c, &set, &option))
		return;
	if (c->indicator_id &&
	    (!option->indicator_id || strcmp(c->indicator_id, option->indicator_id) != 0))
		return;
	if (c->indicator_set && strcmp(c->indicator_set, set) != 0)
		return;
	free(c->indicator_id);
	free(c->indicator_set);
	c->indicator_id = c->indicator_set = NULL;
}

enum error
import_read_content(
    struct import_reader *r, struct import_draft *d, struct span map_key, size_t position)
{
	struct content *c;
	enum error err = read_id(r, d, map_key, position);

	if (err)
		return err;
	keep_entry(r, d->entry);
	c = d->entry->content = xcalloc(1, sizeof(*c));
	err = read_type(r, d, c);
	if (!err)
		err = read_properties(r, d, c);
	if (!err)
		err = read_name(r, d, c);
	if (!err)
		err = read_parent(r, d);
	if (err)
		return err;
	if (d->extra.n > LIMIT_VALUE_BYTES)
		return refuse(r->why, ERROR_limit_value, "graph",
		    "The unknown members of node %.*s are too large.", CLIP(d->entry->id_text));
	c->indicator_id = read_optional(r, d, MEMBER_INDICATOR_ID, "indicator_id");
	c->indicator_set = read_optional(r, d, MEMBER_INDICATOR_SET, "indicator_set");
	forget_found_indicator(r->blueprint, c);
	c->icon_id = read_optional(r, d, MEMBER_ICON_ID, "icon_id");
	c->extra = d->extra.n ? xspandup(json_out_span(&d->extra)) : NULL;
	return OK;
}
