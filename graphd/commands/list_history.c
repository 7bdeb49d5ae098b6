#include "graphd/call.h"
#include "graphd/past.h"

enum error
cmd_list_history(struct call *c, const struct list_history_args *a)
{
	struct past_page page = { .since = a->since == ARG_ABSENT ? 0 : (uint64_t)a->since };
	enum error err = call_count(c, "limit", a->limit, 100, 1000, &page.limit);

	if (a->since != ARG_ABSENT && a->since < 0)
		err = refuse(c->why, ERROR_invalid_request, "since", "since must not be negative.");
	if (err)
		return err;
	json_out_key(c->result, "steps");
	json_out_open(c->result, '[');
	if (!past_steps(c, &page, c->result))
		return OK;
	json_out_close(c->result, ']');
	json_out_key(c->result, "more");
	json_out_bool(c->result, page.more);
	return page.error;
}
