#include "graphd/call.h"

enum error
cmd_delete_node(struct call *c, const struct delete_node_args *a)
{
	const struct graph *graph = c->session->graph;
	size_t before = graph_count(graph);
	const struct node *top;
	enum error err = call_node(c, "node_id", &a->node_id, &top);

	if (!err)
		err = session_remove(c->session, top);
	if (err)
		return err;
	c->made = a->node_id;
	json_out_key(c->result, "node_id");
	json_out_uuid(c->result, &a->node_id);
	json_out_key(c->result, "deleted");
	json_out_uint(c->result, before - graph_count(graph));
	return OK;
}
