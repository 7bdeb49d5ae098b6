#include "graphd/call.h"
#include "graphd/rules.h"

enum error
cmd_delete_property(struct call *c, const struct delete_property_args *a)
{
	struct edit edit = { .kind = EDIT_PROPERTY, .node = a->node_id };
	const struct node *node;
	const char *key;
	enum error err = call_node(c, "node_id", &a->node_id, &node);

	if (err)
		return err;
	key = arena_text(c->arena, a->property_id);
	if (!node_property(node, key))
		return refuse(c->why, ERROR_property_not_found, "property_id",
		    "The node has no property of that id.");
	err =
	    rules_check_value(c->session, &a->node_id, node_content(node)->type, key, NULL, c->why);
	if (err)
		return err;
	edit.key = xstrdup(key);
	return session_edit(c->session, &edit);
}
