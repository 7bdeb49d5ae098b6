#include "graphd/call.h"

enum error
cmd_get_graph(struct call *c, const struct get_graph_args *a)
{
	const struct session *s = c->session;

	(void)a;
	if (uuid_is_nil(&s->meta.project_id))
		return ERROR_no_project;
	call_tree(c, "\"graph\":{\"roots\":[", s->graph, s->blueprint, NULL, -1, "]}}");
	return OK;
}
