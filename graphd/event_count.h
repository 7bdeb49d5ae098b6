#pragma once
/* Which events an edit and a step raise; for what tells and counts them alone. */

#include "graphd/step.h"

bool edit_changes_parent(const struct edit *);	/* of a MOVE */
bool edit_changes_project(const struct edit *); /* of a META */
bool mark_has_event(enum mark);
uint64_t edit_event_count(const struct edit *);
/* The event behind those of the edits; EVENTS when there is none. */
enum event step_closing_event(const struct step *);
