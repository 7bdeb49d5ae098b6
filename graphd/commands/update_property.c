#include "graphd/call.h"
#include "graphd/new_node.h"
#include "graphd/rules.h"

#include <stdlib.h>

static enum error
check(struct call *c, const struct node *node, struct edit *edit, struct span value)
{
	enum error err = OK;

	if (strcmp(edit->key, "name") == 0)
		err = new_node_name(c, "value", value, &edit->name_after);
	if (err)
		return err;
	return rules_check_value(c->session, &edit->node, node_content(node)->type, edit->key,
	    edit->value_after, c->why);
}

enum error
cmd_update_property(struct call *c, const struct update_property_args *a)
{
	struct span value = a->value.p ? a->value : a->new_value;
	struct edit edit = { .kind = EDIT_PROPERTY, .node = a->node_id };
	const struct node *node;
	enum error err = call_node(c, "node_id", &a->node_id, &node);

	if (!err && !value.p)
		err = refuse(c->why, ERROR_invalid_request, "value", "Missing value");
	if (!err)
		err = new_node_check_property(
		    c, "property_id", a->property_id, (struct span){ NULL, 0 });
	if (!err)
		err = new_node_check_property(c, "value", a->property_id, value);
	if (err)
		return err;
	edit.key = xspandup(a->property_id);
	edit.value_after = new_node_value(value);
	err = check(c, node, &edit, value);
	if (!err)
		return session_edit(c->session, &edit);
	edit_fini(&edit);
	return err;
}
