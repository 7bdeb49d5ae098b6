#include "common/limits.h"
#include "graphd/dispatcher.h"

static void
announce(struct call *c, struct span client_id)
{
	struct announce_who who = {
		.actor = c->request->caller.actor, .client = client_id, .now_us = c->request->now_us
	};

	announce_client(c->outcome, EVENT_session_connected, c->session, &who);
}

enum error
cmd_join(struct call *c, const struct join_args *a)
{
	const struct request *req = c->request;
	struct client_facts facts = {
		.client_id = a->client_id,
		.actor = req->caller.actor,
		.gateway = req->caller.gateway,
		.connection = a->connection == ARG_ABSENT ? 0 : (uint64_t)a->connection,
		.again = a->back == 1,
		.quiet = a->quiet == 1,
		.now_us = req->now_us,
		.now_ms = req->now_ms,
	};
	bool is_news;
	enum error err = call_text(c, "client_id", a->client_id, LIMIT_ACTOR_BYTES);

	if (!err && facts.gateway.n > LIMIT_ACTOR_BYTES)
		err = refuse(
		    c->why, ERROR_invalid_request, "gateway", "The gateway's id is too long.");
	if (!err)
		err = clients_join(c->dispatcher->clients, c->session, &facts, &is_news);
	if (err)
		return err;
	if (is_news)
		announce(c, a->client_id);
	json_out_key(c->result, "active_clients");
	json_out_uint(c->result, c->session->n_clients);
	json_out_key(c->result, "announced");
	json_out_bool(c->result, is_news);
	json_out_key(c->result, "seq");
	json_out_uint(c->result, c->session->seq);
	json_out_key(c->result, "log_id");
	json_out_uuid(c->result, &c->session->log_id);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &c->session->id);
	json_out_key(c->result, "client_id");
	json_out_text(c->result, a->client_id);
	json_out_key(c->result, "number");
	json_out_uint(
	    c->result, clients_find(c->dispatcher->clients, c->session, a->client_id)->number);
	return OK;
}
