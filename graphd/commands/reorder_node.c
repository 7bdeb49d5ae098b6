#include "graphd/call.h"

enum error
cmd_reorder_node(struct call *c, const struct reorder_node_args *a)
{
	const struct node *node;
	struct uuid parent = { 0 };
	uint32_t index;
	enum error err = call_node(c, "node_id", &a->node_id, &node);

	if (!err)
		err = call_index(c, "new_index", a->new_index, &index);
	if (err)
		return err;
	if (node_parent(node))
		parent = *node_id(node_parent(node));
	return call_move(c, &a->node_id, &parent, index);
}
