#include "common/json.h"
#include "common/limits.h"
#include "graphd/dispatcher.h"

static enum error
read_text(struct call *c, struct span item, const char *name, struct span *out)
{
	struct span value;

	*out = (struct span){ 0 };
	if (!json_find(item, name, &value) || json_type(value) == JSON_NULL)
		return OK;
	if (json_type(value) == JSON_STRING)
		*out = json_text(c->arena, value);
	if (out->p && out->n <= LIMIT_ACTOR_BYTES)
		return OK;
	return refuse(c->why, ERROR_invalid_request, "clients",
	    "%s must be text of at most %d bytes.", name, LIMIT_ACTOR_BYTES);
}

static enum error
remind(struct call *c, struct span item, bool *was_missing)
{
	struct client_facts facts = { .now_us = c->request->now_us, .now_ms = c->request->now_ms };
	enum error err = read_text(c, item, "client_id", &facts.client_id);

	if (!err && facts.client_id.n == 0)
		err =
		    refuse(c->why, ERROR_invalid_request, "clients", "Each must have a client_id.");
	if (!err)
		err = read_text(c, item, "actor", &facts.actor);
	if (err)
		return err;
	return clients_remind(c->dispatcher->clients, c->session, &facts, was_missing);
}

enum error
cmd_remind(struct call *c, const struct remind_args *a)
{
	struct json_iter it;
	struct span key, item;
	int64_t missing = 0;

	json_walk(&it, a->clients);
	while (json_next(&it, &key, &item)) {
		bool was_missing;
		enum error err = remind(c, item, &was_missing);

		if (err)
			return err;
		missing += was_missing;
	}
	json_out_key(c->result, "missing");
	json_out_int(c->result, missing);
	return OK;
}
