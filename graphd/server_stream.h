#pragma once
/*
 * An answer too big for one message: made and sent a part at a time, other requests being served in
 * between. While it is made from a session's graph, requests to that session wait.
 */

#include "graphd/dispatch.h"
#include "graphd/lanes.h"
#include "graphd/server_router.h"

struct stream {
	struct link link;
	struct ask *ask;  /* owned once it runs */
	enum error error; /* what the last message says */
	struct json_out out;
	size_t sent;  /* bytes of out that have gone */
	bool is_over; /* the last part has gone */
	struct tree_writer tree;
	bool tree_active;
	char *tail;	      /* owned */
	struct graph *graph;  /* owned, when it is not a session's; or NULL */
	struct lane *lane;    /* held while a session's graph is walked; or NULL */
	uint64_t progress_ms; /* when it last got rid of something */
};

enum stream_state { STREAM_GOING, STREAM_BLOCKED, STREAM_OVER };

/* Takes body, tree, tail and graph from the outcome. */
struct stream *stream_new(struct outcome *, uint64_t now_ms);
/* Makes and sends one part. Over: all is sent, or the requester has gone, or it did not read for
 * LIMIT_DEADLINE_MS. */
enum stream_state stream_step(struct stream *, struct router *, uint64_t now_ms);
/* The lane must have been let go. */
void stream_free(struct stream *);
