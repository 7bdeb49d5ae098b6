#include "graphd/call.h"

enum error
cmd_create_session(struct call *c, const struct create_session_args *a)
{
	struct session *s;
	enum error err = call_new_session(c, &s);

	(void)a;
	if (err)
		return err;
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &s->id);
	return OK;
}
