#include "graphd/call.h"

enum error
cmd_get_dirty(struct call *c, const struct get_dirty_args *a)
{
	(void)a;
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &c->session->id);
	json_out_key(c->result, "is_dirty");
	json_out_bool(c->result, session_is_dirty(c->session));
	return OK;
}
