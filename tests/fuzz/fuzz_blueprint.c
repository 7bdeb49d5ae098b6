/*
 * Any bytes are a blueprint or are refused with a message; what is taken can be written as a
 * schema that is JSON. The same bytes as a YAML project file give JSON or a message.
 */

#include "common/json.h"
#include "common/limits.h"
#include "graphd/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

static void
check_json(struct json_out *out)
{
	static const struct json_bounds bounds = {
		.depth = LIMIT_JSON_DEPTH + 2 * LIMIT_DEPTH,
		.values = LIMIT_JSON_IMPORT_VALUES,
		.text_bytes = LIMIT_IMPORT_BYTES,
		.key_bytes = LIMIT_IMPORT_BYTES,
	};

	demand(json_scan(json_out_span(out), &bounds, NULL) == JSON_OK);
	json_out_fini(out);
}

static void
check_blueprint(const struct blueprint *b)
{
	struct json_out schema = { 0 };

	blueprint_schema(b, &schema);
	check_json(&schema);
	demand(b->n_types > 0);
	for (size_t i = 0; i < b->n_types; i++) {
		const struct node_type *t = &b->types[i];
		demand(blueprint_type(b, t->id) == t);
		for (size_t j = 0; j < t->n_properties; j++) {
			const struct property_type *p = &t->properties[j];
			demand(node_type_property(t, p->id) == p);
			for (size_t k = 0; k < p->n_options; k++)
				demand(p->options[k].id && *p->options[k].name);
			if (p->value) {
				struct json_out value = { 0 };
				json_out_raw(&value, span_of(p->value));
				check_json(&value);
			}
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct json_out json = { 0 };
	char message[256] = "";
	struct blueprint *b = blueprint_parse(SPAN("fuzz"), text, message);

	demand(b || strncmp(message, "line ", 5) == 0);
	if (b)
		check_blueprint(b);
	blueprint_free(b);
	message[0] = '\0';
	if (import_yaml_to_json(text, &json, message))
		check_json(&json);
	else
		demand(*message);
	json_out_fini(&json);
	return 0;
}
