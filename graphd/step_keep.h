#pragma once
/* How a step becomes part of a session; for session*.c only. */

#include "graphd/rollback.h"

/* As session_edit(), but the edit says itself where a new property goes. */
enum error session_apply(struct session *, struct edit *);
/*
 * Puts a step whose edits are in the graph on record: history, clean hash, closed. edits: those
 * that the history shall hold; takes them. rollback NULL: it need not be taken back.
 */
void session_record(
    struct session *, const struct step *, struct edit *edits, size_t n_edits, struct rollback *);
