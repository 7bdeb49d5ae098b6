#include "graphd/archive.h"
#include "graphd/import.h"
#include "graphd/projects.h"

enum error
cmd_export_project(struct call *c, const struct export_project_args *a)
{
	bool native = !a->format.p || span_is(a->format, "native");
	struct json_out file = { 0 };
	struct project_view view;
	enum error err;

	if (!native && !span_is(a->format, "predecessor"))
		return refuse(c->why, ERROR_invalid_request, "format",
		    "format must be native or predecessor.");
	err = project_view(c, &a->project_id, &view);
	if (err)
		return err;
	if (native)
		err = archive_write(c, project_view_session(&view), a->history == 1, &file);
	else
		export_predecessor(project_view_session(&view), &file);
	if (!err) {
		json_out_key(c->result, "file");
		json_out_raw(c->result, json_out_span(&file));
	}
	json_out_fini(&file);
	project_view_fini(&view);
	return err;
}
