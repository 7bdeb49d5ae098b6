#pragma once
/*
 * Puts replies and announcements together. A reply to a change is first composed without the graph
 * (the minimal reply, which is what a repeat of its key is answered); the graph is added behind it,
 * so that a big one can be written in slices.
 */

#include "graphd/dispatch.h"

/* What a change's reply says besides the state of its session. */
struct change_reply {
	struct uuid command_id;
	struct uuid made;     /* nil: none */
	struct span result;   /* an object; {NULL,0}: none */
	struct span members;  /* instead of command_id and result: undo and redo name the command
				 they took */
	struct span warnings; /* elements of the array; empty: none */
	uint64_t seq;
};

/* {"success":true,…,"seq","undo_available","redo_available","is_dirty"} */
void reply_change(struct json_out *, const struct change_reply *, const struct session *);
/* Where the session stands: members "seq","log_id","state_hash". */
void reply_state(struct json_out *, const struct session *);
/* {"error":{…}} */
void reply_error(struct json_out *, enum error, const struct refusal *);
/* Adds "graph" of the session to the object that the body holds: a first slice now, the rest later.
 */
void reply_add_graph(struct outcome *, const struct session *);
/* Writes the first slice of out->tree into the body; keeps the tail (taken) when there is more to
 * come. */
void reply_start_tree(struct outcome *, char *tail);

/*
 * Opens the body of an announcement, common members written; to be closed with announce_end().
 * command_id nil, actor or client {NULL,0}: left out. The seq is the session's current one.
 */
struct announce_who {
	struct uuid command_id;
	struct span actor, client;
	uint64_t now_us;
};
struct json_out *announce_begin(
    struct outcome *, enum event, struct session *, bool first, const struct announce_who *);
void announce_end(struct outcome *);
/* session:connected or session:disconnected, of that client. */
void announce_client(struct outcome *, enum event, struct session *, const struct announce_who *);
/* presence:update. data: JSON as it was written; {NULL,0}: it shows nothing any more. */
void announce_presence(
    struct outcome *, struct session *, const struct announce_who *, struct span data);
