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

static enum error
read_hours(struct call *c, const struct cleanup_sessions_args *a, double *hours)
{
	struct span value = a->max_inactive_hours;

	*hours = 24;
	if (!value.p || json_type(value) == JSON_NULL)
		return OK;
	if (json_type(value) != JSON_INTEGER && json_type(value) != JSON_REAL)
		return refuse(c->why, ERROR_invalid_request, "max_inactive_hours",
		    "max_inactive_hours must be a number.");
	*hours = strtod(arena_text(c->arena, value), NULL);
	if (!(*hours >= 0))
		return refuse(c->why, ERROR_invalid_request, "max_inactive_hours",
		    "max_inactive_hours must not be negative.");
	/* More than a century is for ever, and no more fits the clock. */
	if (*hours > 1e6)
		*hours = 1e6;
	return OK;
}

/* Ends some and is unfinished until none is left that was idle when it began. */
static size_t
end_some(struct call *c, double hours)
{
	const struct request *req = c->request;
	struct dispatcher *d = c->dispatcher;
	struct idleness idle = { .now_us = req->now_us,
		.now_ms = req->now_ms,
		.inactive_ms = (uint64_t)(hours * 3600e3),
		.began_us = req->began_us };
	size_t ended = dispatch_cleanup(d, &idle, d->more, d->more_context);

	c->outcome->stores = ended > 0;
	c->outcome->unfinished = ended == CLEANUP_AT_ONCE;
	c->outcome->done = req->done + ended;
	return c->outcome->done;
}

enum error
cmd_cleanup_sessions(struct call *c, const struct cleanup_sessions_args *a)
{
	double hours;
	size_t removed, left = 0;
	enum error err = read_hours(c, a, &hours);

	if (err)
		return err;
	removed = end_some(c, hours);
	if (c->outcome->unfinished)
		return OK;
	/* Those that end are among the sessions until that is on disk, and are not counted. */
	sessions_each(c->sessions, count, &left);
	json_out_key(c->result, "sessions_removed");
	json_out_uint(c->result, removed);
	json_out_key(c->result, "active_sessions");
	json_out_uint(c->result, left);
	return OK;
}
