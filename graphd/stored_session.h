#pragma once
/* A session as the store has it, before its steps are replayed. */

#include "graphd/session.h"
#include "graphd/store.h"

/*
 * From the newest snapshot that is not after that ordinal; new and empty where there is none.
 * Returns owned. One that cannot be read, or is of another session or step than the store says, is
 * passed over for the one before it: the journal has it all, or what is missing shows when it is
 * replayed.
 */
enum error stored_session(struct store *, const struct store_session *row,
    uint64_t not_after_ordinal, struct session **out);
