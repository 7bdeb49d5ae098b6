#include "graphd/import.h"

#include "common/mem.h"
#include "graphd/rules.h"

#include <stdlib.h>

/* The edit holds both states as text, so that undo brings back name, blueprint and members. */
static char *
meta_text(const struct meta *meta)
{
	struct json_out json = { 0 };
	char *text;

	meta_write(&json, meta);
	text = xspandup(json_out_span(&json));
	json_out_fini(&json);
	return text;
}

/* The project stays what it is; its name and blueprint change if the file names others. */
static enum error
apply_meta(struct session *s, const struct import *im)
{
	struct meta meta = s->meta;
	struct edit edit = { .kind = EDIT_META, .value_before = meta_text(&s->meta) };
	enum error err;

	if (im->template_id)
		meta.template_id = im->template_id;
	if (im->project_name)
		meta.project_name = im->project_name;
	meta.extra = im->extra;
	edit.value_after = meta_text(&meta);
	if (strcmp(edit.value_before, edit.value_after) == 0) {
		edit_fini(&edit);
		return OK;
	}
	err = session_edit(s, &edit);
	/* Whoever takes the step back finds the former blueprint by the former meta. */
	if (!err && im->template_id)
		s->blueprint = im->blueprint;
	return err;
}

/* Parents stand before their children in the list, so the parent is there; the end is the place. */
static enum error
add_node(struct session *s, struct import_node *node, struct refusal *why)
{
	const struct node *parent =
	    uuid_is_nil(&node->parent) ? NULL : graph_find(s->graph, &node->parent);
	struct edit edit = {
		.kind = EDIT_ADD,
		.node = node->id,
		.after = { .parent = node->parent, .index = UINT32_MAX },
	};
	enum error err = rules_check_node(s, &node->id, node->content, parent, why);

	if (err)
		return err;
	edit.content = node->content;
	node->content = NULL;
	return session_edit(s, &edit);
}

/* The order matters to undo: nodes go before the blueprint changes and come after it. */
enum error
import_apply(struct session *s, struct import *im, struct refusal *why)
{
	enum error err = session_clear(s);

	if (!err)
		err = apply_meta(s, im);
	for (size_t i = 0; i < im->n && !err; i++)
		err = add_node(s, &im->nodes[i], why);
	return err;
}
