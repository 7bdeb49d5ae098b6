/* Which events a step raises, in which order, under which seqs, and where each of them happened. */
#include "graphd/step.h"

#include "graphd/ancestry.h"
#include "graphd/event_count.h"
#include "graphd/event_members.h"
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

/* An event that says no more than its edit does. */
static void
tell(struct encoder *enc, enum event event, const struct edit *e,
    void (*put)(struct json_out *, const struct edit *))
{
	if (is_skipped(enc))
		return;
	begin(enc);
	put(&enc->body, e);
	finish(enc, event);
}

static void
tell_link(struct encoder *enc, enum event event, const struct uuid *parent,
    const struct uuid *child, uint32_t index)
{
	if (is_skipped(enc))
		return;
	begin(enc);
	event_put_link(&enc->body, event, parent, child, index);
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

static void
tell_mark(struct encoder *enc, const struct edit *e)
{
	if (mark_has_event(e->mark))
		tell(enc, event_of_mark(e->mark), e, event_put_details);
}

static void
tell_edit(struct encoder *enc, const struct edit *e)
{
	switch (e->kind) {
	case EDIT_ADD:
		place(enc, &e->node, &e->after.parent);
		tell(enc, EVENT_node_created, e, event_put_added);
		break;
	case EDIT_REMOVE:
		place(enc, &e->node, &e->before.parent);
		tell(enc, EVENT_node_deleted, e, event_put_removed);
		break;
	case EDIT_MOVE:
		tell_moved(enc, e);
		break;
	case EDIT_PROPERTY:
		if (enc->paths)
			enc->path = paths_of(enc->paths, &e->node);
		tell(enc,
		    e->value_after || e->name_after ? EVENT_property_changed
						    : EVENT_property_deleted,
		    e, event_put_property);
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

	if (event == EVENTS || enc->seq > enc->step->last_seq || is_skipped(enc))
		return;
	enc->path = enc->paths ? paths_all(enc->paths) : (struct path){ .n = 0 };
	/* What was undone is the news; the undo's own id would tell nobody anything. */
	begin_about(
	    enc, event == EVENT_command_executed ? &enc->step->command_id : &enc->step->target_id);
	event_put_command(&enc->body, event, enc->step);
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
