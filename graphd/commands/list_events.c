#include "common/limits.h"
#include "graphd/call.h"
#include "graphd/past.h"

static void
flag(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

/* Another history, one that is still to come, or a part of it that is gone: nothing to go on from.
 */
static bool
needs_resync(
    const struct call *c, const struct list_events_args *a, const char *log_id, uint64_t first)
{
	return (a->log_id.p && !span_is(a->log_id, log_id)) ||
	    (uint64_t)a->since > c->session->seq || (uint64_t)a->since + 1 < first;
}

enum error
cmd_list_events(struct call *c, const struct list_events_args *a)
{
	struct store *store = sessions_store(c->sessions);
	uint64_t first = store->ops->first_seq(store, &c->session->id);
	struct past_page page = { .since = (uint64_t)a->since, .paths = a->paths == 1 };
	char log_id[UUID_TEXT + 1];
	bool resync;
	enum error err = call_count(c, "limit", a->limit, 1000, LIMIT_EVENTS_PAGE, &page.limit);

	if (a->since < 0)
		err = refuse(c->why, ERROR_invalid_request, "since", "since must not be negative.");
	if (err)
		return err;
	uuid_format(&c->session->log_id, log_id);
	resync = needs_resync(c, a, log_id, first);
	json_out_key(c->result, "events");
	json_out_open(c->result, '[');
	if (!resync)
		past_events(c, &page, c->result);
	json_out_close(c->result, ']');
	if (resync)
		flag(c->result, "resync", true);
	json_out_key(c->result, "seq");
	json_out_uint(c->result, c->session->durable_seq);
	json_out_key(c->result, "log_id");
	json_out_string(c->result, log_id);
	json_out_key(c->result, "first_seq");
	json_out_uint(c->result, first ? first : 1);
	flag(c->result, "more", page.more);
	return page.error;
}
