#include "graphd/session.h"

#include "common/mem.h"
#include "common/table.h"
#include "graphd/step_keep.h"

#include <stdlib.h>

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

static bool
is_existence(const struct edit *e)
{
	return e->kind == EDIT_ADD || e->kind == EDIT_REMOVE;
}

/* Whether an edit puts its node under that parent, or took it from there. */
static bool
has_parent(const struct edit *e, const struct uuid *parent)
{
	if (e->kind != EDIT_MOVE && !is_existence(e))
		return false;
	return uuid_equal(&e->after.parent, parent) || uuid_equal(&e->before.parent, parent);
}

/*
 * Whether two edits are about the same thing, so that one cannot be taken back from under the
 * other: the same property, the same node's place, or a node that comes or goes and what is done to
 * it or under it.
 */
static bool
overlaps(const struct edit *a, const struct edit *b)
{
	if (a->kind == EDIT_MARK || b->kind == EDIT_MARK)
		return false;
	if (a->kind == EDIT_META || b->kind == EDIT_META)
		return a->kind == b->kind;
	if (!uuid_equal(&a->node, &b->node))
		return (is_existence(a) && has_parent(b, &a->node)) ||
		    (is_existence(b) && has_parent(a, &b->node));
	if (is_existence(a) || is_existence(b))
		return true;
	if (a->kind != b->kind)
		return false;
	return a->kind == EDIT_MOVE || is_same_text(a->key, b->key);
}

static bool
entry_touches(const struct history_entry *entry, const struct edit *inverse)
{
	for (size_t i = 0; i < entry->n_edits; i++)
		if (overlaps(&entry->edits[i], inverse))
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
refuse_for(const struct history_entry *in_way, struct refusal *why)
{
	char id[UUID_TEXT + 1];

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

static enum error
refuse_conflict(const struct session *s, const struct history_entry *entry,
    const struct edit *inverse, struct refusal *why)
{
	const struct history_entry *in_way = find_in_way(&s->history.undo, entry, inverse);

	return refuse_for(in_way ? in_way : find_in_way(&s->history.redo, entry, inverse), why);
}

/* What one entry does to a node, or below it. */
struct subject {
	struct uuid id;
	bool exists, moved, is_set; /* it makes or removes it; moves it; sets a property of it */
};

/* An entry by what it is about: looking each later edit up costs less than comparing it with all of
 * the entry's own, of which there may be very many on both sides. */
struct scope {
	struct table by_id;
	struct subject *subjects; /* the nodes, and the parents that they have or had */
	size_t n_subjects;
	struct table properties; /* struct span: of each that is set, its node's id and its key */
	struct arena arena;	 /* of these */
	struct json_out name;	 /* the one that is looked up */
	bool has_meta;
};

static struct subject *
subject_of(struct scope *scope, const struct uuid *id)
{
	struct subject *subject = table_find(&scope->by_id, id);

	if (subject)
		return subject;
	subject = &scope->subjects[scope->n_subjects++];
	subject->id = *id;
	table_add(&scope->by_id, subject);
	return subject;
}

/* Until the next one. */
static struct span
name_of(struct scope *scope, const struct edit *e)
{
	json_out_clear(&scope->name);
	json_out_bytes(&scope->name, (struct span){ (const char *)e->node.bytes, UUID_BYTES });
	json_out_bytes(&scope->name, span_of(e->key));
	return json_out_span(&scope->name);
}

static void
take_in_property(struct scope *scope, const struct edit *e)
{
	struct span name = name_of(scope, e), *kept;

	if (table_find(&scope->properties, &name))
		return;
	kept = arena_take(&scope->arena, sizeof(*kept));
	*kept = (struct span){ arena_text(&scope->arena, name), name.n };
	table_add(&scope->properties, kept);
}

static void
take_in(struct scope *scope, const struct edit *e)
{
	struct subject *subject;

	scope->has_meta |= e->kind == EDIT_META;
	if (e->kind == EDIT_META || e->kind == EDIT_MARK)
		return;
	subject = subject_of(scope, &e->node);
	if (e->kind == EDIT_PROPERTY) {
		subject->is_set = true;
		take_in_property(scope, e);
		return;
	}
	subject->exists |= is_existence(e);
	subject->moved |= e->kind == EDIT_MOVE;
	if (!uuid_is_nil(&e->before.parent))
		subject_of(scope, &e->before.parent);
	if (!uuid_is_nil(&e->after.parent))
		subject_of(scope, &e->after.parent);
}

static void
scope_init(struct scope *scope, const struct history_entry *entry)
{
	*scope = (struct scope){ .n_subjects = 0 };
	table_init(&scope->by_id, offsetof(struct subject, id), UUID_BYTES);
	table_init(&scope->properties, 0, 0);
	arena_init(&scope->arena);
	scope->subjects = xcalloc(3 * entry->n_edits, sizeof *scope->subjects);
	for (size_t i = 0; i < entry->n_edits; i++)
		take_in(scope, &entry->edits[i]);
}

static void
scope_fini(struct scope *scope)
{
	table_fini(&scope->by_id);
	table_fini(&scope->properties);
	arena_fini(&scope->arena);
	json_out_fini(&scope->name);
	free(scope->subjects);
}

static bool
makes_or_removes(const struct scope *scope, const struct uuid *id)
{
	const struct subject *subject = table_find(&scope->by_id, id);

	return subject && subject->exists;
}

/* The same as overlaps() with any of the entry's edits. */
static bool
is_in_scope(struct scope *scope, const struct edit *e)
{
	const struct subject *subject = table_find(&scope->by_id, &e->node);
	struct span name;

	if (e->kind == EDIT_MARK || e->kind == EDIT_META)
		return e->kind == EDIT_META && scope->has_meta;
	if (subject && (is_existence(e) || subject->exists))
		return true;
	if (e->kind != EDIT_PROPERTY)
		return (subject && subject->moved) || makes_or_removes(scope, &e->before.parent) ||
		    makes_or_removes(scope, &e->after.parent);
	if (!subject || !subject->is_set)
		return false;
	name = name_of(scope, e);
	return table_find(&scope->properties, &name) != NULL;
}

static bool
has_any_in_scope(struct scope *scope, const struct history_entry *later)
{
	for (size_t i = 0; i < later->n_edits; i++)
		if (is_in_scope(scope, &later->edits[i]))
			return true;
	return false;
}

/*
 * "mine" takes an entry from under later ones of others. They can be undone afterwards only when
 * they are about other things, so one that overlaps stands in the way even if the inverse would
 * apply.
 */
static const struct history_entry *
find_dependent(const struct history *h, const struct history_entry *entry)
{
	const struct history_entry *found = NULL;
	struct scope scope;

	scope_init(&scope, entry);
	for (struct link *l = h->undo.prev; l != &h->undo && !found; l = l->prev) {
		const struct history_entry *later = LIST_OF(l, struct history_entry, link);

		if (later != entry && later->ordinal > entry->ordinal &&
		    has_any_in_scope(&scope, later))
			found = later;
	}
	scope_fini(&scope);
	return found;
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
	const struct history_entry *dependent;

	*entry = history_undo_next(&s->history, scope_actor);
	if (!*entry)
		return OK;
	dependent = scope_actor ? find_dependent(&s->history, *entry) : NULL;
	return dependent ? refuse_for(dependent, why) : take_back(s, who, *entry, STEP_UNDO, why);
}

/* A redo goes on top of everything, so that it fits now is enough. */
enum error
session_redo(struct session *s, const struct step_request *who, const char *scope_actor,
    struct history_entry **entry, struct refusal *why)
{
	*entry = history_redo_next(&s->history, scope_actor);
	return *entry ? take_back(s, who, *entry, STEP_REDO, why) : OK;
}
