#pragma once
/*
 * A command that takes long is carried out by a thread, from its arguments to its encoded step and
 * its reply, while others are served: its subject is lent to it (sessions_lend()), and nothing else
 * is touched. Then the same request is dispatched again, and finds what came of it. A session that
 * is new is nobody's until then.
 */

#include "graphd/call.h"

/* Gives the outcome the errand; or, while an earlier step of the subject is on its way to disk,
 * asks to be called again when it is there. */
void making_begin(struct call *);
/* Moves what came of it into the outcome; the subject is back. */
void making_end(struct errand *, struct outcome *);
