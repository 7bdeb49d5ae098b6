#include "common/json.h"
#include "graphd/dispatcher.h"

#include <stdlib.h>

static bool
count(void *context, const struct store_session *row, size_t clients)
{
	(void)row;
	(void)clients;
	++*(size_t *)context;
	return true;
}

enum error
cmd_cleanup_sessions(struct call *c, const struct cleanup_sessions_args *a)
{
	struct dispatcher *d = c->dispatcher;
	double hours = 24;
	size_t removed, left = 0;

	if (a->max_inactive_hours.p && json_type(a->max_inactive_hours) != JSON_INTEGER &&
	    json_type(a->max_inactive_hours) != JSON_REAL)
		return refuse(c->why, ERROR_invalid_request, "max_inactive_hours",
		    "max_inactive_hours must be a number.");
	if (a->max_inactive_hours.p)
		hours = strtod(arena_text(c->arena, a->max_inactive_hours), NULL);
	if (!(hours >= 0))
		return refuse(c->why, ERROR_invalid_request, "max_inactive_hours",
		    "max_inactive_hours must not be negative.");
	/* More than a century is for ever, and no more fits the clock. */
	if (hours > 1e6)
		hours = 1e6;
	removed = dispatch_cleanup(
	    d, c->request->now_us, (uint64_t)(hours * 3600e6), SIZE_MAX, d->more, d->more_context);
	/* Those that end are among the sessions until that is on disk, and are not counted. */
	sessions_each(c->sessions, count, &left);
	c->outcome->stores = removed > 0;
	json_out_key(c->result, "sessions_removed");
	json_out_uint(c->result, removed);
	json_out_key(c->result, "active_sessions");
	json_out_uint(c->result, left);
	return OK;
}
