#include "graphd/warnings.h"

#include "common/limits.h"

void
warning_write_members(
    struct json_out *out, const struct uuid *node, const char *property_id, const char *rule)
{
	if (node) {
		json_out_key(out, "node_id");
		json_out_uuid(out, node);
	}
	if (property_id) {
		json_out_key(out, "property_id");
		json_out_string(out, property_id);
	}
	json_out_key(out, "rule");
	json_out_string(out, rule);
}

static void
write_one(struct json_out *out, const struct uuid *node, const char *property_id, const char *rule,
    const char *message)
{
	json_out_open(out, '{');
	warning_write_members(out, node, property_id, rule);
	json_out_key(out, "message");
	json_out_string(out, message);
	json_out_close(out, '}');
}

void
warnings_add(struct json_out *out, const struct uuid *node, const char *property_id,
    const char *rule, const char *message)
{
	if (out->n > LIMIT_WARNINGS_BYTES)
		return;
	write_one(out, node, property_id, rule, message);
	if (out->n > LIMIT_WARNINGS_BYTES)
		write_one(out, NULL, NULL, "more_warnings",
		    "There are more warnings than are shown here.");
}
