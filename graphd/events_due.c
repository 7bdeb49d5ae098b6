#include "graphd/events_due.h"

#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "proto/event_head.h"
#include "proto/wire.h"

#include <stdlib.h>

void
events_due_fini(struct events_due *due)
{
	free(due->list);
	free(due->paths);
	json_out_fini(&due->bodies);
	memset(due, 0, sizeof *due);
}

/* One great step must not pin its memory for good. */
void
events_due_clear(struct events_due *due)
{
	if (due->bodies.capacity > LIMIT_FRAME_BYTES) {
		events_due_fini(due);
		return;
	}
	due->n = due->n_paths = 0;
	json_out_clear(&due->bodies);
}

static void
add_path(struct events_due *due, struct path path)
{
	while (due->n_paths + path.n > due->paths_capacity) {
		due->paths_capacity = due->paths_capacity ? 2 * due->paths_capacity : 256;
		due->paths = xrealloc(due->paths, due->paths_capacity, sizeof *due->paths);
	}
	if (path.n > 0)
		memcpy(due->paths + due->n_paths, path.ids, path.n * sizeof *due->paths);
	due->n_paths += path.n;
}

struct due_event *
events_due_add(struct events_due *due, const struct session *s, const struct step_event *told,
    uint64_t time_us)
{
	struct due_event *e;

	if (due->n == due->capacity) {
		due->capacity = due->capacity ? 2 * due->capacity : 64;
		due->list = xrealloc(due->list, due->capacity, sizeof *due->list);
	}
	e = &due->list[due->n++];
	*e = (struct due_event){ .session = s->id,
		.log_id = s->log_id,
		.epoch = s->epoch,
		.seq = told->seq,
		.time_us = time_us,
		.event = told->event,
		.body_at = due->bodies.n,
		.body_n = told->body.n,
		.path_at = due->n_paths,
		.path_n = told->path.n };
	json_out_bytes(&due->bodies, told->body);
	add_path(due, told->path);
	return e;
}

struct path
events_due_path(const struct events_due *due, const struct due_event *e)
{
	return (struct path){ due->paths + e->path_at, e->path_n };
}

struct span
events_due_body(const struct events_due *due, const struct due_event *e)
{
	return (struct span){ due->bodies.bytes + e->body_at, e->body_n };
}

struct adding {
	struct events_due *due;
	const struct session *session;
	const struct step *step;
};

static bool
add_event(void *context, const struct step_event *told)
{
	struct adding *a = context;

	events_due_add(a->due, a->session, told, a->step->time_us)->flags = WIRE_DURABLE;
	return true;
}

void
events_due_add_step(struct events_due *due, const struct session *s, const struct step *step)
{
	struct adding adding = { due, s, step };
	size_t first = due->n;
	struct due_event *began, *ended;

	step_events(step, 0, true, add_event, &adding);
	if (first == 0 || due->n == first)
		return;
	began = &due->list[first - 1];
	ended = &due->list[due->n - 1];
	if (began->event == EVENT_command_executing && ended->event == EVENT_command_executed &&
	    uuid_equal(&began->session, &ended->session)) {
		began->path_at = ended->path_at;
		began->path_n = ended->path_n;
	}
}

/*
 * More events than a subscriber's queue holds would be lost on their way, and he would read them
 * from the journal after all; and all others would wait meanwhile.
 */
static bool
has_too_many(const struct step *step)
{
	return step->last_seq + 1 - step->first_seq > LIMIT_STEP_EVENTS;
}

void
events_due_add_later(struct events_due *due, const struct session *s, const struct step *step)
{
	struct step_event none = { .event = EVENTS, .seq = step->last_seq };
	struct due_event *e;

	if (has_too_many(step))
		none.event = EVENT_sync;
	e = events_due_add(due, s, &none, step->time_us);
	if (none.event == EVENT_sync)
		return;
	e->of = s;
	e->step = step;
}

static void
write_properties(struct json_out *out, const struct content *content)
{
	json_out_open(out, '{');
	json_out_key(out, "name");
	json_out_string(out, content->name);
	for (uint32_t i = 0; i < content->n_properties; i++) {
		if (strcmp(content->properties[i].key, "name") == 0)
			continue;
		json_out_key_text(out, span_of(content->properties[i].key));
		json_out_raw(out, span_of(content->properties[i].value));
	}
	json_out_close(out, '}');
}

static void
write_children(struct json_out *out, const struct node *parent)
{
	const struct node *child = node_first_child(parent);

	json_out_open(out, '[');
	for (int n = 0; child && n < LIMIT_CHILDREN_SHOWN; child = node_next(child), n++)
		json_out_uuid(out, node_id(child));
	json_out_close(out, ']');
}

static void
write_node(struct json_out *out, const struct node *node)
{
	const struct content *content = node_content(node);
	const struct node *parent = node_parent(node);

	json_out_open(out, '{');
	json_out_key(out, "id");
	json_out_uuid(out, node_id(node));
	json_out_key(out, "type");
	json_out_string(out, content->type);
	json_out_key(out, "blueprint_type_id");
	json_out_string(out, content->type);
	json_out_key(out, "name");
	json_out_string(out, content->name);
	json_out_key(out, "parent_id");
	if (parent)
		json_out_uuid(out, node_id(parent));
	else
		json_out_null(out);
	json_out_key(out, "properties");
	write_properties(out, content);
	json_out_key(out, "children");
	write_children(out, node);
	json_out_close(out, '}');
}

static void
write_updated_head(
    struct json_out *out, const struct session *s, const struct step *step, const struct node *node)
{
	struct event_head head = { .session = &s->id,
		.project = &step->project_id,
		.time_us = step->time_us,
		.seq = step->last_seq,
		.command_id = &step->command_id,
		.actor = span_of(step->actor),
		.client_id = span_of(step->client_id) };

	json_out_open(out, '{');
	event_head_write(out, &head);
	json_out_key(out, "id");
	json_out_uuid(out, node_id(node));
	json_out_key(out, "node");
}

/* It is not kept in the journal, so what is too long for the bus could not be read there either. */
static void
write_updated(
    struct json_out *out, const struct session *s, const struct step *step, const struct node *node)
{
	bool is_too_long;

	write_updated_head(out, s, step, node);
	write_node(out, node);
	is_too_long = out->n > LIMIT_EVENT_BYTES;
	if (is_too_long) {
		json_out_clear(out);
		write_updated_head(out, s, step, node);
		json_out_null(out);
	}
	json_out_key(out, "node_omitted");
	json_out_bool(out, is_too_long);
	json_out_close(out, '}');
}

static struct path
path_of_node(const struct node *node, struct uuid ids[LIMIT_DEPTH + 1])
{
	size_t n = 0;

	for (; node; node = node_parent(node))
		ids[n++] = *node_id(node);
	return (struct path){ ids, n };
}

/* Each parent once, in the order in which they were first touched; those deleted since are left
 * out. */
static void
add_parent(struct adding *a, struct table *told, const struct uuid *parent, struct json_out *body)
{
	struct step_event news = { .event = EVENT_node_updated, .seq = a->step->last_seq };
	struct uuid ids[LIMIT_DEPTH + 1];
	const struct node *node;

	if (uuid_is_nil(parent) || table_find(told, parent))
		return;
	table_add(told, (void *)(uintptr_t)parent);
	node = graph_find(a->session->graph, parent);
	if (!node)
		return;
	json_out_clear(body);
	write_updated(body, a->session, a->step, node);
	news.body = json_out_span(body);
	news.path = path_of_node(node, ids);
	events_due_add(a->due, a->session, &news, a->step->time_us)->flags = WIRE_DASH_ONLY;
}

void
events_due_add_parents(struct events_due *due, const struct session *s, const struct step *step)
{
	struct adding adding = { due, s, step };
	struct json_out body = { 0 };
	struct table told;

	if (has_too_many(step))
		return;
	table_init(&told, 0, UUID_BYTES);
	for (size_t i = 0; i < step->n_edits; i++) {
		const struct edit *edit = &step->edits[i];

		if (edit->kind == EDIT_REMOVE || edit->kind == EDIT_MOVE)
			add_parent(&adding, &told, &edit->before.parent, &body);
		if (edit->kind == EDIT_ADD || edit->kind == EDIT_MOVE)
			add_parent(&adding, &told, &edit->after.parent, &body);
	}
	table_fini(&told);
	json_out_fini(&body);
}
