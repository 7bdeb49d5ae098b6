#include "graphd/tree.h"

#include "graphd/blueprint.h"
#include "graphd/graph_texts.h"
#include "graphd/put.h"

void
tree_init(struct tree_writer *w, const struct graph *g, const struct blueprint *blueprint,
    const struct node *within, int64_t depth)
{
	*w = (struct tree_writer){
		.graph = g,
		.blueprint = blueprint,
		.within = within,
		.at = within ? within : graph_first_root(g),
		.depth = depth,
		.keeps_texts = graph_texts_begin(g, blueprint),
	};
}

static void
put_properties(struct json_out *out, const struct content *c)
{
	char comma = '{';

	put_literal(out, ",\"properties\":");
	if (c->n_properties == 0)
		put_byte(out, '{');
	for (uint32_t i = 0; i < c->n_properties; i++, comma = ',') {
		put_byte(out, comma);
		put_text(out, c->properties[i].key);
		put_byte(out, ':');
		put_chars(out, c->properties[i].value);
	}
	put_byte(out, '}');
}

/* Up to and with the bracket that opens the children. */
static void
put_head(struct json_out *out, const struct node *n)
{
	const struct content *c = node_content(n);

	put_literal(out, "{\"id\":");
	put_uuid(out, node_id(n));
	put_literal(out, ",\"blueprint_type_id\":");
	put_text(out, c->type);
	put_literal(out, ",\"name\":");
	put_text(out, c->name);
	put_properties(out, c);
	put_literal(out, ",\"children\":[");
}

static void
put_indicator(struct json_out *out, const char *set, const struct option *option)
{
	put_literal(out, ",\"indicator\":{\"indicator_set\":");
	put_text(out, set);
	put_literal(out, ",\"indicator_id\":");
	put_text(out, option->indicator_id);
	put_literal(out, ",\"bullet\":");
	put_text(out, option->bullet);
	put_byte(out, '}');
}

/* From the bracket that closes the children. What was imported goes before what is found. */
static void
put_tail(struct json_out *out, const struct node *n, const struct blueprint *blueprint)
{
	const struct content *c = node_content(n);
	const struct node *parent = node_parent(n);
	const char *set = NULL;
	const struct option *option = NULL;

	if (!blueprint || !blueprint_indicator(blueprint, c, &set, &option))
		option = NULL;
	put_literal(out, "],\"parent_id\":");
	if (parent)
		put_uuid(out, node_id(parent));
	else
		put_literal(out, "null");
	put_literal(out, ",\"indicator_id\":");
	put_text(out, c->indicator_id ? c->indicator_id : option ? option->indicator_id : NULL);
	put_literal(out, ",\"indicator_set\":");
	put_text(out, c->indicator_set ? c->indicator_set : option ? set : NULL);
	put_literal(out, ",\"icon_id\":");
	put_text(out, c->icon_id);
	if (option)
		put_indicator(out, set, option);
	if (c->extra && *c->extra) {
		put_byte(out, ',');
		put_chars(out, c->extra);
	}
	put_byte(out, '}');
}

/* As json_out does before a value. */
static void
put_comma_if_due(struct json_out *out)
{
	char last = out->n ? out->bytes[out->n - 1] : '[';

	if (last != '[' && last != ',' && last != ':' && last != '{')
		put_byte(out, ',');
}

void
tree_write_node(struct json_out *out, const struct node *n, const struct blueprint *blueprint)
{
	put_comma_if_due(out);
	put_head(out, n);
	put_tail(out, n, blueprint);
}

/* A head that has to be made is kept with the tail, which stands behind it for a moment only. */
static void
write_head(struct tree_writer *w, struct json_out *out)
{
	const struct node_text *text = w->keeps_texts ? node_text(w->at) : NULL;
	size_t start = out->n, head_n;
	const char *head;

	if (text) {
		put_bytes(out, text->bytes, text->head_n);
		return;
	}
	put_head(out, w->at);
	if (!w->keeps_texts)
		return;
	head_n = out->n - start;
	put_tail(out, w->at, w->blueprint);
	head = out->bytes + start;
	node_text_keep(w->graph, w->at, (struct span){ head, head_n },
	    (struct span){ head + head_n, out->n - start - head_n });
	out->n = start + head_n;
}

static void
write_tail(struct tree_writer *w, struct json_out *out, const struct node *n)
{
	const struct node_text *text = w->keeps_texts ? node_text(n) : NULL;

	if (text)
		put_bytes(out, text->bytes + text->head_n, text->tail_n);
	else
		put_tail(out, n, w->blueprint);
}

static bool
goes_down(const struct tree_writer *w)
{
	return (w->depth < 0 || w->level < w->depth) && node_child_count(w->at) > 0;
}

/* Closes the node and those of its ancestors that end with it; gives the next one to open. */
static const struct node *
close_up(struct tree_writer *w, struct json_out *out)
{
	const struct node *n = w->at, *next;

	for (;;) {
		write_tail(w, out, n);
		if (n == w->within)
			return NULL;
		next = node_next(n);
		if (next) {
			put_byte(out, ',');
			return next;
		}
		n = node_parent(n);
		if (!n)
			return NULL;
		w->level--;
	}
}

bool
tree_write(struct tree_writer *w, struct json_out *out, size_t limit_bytes)
{
	size_t until = limit_bytes < SIZE_MAX - out->n ? out->n + limit_bytes : SIZE_MAX;

	if (w->at && !w->started)
		put_comma_if_due(out);
	w->started = true;
	while (w->at && out->n < until) {
		write_head(w, out);
		if (goes_down(w)) {
			w->at = node_first_child(w->at);
			w->level++;
		} else {
			w->at = close_up(w, out);
		}
	}
	return !w->at;
}
