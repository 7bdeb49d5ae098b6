#include "graphd/call.h"

struct page {
	struct json_out *out;
	struct uuid after, last; /* after nil: from the first */
	size_t left, total;
	bool begun, more;
};

static bool
write_project(void *context, const struct store_project *project)
{
	struct page *p = context;

	p->total++;
	if (!p->begun) {
		p->begun = uuid_equal(&project->id, &p->after);
		return true;
	}
	if (p->left == 0) {
		p->more = true;
		return true;
	}
	p->left--;
	p->last = project->id;
	json_out_open(p->out, '{');
	json_out_key(p->out, "project_id");
	json_out_uuid(p->out, &project->id);
	json_out_key(p->out, "name");
	json_out_string(p->out, project->name);
	json_out_key(p->out, "template_id");
	json_out_string(p->out, project->template_id);
	json_out_key(p->out, "revision");
	json_out_uint(p->out, project->revision);
	json_out_key(p->out, "saved_at");
	json_out_time(p->out, project->saved_us);
	json_out_close(p->out, '}');
	return true;
}

enum error
cmd_list_projects(struct call *c, const struct list_projects_args *a)
{
	struct store *store = sessions_store(c->sessions);
	struct page page = { .out = c->result, .begun = !a->cursor.p };
	enum error err = call_count(c, "limit", a->limit, 1000, 10000, &page.left);

	if (!err && a->cursor.p && !uuid_parse(a->cursor, &page.after))
		err = refuse(c->why, ERROR_invalid_request, "cursor", "This is no cursor of ours.");
	if (err)
		return err;
	json_out_key(c->result, "projects");
	json_out_open(c->result, '[');
	err = store->ops->projects(store, write_project, &page);
	json_out_close(c->result, ']');
	json_out_key(c->result, "total");
	json_out_uint(c->result, page.total);
	json_out_key(c->result, "next_cursor");
	json_out_uuid(c->result, page.more ? &page.last : &(struct uuid){ 0 });
	return err;
}
