#include "graphd/dispatcher.h"

enum error
cmd_leave(struct call *c, const struct leave_args *a)
{
	struct announce_who who = { .actor = c->request->caller.actor,
		.client = a->client_id,
		.now_us = c->request->now_us };
	struct json_out *text;

	if (!clients_leave(c->dispatcher->clients, c->session, a->client_id))
		return refuse(c->why, ERROR_client_not_found, "client_id",
		    "No such client is in the session.");
	text = announce_begin(c->outcome, EVENT_session_disconnected, c->session, false, &who);
	json_out_key(text, "client_count");
	json_out_uint(text, c->session->n_clients);
	announce_end(c->outcome);
	json_out_key(c->result, "active_clients");
	json_out_uint(c->result, c->session->n_clients);
	return OK;
}
