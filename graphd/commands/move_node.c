#include "graphd/call.h"
#include "graphd/rules.h"

enum error
cmd_move_node(struct call *c, const struct move_node_args *a)
{
	const struct node *parent = NULL, *node;
	uint32_t index;
	enum error err = call_node(c, "node_id", &a->node_id, &node);

	if (!err && !uuid_is_nil(&a->new_parent_id))
		err = call_node(c, "new_parent_id", &a->new_parent_id, &parent);
	if (!err)
		err = call_index(c, "index", a->index, &index);
	if (err)
		return err;
	if (call_is_there(node, parent, a->index))
		return OK;
	if (parent && node_is_below(parent, node))
		return refuse(c->why, ERROR_would_cycle, "new_parent_id",
		    "The new parent is below the node.");
	err = rules_check_place(c->session, &a->node_id, node_content(node)->type, parent, c->why);
	return err ? err : call_move(c, &a->node_id, &a->new_parent_id, index);
}
