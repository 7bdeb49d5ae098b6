#include "graphd/call.h"

enum error
cmd_get_template(struct call *c, const struct get_template_args *a)
{
	const struct blueprint *b =
	    blueprints_find(sessions_blueprints(c->sessions), a->template_id);
	struct json_out schema = { 0 };

	if (!b)
		return refuse(
		    c->why, ERROR_template_not_found, "template_id", "There is no such template.");
	blueprint_schema(b, &schema);
	json_out_members(c->result, (struct span){ schema.bytes + 1, schema.n - 2 });
	json_out_fini(&schema);
	return OK;
}
