#include "gatewayd/beginning.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"

void
beginning_ask(struct json_out *args, const struct uuid *part)
{
	json_out_open(args, '{');
	if (!uuid_is_nil(part)) {
		json_out_key(args, "node_id");
		json_out_uuid(args, part);
		json_out_key(args, "allow_missing");
		json_out_bool(args, true);
	}
	json_out_close(args, '}');
}

/* Anything but a text, as null: left as it is. */
static void
read_id(struct span value, struct uuid *out)
{
	if (json_type(value) == JSON_STRING)
		uuid_parse((struct span){ value.p + 1, value.n - 2 }, out);
}

/* In one walk: the trees are most of it. */
bool
beginning_read(struct span body, struct beginning *b)
{
	struct json_iter it;
	struct span key, value;
	int64_t seq = -1;

	json_walk(&it, body);
	while (json_next(&it, &key, &value)) {
		if (span_is(key, "roots"))
			b->roots = value;
		else if (span_is(key, "seq"))
			json_integer(value, &seq);
		else if (span_is(key, "log_id"))
			read_id(value, &b->log_id);
		else if (span_is(key, "project_id"))
			read_id(value, &b->project);
	}
	b->seq = (uint64_t)seq;
	return seq >= 0 && b->roots.n;
}

static void
write_graph(struct json_out *out, struct span roots)
{
	bool fits = roots.n <= LIMIT_EVENT_GRAPH_BYTES;

	json_out_key(out, "graph");
	if (roots.n && fits) {
		json_out_open(out, '{');
		json_out_key(out, "roots");
		json_out_raw(out, roots);
		json_out_close(out, '}');
	} else {
		json_out_null(out);
	}
	json_out_key(out, "graph_omitted");
	json_out_bool(out, !fits);
}

static bool
is_empty(struct span roots)
{
	struct json_iter it;
	struct span key, root;

	if (!roots.n)
		return true;
	json_walk(&it, roots);
	return !json_next(&it, &key, &root);
}

void
beginning_write(struct json_out *out, const struct uuid *session, const struct beginning *b)
{
	json_out_open(out, '{');
	json_out_key(out, "session_id");
	json_out_uuid(out, session);
	json_out_key(out, "project_id");
	json_out_uuid(out, &b->project);
	json_out_key(out, "seq");
	json_out_uint(out, b->seq);
	json_out_key(out, "timestamp");
	json_out_time(out, clock_wall_us());
	json_out_key(out, "log_id");
	json_out_uuid(out, &b->log_id);
	write_graph(out, b->roots);
	json_out_key(out, "subtree");
	json_out_uuid(out, &b->part);
	json_out_key(out, "subtree_missing");
	json_out_bool(out, !uuid_is_nil(&b->part) && is_empty(b->roots));
	json_out_close(out, '}');
}
