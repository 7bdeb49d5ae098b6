#pragma once
/*
 * What surrounds a command: what is announced before and after it, what its reply says, and how it
 * is remembered under its key.
 */

#include "graphd/call.h"

/* Whether the command announces itself, needs a project, and is answered with state and graph:
 * EDITS, undo and redo. */
bool lifecycle_has(enum command);
/* Finds the call's subject; NULL: there is none, or call.subject_error says why. One that is lent
 * is in outcome.behind. */
struct session *lifecycle_subject(struct call *);
/* Announces command:executing. */
void lifecycle_executing(struct call *);
/* The handler said OK: closes the step, composes the reply, remembers it, puts rows into the store.
 */
void lifecycle_finish(struct call *);
/* The row of a session that was changed. */
void lifecycle_put_row(struct call *);
/* It refused, and everything was taken back: announces command:failed, composes and remembers the
 * error. */
void lifecycle_refuse(struct call *, enum error);
/* Answers a repeated key, or one used for something else, or leaves the outcome unfinished until
 * that is known. False: the key is new. */
bool lifecycle_repeat(struct call *);
