#include "graphd/call.h"
#include "graphd/reply.h"

static void
write_times(struct json_out *out, const struct session *s)
{
	json_out_key(out, "session_id");
	json_out_uuid(out, &s->id);
	json_out_key(out, "created_at");
	json_out_time(out, s->created_us);
	json_out_key(out, "last_activity");
	json_out_time(out, s->active_us);
	json_out_key(out, "active_clients");
	json_out_uint(out, s->n_clients);
}

static void
write_project(struct json_out *out, const struct session *s)
{
	json_out_key(out, "has_project");
	json_out_bool(out, !uuid_is_nil(&s->meta.project_id));
	json_out_key(out, "project_id");
	json_out_uuid(out, &s->meta.project_id);
	json_out_key(out, "template_id");
	json_out_string(out, s->meta.template_id);
}

enum error
cmd_get_session(struct call *c, const struct get_session_args *a)
{
	const struct session *s = c->session;
	struct json_out *out = c->result;

	(void)a;
	write_times(out, s);
	write_project(out, s);
	json_out_key(out, "undo_available");
	json_out_bool(out, session_can_undo(s));
	json_out_key(out, "redo_available");
	json_out_bool(out, session_can_redo(s));
	json_out_key(out, "node_count");
	json_out_uint(out, graph_count(s->graph));
	json_out_key(out, "is_dirty");
	json_out_bool(out, session_is_dirty(s));
	reply_state(out, s);
	return OK;
}
