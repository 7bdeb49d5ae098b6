#pragma once
/*
 * A session's whole history in a portable file: its steps as base 64 texts. Imported again they
 * make a session of a new id with the same graph, seq, undo and redo; the keys they carried stay
 * behind.
 */

#include "graphd/journal.h"

/*
 * Our portable file of s, ids included. steps: as archive_steps() gives them, of which s is the
 * result; or {NULL,0}. omitted: they were asked for, and are no longer kept.
 */
void archive_write(const struct session *s, struct span steps, bool omitted, struct json_out *);
/* The texts of all steps up to that one, as an array, and the session that they make, owned. NULL:
 * the older ones are gone. */
enum error archive_steps(
    struct journal *, uint64_t last_ordinal, struct json_out *texts, struct session **out);

/* Whether the file, scanned JSON of ours, holds steps. */
bool archive_has_steps(struct span file);
/* The session they make; its steps go into the open batch. invalid_graph: they do not fit. Its own
 * step is open then. */
enum error archive_read(struct call *, struct span file, struct session **out);
