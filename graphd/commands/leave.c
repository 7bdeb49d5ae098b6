#include "graphd/dispatcher.h"

static void
announce(struct call *c, struct span client_id)
{
	struct announce_who who = {
		.actor = c->request->caller.actor, .client = client_id, .now_us = c->request->now_us
	};

	announce_client(c->outcome, EVENT_session_disconnected, c->session, &who);
}

enum error
cmd_leave(struct call *c, const struct leave_args *a)
{
	struct client_leave leave = {
		.client_id = a->client_id,
		.gateway = c->request->caller.gateway,
		.connection = a->connection == ARG_ABSENT ? 0 : (uint64_t)a->connection,
		.everywhere = a->connection == ARG_ABSENT,
		.may_return = a->away == 1,
		.now_ms = c->request->now_ms,
	};

	switch (clients_leave(c->dispatcher->clients, c->session, &leave)) {
	case LEAVE_UNKNOWN:
		return refuse(c->why, ERROR_client_not_found, "client_id",
		    "No such client is in the session.");
	case LEAVE_GONE:
		announce(c, a->client_id);
		break;
	case LEAVE_STAYS:
		break;
	}
	json_out_key(c->result, "active_clients");
	json_out_uint(c->result, c->session->n_clients);
	return OK;
}
