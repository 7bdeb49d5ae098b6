#include "graphd/step_keep.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

static const char *
name_or_empty(const char *text)
{
	return text ? text : "";
}

static bool
is_only_marks(const struct edit *edits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (edits[i].kind != EDIT_MARK)
			return false;
	return true;
}

static void
record_do(
    struct session *s, const struct step *step, struct edit *edits, size_t n, struct rollback *rb)
{
	struct history_entry *entry;

	/* There would be nothing to undo. */
	if (is_only_marks(edits, n)) {
		edits_free(edits, n);
		return;
	}
	entry = history_entry_new(span_of(name_or_empty(step->actor)));
	entry->command_id = step->command_id;
	entry->type = step->type;
	entry->edits = edits;
	entry->n_edits = n;
	entry->ordinal = step->ordinal;
	history_clear_redo(&s->history, entry->actor, rb);
	history_put(&s->history, entry, false, rb);
}

/* For one that is no longer kept here, as in steps of a time when more was: the step says it all.
 */
static struct history_entry *
target_entry(const struct step *step)
{
	struct history_entry *entry = history_entry_new(span_of(name_or_empty(step->scope_owner)));

	entry->command_id = step->target_id;
	entry->type = step->type;
	return entry;
}

/* An undo takes its entry from the undo list to the redo list; a redo takes it back. */
static void
record_move(
    struct session *s, const struct step *step, struct edit *edits, size_t n, struct rollback *rb)
{
	bool from_redo = step->kind == STEP_REDO;
	struct history_entry *entry = history_find(
	    &s->history, from_redo, &step->target_id, name_or_empty(step->scope_owner));

	assert(entry || !rb); /* whoever does it now has just found it */
	if (entry)
		history_take(&s->history, entry, from_redo, false, rb);
	else
		entry = target_entry(step);
	history_entry_set(entry, edits, n, step->ordinal, rb);
	history_put(&s->history, entry, !from_redo, rb);
}

/* A mark that changes the graph as well, as opening a project does, is a border no undo crosses. */
static void
record_mark(struct session *s, const struct step *step, struct rollback *rb)
{
	if (!is_only_marks(step->edits, step->n_edits))
		history_clear(&s->history, rb);
}

static void
note_marks(struct session *s, const struct step *step)
{
	for (size_t i = 0; i < step->n_edits; i++) {
		const struct edit *e = &step->edits[i];
		if (e->kind != EDIT_MARK)
			continue;
		if (e->mark == MARK_SAVED || e->mark == MARK_CLEAN)
			graph_whole_hash(s->graph, s->clean_hash);
		if (e->mark == MARK_CLOSED)
			s->closed = true;
	}
}

void
session_record(
    struct session *s, const struct step *step, struct edit *edits, size_t n, struct rollback *rb)
{
	/* First, since edits, which are given away, may be those of the step itself. */
	note_marks(s, step);
	switch (step->kind) {
	case STEP_DO:
		record_do(s, step, edits, n, rb);
		break;
	case STEP_UNDO:
	case STEP_REDO:
		record_move(s, step, edits, n, rb);
		break;
	case STEP_MARK:
		record_mark(s, step, rb);
		break;
	}
	s->ordinal = step->ordinal;
	s->seq = step->last_seq;
	s->active_us = step->time_us;
}

static bool
is_same_place(const struct place *a, const struct place *b)
{
	return uuid_equal(&a->parent, &b->parent) && uuid_equal(&a->previous, &b->previous) &&
	    a->index == b->index;
}

/* What the graph found when it made a stored edit must be what was stored. */
static bool
is_as_stored(const struct edit *e, const struct edit *stored)
{
	return is_same_place(&e->before, &stored->before) &&
	    is_same_place(&e->after, &stored->after) && e->content_hash == stored->content_hash &&
	    is_same_text(e->value_before, stored->value_before) &&
	    is_same_text(e->name_before, stored->name_before) &&
	    e->property_index == stored->property_index;
}

/* Leaves the edit as the history keeps it: complete, without what was added. */
static bool
replay_edit(struct session *s, struct edit *e)
{
	struct edit stored = *e;
	bool fits;

	/* What the graph will find is compared; it may free or replace the original. */
	stored.value_before = xspandup(span_of(e->value_before));
	stored.name_before = xspandup(span_of(e->name_before));
	fits = e->kind != EDIT_META || session_adopt_meta(s, e->value_after);
	fits = fits && !graph_apply(s->graph, e) && is_as_stored(e, &stored);
	free(stored.value_before);
	free(stored.name_before);
	return fits;
}

static bool
replay_edits(struct session *s, struct step *step)
{
	for (size_t i = 0; i < step->n_edits; i++)
		if (!replay_edit(s, &step->edits[i]))
			return false;
	return true;
}

/* Gives the step's edits to the history, and those that are only marks back to nobody. */
static void
replay_record(struct session *s, struct step *step)
{
	if (step->kind == STEP_MARK) {
		session_record(s, step, NULL, 0, NULL);
		return;
	}
	session_record(s, step, step->edits, step->n_edits, NULL);
	step->edits = NULL;
	step->n_edits = 0;
}

bool
session_replay(struct session *s, struct step *step)
{
	bool fits = step->ordinal == s->ordinal + 1 && step->first_seq == s->seq + 1 &&
	    step->last_seq == s->seq + step_event_count(step);

	fits = fits && replay_edits(s, step);
	if (fits)
		replay_record(s, step);
	if (fits && step->key && step->reply)
		session_key_add(s, span_of(step->key), step->request_hash, OK, step->ordinal,
		    span_of(step->reply));
	step_fini(step);
	return fits;
}
