#pragma once
/*
 * session_snapshot() in slices, so that a big session holds nobody up. The session must not change
 * between the first slice and the last.
 */

#include "graphd/session.h"

struct snapshot_writer {
	const struct session *session;
	const struct node *at; /* next node to write */
	unsigned depth;	       /* of that node */
	enum { SNAPSHOT_HEAD, SNAPSHOT_NODES, SNAPSHOT_TAIL, SNAPSHOT_DONE } stage;
};

void snapshot_init(struct snapshot_writer *, const struct session *);
/* Appends until out has grown by about limit_bytes, or a little more; the first time at least what
 * the session says of itself. True when all is written. */
bool snapshot_write(struct snapshot_writer *, struct json_out *out, size_t limit_bytes);
