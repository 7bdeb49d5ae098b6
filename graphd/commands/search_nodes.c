#include "common/json.h"
#include "common/limits.h"
#include "graphd/projects.h"

struct wanted {
	struct span text, type; /* text in small letters */
	struct {
		char *key;
		struct json_hash value;
	} * properties; /* in the request's arena */
	size_t n;
	struct json_out small; /* a text of a node in small letters */
	struct arena arena;    /* for what one node has */
};

/* Letters of ASCII: the others have no small ones that all would agree on. */
static struct span
to_small(struct span text, struct json_out *out)
{
	json_out_clear(out);
	json_out_reserve(out, text.n);
	for (size_t i = 0; i < text.n; i++)
		out->bytes[i] =
		    (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] | 0x20 : text.p[i]);
	return (struct span){ out->bytes, text.n };
}

/* memmem() takes time for the text, whatever its places look like. */
static bool
holds(struct wanted *w, struct span text)
{
	struct span small;

	if (text.n < w->text.n || w->text.n == 0)
		return w->text.n == 0;
	small = to_small(text, &w->small);
	return memmem(small.p, small.n, w->text.p, w->text.n) != NULL;
}

static bool
text_matches(const struct node *node, struct wanted *w)
{
	const struct content *content = node_content(node);

	if (holds(w, span_of(content->name)))
		return true;
	for (uint32_t i = 0; i < content->n_properties; i++) {
		struct span value = span_of(content->properties[i].value);

		if (json_type(value) == JSON_STRING && holds(w, json_text(&w->arena, value)))
			return true;
	}
	return false;
}

/* A node's own name is the property, also where it is not repeated among the properties. */
static bool
has_value(const struct node *node, const char *key, struct json_hash wanted, struct wanted *w)
{
	const char *value = node_property(node, key);
	struct span name;

	if (value)
		return json_hash_is_same(json_hash(&w->arena, span_of(value)), wanted);
	if (strcmp(key, "name") != 0)
		return false;
	name = span_of(node_content(node)->name);
	return json_hash_is_same(json_hash_text(name), wanted);
}

static bool
properties_match(const struct node *node, struct wanted *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!has_value(node, w->properties[i].key, w->properties[i].value, w))
			return false;
	return true;
}

static bool
matches(const struct node *node, struct wanted *w)
{
	arena_reset(&w->arena);
	if (w->type.p && !span_is(w->type, node_content(node)->type))
		return false;
	return properties_match(node, w) && (!w->text.p || text_matches(node, w));
}

static void
read_properties(struct call *c, struct span object, struct wanted *w)
{
	struct json_iter it;
	struct span key, value;
	size_t n = 0;

	json_walk(&it, object);
	while (json_next(&it, &key, &value))
		n++;
	w->properties = arena_take(c->arena, (n + 1) * sizeof(*w->properties));
	json_walk(&it, object);
	while (json_next(&it, &key, &value)) {
		w->properties[w->n].key = arena_text(c->arena, json_key(c->arena, key));
		w->properties[w->n++].value = json_hash(c->arena, value);
	}
}

static void
write_nodes(struct call *c, const struct session *s, struct wanted *w, size_t limit)
{
	size_t total = 0;

	json_out_key(c->result, "nodes");
	json_out_open(c->result, '[');
	for (const struct node *n = graph_first_root(s->graph); n;
	     n = graph_walk(s->graph, n, NULL))
		if (matches(n, w) && total++ < limit)
			tree_write_node(c->result, n, s->blueprint);
	json_out_close(c->result, ']');
	json_out_key(c->result, "total");
	json_out_uint(c->result, total);
}

enum error
cmd_search_nodes(struct call *c, const struct search_nodes_args *a)
{
	struct wanted wanted = { .type = a->blueprint_type_id };
	struct project_view view;
	size_t limit;
	enum error err = call_count(c, "limit", a->limit, 100, LIMIT_SEARCH_RESULTS, &limit);

	if (!err)
		err = project_view(c, &a->project_id, &view);
	if (err)
		return err;
	if (a->text.p) {
		wanted.text.p = arena_text(c->arena, to_small(a->text, &wanted.small));
		wanted.text.n = a->text.n;
	}
	arena_init(&wanted.arena);
	read_properties(c, a->property, &wanted);
	write_nodes(c, project_view_session(&view), &wanted, limit);
	arena_fini(&wanted.arena);
	json_out_fini(&wanted.small);
	project_view_fini(&view);
	return OK;
}
