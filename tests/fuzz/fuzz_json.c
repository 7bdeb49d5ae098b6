/*
 * What the strict scanner accepts, everything behind it must be able to take: the walkers reach
 * every value within the text, and cJSON parses it. What it refuses they do not read beyond.
 */

#include "common/json.h"
#include "common/json_out.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_bounds bounds = { 32, 100000, 256 * 1024, 256 };

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

/* cJSON copies a number into 64 bytes and stumbles over longer ones, which the grammar allows. */
static bool
has_long_number(struct span text)
{
	size_t run = 0;

	for (size_t i = 0; i < text.n; i++) {
		run = memchr("0123456789+-.eE", text.p[i], 15) ? run + 1 : 0;
		if (run > 63)
			return true;
	}
	return false;
}

/* Members as cJSON sees them must be the members as our walkers see them. */
static void
compare(struct arena *arena, struct span value, const cJSON *node)
{
	struct json_iter i;
	struct span key, member;
	const cJSON *child = node->child;
	int64_t integer;

	switch (json_type(value)) {
	case JSON_NULL:
		demand(cJSON_IsNull(node));
		break;
	case JSON_BOOL:
		demand(cJSON_IsTrue(node) == span_is(value, "true") && cJSON_IsBool(node));
		break;
	case JSON_INTEGER:
		demand(json_integer(value, &integer) && (double)integer == node->valuedouble);
		break;
	case JSON_REAL:
		demand(cJSON_IsNumber(node));
		demand(!json_integer(value, &integer) || (double)integer == node->valuedouble);
		break;
	case JSON_STRING:
		demand(cJSON_IsString(node) && span_is(json_text(arena, value), node->valuestring));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		for (json_walk(&i, value); json_next(&i, &key, &member); child = child->next) {
			demand(child != NULL);
			demand(!i.object || span_is(json_key(arena, key), child->string));
			compare(arena, member, child);
		}
		demand(child == NULL);
		break;
	}
}

/* Text that nobody scanned is walked within its bounds all the same. */
static void
look_through(struct arena *arena, struct span value, unsigned depth)
{
	struct json_iter i;
	struct span key, member;
	int64_t n;

	json_find_text(arena, value, "id");
	json_find_integer(value, "seq", &n);
	json_text(arena, value);
	for (json_walk(&i, value); json_next(&i, &key, &member);) {
		json_key(arena, key);
		if (depth > 0)
			look_through(arena, member, depth - 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct json_out minified = { 0 };
	struct arena arena;
	size_t offset;
	cJSON *tree;

	arena_init(&arena);
	look_through(&arena, text, 4);
	arena_fini(&arena);
	if (json_scan(text, &bounds, &offset) != JSON_OK) {
		demand(offset <= size);
		return 0;
	}
	text = json_trim(text);
	json_out_minified(&minified, text);
	demand(json_scan(json_out_span(&minified), &bounds, NULL) == JSON_OK);
	json_out_fini(&minified);
	if (has_long_number(text))
		return 0;
	arena_init(&arena);
	tree = cJSON_ParseWithLength(text.p, text.n);
	demand(tree != NULL);
	compare(&arena, text, tree);
	cJSON_Delete(tree);
	arena_fini(&arena);
	return 0;
}
