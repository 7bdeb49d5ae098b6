/*
 * Any JSON is a graph or is refused with a message. What is taken goes into a session whose
 * graph keeps its invariants, comes out in both formats and goes in again as the same graph.
 */

#include "common/json.h"
#include "common/limits.h"
#include "graphd/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_bounds bounds = {
	.depth = LIMIT_JSON_DEPTH + 2 * LIMIT_DEPTH,
	.values = LIMIT_JSON_IMPORT_VALUES,
	.text_bytes = LIMIT_JSON_TEXT_BYTES,
	.key_bytes = LIMIT_JSON_KEY_BYTES,
};

static const char YAML[] = "node_types:\n"
			   "- {id: a, allowed_children: [b], properties: [{id: name, required: "
			   "true}, {id: s, type: select,"
			   " indicator_set: x, options: [p, q]}]}\n"
			   "- {id: b, uuid: 11111111-1111-1111-1111-111111111111, properties: "
			   "[{id: d, type: date}, {id: n,"
			   " type: number, uuid: 22222222-2222-2222-2222-222222222222}]}\n";

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

/* NULL when the text is no graph. */
static struct session *
load(struct span text, const struct blueprint *blueprint)
{
	struct refusal why = { 0 };
	struct uuid id = { { 1 } };
	struct import im = { 0 };
	enum error err = import_read(text, NULL, (struct span){ 0 }, &im, &why);
	struct session *s = NULL;

	demand(!err || *why.message);
	if (!err) {
		struct json_out warnings = { 0 };
		s = session_new(&id, &id, 1);
		s->blueprint = blueprint;
		session_begin(
		    s, &(struct step_request){ .kind = STEP_DO, .type = COMMAND_load_graph });
		json_out_open(&warnings, '[');
		json_out_members(&warnings, json_out_span(&im.warnings));
		s->warnings = &warnings;
		/* Rules are looked at also where a template that is not installed is named. */
		demand(import_apply(s, &im, &why) == OK);
		json_out_close(&warnings, ']');
		demand(json_scan(json_out_span(&warnings), &bounds, NULL) == JSON_OK);
		demand(graph_verify(s->graph) == NULL);
		json_out_fini(&warnings);
		s->warnings = NULL;
	}
	import_fini(&im);
	refusal_fini(&why);
	return s;
}

static void
check_again(const struct session *s, void (*export)(const struct session *, struct json_out *))
{
	struct json_out text = { 0 };
	char hash[33], again_hash[33];
	struct session *again;

	export(s, &text);
	again = load(json_out_span(&text), NULL);
	demand(again != NULL);
	graph_hash(s->graph, hash);
	graph_hash(again->graph, again_hash);
	demand(strcmp(hash, again_hash) == 0);
	session_abort(again);
	session_free(again);
	json_out_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct blueprint *blueprint;
	struct span text = { (const char *)data, size };
	char message[256];
	struct session *s;

	if (!blueprint)
		blueprint = blueprint_parse(SPAN("fuzz"), span_of(YAML), message);
	demand(blueprint != NULL);
	if (json_scan(text, &bounds, NULL) != JSON_OK)
		return 0;
	s = load(text, blueprint);
	if (!s)
		return 0;
	check_again(s, export_predecessor);
	check_again(s, export_native);
	session_abort(s);
	demand(graph_count(s->graph) == 0);
	session_free(s);
	return 0;
}
