#pragma once
/* One session's journal as it is on disk, read by a thread where the store lets one, else at once.
 */

#include "graphd/call.h"

struct journal {
	struct errand errand; /* run and free are set by whoever made it */
	struct store *store;
	bool is_aside; /* the store is the errand's own */
	struct uuid session, log_id;
	uint64_t created_us;
	const atomic_bool *ends; /* run notes it here */
	enum error error;
};

/* Gives it to the outcome, for a thread. True: it has been run here and now, and is still the
 * caller's. session: NULL for what belongs to none, as saved projects do. */
bool journal_read(struct call *, const struct session *, struct journal *);
/* For free. */
void journal_close(struct journal *);
/* The session as its last step before that ordinal left it, or where that is 0 as the last one of
 * all did; returns owned. Whole unless asked to end. */
enum error journal_replay(struct journal *, uint64_t before_ordinal, struct session **out);
