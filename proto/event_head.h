#pragma once
/* What the body of an event that is not kept begins with, wherever it is composed. */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"

struct event_head {
	const struct uuid *session, *project; /* project nil: it has none */
	uint64_t time_us, seq;
	const struct uuid *command_id; /* NULL or nil: it came by none */
	struct span actor, client_id;  /* empty: nobody, none */
};

/* Members of an open object. */
void event_head_write(struct json_out *, const struct event_head *);
