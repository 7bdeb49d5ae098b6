#include "common/json.h"
#include "common/limits.h"
#include "graphd/archive.h"
#include "graphd/dispatcher.h"
#include "graphd/import.h"

#include <stdlib.h>

static const struct json_bounds bounds = {
	.depth = LIMIT_JSON_IMPORT_DEPTH,
	.values = LIMIT_JSON_IMPORT_VALUES,
	.text_bytes = LIMIT_IMPORT_BYTES,
	.key_bytes = LIMIT_JSON_KEY_BYTES,
};

/* A text is JSON or else YAML. *document lives in the arena, or in *json. */
static enum error
read_text(struct call *c, struct span text, struct json_out *json, struct span *document)
{
	char message[256];

	*document = json_trim(text);
	if (json_scan(text, &bounds, NULL) == JSON_OK)
		return OK;
	if (!import_yaml_to_json(text, json, message))
		return refuse(c->why, ERROR_invalid_graph, "file", "%s", message);
	*document = json_trim(json_out_span(json));
	if (json_scan(*document, &bounds, NULL) != JSON_OK)
		return refuse(c->why, ERROR_invalid_graph, "file", "The file cannot be read.");
	return OK;
}

static void
read_native(struct call *c, struct span document, struct meta *meta)
{
	struct span value;

	uuid_parse(json_find_text(c->arena, document, "project_id"), &meta->project_id);
	meta->strict = json_find(document, "validation", &value) && span_is(value, "\"strict\"");
}

static enum error
fill_meta(struct call *c, const struct import_project_args *a, struct span document,
    const struct import *import, struct meta *meta)
{
	struct span name = a->project_name;
	enum error err;

	if (a->template_id.p && !blueprints_find(sessions_blueprints(c->sessions), a->template_id))
		return refuse(
		    c->why, ERROR_invalid_template, "template_id", "There is no such template.");
	if (!a->template_id.p && !import->template_id)
		return refuse(
		    c->why, ERROR_invalid_template, "template_id", "The file names no template.");
	if (import->project_name || name.n == 0)
		name = span_of(import_project_name(import));
	if (name.n > LIMIT_NAME_BYTES)
		return refuse(c->why, ERROR_limit_value, "project_name",
		    "A name may have %d bytes.", LIMIT_NAME_BYTES);
	if (import_is_native(document))
		read_native(c, document, meta);
	if (uuid_is_nil(&meta->project_id))
		uuid_random(&meta->project_id);
	meta->project_name = arena_text(c->arena, name);
	meta->template_id = arena_text(
	    c->arena, import->template_id ? span_of(import->template_id) : a->template_id);
	meta->extra = import->extra;
	err = call_validation(c, "mode", a->mode, &meta->strict);
	return err ? err : import_check_template(import, meta->strict, c->why);
}

static enum error
make(struct call *c, const struct import_project_args *a, struct span document,
    struct import *import, struct session **out)
{
	struct meta meta = { 0 };
	enum error err = fill_meta(c, a, document, import, &meta);

	if (!err)
		err = call_new_session(c, out);
	if (err)
		return err;
	json_out_members(c->warnings, json_out_span(&import->warnings));
	err = project_begin(c, *out, &meta);
	return err ? err : import_apply(*out, import, c->why);
}

static enum error
read_file(
    struct call *c, const struct import_project_args *a, struct span document, struct session **out)
{
	struct import import = { 0 };
	enum error err;

	if (archive_has_steps(document))
		return archive_read(c, document, out);
	err = import_read(
	    document, sessions_blueprints(c->sessions), a->template_id, &import, c->why);
	if (!err)
		err = make(c, a, document, &import, out);
	import_fini(&import);
	return err;
}

/* A project that is not among the saved ones becomes one of them; those there are stay as they are.
 */
static enum error
save(struct call *c, struct session *s)
{
	struct edit edit = { .kind = EDIT_MARK, .mark = MARK_SAVED };
	uint64_t revision;
	enum error err =
	    projects_revision(c->dispatcher->projects, c->sessions, &s->meta.project_id, &revision);

	if (err || revision > 0)
		return err;
	edit.value_after = xstrdup("{\"revision\":1}");
	err = session_edit(s, &edit);
	if (err)
		return err;
	projects_note(c->dispatcher->projects, c->sessions, s, 1);
	call_end(c, (struct span){ NULL, 0 });
	project_put(c, s, 1);
	return OK;
}

static void
write_reply(struct call *c, const struct session *s)
{
	json_out_key(c->result, "project_id");
	json_out_uuid(c->result, &s->meta.project_id);
	json_out_key(c->result, "session_id");
	json_out_uuid(c->result, &s->id);
	json_out_key(c->result, "warnings");
	json_out_open(c->result, '[');
	json_out_bytes(c->result, json_out_span(c->warnings));
	json_out_close(c->result, ']');
	call_graph(c, s);
}

enum error
cmd_import_project(struct call *c, const struct import_project_args *a)
{
	struct json_out json = { 0 };
	struct span document = a->file;
	struct session *s = NULL;
	enum error err = OK;

	if (json_type(a->file) == JSON_STRING)
		err = read_text(c, json_text(c->arena, a->file), &json, &document);
	if (!err && json_type(document) != JSON_OBJECT)
		err = refuse(c->why, ERROR_invalid_graph, "file", "The file holds no object.");
	if (!err)
		err = read_file(c, a, document, &s);
	if (!err)
		err = save(c, s);
	if (!err)
		write_reply(c, s);
	json_out_fini(&json);
	return err;
}
