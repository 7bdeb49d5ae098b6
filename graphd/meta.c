#include "graphd/meta.h"

#include "common/json.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/session.h"

#include <stdlib.h>

/* meta_write() puts the project first, so that it is found without looking further. */
#define PROJECT "{\"project_id\":\""

struct uuid
meta_project_id(const char *meta_json)
{
	struct uuid id = { { 0 } };
	size_t n = sizeof(PROJECT) - 1;

	if (meta_json && strncmp(meta_json, PROJECT, n) == 0 && strlen(meta_json) >= n + UUID_TEXT)
		uuid_parse((struct span){ meta_json + n, UUID_TEXT }, &id);
	return id;
}

void
meta_write(struct json_out *out, const struct meta *meta)
{
	json_out_open(out, '{');
	json_out_key(out, "project_id");
	json_out_uuid(out, &meta->project_id);
	json_out_key(out, "project_name");
	json_out_string(out, meta->project_name);
	json_out_key(out, "template_id");
	json_out_string(out, meta->template_id);
	json_out_key(out, "strict");
	json_out_bool(out, meta->strict);
	if (meta->extra) {
		json_out_key(out, "extra");
		json_out_open(out, '{');
		json_out_members(out, span_of(meta->extra));
		json_out_close(out, '}');
	}
	json_out_close(out, '}');
}

static char *
text_member(struct arena *arena, struct span json, const char *name)
{
	struct span text = json_find_text(arena, json, name);

	return text.p ? xspandup(text) : NULL;
}

static char *
members_of(struct span json, const char *name)
{
	struct span value;

	if (!json_find(json, name, &value) || json_type(value) != JSON_OBJECT)
		return NULL;
	return xspandup((struct span){ value.p + 1, value.n - 2 });
}

bool
meta_read(struct span json, struct meta *out)
{
	const struct json_bounds bounds = { .depth = LIMIT_JSON_DEPTH + 2,
		.values = LIMIT_JSON_IMPORT_VALUES,
		.text_bytes = LIMIT_IMPORT_BYTES,
		.key_bytes = LIMIT_IMPORT_BYTES };
	struct arena arena;
	struct span value;

	*out = (struct meta){ .project_name = NULL };
	if (json_scan(json, &bounds, NULL) != JSON_OK || json_type(json) != JSON_OBJECT)
		return false;
	arena_init(&arena);
	uuid_parse(json_find_text(&arena, json, "project_id"), &out->project_id);
	out->project_name = text_member(&arena, json, "project_name");
	out->template_id = text_member(&arena, json, "template_id");
	out->strict = json_find(json, "strict", &value) && span_is(value, "true");
	out->extra = members_of(json, "extra");
	arena_fini(&arena);
	return true;
}

void
meta_fini(struct meta *meta)
{
	free(meta->project_name);
	free(meta->template_id);
	free(meta->extra);
	*meta = (struct meta){ .project_name = NULL };
}
