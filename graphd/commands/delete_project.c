#include "graphd/dispatcher.h"

enum error
cmd_delete_project(struct call *c, const struct delete_project_args *a)
{
	struct store *store = sessions_store(c->sessions);
	uint64_t revision;
	enum error err =
	    projects_revision(c->dispatcher->projects, c->sessions, &a->project_id, &revision);

	if (err)
		return err;
	if (revision == 0)
		return ERROR_project_not_found;
	store->ops->drop_project(store, &a->project_id);
	c->outcome->stores = true;
	json_out_key(c->result, "success");
	json_out_bool(c->result, true);
	json_out_key(c->result, "project_id");
	json_out_uuid(c->result, &a->project_id);
	return OK;
}
