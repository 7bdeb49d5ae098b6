#pragma once
/* What the journal tells of a session's past: its graph at a seq, its events, and who did what. */

#include "graphd/call.h"

/* What JSON answers made from the journal may hold; the rest is asked for next. */
enum { PAST_ANSWER_BYTES = 4 * 1024 * 1024 };

/*
 * The session as the last step that ended at or before the seq left it; returns owned. Refuses a
 * seq that is still to come, or no longer kept. NULL and OK: it is to be read, or its commit to be
 * waited for, first, which the outcome says; the handler returns.
 */
enum error past_session(struct call *, uint64_t at_seq, struct session **out);

/* Elements {event,seq,data}, with paths also path, of an open array. *last_seq: of the last one
 * written. *more: it was cut short. */
struct past_page {
	uint64_t since;
	size_t limit;
	bool paths;
	uint64_t last_seq;
	bool more;
	enum error error;
};
void past_events(struct call *, struct past_page *, struct json_out *);
/* The whole reply of a page of the audit trail. OK without one: it is to be read first, as above.
 */
enum error past_steps(struct call *, uint64_t since, size_t limit);
