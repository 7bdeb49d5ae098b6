#pragma once
/*
 * What a client begins anew with whose place in history is lost: the part of the graph that it
 * listens to, as graphd has it, and how it is told.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"

struct beginning {
	struct uuid part;    /* the node listened to; nil: everything */
	struct span roots;   /* JSON; {NULL,0}: the session has no project */
	struct uuid project; /* nil: none */
	struct uuid log_id;
	uint64_t seq;
};

/* The arguments of GetTree for a part, or with nil for everything. */
void beginning_ask(struct json_out *args, const struct uuid *part);
/* What GetTree answered; what it does not say stays as it is. False when it is no graph. */
bool beginning_read(struct span body, struct beginning *);
/* {"session_id","project_id","seq","timestamp","log_id","graph","graph_omitted","subtree",
 * "subtree_missing"} */
void beginning_write(struct json_out *, const struct uuid *session, const struct beginning *);
