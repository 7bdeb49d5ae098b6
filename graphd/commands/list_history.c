#include "graphd/call.h"
#include "graphd/past.h"

enum error
cmd_list_history(struct call *c, const struct list_history_args *a)
{
	uint64_t since = a->since == ARG_ABSENT ? 0 : (uint64_t)a->since;
	size_t limit;
	enum error err = call_count(c, "limit", a->limit, 100, 1000, &limit);

	if (a->since != ARG_ABSENT && a->since < 0)
		err = refuse(c->why, ERROR_invalid_request, "since", "since must not be negative.");
	return err ? err : past_steps(c, since, limit);
}
