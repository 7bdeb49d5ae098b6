#include "graphd/projects.h"

enum error
cmd_get_node(struct call *c, const struct get_node_args *a)
{
	struct project_view view;
	const struct session *s;
	const struct node *node;
	enum error err = project_view(c, &a->project_id, &view);

	if (err)
		return err;
	s = project_view_session(&view);
	node = graph_find(s->graph, &a->node_id);
	if (node)
		call_tree(
		    c, "\"node\":", project_view_take_graph(c, &view), s->blueprint, node, -1, "}");
	else
		err = refuse(
		    c->why, ERROR_node_not_found, "node_id", "The project has no such node.");
	project_view_fini(&view);
	return err;
}
