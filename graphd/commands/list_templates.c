#include "graphd/call.h"

enum error
cmd_list_templates(struct call *c, const struct list_templates_args *a)
{
	struct json_out list = { 0 };

	(void)a;
	blueprints_list(sessions_blueprints(c->sessions), &list);
	json_out_members(c->result, (struct span){ list.bytes + 1, list.n - 2 });
	json_out_fini(&list);
	return OK;
}
