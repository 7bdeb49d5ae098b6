#include "graphd/projects.h"

static enum error
load(struct call *c, const struct saved *saved, struct session *s, bool live)
{
	enum error err = project_begin(c, s, &saved->session->meta);

	if (!err)
		err = project_copy(saved->session->graph, s);
	if (!err && live)
		err = project_loaded(s);
	if (!err)
		err = session_edit(s, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_CLEAN });
	return err;
}

static void
write_reply(struct call *c, const struct saved *saved, const struct session *s)
{
	json_out_key(c->result, "project_id");
	json_out_uuid(c->result, &saved->id);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &s->id);
	json_out_key(c->result, "revision");
	json_out_uint(c->result, saved->revision);
	call_graph(c, s);
}

enum error
cmd_open_project(struct call *c, const struct open_project_args *a)
{
	struct saved saved;
	struct session *s;
	struct store *store = c->is_aside ? c->store : sessions_store(c->sessions);
	enum error err = saved_read_from(store, &a->project_id, &saved);

	if (err)
		return err;
	err = project_target(c, &a->session_id, &s);
	if (!err)
		err = load(c, &saved, s, !uuid_is_nil(&a->session_id));
	if (!err)
		write_reply(c, &saved, s);
	saved_fini(&saved);
	return err;
}
