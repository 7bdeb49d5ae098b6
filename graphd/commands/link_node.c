#include "graphd/call.h"
#include "graphd/rules.h"

enum error
cmd_link_node(struct call *c, const struct link_node_args *a)
{
	const struct node *parent, *child;
	uint32_t index;
	enum error err = call_node(c, "parent_id", &a->parent_id, &parent);

	if (!err)
		err = call_node(c, "child_id", &a->child_id, &child);
	if (!err)
		err = call_index(c, "index", a->index, &index);
	if (err)
		return err;
	/* Said again, it asks for what is so already. */
	if (call_is_there(child, parent, a->index))
		return OK;
	if (node_is_below(parent, child))
		return refuse(
		    c->why, ERROR_would_cycle, "parent_id", "The parent is below the child.");
	err =
	    rules_check_place(c->session, &a->child_id, node_content(child)->type, parent, c->why);
	return err ? err : call_move(c, &a->child_id, &a->parent_id, index);
}
