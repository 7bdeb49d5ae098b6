#include "graphd/audit.h"

#include "common/span.h"

static const char *
kind_name(enum step_kind kind)
{
	switch (kind) {
	case STEP_DO:
		return "do";
	case STEP_UNDO:
		return "undo";
	case STEP_REDO:
		return "redo";
	case STEP_MARK:
		break;
	}
	return "mark";
}

static const char *
mark_name(enum mark mark)
{
	switch (mark) {
	case MARK_CREATED:
		return "created";
	case MARK_SAVED:
		return "saved";
	case MARK_LOADED:
		return "loaded";
	case MARK_CLEAN:
		return "clean";
	case MARK_CLOSED:
		break;
	}
	return "closed";
}

static void
write_place(struct json_out *out, const struct place *place)
{
	json_out_key(out, "parent_id");
	json_out_uuid(out, &place->parent);
	json_out_key(out, "index");
	json_out_uint(out, place->index);
}

static void
write_content(struct json_out *out, const struct content *c)
{
	if (!c)
		return;
	json_out_key(out, "blueprint_type_id");
	json_out_string(out, c->type);
	content_write(out, c);
}

/* One side of an edit; null when the node was not there. */
static void
write_node_side(struct json_out *out, const char *key, bool there, const struct place *place,
    const struct content *content)
{
	json_out_key(out, key);
	if (!there) {
		json_out_null(out);
		return;
	}
	json_out_open(out, '{');
	write_place(out, place);
	write_content(out, content);
	json_out_close(out, '}');
}

static void
write_node_edit(struct json_out *out, const char *name, const struct edit *e)
{
	json_out_string(out, name);
	json_out_key(out, "node_id");
	json_out_uuid(out, &e->node);
	write_node_side(out, "before", e->kind != EDIT_ADD, &e->before, e->content);
	write_node_side(out, "after", e->kind != EDIT_REMOVE, &e->after, e->content);
}

/* A name that does not stand among the properties is the node's own all the same. */
static void
write_value(struct json_out *out, const char *key, const char *json, const char *name)
{
	json_out_key(out, key);
	if (json || !name)
		json_out_raw(out, span_of(json));
	else
		json_out_string(out, name);
}

static void
write_values(struct json_out *out, const struct edit *e)
{
	write_value(out, "before", e->value_before, e->name_before);
	write_value(out, "after", e->value_after, e->name_after);
}

static void
write_property_edit(struct json_out *out, const struct edit *e)
{
	json_out_string(out, "property");
	json_out_key(out, "node_id");
	json_out_uuid(out, &e->node);
	json_out_key(out, "property_id");
	json_out_string(out, e->key);
	write_values(out, e);
}

static void
write_mark(struct json_out *out, const struct edit *e)
{
	json_out_string(out, "mark");
	json_out_key(out, "mark");
	json_out_string(out, mark_name(e->mark));
}

static void
write_edit(struct json_out *out, const struct edit *e)
{
	json_out_open(out, '{');
	json_out_key(out, "edit");
	switch (e->kind) {
	case EDIT_ADD:
		write_node_edit(out, "add", e);
		break;
	case EDIT_REMOVE:
		write_node_edit(out, "remove", e);
		break;
	case EDIT_MOVE:
		write_node_edit(out, "move", e);
		break;
	case EDIT_PROPERTY:
		write_property_edit(out, e);
		break;
	case EDIT_META:
		json_out_string(out, "project");
		write_values(out, e);
		break;
	case EDIT_MARK:
		write_mark(out, e);
		break;
	}
	json_out_close(out, '}');
}

void
audit_write(struct json_out *out, const struct step *step)
{
	json_out_open(out, '{');
	json_out_key(out, "seq");
	json_out_uint(out, step->last_seq);
	json_out_key(out, "first_seq");
	json_out_uint(out, step->first_seq);
	json_out_key(out, "command_id");
	json_out_uuid(out, &step->command_id);
	json_out_key(out, "command_type");
	json_out_string(out, step->type < COMMANDS ? command_rows[step->type].name : NULL);
	json_out_key(out, "kind");
	json_out_string(out, kind_name(step->kind));
	json_out_key(out, "target_id");
	json_out_uuid(out, &step->target_id);
	json_out_key(out, "actor");
	json_out_string(out, step->actor);
	json_out_key(out, "client_id");
	json_out_string(out, step->client_id);
	json_out_key(out, "timestamp");
	json_out_time(out, step->time_us);
	json_out_key(out, "edits");
	json_out_open(out, '[');
	for (size_t i = 0; i < step->n_edits; i++)
		write_edit(out, &step->edits[i]);
	json_out_close(out, ']');
	json_out_close(out, '}');
}
