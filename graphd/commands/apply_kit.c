#include "common/limits.h"
#include "graphd/call.h"
#include "graphd/rules.h"

#include <stdlib.h>

/* One node to be made. The kit is read to its end first: the target may be inside it. */
struct copy {
	const struct node *of;
	struct content *content;
	struct uuid id, parent;
};

static size_t
count_below(const struct graph *g, const struct node *kit)
{
	size_t n = 0;

	for (const struct node *at = graph_walk(g, kit, kit); at; at = graph_walk(g, at, kit))
		n++;
	return n;
}

/* The walk gives parents first, so the last copies made stand above the next one. */
static void
collect(
    const struct graph *g, const struct node *kit, const struct uuid *target, struct copy *copies)
{
	const struct copy *above[LIMIT_DEPTH + 1];
	size_t n = 0, level = 0;

	for (const struct node *at = graph_walk(g, kit, kit); at; at = graph_walk(g, at, kit)) {
		struct copy *copy = &copies[n++];

		while (level > 0 && above[level - 1]->of != node_parent(at))
			level--;
		*copy = (struct copy){ .of = at, .content = content_copy(node_content(at)) };
		uuid_random(&copy->id);
		copy->parent = level > 0 ? above[level - 1]->id : *target;
		above[level++] = copy;
	}
}

static enum error
add(struct call *c, struct copy *copy, bool top, const struct node *target)
{
	struct edit edit = { .kind = EDIT_ADD, .node = copy->id, .content = copy->content };

	if (top) {
		enum error err =
		    rules_check_place(c->session, &copy->id, copy->content->type, target, c->why);
		if (err)
			return err;
		json_out_uuid(c->result, &copy->id);
	}
	copy->content = NULL;
	edit.after.parent = copy->parent;
	edit.after.index = UINT32_MAX;
	return session_edit(c->session, &edit);
}

static enum error
add_all(struct call *c, struct copy *copies, size_t n, const struct uuid *target_id)
{
	const struct node *target = graph_find(c->session->graph, target_id);
	enum error err = OK;

	json_out_key(c->result, "node_ids");
	json_out_open(c->result, '[');
	for (size_t i = 0; i < n && !err; i++)
		err = add(c, &copies[i], uuid_equal(&copies[i].parent, target_id), target);
	for (size_t i = 0; i < n; i++)
		content_free(copies[i].content);
	json_out_close(c->result, ']');
	json_out_key(c->result, "created");
	json_out_uint(c->result, n);
	return err;
}

enum error
cmd_apply_kit(struct call *c, const struct apply_kit_args *a)
{
	const struct node *target, *kit;
	struct graph *g = c->session->graph;
	struct copy *copies;
	size_t n;
	enum error err = call_node(c, "target_id", &a->target_id, &target);

	if (!err)
		err = call_node(c, "kit_root_id", &a->kit_root_id, &kit);
	if (err)
		return err;
	n = count_below(g, kit);
	if (graph_count(g) + n > LIMIT_NODES)
		return ERROR_limit_nodes;
	copies = xcalloc(n + 1, sizeof(*copies));
	collect(g, kit, &a->target_id, copies);
	err = add_all(c, copies, n, &a->target_id);
	free(copies);
	return err;
}
