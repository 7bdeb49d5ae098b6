#include "graphd/session.h"

#include "common/mem.h"
#include "graphd/step_keep.h"

#include <stdlib.h>

static bool
is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
is_under(const struct node *n, const struct uuid *parent)
{
	const struct node *p = node_parent(n);

	return p ? uuid_equal(node_id(p), parent) : uuid_is_nil(parent);
}

static bool
property_fits(const struct node *n, const struct edit *e)
{
	if (!is_same_text(node_property(n, e->key), e->value_before))
		return false;
	return !e->name_before || strcmp(node_content(n)->name, e->name_before) == 0;
}

/*
 * Whether the inverse edit finds what the step it takes back has left. What somebody else has
 * changed since is not to be lost silently. The rest graph_apply() refuses by itself.
 */
static bool
edit_fits(const struct graph *g, const struct edit *e)
{
	const struct node *n = graph_find(g, &e->node);

	switch (e->kind) {
	case EDIT_ADD:
		return !n;
	case EDIT_REMOVE:
		return n && is_under(n, &e->before.parent) &&
		    node_content_hash(n) == e->content_hash;
	case EDIT_MOVE:
		return n && is_under(n, &e->before.parent);
	case EDIT_PROPERTY:
		return n && property_fits(n, e);
	case EDIT_META:
		return is_same_text(graph_meta(g), e->value_before);
	case EDIT_MARK:
		break;
	}
	return true;
}

/* Whether a later edit may be why an inverse edit does not fit. */
static bool
touches(const struct edit *later, const struct edit *inverse)
{
	if (later->kind == EDIT_META || inverse->kind == EDIT_META)
		return later->kind == inverse->kind;
	if (uuid_equal(&later->node, &inverse->node))
		return later->kind != EDIT_PROPERTY || inverse->kind != EDIT_PROPERTY ||
		    is_same_text(later->key, inverse->key);
	/* It took the parent away, or put something under what is to go. */
	if (later->kind == EDIT_REMOVE && uuid_equal(&later->node, &inverse->after.parent))
		return true;
	return uuid_equal(&later->after.parent, &inverse->node) && !uuid_is_nil(&inverse->node);
}

static bool
entry_touches(const struct history_entry *entry, const struct edit *inverse)
{
	for (size_t i = 0; i < entry->n_edits; i++)
		if (touches(&entry->edits[i], inverse))
			return true;
	return false;
}

/* The newest entry after `entry` that touches the edit, else simply the newest after it. */
static const struct history_entry *
find_in_way(const struct link *list, const struct history_entry *entry, const struct edit *inverse)
{
	const struct history_entry *newest = NULL;

	for (struct link *l = list->prev; l != list; l = l->prev) {
		const struct history_entry *later = LIST_OF(l, struct history_entry, link);
		if (later == entry || later->ordinal <= entry->ordinal)
			continue;
		if (entry_touches(later, inverse))
			return later;
		if (!newest || later->ordinal > newest->ordinal)
			newest = later;
	}
	return newest;
}

static enum error
refuse_conflict(const struct session *s, const struct history_entry *entry,
    const struct edit *inverse, struct refusal *why)
{
	const struct history_entry *in_way = find_in_way(&s->history.undo, entry, inverse);
	char id[UUID_TEXT + 1];

	if (!in_way)
		in_way = find_in_way(&s->history.redo, entry, inverse);
	if (!in_way)
		return refuse(why, ERROR_undo_conflict, NULL,
		    "Something that cannot be undone any more stands in the way.");
	uuid_format(&in_way->command_id, id);
	refuse(why, ERROR_undo_conflict, NULL, "%s %s stands in the way.",
	    command_rows[in_way->type].name, id);
	json_out_clear(&why->details);
	json_out_open(&why->details, '{');
	json_out_key(&why->details, "command_id");
	json_out_uuid(&why->details, &in_way->command_id);
	json_out_key(&why->details, "command_type");
	json_out_string(&why->details, command_rows[in_way->type].name);
	json_out_close(&why->details, '}');
	return ERROR_undo_conflict;
}

static bool
is_limit(enum error err)
{
	return err == ERROR_limit_nodes || err == ERROR_limit_depth ||
	    err == ERROR_limit_properties;
}

static enum error
invert_edit(struct session *s, const struct history_entry *entry, size_t i, struct refusal *why)
{
	const struct edit *original = &entry->edits[i];
	struct edit inverse;
	enum error err;

	if (original->kind == EDIT_MARK)
		return OK;
	edit_copy(&inverse, original, false);
	edit_invert(&inverse);
	if (!edit_fits(s->graph, &inverse)) {
		err = refuse_conflict(s, entry, &inverse, why);
		edit_fini(&inverse);
		return err;
	}
	err = session_apply(s, &inverse); /* frees what the edit owns when it refuses */
	if (err && !is_limit(err)) {
		edit_copy(&inverse, original, false);
		edit_invert(&inverse);
		err = refuse_conflict(s, entry, &inverse, why);
		edit_fini(&inverse);
	}
	return err;
}

static enum error
take_back(struct session *s, const struct step_request *who, struct history_entry *entry,
    enum step_kind kind, struct refusal *why)
{
	enum error err = OK;

	session_begin(s, who);
	s->open->kind = kind;
	s->open->type = entry->type;
	s->open->target_id = entry->command_id;
	s->open->scope_owner = *entry->actor ? xstrdup(entry->actor) : NULL;
	for (size_t i = entry->n_edits; i-- > 0 && !err;)
		err = invert_edit(s, entry, i, why);
	if (err)
		session_abort(s);
	return err;
}

enum error
session_undo(struct session *s, const struct step_request *who, const char *scope_actor,
    struct history_entry **entry, struct refusal *why)
{
	*entry = history_undo_next(&s->history, scope_actor);
	return *entry ? take_back(s, who, *entry, STEP_UNDO, why) : OK;
}

enum error
session_redo(struct session *s, const struct step_request *who, const char *scope_actor,
    struct history_entry **entry, struct refusal *why)
{
	*entry = history_redo_next(&s->history, scope_actor);
	return *entry ? take_back(s, who, *entry, STEP_REDO, why) : OK;
}
