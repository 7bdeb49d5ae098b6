#include "graphd/import.h"

#include "common/json.h"

static void
write_children(struct json_out *out, const struct node *node)
{
	json_out_key(out, "children");
	json_out_open(out, '[');
	for (const struct node *n = node_first_child(node); n; n = node_next(n))
		json_out_uuid(out, node_id(n));
	json_out_close(out, ']');
}

/* The one that was imported, else the one that follows from a property. */
static void
write_indicator(struct json_out *out, const struct content *c, const struct blueprint *blueprint)
{
	const struct option *option = NULL;
	const char *set = NULL;

	if (!blueprint || c->indicator_id || !blueprint_indicator(blueprint, c, &set, &option))
		option = NULL;
	json_out_key(out, "indicator_id");
	json_out_string(out, option ? option->indicator_id : c->indicator_id);
	json_out_key(out, "indicator_set");
	json_out_string(out, option ? set : c->indicator_set);
}

/* Always with name and parent, so that nothing has to be found out again on the way back. */
static void
write_node(struct json_out *out, const struct node *node, const struct blueprint *blueprint)
{
	const struct content *c = node_content(node);
	const struct node *parent = node_parent(node);

	json_out_open(out, '{');
	json_out_key(out, "id");
	json_out_uuid(out, node_id(node));
	json_out_key(out, "type");
	json_out_string(out, c->type);
	content_write(out, c);
	write_children(out, node);
	json_out_key(out, "parent_id");
	if (parent)
		json_out_uuid(out, node_id(parent));
	else
		json_out_null(out);
	write_indicator(out, c, blueprint);
	json_out_key(out, "icon_id");
	json_out_string(out, c->icon_id);
	json_out_members(out, span_of(c->extra));
	json_out_close(out, '}');
}

/* Depth first, so that roots and siblings stand in their order. */
static void
write_nodes(struct json_out *out, const struct graph *g, const struct blueprint *blueprint)
{
	const struct node *root = graph_first_root(g);

	json_out_key(out, "nodes");
	json_out_open(out, '[');
	for (; root; root = node_next(root))
		for (const struct node *n = root; n; n = graph_walk(g, n, root))
			write_node(out, n, blueprint);
	json_out_close(out, ']');
}

/* The members that an import kept of the file or of its graph. */
static void
write_extra(struct json_out *out, const struct meta *meta, const char *level)
{
	struct json_out object = { 0 };
	struct span members;

	if (!meta->extra)
		return;
	json_out_open(&object, '{');
	json_out_members(&object, span_of(meta->extra));
	json_out_close(&object, '}');
	if (json_find(json_out_span(&object), level, &members) && json_type(members) == JSON_OBJECT)
		json_out_members(out, (struct span){ members.p + 1, members.n - 2 });
	json_out_fini(&object);
}

static void
write_template(struct json_out *out, const struct meta *meta)
{
	if (!meta->template_id)
		return;
	json_out_key(out, "template_id");
	json_out_string(out, meta->template_id);
}

/* The template stands at both levels, because its programs look for it at either. */
void
export_predecessor(const struct session *s, struct json_out *out)
{
	json_out_open(out, '{');
	json_out_key(out, "graph");
	json_out_open(out, '{');
	write_extra(out, &s->meta, "graph");
	write_template(out, &s->meta);
	write_nodes(out, s->graph, s->blueprint);
	json_out_key(out, "edges");
	json_out_open(out, '[');
	json_out_close(out, ']');
	json_out_close(out, '}');
	write_template(out, &s->meta);
	if (s->meta.project_name) {
		json_out_key(out, "project_name");
		json_out_string(out, s->meta.project_name);
	}
	write_extra(out, &s->meta, "file");
	json_out_close(out, '}');
}

void
export_native(const struct session *s, struct json_out *out)
{
	char hash[33];

	graph_hash(s->graph, hash);
	json_out_open(out, '{');
	json_out_key(out, "format");
	json_out_string(out, "graphd-project");
	json_out_key(out, "version");
	json_out_int(out, 1);
	json_out_key(out, "project_name");
	json_out_string(out, s->meta.project_name);
	json_out_key(out, "template_id");
	json_out_string(out, s->meta.template_id);
	json_out_key(out, "validation");
	json_out_string(out, s->meta.strict ? "strict" : "lenient");
	json_out_key(out, "state_hash");
	json_out_string(out, hash);
	if (s->meta.extra) {
		json_out_key(out, "extra");
		json_out_open(out, '{');
		json_out_members(out, span_of(s->meta.extra));
		json_out_close(out, '}');
	}
	json_out_key(out, "graph");
	json_out_open(out, '{');
	write_nodes(out, s->graph, s->blueprint);
	json_out_close(out, '}');
	json_out_close(out, '}');
}
