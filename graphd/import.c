#include "graphd/import.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/clip.h"
#include "graphd/import_parts.h"
#include "graphd/warnings.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* What stands around the nodes: the file, and the graph in it. */
struct outer {
	struct span nodes, roots, edges;
	struct span template_id, project_name;
	struct span kept; /* native: the members that an earlier import kept */
	struct json_out extra;
};

void
import_warn(struct import_reader *r, const struct import_entry *entry, const char *rule,
    const char *message, ...)
{
	char text[512];
	va_list args;

	/* A file may give cause for very many. */
	if (r->warnings->n > LIMIT_WARNINGS_BYTES)
		return;
	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	warnings_add(r->warnings, entry ? &entry->id : NULL, NULL, rule, text);
}

bool
import_is_native(struct span document)
{
	struct span format;

	document = json_trim(document);
	return json_type(document) == JSON_OBJECT && json_find(document, "format", &format) &&
	    span_is(format, "\"graphd-project\"");
}

/* Members that are read, or that our own answers compute anew. */
static struct span *
find_place(struct outer *o, struct span key, bool graph, bool native, struct span *nowhere)
{
	const struct {
		const char *key;
		struct span *place;
		bool taken;
	} known[] = {
		{ "template_id", &o->template_id, true },
		{ "project_name", &o->project_name, true },
		{ "nodes", &o->nodes, graph },
		{ "roots", &o->roots, graph },
		{ "edges", &o->edges, graph },
		{ "session_id", nowhere, !graph }, /* where it was sent; nobody else's business */
		{ "seq", nowhere, graph },
		{ "log_id", nowhere, graph },
		{ "state_hash", nowhere, graph || native },
		{ "format", nowhere, native },
		{ "version", nowhere, native },
		{ "validation", nowhere, native },
		{ "history", nowhere, native },
		{ "extra", &o->kept, native },
		{ "graph", nowhere, native },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].taken && span_is(key, known[i].key))
			return known[i].place;
	return NULL;
}

/* graph: nodes may stand here. wrapped: the member "graph" is read by itself. */
static enum error
read_outer(struct import_reader *r, struct span object, bool graph, bool wrapped, bool native,
    struct outer *o)
{
	struct span key, value, nowhere;
	struct json_iter iter;

	for (json_walk(&iter, object); json_next(&iter, &key, &value);) {
		struct span *place;
		key = json_key(&r->arena, key);
		place = find_place(o, key, graph, native, &nowhere);
		if (wrapped && span_is(key, "graph"))
			place = &nowhere;
		if (place) {
			*place = value;
			continue;
		}
		if (!import_is_shallow(value))
			return refuse(r->why, ERROR_invalid_graph, "graph",
			    "The member %.*s is nested too deeply.", CLIP(key));
		json_out_key_text(&o->extra, key);
		json_out_minified(&o->extra, value);
	}
	return OK;
}

/* Texts of another kind or without a character count as absent: files of older programs vary. */
static char *
text_of(struct import_reader *r, struct span value)
{
	struct span text;

	if (!value.p || json_type(value) != JSON_STRING)
		return NULL;
	text = json_text(&r->arena, value);
	return text.n ? xspandup(text) : NULL;
}

/* The oldest files name a list of template files instead of one template. */
static struct span
first_template(struct span document)
{
	struct span templates, key, value;
	struct json_iter iter;

	if (!json_find(document, "templates", &templates) || json_type(templates) != JSON_ARRAY)
		return (struct span){ 0 };
	json_walk(&iter, templates);
	return json_next(&iter, &key, &value) ? value : (struct span){ 0 };
}

static void
read_template(struct import_reader *r, struct span document, const struct outer *file,
    const struct outer *graph, struct span template_id, struct import *out)
{
	static const char suffix[] = ".yaml";
	size_t n, suffix_n = sizeof(suffix) - 1;

	if (template_id.p)
		out->template_id = xspandup(template_id);
	if (!out->template_id)
		out->template_id = text_of(r, file->template_id);
	if (!out->template_id)
		out->template_id = text_of(r, graph->template_id);
	if (!out->template_id)
		out->template_id = text_of(r, first_template(document));
	n = out->template_id ? strlen(out->template_id) : 0;
	if (!template_id.p && n > suffix_n && strcmp(out->template_id + n - suffix_n, suffix) == 0)
		out->template_id[n - suffix_n] = '\0';
}

static void
read_project_name(struct import_reader *r, struct span document, const struct outer *file,
    const struct outer *graph, struct import *out)
{
	struct span name;

	out->project_name = text_of(r, file->project_name);
	if (!out->project_name)
		out->project_name = text_of(r, graph->project_name);
	/* "name" is kept among the unknown members as well: not every file means the project by it.
	 */
	if (!out->project_name && json_find(document, "name", &name))
		out->project_name = text_of(r, name);
	if (out->project_name && strlen(out->project_name) > LIMIT_NAME_BYTES) {
		free(out->project_name);
		out->project_name = NULL;
		import_warn(
		    r, NULL, "member_ignored", "The project's name is left out: it is too long.");
	}
}

static void
add_extra(struct json_out *all, const char *name, const struct json_out *part)
{
	if (part->n == 0)
		return;
	json_out_key(all, name);
	json_out_open(all, '{');
	json_out_members(all, json_out_span(part));
	json_out_close(all, '}');
}

/* Our own files carry what an earlier import kept, level by level, and no members of their own. */
static void
read_extra(const struct outer *file, const struct outer *graph, bool native, struct import *out)
{
	struct json_out all = { 0 };

	if (native && file->kept.p && json_type(file->kept) == JSON_OBJECT) {
		struct span key, value;
		struct json_iter iter;
		for (json_walk(&iter, file->kept); json_next(&iter, &key, &value);) {
			if (!span_is(key, "file") && !span_is(key, "graph"))
				continue;
			json_out_key(&all, span_is(key, "file") ? "file" : "graph");
			json_out_minified(&all, value);
		}
	} else {
		add_extra(&all, "file", &file->extra);
		add_extra(&all, "graph", &graph->extra);
	}
	if (all.n)
		out->extra = xspandup(json_out_span(&all));
	json_out_fini(&all);
}

/* Both may stand there: the nodes flat, and a list of ids that says which are roots, in order. */
static enum error
read_nodes(struct import_reader *r, const struct outer *g)
{
	bool nodes = g->nodes.p && json_type(g->nodes) != JSON_NULL;
	bool roots = g->roots.p && json_type(g->roots) != JSON_NULL;
	enum error err = OK;

	if (!nodes && !roots)
		return refuse(
		    r->why, ERROR_invalid_graph, "graph", "The graph has neither nodes nor roots.");
	if (nodes && json_type(g->nodes) != JSON_ARRAY && json_type(g->nodes) != JSON_OBJECT)
		return refuse(r->why, ERROR_invalid_graph, "graph", "The nodes are no list.");
	if (roots && json_type(g->roots) != JSON_ARRAY)
		return refuse(r->why, ERROR_invalid_graph, "graph", "The roots are no list.");
	if (nodes)
		err = import_read_nodes(r, g->nodes, false);
	if (!err && roots)
		err = import_read_nodes(r, g->roots, true);
	return err;
}

/* A later version may mean something else by the same words, so it is not guessed at. */
static enum error
check_native(struct import_reader *r, struct span document)
{
	int64_t number;

	if (json_find_integer(document, "version", &number) && number == 1)
		return OK;
	return refuse(
	    r->why, ERROR_invalid_graph, "file", "The file is of a version that is not known.");
}

/* file and graph are the same object when nothing stands around the graph. */
static enum error
read_document(struct import_reader *r, struct span document, struct blueprints *blueprints,
    struct span template_id, struct outer *file, struct outer *graph, struct import *out)
{
	bool native = import_is_native(document);
	struct span inner;
	bool wrapped = json_find(document, "graph", &inner);
	enum error err = native ? check_native(r, document) : OK;

	if (!err && wrapped && json_type(inner) != JSON_OBJECT)
		err = refuse(r->why, ERROR_invalid_graph, "graph", "The graph is no object.");
	if (!err && wrapped)
		err = read_outer(r, document, false, true, native, file);
	if (!err)
		err = read_outer(r, wrapped ? inner : document, true, false, false, graph);
	if (err)
		return err;
	/* A map of nodes is a file of its own shape; what stands beside it belongs to the file. */
	if (!wrapped && graph->nodes.p && json_type(graph->nodes) == JSON_OBJECT) {
		file->extra = graph->extra;
		graph->extra = (struct json_out){ 0 };
	}
	read_template(r, document, file, graph, template_id, out);
	read_project_name(r, document, file, graph, out);
	read_extra(file, graph, native, out);
	if (blueprints && out->template_id)
		out->blueprint = blueprints_find(blueprints, span_of(out->template_id));
	r->blueprint = out->blueprint;
	if (blueprints && out->template_id && !out->blueprint)
		import_warn(r, NULL, "unknown_template",
		    "There is no template %.*s here: no rule can be checked.",
		    CLIP(span_of(out->template_id)));
	err = read_nodes(r, graph);
	if (!err)
		err = import_link(r, graph->edges);
	return err ? err : import_order(r, out);
}

enum error
import_read(struct span document, struct blueprints *blueprints, struct span template_id,
    struct import *out, struct refusal *why)
{
	struct import_reader r = { .warnings = &out->warnings, .why = why };
	struct outer file = { 0 }, graph = { 0 };
	enum error err;

	*out = (struct import){ .blueprint = out->blueprint };
	document = json_trim(document);
	if (document.n == 0 || json_type(document) != JSON_OBJECT)
		return refuse(why, ERROR_invalid_graph, "graph", "The graph is no object.");
	arena_init(&r.arena);
	table_init(&r.by_id, offsetof(struct import_entry, id), sizeof(struct uuid));
	r.top.id_text = SPAN("the roots");
	err = read_document(&r, document, blueprints, template_id, &file, &graph, out);
	for (struct import_entry *e = r.read_first; e; e = e->read_next)
		content_free(e->content);
	json_out_fini(&file.extra);
	json_out_fini(&graph.extra);
	table_fini(&r.by_id);
	arena_fini(&r.arena);
	if (err)
		import_fini(out);
	return err;
}

enum error
import_check_template(const struct import *im, bool strict, struct refusal *why)
{
	if (!strict || !im->template_id || im->blueprint)
		return OK;
	return refuse(why, ERROR_invalid_template, "template_id", "There is no template %.*s here.",
	    CLIP(span_of(im->template_id)));
}

const char *
import_project_name(const struct import *im)
{
	if (im->project_name)
		return im->project_name;
	return im->n > 0 && *im->nodes->content->name ? im->nodes->content->name
						      : "Imported project";
}

void
import_fini(struct import *im)
{
	for (size_t i = 0; i < im->n; i++)
		content_free(im->nodes[i].content);
	free(im->nodes);
	free(im->template_id);
	free(im->project_name);
	free(im->extra);
	json_out_fini(&im->warnings);
	*im = (struct import){ 0 };
}
