#include "graphd/call.h"
#include "graphd/rules.h"

enum error
cmd_unlink_node(struct call *c, const struct unlink_node_args *a)
{
	static const struct uuid root;
	const struct node *parent, *child;
	enum error err = call_node(c, "parent_id", &a->parent_id, &parent);

	if (!err)
		err = call_node(c, "child_id", &a->child_id, &child);
	if (err)
		return err;
	if (node_parent(child) != parent)
		return refuse(c->why, ERROR_not_linked, "parent_id", "The child hangs elsewhere.");
	err = rules_check_place(c->session, &a->child_id, node_content(child)->type, NULL, c->why);
	return err ? err : call_move(c, &a->child_id, &root, UINT32_MAX);
}
