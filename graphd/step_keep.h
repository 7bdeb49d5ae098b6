#pragma once
/* How a step becomes part of a session; for session*.c only. */

#include "graphd/rollback.h"

/* NULL is the same as NULL alone. */
static inline bool
is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The session's own reading of the text that the graph keeps; NULL: no project. False: it is none,
 * and nothing has changed. */
bool session_adopt_meta(struct session *, const char *meta_json);

/* As session_edit(), but the edit says itself where a new property goes. */
enum error session_apply(struct session *, struct edit *);
/*
 * Puts a step whose edits are in the graph on record: history, clean hash, closed. edits: those
 * that the history shall hold; takes them. rollback NULL: it need not be taken back.
 */
void session_record(
    struct session *, const struct step *, struct edit *edits, size_t n_edits, struct rollback *);
