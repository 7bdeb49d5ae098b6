#include "graphd/event_count.h"

#include "graphd/meta.h"

bool
edit_changes_parent(const struct edit *e)
{
	return !uuid_equal(&e->before.parent, &e->after.parent);
}

static uint64_t
count_of_move(const struct edit *e)
{
	if (!edit_changes_parent(e))
		return 1;
	return !uuid_is_nil(&e->before.parent) + !uuid_is_nil(&e->after.parent);
}

bool
edit_changes_project(const struct edit *e)
{
	struct uuid before = meta_project_id(e->value_before);
	struct uuid after = meta_project_id(e->value_after);

	return !uuid_equal(&before, &after);
}

bool
mark_has_event(enum mark mark)
{
	return mark == MARK_SAVED || mark == MARK_LOADED || mark == MARK_CLOSED;
}

uint64_t
edit_event_count(const struct edit *e)
{
	switch (e->kind) {
	case EDIT_ADD:
	case EDIT_REMOVE:
	case EDIT_PROPERTY:
		return 1;
	case EDIT_MOVE:
		return count_of_move(e);
	case EDIT_META:
		return edit_changes_project(e);
	case EDIT_MARK:
		return mark_has_event(e->mark);
	}
	return 0;
}

enum event
step_closing_event(const struct step *step)
{
	bool edits = step->type < COMMANDS && command_rows[step->type].kind == COMMAND_EDITS;

	switch (step->kind) {
	case STEP_DO:
		return edits ? EVENT_command_executed : EVENTS;
	case STEP_UNDO:
		return EVENT_command_undo;
	case STEP_REDO:
		return EVENT_command_redo;
	case STEP_MARK:
		break;
	}
	return EVENTS;
}

uint64_t
step_event_count(const struct step *step)
{
	uint64_t n = step_closing_event(step) != EVENTS;

	for (size_t i = 0; i < step->n_edits; i++)
		n += edit_event_count(&step->edits[i]);
	return n;
}
