#pragma once
/* How sessions are kept: for sessions.c, and for sessions_load.c, which brings them into memory and
 * lends them.
 */

#include "common/list.h"
#include "common/table.h"
#include "graphd/sessions.h"

struct project_sessions {
	struct uuid id;
	struct link rows; /* most recently used last */
};

struct row {
	struct store_session stored;
	struct link all;	 /* oldest first */
	struct session *session; /* NULL: not loaded */
	bool damaged;		 /* found so once; not read again */
	bool written;		 /* has been put into the store */
	struct uuid written_project;
	uint64_t written_us;
	uint64_t used_ms;     /* monotonic; 0: not since this process began */
	struct link unstored; /* struct key_entry: answers from before it was unloaded */
	struct project_sessions *project; /* as last seen */
	struct link by_project;
};

struct sessions {
	struct store *store;
	struct blueprints *blueprints;
	struct table rows;     /* by stored.id */
	struct table projects; /* struct project_sessions, of sessions loaded or not */
	struct link all;
	struct link by_activity; /* loaded sessions, least recently used first */
	struct texts *texts;	 /* of their graphs */
	sessions_drop_fn *on_drop;
	void *on_drop_context;
};

/* The row's session is s from now on. */
void sessions_attach(struct sessions *, struct row *, struct session *taken);
/* What the row says while the session is not loaded. */
void sessions_note_row(struct row *);
