#include "graphd/dispatcher.h"

static void
write_gateway(void *context, struct span gateway, struct span address)
{
	struct json_out *out = context;

	json_out_open(out, '{');
	json_out_key(out, "gateway");
	json_out_text(out, gateway);
	json_out_key(out, "address");
	json_out_text(out, address);
	json_out_close(out, '}');
}

enum error
cmd_list_gateways(struct call *c, const struct list_gateways_args *a)
{
	(void)a;
	json_out_key(c->result, "gateways");
	json_out_open(c->result, '[');
	clients_gateways(c->dispatcher->clients, write_gateway, c->result);
	json_out_close(c->result, ']');
	return OK;
}
