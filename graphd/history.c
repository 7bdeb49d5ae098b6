#include "graphd/history.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/rollback.h"

#include <stdlib.h>

enum { ENTRY_WEIGHT = 128 }; /* besides its edits, on every machine alike */

static struct history_entry *
entry_of(struct link *l)
{
	return LIST_OF(l, struct history_entry, link);
}

void
history_init(struct history *h)
{
	list_init(&h->undo);
	list_init(&h->redo);
	h->n_undo = h->n_redo = h->weight = 0;
	h->weight_limit = LIMIT_UNDO_BYTES;
	h->cleared_for = NULL;
}

struct history_entry *
history_entry_new(struct span actor)
{
	struct history_entry *entry = xcalloc(1, sizeof(*entry) + actor.n + 1);
	char *text = (char *)(entry + 1);

	if (actor.n > 0)
		memcpy(text, actor.p, actor.n);
	entry->actor = text;
	return entry;
}

void
history_entry_free(struct history_entry *entry)
{
	if (!entry)
		return;
	edits_free(entry->edits, entry->n_edits);
	free(entry);
}

void
history_fini(struct history *h)
{
	struct link *l;

	while ((l = list_take(&h->undo)))
		history_entry_free(entry_of(l));
	while ((l = list_take(&h->redo)))
		history_entry_free(entry_of(l));
	h->n_undo = h->n_redo = h->weight = 0;
	history_redo_changed(h);
}

void
history_redo_changed(struct history *h)
{
	free(h->cleared_for);
	h->cleared_for = NULL;
}

static bool
is_of(const struct history_entry *entry, const char *actor)
{
	return strcmp(entry->actor, actor) == 0;
}

struct history_entry *
history_undo_next(const struct history *h, const char *actor)
{
	for (struct link *l = h->undo.prev; l != &h->undo; l = l->prev)
		if (!actor || is_of(entry_of(l), actor))
			return entry_of(l);
	return NULL;
}

struct history_entry *
history_redo_next(const struct history *h, const char *actor)
{
	for (struct link *l = h->redo.prev; l != &h->redo; l = l->prev) {
		if (actor ? is_of(entry_of(l), actor) : !entry_of(l)->mine_only)
			return entry_of(l);
		/* All that session scope may still see stand behind those it may not. */
		if (!actor)
			return NULL;
	}
	return NULL;
}

struct history_entry *
history_find(const struct history *h, bool redo, const struct uuid *command_id, const char *actor)
{
	const struct link *list = redo ? &h->redo : &h->undo;

	for (struct link *l = list->prev; l != list; l = l->prev)
		if (uuid_equal(&entry_of(l)->command_id, command_id) && is_of(entry_of(l), actor))
			return entry_of(l);
	return NULL;
}

/* Doubled when the number is a power of two. */
static void
note(struct rollback *rb, struct history_change change)
{
	struct history_change *old;

	if (!rb)
		return;
	if (rb->n_changes >= ROLLBACK_FEW && (rb->n_changes & (rb->n_changes - 1)) == 0) {
		old = rb->changes == rb->few ? NULL : rb->changes;
		rb->changes = xrealloc(old, rb->n_changes * 2, sizeof(*rb->changes));
		if (!old)
			memcpy(rb->changes, rb->few, sizeof(rb->few));
	}
	rb->changes[rb->n_changes++] = change;
}

static size_t *
count_of(struct history *h, bool redo)
{
	return redo ? &h->n_redo : &h->n_undo;
}

void
history_link(struct history *h, struct history_entry *entry, bool redo, struct link *before)
{
	if (redo)
		history_redo_changed(h);
	/* list_append() puts before the link it is given; that of the list itself is the end. */
	list_append(before, &entry->link);
	++*count_of(h, redo);
	entry->weight = ENTRY_WEIGHT + edits_weight(entry->edits, entry->n_edits);
	h->weight += entry->weight;
}

void
history_unlink(struct history *h, struct history_entry *entry, bool redo)
{
	list_remove(&entry->link);
	--*count_of(h, redo);
	h->weight -= entry->weight;
}

static struct history_entry *
older(struct history_entry *a, struct history_entry *b)
{
	if (!a || !b)
		return a ? a : b;
	return a->ordinal < b->ordinal ? a : b;
}

/* Both lists are in the order of their ordinals, since what comes into one comes to its end. */
static const struct history_entry *
newest_of(const struct history *h)
{
	const struct history_entry *undo = list_is_empty(&h->undo) ? NULL : entry_of(h->undo.prev);
	const struct history_entry *redo = list_is_empty(&h->redo) ? NULL : entry_of(h->redo.prev);

	if (!undo || !redo)
		return undo ? undo : redo;
	return undo->ordinal > redo->ordinal ? undo : redo;
}

/* The oldest of those that may go for their weight, or NULL. What redo in session scope cannot take
 * stands before what it can. */
static struct history_entry *
next_to_go(const struct history *h, bool *redo)
{
	const struct history_entry *newest = newest_of(h);
	struct history_entry *undo = list_is_empty(&h->undo) ? NULL : entry_of(h->undo.next);
	struct history_entry *hidden = list_is_empty(&h->redo) ? NULL : entry_of(h->redo.next);
	struct history_entry *oldest;

	if (undo == newest)
		undo = NULL;
	if (hidden == newest || (hidden && !hidden->mine_only))
		hidden = NULL;
	oldest = older(undo, hidden);
	*redo = oldest && oldest == hidden;
	return oldest;
}

/* What is too much goes, the oldest first. It depends on nothing but the lists, so that reading
 * them back entry by entry, the undo list first, finds nothing more to take. */
static void
shed(struct history *h, struct rollback *rb)
{
	struct history_entry *oldest;
	bool redo;

	while (h->n_undo > LIMIT_UNDO_DEPTH)
		history_take(h, entry_of(h->undo.next), false, true, rb);
	while (h->n_redo > LIMIT_UNDO_DEPTH)
		history_take(h, entry_of(h->redo.next), true, true, rb);
	while (h->weight > h->weight_limit && (oldest = next_to_go(h, &redo)))
		history_take(h, oldest, redo, true, rb);
}

void
history_put(struct history *h, struct history_entry *entry, bool redo, struct rollback *rb)
{
	history_link(h, entry, redo, redo ? &h->redo : &h->undo);
	note(rb, (struct history_change){ .kind = HISTORY_PUT, .redo = redo, .entry = entry });
	shed(h, rb);
}

void
history_take(
    struct history *h, struct history_entry *entry, bool redo, bool final, struct rollback *rb)
{
	struct link *next = entry->link.next;

	history_unlink(h, entry, redo);
	note(rb, (struct history_change){ HISTORY_TAKEN, redo, final, entry, next });
	if (final && !rb)
		history_entry_free(entry);
}

void
history_clear_redo(struct history *h, const char *actor, struct rollback *rb)
{
	struct link *l = h->redo.next, *next;

	if (list_is_empty(&h->redo) || (h->cleared_for && strcmp(h->cleared_for, actor) == 0))
		return;
	history_redo_changed(h);
	h->cleared_for = xstrdup(actor);
	for (; l != &h->redo; l = next) {
		struct history_entry *entry = entry_of(l);
		next = l->next;
		if (is_of(entry, actor)) {
			history_take(h, entry, true, true, rb);
		} else if (!entry->mine_only) {
			entry->mine_only = true;
			note(rb, (struct history_change){ .kind = HISTORY_HIDDEN, .entry = entry });
		}
	}
}

void
history_clear(struct history *h, struct rollback *rb)
{
	while (!list_is_empty(&h->undo))
		history_take(h, entry_of(h->undo.prev), false, true, rb);
	while (!list_is_empty(&h->redo))
		history_take(h, entry_of(h->redo.prev), true, true, rb);
}

void
history_entry_set(struct history_entry *entry, struct edit *edits, size_t n_edits, uint64_t ordinal,
    struct rollback *rb)
{
	if (rb) {
		rb->moved = entry;
		rb->edits = entry->edits;
		rb->n_edits = entry->n_edits;
		rb->moved_ordinal = entry->ordinal;
		rb->moved_mine_only = entry->mine_only;
	} else {
		edits_free(entry->edits, entry->n_edits);
	}
	entry->edits = edits;
	entry->n_edits = n_edits;
	entry->ordinal = ordinal;
	entry->mine_only = false;
}
