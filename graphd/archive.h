#pragma once
/*
 * A session's whole history in a portable file: its steps as base 64 texts. Imported again they
 * make a session of a new id with the same graph, seq, undo and redo; the keys they carried stay
 * behind.
 */

#include "graphd/call.h"

/*
 * Our portable file of s, ids included; steps: with the history, when all of it is still kept
 * ("history_omitted":true where it is not). The graph is then the one that the stored steps up to
 * those of s end with.
 */
enum error archive_write(struct call *, const struct session *s, bool steps, struct json_out *);

/* Whether the file, scanned JSON of ours, holds steps. */
bool archive_has_steps(struct span file);
/* The session they make; its steps go into the open batch. invalid_graph: they do not fit. Its own
 * step is open then. */
enum error archive_read(struct call *, struct span file, struct session **out);
