#pragma once
/* The inside of the REST side, for gatewayd/rest*.c only. */

#include "common/json.h"
#include "gatewayd/rest.h"
#include "gatewayd/routes.h"

struct rest {
	struct rest_settings settings;
	bool is_draining;
};

/* What is read of a body here: values as written, {NULL,0} when absent or null. */
struct rest_members {
	struct span actor, client_id; /* of any body */
	struct span session_id, command_type, data, command_id;
};

/* A request that is being worked on; in the request's arena. */
struct rest_call {
	struct rest *rest;
	struct http_request *http;
	struct route_match match;
	struct span body; /* a scanned JSON object without space around it; {NULL,0}: none */
	struct rest_members members;
	struct uuid session;
	struct caller caller;
	struct refusal why;
	/* while graphd works on it */
	enum command command;
	uint64_t number;
	enum error refused; /* what was refused here, when only the graph is asked for; or OK */
	int status;	    /* of success */
};

/* Answers. */
/* What all answers carry; before a request is handed to the live part. */
void rest_add_headers(struct rest *, struct http_request *);
/* Adds what all answers of the API carry, then replies; takes body. */
void rest_reply(struct rest *, struct http_request *, int status, const char *content_type,
    char *body, size_t n);
void rest_reply_text(
    struct rest *, struct http_request *, int status, const char *content_type, struct span text);
/* A file of the installation, which hardly ever changes: clients may keep it for an hour, and then
 * ask whether it is still the same. */
void rest_reply_file(struct rest_call *, const char *content_type, struct span bytes);
/* An error made here. */
void rest_error(struct rest *, struct http_request *, enum error, const struct refusal *);
/* The same for a call; the refusal in it is given up. */
void rest_fail(struct rest_call *, enum error);
/* What graphd answered. */
void rest_answer(struct rest_call *, enum error status, struct span body);

/* Questions. */
/* Asks graphd: session, caller and status must be set. */
void rest_ask(struct rest_call *, enum command, struct span args);
/* Refuses a command, which brings the graph where the session is known: clients blank their screen
 * at an answer without one. */
void rest_turn_down(struct rest_call *, enum error);
/* Who asks: from body, query and header fields; what is preferred is set from the beginning. */
enum error rest_caller(struct rest_call *);
/* The id that the body of a command chooses for it, which is its key then; after rest_caller(). */
enum error rest_command_id(struct rest_call *);
/* Scans the body, when there must or may be one. */
enum error rest_read_body(struct rest_call *, unsigned flags);
/* The body is this scanned object; reads its members. */
void rest_take_body(struct rest_call *, struct span object);
/* Why a JSON text was refused; sets the refusal. */
enum error rest_scan(struct span text, bool is_import, struct refusal *);
/* A query parameter that is a whole number from 0; absent: *out is left alone. */
enum error rest_query_number(struct rest_call *, const char *name, uint64_t *out);
/* From query or X-Session-Id, unless the path named it. */
enum error rest_find_session(struct rest_call *);
/* The arguments: from path and query or body; *out lives in the arena. */
enum error rest_args(struct rest_call *, enum command, unsigned flags, struct span *out);
/* A member's value as text; name: for the refusal of one that is none. {NULL,0} when absent or
 * null. */
enum error rest_text(struct rest_call *, const char *name, struct span value, struct span *out);

/* Whether this is a page that says there is nothing to go on from: then a poll answers, which
 * brings what to begin anew with. */
bool rest_begins_anew(struct rest_call *, struct span body);

/* What routes.def calls LOCAL. */
#define ROUTE(method, path, command, status, flags)
#define LOCAL(method, path, function, flags) void rest_##function(struct rest_call *);
#include "gatewayd/routes.def"
