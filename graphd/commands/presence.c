#include "common/limits.h"
#include "graphd/dispatcher.h"
#include "graphd/new_node.h"

enum error
cmd_presence(struct call *c, const struct presence_args *a)
{
	struct announce_who who = { .actor = c->request->caller.actor,
		.client = a->client_id,
		.now_us = c->request->now_us };
	enum presence outcome;
	struct json_out *text;

	if (a->data.n > LIMIT_PRESENCE_BYTES)
		return refuse(c->why, ERROR_limit_value, "data", "Presence may have %d bytes.",
		    LIMIT_PRESENCE_BYTES);
	outcome = clients_presence(
	    c->dispatcher->clients, c->session, a->client_id, a->data, c->request->now_ms);
	if (outcome == PRESENCE_UNKNOWN_CLIENT)
		return refuse(c->why, ERROR_client_not_found, "client_id",
		    "No such client is in the session.");
	if (outcome == PRESENCE_LATER)
		return OK;
	text = announce_begin(c->outcome, EVENT_presence_update, c->session, false, &who);
	json_out_key(text, "data");
	json_out_minified(text, a->data);
	announce_end(c->outcome);
	return OK;
}
