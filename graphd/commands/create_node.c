#include "graphd/call.h"
#include "graphd/new_node.h"
#include "graphd/rules.h"

static enum error
add(struct call *c, const struct uuid *id, const struct create_node_args *a, uint32_t index)
{
	const struct node *parent = graph_find(c->session->graph, &a->parent_id);
	struct edit edit = { .kind = EDIT_ADD, .node = *id };
	enum error err = new_node(
	    c, c->session->blueprint, a->blueprint_type_id, a->name, a->properties, &edit.content);

	if (err)
		return err;
	err = rules_check_node(c->session, id, edit.content, parent, c->why);
	if (err) {
		content_free(edit.content);
		return err;
	}
	edit.after.parent = a->parent_id;
	edit.after.index = index;
	return session_edit(c->session, &edit);
}

enum error
cmd_create_node(struct call *c, const struct create_node_args *a)
{
	const struct node *parent;
	struct uuid id = a->node_id;
	uint32_t index;
	enum error err = call_index(c, "index", a->index, &index);

	if (!err && !uuid_is_nil(&a->parent_id))
		err = call_node(c, "parent_id", &a->parent_id, &parent);
	if (!err && !uuid_is_nil(&id) && graph_find(c->session->graph, &id))
		err = refuse(
		    c->why, ERROR_node_exists, "node_id", "The id is taken by another node.");
	if (uuid_is_nil(&id))
		uuid_random(&id);
	if (!err)
		err = add(c, &id, a, index);
	if (err)
		return err;
	c->made = id;
	json_out_key(c->result, "node_id");
	json_out_uuid(c->result, &id);
	return OK;
}
