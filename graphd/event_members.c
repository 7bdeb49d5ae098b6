#include "graphd/event_members.h"

#include "graphd/put.h"

static void
member_uuid(struct json_out *out, const char *key, const struct uuid *id)
{
	put_chars(out, key);
	put_uuid(out, id);
}

static void
member_text(struct json_out *out, const char *key, const char *text)
{
	put_chars(out, key);
	put_text(out, text);
}

static void
put_properties(struct json_out *out, const struct content *c, const char *name)
{
	const char *comma = "";

	put_byte(out, '{');
	if (name) {
		put_literal(out, "\"name\":");
		put_text(out, name);
		comma = ",";
	}
	for (uint32_t i = 0; i < c->n_properties; i++, comma = ",") {
		put_chars(out, comma);
		put_text(out, c->properties[i].key);
		put_byte(out, ':');
		put_json(out, c->properties[i].value);
	}
	put_byte(out, '}');
}

static bool
has_name_property(const struct content *c)
{
	for (uint32_t i = 0; i < c->n_properties; i++)
		if (strcmp(c->properties[i].key, "name") == 0)
			return true;
	return false;
}

/* What an imported node has besides. Of most nodes there is nothing, and nothing is said. */
static void
put_imported(struct json_out *out, const struct content *c)
{
	if (c->icon_id)
		member_text(out, ",\"icon_id\":", c->icon_id);
	if (c->indicator_id)
		member_text(out, ",\"indicator_id\":", c->indicator_id);
	if (c->indicator_set)
		member_text(out, ",\"indicator_set\":", c->indicator_set);
	if (c->extra && *c->extra) {
		put_byte(out, ',');
		put_chars(out, c->extra);
	}
}

/* The same node again in the shape that existing clients read. */
static void
put_node(struct json_out *out, const struct edit *e)
{
	const struct content *c = e->content;

	member_uuid(out, ",\"node\":{\"id\":", &e->node);
	member_text(out, ",\"type\":", c->type);
	member_text(out, ",\"blueprint_type_id\":", c->type);
	member_text(out, ",\"name\":", c->name);
	member_uuid(out, ",\"parent_id\":", &e->after.parent);
	put_literal(out, ",\"properties\":");
	put_properties(out, c, has_name_property(c) ? NULL : c->name);
	put_literal(out, ",\"children\":[]");
	put_imported(out, c);
	put_byte(out, '}');
}

void
event_put_added(struct json_out *out, const struct edit *e)
{
	member_uuid(out, ",\"node_id\":", &e->node);
	member_uuid(out, ",\"id\":", &e->node);
	member_text(out, ",\"name\":", e->content->name);
	member_text(out, ",\"blueprint_type_id\":", e->content->type);
	member_uuid(out, ",\"parent_id\":", &e->after.parent);
	put_literal(out, ",\"index\":");
	put_uint(out, e->after.index);
	put_literal(out, ",\"properties\":");
	put_properties(out, e->content, NULL);
	put_node(out, e);
}

void
event_put_removed(struct json_out *out, const struct edit *e)
{
	member_uuid(out, ",\"node_id\":", &e->node);
	member_uuid(out, ",\"id\":", &e->node);
	member_uuid(out, ",\"parent_id\":", &e->before.parent);
}

void
event_put_link(struct json_out *out, enum event event, const struct uuid *parent,
    const struct uuid *child, uint32_t index)
{
	if (event == EVENT_node_moved)
		member_uuid(out, ",\"node_id\":", child);
	member_uuid(out, ",\"parent_id\":", parent);
	if (event != EVENT_node_moved)
		member_uuid(out, ",\"child_id\":", child);
	put_literal(out, ",\"index\":");
	put_uint(out, index);
}

/* A name that does not stand among the properties is the node's own all the same. */
static void
put_value(struct json_out *out, const char *json, const char *name)
{
	if (json || !name)
		put_json(out, json);
	else
		put_text(out, name);
}

void
event_put_property(struct json_out *out, const struct edit *e)
{
	bool remains = e->value_after || e->name_after;

	member_uuid(out, ",\"node_id\":", &e->node);
	member_text(out, ",\"property_id\":", e->key);
	member_text(out, ",\"property_name\":", e->key);
	if (remains) {
		put_literal(out, ",\"new_value\":");
		put_value(out, e->value_after, e->name_after);
	}
	put_literal(out, ",\"old_value\":");
	put_value(out, e->value_before, e->name_before);
	if (remains)
		put_literal(out, ",\"index\":");
	if (e->value_after)
		put_uint(out, e->property_index);
	else if (remains)
		put_literal(out, "null");
}

/* A whole object is opened first. */
void
event_put_details(struct json_out *out, const struct edit *e)
{
	struct span s = span_of(e->value_after);

	if (s.n >= 2 && s.p[0] == '{')
		s = (struct span){ s.p + 1, s.n - 2 };
	if (s.n == 0)
		return;
	put_byte(out, ',');
	put_bytes(out, s.p, s.n);
}

void
event_put_command(struct json_out *out, enum event event, const struct step *step)
{
	member_text(out,
	    ",\"command_type\":", step->type < COMMANDS ? command_rows[step->type].name : NULL);
	if (event != EVENT_command_executed)
		return;
	put_literal(out, ",\"result\":");
	put_json(out, step->result);
	put_literal(out, ",\"success\":true,\"error\":null");
}
