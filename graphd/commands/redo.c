#include "graphd/call.h"

enum error
cmd_redo(struct call *c, const struct redo_args *a)
{
	struct history_entry *entry;
	struct step_request request;
	const char *actor;
	struct uuid target = { 0 };
	enum error err = call_scope(c, a->scope, &actor);

	if (err)
		return err;
	call_step_request(c, STEP_REDO, &request);
	err = session_redo(c->session, &request, actor, &entry, c->why);
	if (err)
		return err;
	if (entry)
		target = entry->command_id;
	sessions_bind(c->sessions, c->session);
	json_out_key(c->result, "command_id");
	json_out_uuid(c->result, &target);
	return OK;
}
