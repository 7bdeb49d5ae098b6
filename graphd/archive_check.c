#include "graphd/archive_check.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/utf8.h"
#include "graphd/session.h"

static bool
is_text(const char *text, size_t max_bytes)
{
	return !text || (strlen(text) <= max_bytes && utf8_is_valid(span_of(text)));
}

/* Values are spliced into answers and events, where white space would stand for a member. */
static bool
is_minified(struct span json)
{
	struct json_out out = { 0 };
	bool same;

	json_out_minified(&out, json);
	same = span_equal(json_out_span(&out), json);
	json_out_fini(&out);
	return same;
}

/* Absent counts as sound: which values must be there, the graph knows. */
static bool
is_value(const char *json, size_t max_bytes)
{
	const struct json_bounds bounds = {
		.depth = 2 * LIMIT_DEPTH,
		.values = LIMIT_JSON_IMPORT_VALUES,
		.text_bytes = LIMIT_IMPORT_BYTES,
		.key_bytes = LIMIT_IMPORT_BYTES,
	};

	return !json ||
	    (strlen(json) <= max_bytes && json_scan(span_of(json), &bounds, NULL) == JSON_OK &&
		is_minified(span_of(json)));
}

/* What answers and events say of a node themselves: said twice it would mean two things. */
static bool
says_what_is_said(struct span object)
{
	static const char *const taken[] = { "id", "type", "blueprint_type_id", "name",
		"properties", "children", "parent_id", "indicator_id", "indicator_set", "indicator",
		"icon_id" };
	struct span value;

	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (json_find(object, taken[i], &value))
			return true;
	return false;
}

/* The unknown members of a node, without their braces. */
static bool
are_members(const char *members)
{
	struct json_out object = { 0 };
	char *text;
	bool sound;

	if (!members)
		return true;
	json_out_bytes(&object, SPAN("{"));
	json_out_bytes(&object, span_of(members));
	json_out_bytes(&object, (struct span){ "}", 2 });
	text = object.bytes;
	sound = is_value(text, LIMIT_IMPORT_BYTES) && !says_what_is_said(span_of(text));
	json_out_fini(&object);
	return sound;
}

static bool
is_content(const struct content *c)
{
	if (!c)
		return true;
	for (uint32_t i = 0; i < c->n_properties; i++)
		if (!is_text(c->properties[i].key, LIMIT_JSON_KEY_BYTES) ||
		    !c->properties[i].value || !is_value(c->properties[i].value, LIMIT_VALUE_BYTES))
			return false;
	return c->type && c->name && is_text(c->type, LIMIT_TYPE_BYTES) &&
	    is_text(c->name, LIMIT_NAME_BYTES) && is_text(c->icon_id, LIMIT_NAME_BYTES) &&
	    is_text(c->indicator_id, LIMIT_NAME_BYTES) &&
	    is_text(c->indicator_set, LIMIT_NAME_BYTES) && are_members(c->extra);
}

/* What a session is told of its project. */
static bool
is_meta(struct span json)
{
	struct meta meta;
	bool sound = meta_read(json, &meta) && is_text(meta.project_name, LIMIT_NAME_BYTES);

	meta_fini(&meta);
	return sound;
}

/* Spliced into answers and events: objects only, and of a mark what its event tells besides what
 * all events do. The value is JSON. */
static bool
are_details(const struct edit *e)
{
	static const char *const told[][2] = {
		[MARK_SAVED] = { "revision" },
		[MARK_LOADED] = { "graph", "graph_omitted" },
		[MARK_CLOSED] = { "reason" },
	};
	struct span details = span_of(e->value_after), key, value;
	struct json_iter it;

	if (!details.p || (e->kind != EDIT_META && e->kind != EDIT_MARK))
		return true;
	if (e->kind == EDIT_META)
		return is_meta(details);
	if (json_type(details) != JSON_OBJECT)
		return false;
	json_walk(&it, details);
	while (json_next(&it, &key, &value))
		if (!(told[e->mark][0] && span_is(key, told[e->mark][0])) &&
		    !(told[e->mark][1] && span_is(key, told[e->mark][1])))
			return false;
	return true;
}

static bool
is_edit(const struct edit *e)
{
	size_t most = e->kind == EDIT_PROPERTY ? LIMIT_VALUE_BYTES : LIMIT_IMPORT_BYTES;

	/* Nil stands for no node. */
	if (e->kind != EDIT_META && e->kind != EDIT_MARK && uuid_is_nil(&e->node))
		return false;
	return is_text(e->key, LIMIT_JSON_KEY_BYTES) && is_value(e->value_before, most) &&
	    is_value(e->value_after, most) && is_text(e->name_before, LIMIT_NAME_BYTES) &&
	    is_text(e->name_after, LIMIT_NAME_BYTES) && is_content(e->content) && are_details(e);
}

bool
archive_is_sound(const struct step *step)
{
	for (size_t i = 0; i < step->n_edits; i++)
		if (!is_edit(&step->edits[i]))
			return false;
	return step->type < COMMANDS && is_text(step->actor, LIMIT_ACTOR_BYTES) &&
	    is_text(step->client_id, LIMIT_ACTOR_BYTES) &&
	    is_text(step->scope_owner, LIMIT_ACTOR_BYTES) &&
	    is_value(step->result, LIMIT_IMPORT_BYTES);
}
