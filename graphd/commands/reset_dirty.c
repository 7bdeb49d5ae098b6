#include "graphd/call.h"

enum error
cmd_reset_dirty(struct call *c, const struct reset_dirty_args *a)
{
	struct edit edit = { .kind = EDIT_MARK, .mark = MARK_CLEAN };
	enum error err = OK;

	(void)a;
	if (session_is_dirty(c->session)) {
		call_begin(c, c->session, STEP_MARK);
		err = session_edit(c->session, &edit);
	}
	json_out_key(c->result, "success");
	json_out_bool(c->result, true);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &c->session->id);
	json_out_key(c->result, "is_dirty");
	json_out_bool(c->result, false);
	return err;
}
