#include "tests/bench/guard.h"

#include "common/json_out.h"
#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "graphd/dispatch.h"
#include "graphd/lifecycle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { UPDATES = 500, EDITS = 100, READS = 5, REREADS = 50, SLICE_BYTES = 128 * 1024 };

struct domain {
	struct loop *loop;
	struct store *store;
	struct blueprints *blueprints;
	struct sessions *sessions;
	struct dispatcher *dispatcher;
	struct uuid session;
	size_t n_nodes;
	uint64_t now_us, reply_bytes, n_events, n_commits;
	struct outcome outcome;
	struct json_out args, step;
};

/* Names from numbers, so that each run has the same ids and hence the same tables. */
static struct uuid
node_id_of(size_t i)
{
	char text[32];
	struct uuid id;
	int n = snprintf(text, sizeof text, "node %zu", i);

	uuid_of_name((struct span){ text, (size_t)n }, &id);
	return id;
}

static bool
count_event(void *context, const struct step_event *e)
{
	struct domain *d = context;

	assert(e->body.n > 0);
	d->n_events++;
	return true;
}

static void
on_committed(void *context, enum error error, bool fatal)
{
	struct domain *d = context;

	(void)fatal;
	assert(error == OK);
	d->n_commits++;
}

/* What the server does with an outcome, without its sockets: store, commit, events. */
static void
settle(struct domain *d, struct step *step)
{
	uint64_t commits = d->n_commits;

	if (step) {
		json_out_clear(&d->step);
		step_encode(step, &d->step);
		d->store->ops->append(d->store,
		    &(struct store_step){ .session = step->session,
			.ordinal = step->ordinal,
			.first_seq = step->first_seq,
			.last_seq = step->last_seq,
			.time_us = step->time_us,
			.bytes = json_out_span(&d->step) });
	}
	d->store->ops->commit(d->store, on_committed, d);
	while (d->n_commits == commits)
		loop_turn(d->loop, -1);
	if (!step)
		return;
	d->outcome.session->durable_seq = step->last_seq;
	session_settled(d->outcome.session, step->ordinal);
	step_events(step, 0, true, count_event, d);
}

/* The arguments are what d->args holds. */
static void
ask(struct domain *d, enum command command)
{
	struct request request = { .command = command,
		.session = d->session,
		.caller = { .actor = SPAN("guard"), .minimal = true },
		.args = json_out_span(&d->args),
		.now_us = d->now_us += 1000 };

	request.now_ms = d->now_us / 1000;
	dispatch(d->dispatcher, &request, &d->outcome);
	assert(d->outcome.error == OK);
	while (
	    d->outcome.tree_active && !tree_write(&d->outcome.tree, &d->outcome.body, SLICE_BYTES))
		;
	d->reply_bytes += d->outcome.body.n;
	if (d->outcome.step || d->outcome.stores)
		settle(d, d->outcome.step);
}

/* Begins the next arguments; a member follows. */
static struct json_out *
new_args(struct domain *d)
{
	outcome_clear(&d->outcome);
	json_out_clear(&d->args);
	json_out_open(&d->args, '{');
	return &d->args;
}

static void
add_text(struct json_out *args, const char *name, const char *text)
{
	json_out_key(args, name);
	json_out_string(args, text);
}

static void
add_node(struct json_out *args, const char *name, size_t i)
{
	struct uuid id = node_id_of(i);

	json_out_key(args, name);
	json_out_uuid(args, &id);
}

static void
ask_args(struct domain *d, enum command command)
{
	json_out_close(&d->args, '}');
	ask(d, command);
}

static void
create_session(struct domain *d)
{
	new_args(d);
	add_text(&d->args, "template_id", "restomod");
	add_text(&d->args, "project_name", "Guard");
	ask_args(d, COMMAND_create_project);
	d->session = d->outcome.session->id;
}

/* A node under another one, each with up to ten children. */
static void
create_node(struct domain *d, size_t i)
{
	struct json_out *args = new_args(d);

	add_text(args, "blueprint_type_id", "task");
	add_node(args, "node_id", i);
	if (i)
		add_node(args, "parent_id", (i - 1) / 10);
	ask_args(d, COMMAND_create_node);
}

void *
guard_commands_begin(size_t n_nodes)
{
	struct domain *d = xcalloc(1, sizeof *d);
	char message[256];

	d->loop = loop_new();
	d->store = store_open("memory", d->loop, message);
	d->blueprints = blueprints_open(TEMPLATES_DIRECTORY);
	assert(d->store && d->blueprints);
	d->sessions = sessions_new(d->store, d->blueprints);
	d->dispatcher = dispatcher_new(d->sessions, LIMIT_GRACE_MS);
	d->now_us = 1700000000000000;
	d->n_nodes = n_nodes;
	outcome_init(&d->outcome);
	create_session(d);
	for (size_t i = 0; i < n_nodes; i++)
		create_node(d, i);
	return d;
}

static void
update_property(struct domain *d, size_t i)
{
	struct json_out *args = new_args(d);
	char value[32];

	snprintf(value, sizeof value, "value %zu", i);
	add_node(args, "node_id", i * 7919 % d->n_nodes);
	add_text(args, "property_id", "notes");
	add_text(args, "value", value);
	ask_args(d, COMMAND_update_property);
}

void
guard_commands_update(void *domain)
{
	for (size_t i = 0; i < UPDATES; i++)
		update_property(domain, i);
}

/* Nodes made, moved and deleted, all of it undone, and half of that done again. */
void
guard_commands_edit(void *domain)
{
	struct domain *d = domain;

	for (size_t i = 0; i < EDITS; i++)
		create_node(d, d->n_nodes + i);
	for (size_t i = 0; i < EDITS; i += 2) {
		struct json_out *args = new_args(d);

		add_node(args, "node_id", d->n_nodes + i);
		add_node(args, "new_parent_id", i % 10);
		ask_args(d, COMMAND_move_node);
	}
	for (size_t i = 1; i < EDITS; i += 2) {
		add_node(new_args(d), "node_id", d->n_nodes + i);
		ask_args(d, COMMAND_delete_node);
	}
	for (size_t i = 0; i < 2 * EDITS; i++) {
		new_args(d);
		ask_args(d, COMMAND_undo);
	}
	for (size_t i = 0; i < EDITS; i++) {
		new_args(d);
		ask_args(d, COMMAND_redo);
	}
}

void
guard_commands_read(void *domain)
{
	struct domain *d = domain;

	for (size_t i = 0; i < READS; i++) {
		new_args(d);
		ask_args(d, COMMAND_get_tree);
	}
}

/* The whole graph after each of some changes. */
void
guard_commands_reread(void *domain)
{
	struct domain *d = domain;

	for (size_t i = 0; i < REREADS; i++) {
		update_property(d, i);
		new_args(d);
		ask_args(d, COMMAND_get_tree);
	}
}

void
guard_commands_end(void *domain)
{
	struct domain *d = domain;

	outcome_fini(&d->outcome);
	json_out_fini(&d->args);
	json_out_fini(&d->step);
	dispatcher_free(d->dispatcher);
	sessions_free(d->sessions);
	blueprints_free(d->blueprints);
	d->store->ops->close(d->store);
	loop_free(d->loop);
	free(d);
}
