#pragma once
/*
 * How much a command will have to do, as far as that can be seen before it begins. What takes long
 * is done by a thread (making.h), so that others need not wait.
 */

#include "graphd/call.h"

/* Whether it, whose subject is known, may take more than a few milliseconds. Costs little when it
 * does not. */
bool effort_is_great(struct call *);
