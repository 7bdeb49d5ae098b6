#include "graphd/dispatcher.h"

#include "common/limits.h"

enum error
cmd_hello(struct call *c, const struct hello_args *a)
{
	struct dispatcher *d = c->dispatcher;
	enum error err = call_text(c, "gateway", a->gateway, LIMIT_ACTOR_BYTES);
	bool is_known;

	if (!err && a->address.n > 0)
		err = call_text(c, "address", a->address, LIMIT_ADDRESS_BYTES);
	if (err)
		return err;
	is_known = clients_hear(d->clients, a->gateway, c->request->now_ms);
	if (a->address.n > 0)
		clients_gateway_at(d->clients, a->gateway, a->address);
	/* Its clients are announced gone with the next look at who is silent. */
	if (a->leaving == 1)
		clients_gateway_leaves(d->clients, a->gateway);
	json_out_key(c->result, "boot_id");
	json_out_uuid(c->result, &d->boot_id);
	json_out_key(c->result, "contract");
	json_out_string(c->result, WIRE_CONTRACT);
	json_out_key(c->result, "rows");
	json_out_bool(c->result, true);
	json_out_key(c->result, "known");
	json_out_bool(c->result, is_known);
	return OK;
}
