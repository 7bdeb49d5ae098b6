#include "graphd/effort.h"

#include "common/json.h"

enum {
	FEW_NODES = 500, /* changed in about two milliseconds */
	FEW_BYTES = 64 * 1024,
	FEW_HISTORY_BYTES = 1024 * 1024,
};

typedef bool effort_fn(struct call *);

static bool
is_long_text(const struct call *c)
{
	return c->request->args.n > FEW_BYTES;
}

static bool
is_big(const struct call *c)
{
	return c->subject && graph_count(c->subject->graph) > FEW_NODES;
}

static struct span
argument(const struct call *c, const char *name)
{
	static const struct span none;

	return c->request->args.n ? json_find_text(c->arena, c->request->args, name) : none;
}

/* Below the node that the arguments name by that member. */
static bool
has_many_below(struct call *c, const char *member)
{
	const struct graph *g = c->session->graph;
	const struct node *top, *at;
	struct uuid id;
	size_t n = 0;

	if (!is_big(c) || !uuid_parse(argument(c, member), &id))
		return false;
	at = top = graph_find(g, &id);
	while (at && n++ < FEW_NODES)
		at = graph_walk(g, at, top);
	return at;
}

static bool
for_load_graph(struct call *c)
{
	return is_long_text(c) || is_big(c);
}

static bool
for_apply_kit(struct call *c)
{
	return has_many_below(c, "kit_root_id");
}

static bool
for_delete_node(struct call *c)
{
	return has_many_below(c, "node_id");
}

/* What a Batch may hold that changes many nodes. A kit that is applied to itself grows each time.
 */
static bool
for_batch(struct call *c)
{
	struct span commands, key, command, type;
	size_t n_kits = 0, n_deletions = 0;
	struct json_iter it;

	if (is_long_text(c))
		return true;
	if (c->request->args.n == 0 || !json_find(c->request->args, "commands", &commands) ||
	    json_type(commands) != JSON_ARRAY)
		return false;
	json_walk(&it, commands);
	while (json_next(&it, &key, &command)) {
		if (json_type(command) != JSON_OBJECT)
			continue;
		type = json_find_text(c->arena, command, "command_type");
		n_kits += span_is(type, command_rows[COMMAND_apply_kit].name);
		n_deletions += span_is(type, command_rows[COMMAND_delete_node].name);
	}
	return n_kits > 1 || (n_kits + n_deletions > 0 && is_big(c));
}

/* One of the actor's own is also compared with all that came later. */
static bool
for_taking_back(struct call *c, const struct history_entry *next)
{
	if (span_is(argument(c, "scope"), "mine"))
		return c->session->history.weight > FEW_HISTORY_BYTES;
	return next && next->n_edits > FEW_NODES;
}

static bool
for_undo(struct call *c)
{
	return for_taking_back(c, history_undo_next(&c->session->history, NULL));
}

static bool
for_redo(struct call *c)
{
	return for_taking_back(c, history_redo_next(&c->session->history, NULL));
}

/* One that is filled is emptied first. */
static bool
for_create_project(struct call *c)
{
	return is_big(c);
}

/* How big the saved project is only reading it will tell. */
static bool
for_open_project(struct call *c)
{
	return sessions_store(c->sessions)->ops->aside;
}

/* All others change one node at a time. */
static effort_fn *const efforts[COMMANDS] = {
	[COMMAND_load_graph] = for_load_graph,
	[COMMAND_apply_kit] = for_apply_kit,
	[COMMAND_delete_node] = for_delete_node,
	[COMMAND_batch] = for_batch,
	[COMMAND_undo] = for_undo,
	[COMMAND_redo] = for_redo,
	[COMMAND_create_project] = for_create_project,
	[COMMAND_open_project] = for_open_project,
};

bool
effort_is_great(struct call *c)
{
	effort_fn *fn = efforts[c->request->command];

	return fn && fn(c);
}
