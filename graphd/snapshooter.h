#pragma once
/*
 * Takes snapshots, so that a session's history need not be replayed from its beginning. A small session is written down
 * at once in an idle turn; a big one by a thread of its own, during which the session's requests wait in their lane
 * and all others go on.
 */

#include "graphd/lanes.h"
#include "graphd/session.h"

#include <pthread.h>

struct loop;

struct snapshooter {
	struct table due; /* struct due: sessions with enough new steps to deserve a snapshot */
	struct table growth; /* struct growth: bytes of steps since the last one, by session */
	struct lanes *lanes; /* borrowed */
};

/* A step of the session was stored. */
void snapshooter_note(struct snapshooter *, const struct session *, size_t step_bytes);
