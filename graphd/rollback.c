#include "graphd/rollback.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

struct rollback *
rollback_new(struct session *s, uint64_t ordinal)
{
	struct rollback *rb = xcalloc(1, sizeof(*rb));

	rb->ordinal = ordinal;
	rb->active_us = s->active_us;
	rb->closed = s->closed;
	memcpy(rb->clean_hash, s->clean_hash, sizeof(rb->clean_hash));
	rb->changes = rb->few;
	list_init(&rb->keys);
	list_append(&s->rollbacks, &rb->link);
	return rb;
}

static void
rollback_free(struct rollback *rb)
{
	list_remove(&rb->link);
	edits_free(rb->edits, rb->n_edits);
	if (rb->changes != rb->few)
		free(rb->changes);
	key_entries_free(&rb->keys);
	free(rb);
}

void
rollback_settle(struct rollback *rb)
{
	for (size_t i = 0; i < rb->n_changes; i++)
		if (rb->changes[i].kind == HISTORY_TAKEN && rb->changes[i].final)
			history_entry_free(rb->changes[i].entry);
	rollback_free(rb);
}

static void
restore_moved(struct rollback *rb)
{
	struct history_entry *entry = rb->moved;
	struct edit *edits = entry->edits;
	size_t n = entry->n_edits;

	entry->edits = rb->edits;
	entry->n_edits = rb->n_edits;
	entry->ordinal = rb->moved_ordinal;
	entry->mine_only = rb->moved_mine_only;
	rb->edits = edits; /* freed with the record */
	rb->n_edits = n;
}

void
rollback_run(struct session *s, struct rollback *rb)
{
	/* First, for it is weighed as it goes back into its list. */
	if (rb->moved)
		restore_moved(rb);
	for (size_t i = rb->n_changes; i-- > 0;) {
		const struct history_change *change = &rb->changes[i];
		switch (change->kind) {
		case HISTORY_PUT:
			history_unlink(&s->history, change->entry, change->redo);
			/* An entry that this step made itself, and not one that it moved. */
			if (change->entry != rb->moved)
				history_entry_free(change->entry);
			break;
		case HISTORY_TAKEN:
			history_link(&s->history, change->entry, change->redo, change->next);
			break;
		case HISTORY_HIDDEN:
			history_redo_changed(&s->history);
			change->entry->mine_only = false;
			break;
		}
	}
	s->active_us = rb->active_us;
	s->closed = rb->closed;
	memcpy(s->clean_hash, rb->clean_hash, sizeof(s->clean_hash));
	session_keys_revert(s, rb);
	rollback_free(rb);
}
