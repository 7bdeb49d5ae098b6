#include "common/limits.h"
#include "graphd/new_node.h"
#include "graphd/projects.h"

static enum error
add_root(struct call *c, struct session *s, struct span name)
{
	struct edit edit = { .kind = EDIT_ADD };
	enum error err = new_node(c, s->blueprint, span_of(s->blueprint->types[0].id), name,
	    (struct span){ NULL, 0 }, &edit.content);

	if (err)
		return err;
	uuid_random(&edit.node);
	err = session_edit(s, &edit);
	/* There is nothing yet that anybody would lose. */
	return err ? err : session_edit(s, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_CLEAN });
}

static enum error
make(struct call *c, const struct create_project_args *a, struct meta *meta)
{
	struct session *s;
	enum error err = call_validation(c, "validation", a->validation, &meta->strict);

	if (!err)
		err = project_target(c, &a->session_id, &s);
	if (!err)
		err = project_begin(c, s, meta);
	if (!err)
		err = add_root(c, s, a->project_name);
	if (err)
		return err;
	json_out_key(c->result, "project_id");
	json_out_uuid(c->result, &meta->project_id);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &s->id);
	call_graph(c, s);
	return OK;
}

enum error
cmd_create_project(struct call *c, const struct create_project_args *a)
{
	const struct blueprint *b =
	    blueprints_find(sessions_blueprints(c->sessions), a->template_id);
	struct meta meta = { 0 };
	enum error err = call_text(c, "project_name", a->project_name, LIMIT_NAME_BYTES);

	if (err)
		return err;
	if (!b || b->n_types == 0)
		return refuse(
		    c->why, ERROR_invalid_template, "template_id", "There is no such template.");
	uuid_random(&meta.project_id);
	meta.project_name = arena_text(c->arena, a->project_name);
	meta.template_id = arena_text(c->arena, a->template_id);
	return make(c, a, &meta);
}
