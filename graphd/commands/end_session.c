#include "graphd/call.h"
#include "graphd/upkeep.h"

enum error
cmd_end_session(struct call *c, const struct end_session_args *a)
{
	enum error err;

	(void)a;
	call_begin(c, c->session, STEP_MARK);
	err = upkeep_close(c->session, "deleted");
	json_out_key(c->result, "success");
	json_out_bool(c->result, true);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &c->session->id);
	return err;
}
