#include "graphd/projects.h"

enum error
cmd_get_project(struct call *c, const struct get_project_args *a)
{
	struct project_view view = { 0 };
	struct json_out *out = c->result;
	enum error err = saved_read(c->sessions, &a->project_id, &view.saved);
	const struct saved *saved = &view.saved;

	if (err)
		return err;
	json_out_key(out, "project_id");
	json_out_uuid(out, &saved->id);
	json_out_key(out, "name");
	json_out_string(out, saved->name);
	json_out_key(out, "template_id");
	json_out_string(out, saved->template_id);
	json_out_key(out, "revision");
	json_out_uint(out, saved->revision);
	json_out_key(out, "saved_at");
	json_out_time(out, saved->saved_us);
	call_tree(c, "\"graph\":{\"roots\":[", project_view_take_graph(c, &view),
	    saved->session->blueprint, NULL, -1, "]}}");
	project_view_fini(&view);
	return OK;
}
