#pragma once
/*
 * What live clients of all transports have in common: how an event is written as JSON, what they
 * may ask for in a message, and the questions they wait for.
 */

#include "common/json_out.h"
#include "gatewayd/http.h"
#include "gatewayd/hub.h"

/* The name in that dialect; NULL when it has none (node-updated has no colon name). A mark is
 * "seq". */
const char *live_event_name(enum names, enum event);
/* {"event","seq","data"}, data of a question being {"ask","event","data","timeout_ms"}; false, and
 * nothing written, when the dialect leaves the event out. */
bool live_write_event(struct json_out *, enum names, const struct delivery *);
/* The same as one text message, as a transport's encode(): dialect is an enum names. */
struct shared_bytes *live_encode_event(unsigned dialect, const struct delivery *);
/* {"session_id","client_id","active_clients","seq","log_id"}: what a client is told when it is in.
 */
void live_write_joined(struct json_out *, const struct uuid *session, struct span client_id,
    const struct join_result *);
/* The same as an event: {"event":"joined","seq","data"}. */
void live_write_joined_event(struct json_out *, const struct uuid *session, struct span client_id,
    const struct join_result *);
/* Answers a request that will not become a live connection. */
void live_refuse(struct http_request *, enum error, const char *field, const char *message);
/* Checks session and filter; false: the request has been refused. */
bool live_check_join(struct http_request *, const struct join *);

/* The strict scan of a message, with the bounds for live input; *out is the object without white
 * space around it. */
enum error live_scan(struct span text, struct span *out, struct refusal *);

enum live_do { LIVE_EXECUTE, LIVE_UNDO, LIVE_REDO, LIVE_PRESENCE };
/*
 * Fills in command, args and the caller's key from a scanned object:
 * {command_type,data,command_id?}, {scope?}, or {data}. What it gives lives in the object, the
 * arena, or args, which the caller frees.
 */
enum error live_read(struct span object, enum live_do, struct span client_id, struct arena *,
    struct json_out *args, struct upstream_question *, struct refusal *);

/* The questions of one client; zeroed memory holds none. */
struct live_asks {
	struct live_ask *newest;
};
/* id: as live_ask() was given it. answer: the reply's members without the graph, or with is_error
 * the error object. */
typedef void live_answer_fn(void *user, struct span id, bool is_error, struct span answer);
/* Asks; the answer is given once, later, unless live_forget() comes first. An error is answered
 * through fn too, later. False: there are too many. */
bool live_ask(struct hub *, struct live_asks *, const struct upstream_question *, struct span id,
    live_answer_fn *, void *user);
void live_forget(struct live_asks *, struct hub *);
