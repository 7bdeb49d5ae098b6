#include "graphd/dispatcher.h"
#include "graphd/upkeep.h"

enum error
cmd_list_clients(struct call *c, const struct list_clients_args *a)
{
	struct json_out *out = c->result;

	(void)a;
	json_out_key(out, "clients");
	json_out_open(out, '[');
	LIST_EACH(l, &c->session->clients)
	{
		const struct client *client = LIST_OF(l, struct client, link);

		json_out_open(out, '{');
		json_out_key(out, "client_id");
		json_out_string(out, clients_id_of(client));
		json_out_key(out, "actor");
		json_out_string(out, client->actor);
		json_out_key(out, "gateway");
		json_out_string(out, clients_gateway_of(client));
		json_out_key(out, "since");
		json_out_time(out, client->since_us);
		json_out_key(out, "away");
		json_out_bool(out, clients_is_away(client));
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
	json_out_key(out, "total");
	json_out_uint(out, c->session->n_clients);
	json_out_key(out, "complete");
	json_out_bool(out, !upkeep_may_lack_clients(c->dispatcher, c->request->now_ms));
	return OK;
}
