#include "common/json.h"
#include "graphd/call.h"
#include "graphd/import.h"

#include <stdlib.h>

/* The blueprint from now on: the argument's, the file's, or the one there was. */
static enum error
choose_template(struct call *c, struct span asked, const struct import *import, struct meta *meta)
{
	if (asked.p && !blueprints_find(sessions_blueprints(c->sessions), asked))
		return refuse(
		    c->why, ERROR_invalid_template, "template_id", "There is no such template.");
	if (asked.p)
		meta->template_id = arena_text(c->arena, asked);
	else if (import->template_id)
		meta->template_id = arena_text(c->arena, span_of(import->template_id));
	if (!meta->template_id && uuid_is_nil(&c->session->meta.project_id))
		return refuse(
		    c->why, ERROR_invalid_state, "template_id", "The session has no project.");
	return OK;
}

static enum error
load(struct call *c, const struct load_graph_args *a, struct import *import)
{
	struct meta meta = c->session->meta;
	size_t n = import->n;
	enum error err = choose_template(c, a->template_id, import, &meta);

	if (!err)
		err = call_validation(c, "mode", a->mode, &meta.strict);
	if (!err)
		err = import_check_template(import, meta.strict, c->why);
	if (err)
		return err;
	if (uuid_is_nil(&meta.project_id))
		uuid_random(&meta.project_id);
	if (import->project_name)
		meta.project_name = import->project_name;
	if (!meta.project_name)
		meta.project_name = arena_text(c->arena, span_of(import_project_name(import)));
	meta.extra = import->extra;
	json_out_members(c->session->warnings, json_out_span(&import->warnings));
	err = call_meta(c, c->session, &meta);
	if (!err)
		err = import_apply(c->session, import, c->why);
	json_out_key(c->result, "nodes");
	json_out_uint(c->result, n);
	json_out_key(c->result, "template_id");
	json_out_string(c->result, c->session->meta.template_id);
	return err;
}

/* Whether the graph is a file by itself: one with a graph in it, or the oldest shape. */
static bool
is_file(struct span graph)
{
	struct span found;

	if (json_type(graph) != JSON_OBJECT)
		return false;
	return json_find(graph, "graph", &found) || json_find(graph, "templates", &found) ||
	    (json_find(graph, "nodes", &found) && json_type(found) == JSON_OBJECT);
}

/* A frontend sends its whole file as arguments: what stands around the graph is kept with it. */
static struct span
document_of(struct call *c, struct span graph)
{
	return is_file(graph) ? graph : c->request->args;
}

enum error
cmd_load_graph(struct call *c, const struct load_graph_args *a)
{
	struct import import = { .blueprint = c->session->blueprint };
	struct blueprints *blueprints = sessions_blueprints(c->sessions);
	enum error err =
	    import_read(document_of(c, a->graph), blueprints, a->template_id, &import, c->why);

	if (!err)
		err = load(c, a, &import);
	import_fini(&import);
	return err;
}
