#include "graphd/call.h"

enum error
cmd_delete_node(struct call *c, const struct delete_node_args *a)
{
	const struct node *top, *next;
	uint64_t deleted = 0;
	enum error err = call_node(c, "node_id", &a->node_id, &top);

	if (err)
		return err;
	for (const struct node *n = graph_deepest_first(top); n; n = next) {
		struct edit edit = { .kind = EDIT_REMOVE, .node = *node_id(n) };

		next = n == top ? NULL : graph_walk_up(n, top);
		err = session_edit(c->session, &edit);
		if (err)
			return err;
		deleted++;
	}
	c->made = a->node_id;
	json_out_key(c->result, "node_id");
	json_out_uuid(c->result, &a->node_id);
	json_out_key(c->result, "deleted");
	json_out_uint(c->result, deleted);
	return OK;
}
