#include "graphd/step.h"

#include "graphd/ancestry.h"
#include "graphd/event_count.h"
#include "graphd/put.h"

/* What is the same in all events of a step is written once: before the seq, and behind it. */
struct encoder {
	const struct step *step;
	struct json_out body, common;
	size_t common_n; /* bytes of common before the seq */
	uint64_t seq;	 /* of the next event */
	uint64_t after;
	struct paths *paths; /* NULL: they are not wanted, or not known */
	struct path path;    /* of the event that is being made */
	step_event_fn *fn;
	void *context;
	bool stopped;
};

static void
write_common(struct encoder *enc)
{
	const struct step *step = enc->step;
	struct json_out *out = &enc->common;

	put_literal(out, "{\"session_id\":");
	put_uuid(out, &step->session);
	put_literal(out, ",\"project_id\":");
	put_uuid(out, &step->project_id);
	put_literal(out, ",\"timestamp\":");
	json_out_time(out, step->time_us);
	put_literal(out, ",\"seq\":");
	enc->common_n = out->n;
	if (step->actor) {
		put_literal(out, ",\"actor\":");
		put_text(out, step->actor);
	}
	if (step->client_id) {
		put_literal(out, ",\"client_id\":");
		put_text(out, step->client_id);
	}
}

static void
begin_about(struct encoder *enc, const struct uuid *command_id)
{
	struct json_out *out = &enc->body;

	json_out_clear(out);
	put_bytes(out, enc->common.bytes, enc->common_n);
	put_uint(out, enc->seq);
	if (!uuid_is_nil(command_id)) {
		put_literal(out, ",\"command_id\":");
		put_uuid(out, command_id);
	}
	put_bytes(out, enc->common.bytes + enc->common_n, enc->common.n - enc->common_n);
}

static void
begin(struct encoder *enc)
{
	begin_about(enc, &enc->step->command_id);
}

static void
finish(struct encoder *enc, enum event event)
{
	struct step_event told = { .event = event, .seq = enc->seq, .path = enc->path };

	put_byte(&enc->body, '}');
	told.body = json_out_span(&enc->body);
	if (!enc->fn(enc->context, &told))
		enc->stopped = true;
	enc->seq++;
}

/* What comes next is about that node, below that parent. Events that are left out are looked at
 * too: the last one of the step happened where all of them did. */
static void
place(struct encoder *enc, const struct uuid *node, const struct uuid *parent)
{
	if (enc->paths)
		enc->path = paths_under(enc->paths, node, parent);
}

/* Whether the event with the next seq is to be left out; it is passed over then. */
static bool
is_skipped(struct encoder *enc)
{
	if (enc->stopped || enc->seq > enc->after)
		return enc->stopped;
	enc->seq++;
	return true;
}

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

static void
tell_added(struct encoder *enc, const struct edit *e)
{
	struct json_out *out = &enc->body;

	if (is_skipped(enc))
		return;
	begin(enc);
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
	finish(enc, EVENT_node_created);
}

static void
tell_removed(struct encoder *enc, const struct edit *e)
{
	if (is_skipped(enc))
		return;
	begin(enc);
	member_uuid(&enc->body, ",\"node_id\":", &e->node);
	member_uuid(&enc->body, ",\"id\":", &e->node);
	member_uuid(&enc->body, ",\"parent_id\":", &e->before.parent);
	finish(enc, EVENT_node_deleted);
}

static void
tell_link(struct encoder *enc, enum event event, const struct uuid *parent,
    const struct uuid *child, uint32_t index)
{
	const char *child_key = event == EVENT_node_moved ? ",\"node_id\":" : ",\"child_id\":";

	if (is_skipped(enc))
		return;
	begin(enc);
	if (event == EVENT_node_moved) {
		member_uuid(&enc->body, child_key, child);
		member_uuid(&enc->body, ",\"parent_id\":", parent);
	} else {
		member_uuid(&enc->body, ",\"parent_id\":", parent);
		member_uuid(&enc->body, child_key, child);
	}
	put_literal(&enc->body, ",\"index\":");
	put_uint(&enc->body, index);
	finish(enc, event);
}

/* Between two parents a node is the first root for a moment: that place exists in any forest. */
static void
tell_moved(struct encoder *enc, const struct edit *e)
{
	bool linked = !uuid_is_nil(&e->after.parent);

	place(enc, &e->node, &e->before.parent);
	if (!edit_changes_parent(e)) {
		tell_link(enc, EVENT_node_moved, &e->after.parent, &e->node, e->after.index);
		return;
	}
	if (!uuid_is_nil(&e->before.parent))
		tell_link(enc, EVENT_node_unlinked, &e->before.parent, &e->node,
		    linked ? 0 : e->after.index);
	if (!linked)
		return;
	place(enc, &e->node, &e->after.parent);
	tell_link(enc, EVENT_node_linked, &e->after.parent, &e->node, e->after.index);
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

static void
tell_property(struct encoder *enc, const struct edit *e)
{
	struct json_out *out = &enc->body;
	bool remains = e->value_after || e->name_after;

	if (is_skipped(enc))
		return;
	begin(enc);
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
	finish(enc, remains ? EVENT_property_changed : EVENT_property_deleted);
}

static void
tell_meta(struct encoder *enc, const struct edit *e)
{
	if (!edit_changes_project(e) || is_skipped(enc))
		return;
	begin(enc); /* project_id, all there is to tell, stands among the common members */
	finish(enc, EVENT_session_project_changed);
}

static enum event
event_of_mark(enum mark mark)
{
	switch (mark) {
	case MARK_SAVED:
		return EVENT_project_saved;
	case MARK_LOADED:
		return EVENT_project_loaded;
	case MARK_CLOSED:
		return EVENT_session_closed;
	case MARK_CREATED:
	case MARK_CLEAN:
		break;
	}
	return EVENTS;
}

/* Members behind others; a whole object is opened first. */
static void
put_members(struct json_out *out, const char *members)
{
	struct span s = span_of(members);

	if (s.n >= 2 && s.p[0] == '{')
		s = (struct span){ s.p + 1, s.n - 2 };
	if (s.n == 0)
		return;
	put_byte(out, ',');
	put_bytes(out, s.p, s.n);
}

static void
tell_mark(struct encoder *enc, const struct edit *e)
{
	if (!mark_has_event(e->mark) || is_skipped(enc))
		return;
	begin(enc);
	put_members(&enc->body, e->value_after);
	finish(enc, event_of_mark(e->mark));
}

static void
tell_edit(struct encoder *enc, const struct edit *e)
{
	switch (e->kind) {
	case EDIT_ADD:
		place(enc, &e->node, &e->after.parent);
		tell_added(enc, e);
		break;
	case EDIT_REMOVE:
		place(enc, &e->node, &e->before.parent);
		tell_removed(enc, e);
		break;
	case EDIT_MOVE:
		tell_moved(enc, e);
		break;
	case EDIT_PROPERTY:
		if (enc->paths)
			enc->path = paths_of(enc->paths, &e->node);
		tell_property(enc, e);
		break;
	case EDIT_META:
		enc->path = (struct path){ .n = 0 };
		tell_meta(enc, e);
		break;
	case EDIT_MARK:
		enc->path = (struct path){ .n = 0 };
		tell_mark(enc, e);
		break;
	}
	if (enc->paths)
		paths_pass(enc->paths);
}

/* It is the last one of the step, and comes with the part that holds it. */
static void
tell_closing(struct encoder *enc)
{
	enum event event = step_closing_event(enc->step);
	struct json_out *out = &enc->body;

	if (event == EVENTS || enc->seq > enc->step->last_seq || is_skipped(enc))
		return;
	enc->path = enc->paths ? paths_all(enc->paths) : (struct path){ .n = 0 };
	/* What was undone is the news; the undo's own id would tell nobody anything. */
	begin_about(
	    enc, event == EVENT_command_executed ? &enc->step->command_id : &enc->step->target_id);
	member_text(out, ",\"command_type\":",
	    enc->step->type < COMMANDS ? command_rows[enc->step->type].name : NULL);
	if (event == EVENT_command_executed) {
		put_literal(out, ",\"result\":");
		put_json(out, enc->step->result);
		put_literal(out, ",\"success\":true,\"error\":null");
	}
	finish(enc, event);
}

bool
step_part_events(
    const struct step *part, uint64_t after, struct paths *paths, step_event_fn *fn, void *context)
{
	struct encoder enc = { .step = part,
		.seq = part->first_seq,
		.after = after,
		.paths = paths,
		.fn = fn,
		.context = context };

	write_common(&enc);
	for (size_t i = 0; i < part->n_edits && !enc.stopped; i++)
		tell_edit(&enc, &part->edits[i]);
	tell_closing(&enc);
	json_out_fini(&enc.body);
	json_out_fini(&enc.common);
	return !enc.stopped;
}

void
step_events(
    const struct step *step, uint64_t after, bool with_paths, step_event_fn *fn, void *context)
{
	struct lineage *lineage = NULL;
	struct paths paths;

	if (step->last_seq <= after || step->last_seq + 1 == step->first_seq)
		return;
	with_paths &= step->has_ancestors;
	if (with_paths) {
		lineage = step->n_edits > 1 ? lineage_of(step) : NULL;
		paths_init(&paths, step, lineage);
	}
	step_part_events(step, after, with_paths ? &paths : NULL, fn, context);
	if (with_paths)
		paths_fini(&paths);
	lineage_free(lineage);
}
