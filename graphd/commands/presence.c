#include "common/limits.h"
#include "graphd/dispatcher.h"

enum error
cmd_presence(struct call *c, const struct presence_args *a)
{
	struct announce_who who = { .actor = c->request->caller.actor,
		.client = a->client_id,
		.now_us = c->request->now_us };
	enum presence outcome;

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
	announce_presence(c->outcome, c->session, &who, a->data);
	return OK;
}
