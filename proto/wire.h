#pragma once
/*
 * What each frame between the processes means, and how topics are spelt. Put stands beside get.
 *
 * Request, DEALER to ROUTER; the empty first frame lets a plain REQ socket ask too:
 *	[] [GRAPH/1] [request id] [command name] [session id as text, or empty] [caller]
 *	    [arguments]…
 * Reply:
 *	[] [GRAPH/1] [request id] [OK, PART, or an error code] [body]…
 * Each frame costs both processes and their I/O threads some 2,000 instructions, so gateways send
 * all but the arguments packed into one frame, and are answered in kind:
 *	[] [packed head] [arguments]…
 *	[] [packed answer head] [body]…
 * and short ones of the same turn in a row, a message of one frame and the empty one:
 *	[] [row]
 * Bodies and arguments are JSON; one that is longer than LIMIT_PART_BYTES is cut into several
 * frames of the same message, which the receiver joins. PART announces that more messages with the
 * same request id follow; the body is all their bodies joined, and the last one says OK, or the
 * error code of an error that carries a graph.
 *
 * Event, XPUB: [session_<id>/<colon name>] [header, WIRE_HEADER_BYTES, and the path] [body]. Topics
 * are byte prefixes, therefore the slash. node-updated, which has no colon name, goes to
 * session_<id>/dash/node-updated. Heartbeat: [graphd/heartbeat] [header] [{"boot_id","contract"}].
 *
 * The feed for gateways, an endpoint of its own, holds the same packed: one frame, the 16 bytes of
 * the session's id and behind them one or more of its events, each: length of its header, length of
 * its body, 32 bits each and little-endian; the header; the body. The topic is short because XPUB
 * follows it byte by byte through its tree, one cache miss each. Who subscribes to it with
 * WIRE_FEED_DASH behind it wants to hear of node-updated as well. Heartbeats are as above.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/path.h"
#include "common/span.h"
#include "proto/caller.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_PROTOCOL "GRAPH/1"
#define WIRE_CONTRACT "1.0"
/* How a packed head begins; no long form begins so. */
#define WIRE_PACKED "GRAPH/1\n"
#define WIRE_STATUS_PART "PART"
#define WIRE_STATUS_OK "OK"
#define WIRE_HEARTBEAT_TOPIC "graphd/heartbeat"
#define WIRE_SESSION_TOPIC "session_" /* how the topics of all sessions begin */

/*
 * A packed head: WIRE_PACKED, the request id, the session's 16 bytes (zero: none), the length of
 * the command's name in one byte, the name, and the caller, packed or as JSON, in what is left.
 */
enum { WIRE_PACKED_ID_BYTES = 8 };
struct wire_packed {
	struct span id; /* WIRE_PACKED_ID_BYTES */
	struct uuid session;
	struct span command, caller;
};
void wire_packed_put(const struct wire_packed *, struct json_out *);
/* Spans into the frame. False: it is none. */
bool wire_packed_get(struct span frame, struct wire_packed *out);

/* A packed answer head: WIRE_PACKED, the request id, the status. */
enum { WIRE_ANSWER_HEAD_MAX = 128 };
size_t wire_answer_head(struct span id, const char *status, char out[WIRE_ANSWER_HEAD_MAX]);
bool wire_answer_head_get(struct span frame, struct span *id, struct span *status);

/* A row: WIRE_ROW, then one or more requests, or answers, each: the length of its packed head, the
 * length of its arguments or body, 32 bits each and little-endian; the head; the arguments or body.
 * graphd takes rows if its Hello says "rows"; answers come in rows to who asked in a row. */
#define WIRE_ROW "GRAPH/1+"
/* Whether one more goes into a row of so many bytes, LIMIT_ROW_BYTES in all. */
bool wire_row_fits(size_t row_bytes, struct span head, struct span body);
/* Appends to a row, which an empty buffer becomes. */
void wire_row_put(struct span head, struct span body, struct json_out *row);
/* What stands in it. False: it is none. */
bool wire_row_get(struct span frame, struct span *left);
/* Takes the next one from the front of what is left. False: nothing is left, or it is damaged. */
bool wire_row_take(struct span *left, struct span *head, struct span *body);

/* The event header: little-endian, in this order, no padding; then the ids of the path, if there is
 * one. */
struct wire_header {
	uint8_t version;   /* 1 */
	uint8_t flags;	   /* without WIRE_HAS_PATH, which the path says by itself */
	uint16_t event;	   /* place in events.def */
	uint32_t reserved; /* 0 */
	struct uuid log_id;
	uint64_t epoch;
	uint64_t seq;	  /* of this event when durable; else the session's current one */
	uint64_t time_us; /* wall clock, microseconds since 1970 */
	struct path path; /* at most LIMIT_PATH_NODES */
};
enum {
	WIRE_HEADER_BYTES = 48,
	WIRE_HEADER_MOST_BYTES = WIRE_HEADER_BYTES + LIMIT_PATH_NODES * UUID_BYTES
};
enum { WIRE_DURABLE = 1, WIRE_DASH_ONLY = 2, WIRE_HAS_PATH = 4 };

/* Returns how many bytes it wrote: WIRE_HEADER_BYTES without a path, never more than
 * WIRE_HEADER_MOST_BYTES. */
size_t wire_header_put(const struct wire_header *, uint8_t *out);
/* False: too short, another version, or a path that is no row of ids. The path lives in the bytes.
 */
bool wire_header_get(struct span bytes, struct wire_header *out);

enum { WIRE_TOPIC_MAX = 96 };
/* "session_<id>/" and, when event is not EVENTS, the event's name. Returns its length. */
size_t wire_topic(const struct uuid *session, enum event event, char out[WIRE_TOPIC_MAX]);
/* The session of a topic, full id compared; false for other topics. */
bool wire_topic_session(struct span topic, struct uuid *session);

#define WIRE_FEED_DASH "dash"
/* The session's topic on the feed. Returns its length. */
size_t wire_feed_topic(const struct uuid *session, bool dash, char out[WIRE_TOPIC_MAX]);
/* The session of a topic or a message of the feed, and what is behind it; false: too short. */
bool wire_feed_session(struct span frame, struct uuid *session, struct span *rest);
/* Appends to a message of the feed. */
void wire_event_pack(const struct wire_header *, struct span body, struct json_out *);
/* Takes the next event from the front of what is left; the path and the body live there. False:
 * nothing is left, or it is damaged. */
bool wire_event_unpack(struct span *left, struct wire_header *, struct span *body);
