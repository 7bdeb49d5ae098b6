#pragma once
/*
 * Which URL means what: routes.def as a table, and the look-up in it. A path is split as it was
 * sent, and then each segment is decoded once, so that an escaped slash is no slash. Pure
 * functions.
 */

#include "common/mem.h"
#include "common/span.h"
#include "gatewayd/http.h"
#include "proto/proto.h"

#define API_BASE "/api/v1"

enum route_flag {
	ROUTE_ROOT = 1,
	ROUTE_BODY = 2,
	ROUTE_MAYBE_BODY = 4,
	ROUTE_QUERY = 8,
	ROUTE_IMPORT = 16,
	ROUTE_SESSION = 32,
	ROUTE_STATE_TAG = 64,
	ROUTE_REVISION_TAG = 128,
	ROUTE_ECHO = 256,
	ROUTE_UNWRAP = 512,
	ROUTE_WAITS = 1024,
};

struct route {
	enum http_method method;
	const char *path;
	enum command command; /* COMMANDS: answered here */
	int status;
	unsigned flags; /* of enum route_flag */
};

enum route_param {
	PARAM_session_id,
	PARAM_project_id,
	PARAM_node_id,
	PARAM_template_id,
	PARAM_set,
	PARAM_id,
	PARAMS
};

struct route_match {
	const struct route *route;
	struct span params[PARAMS]; /* decoded and well-formed; {NULL,0}: not in this path */
	unsigned allowed;	    /* 1 << method for each that this path knows */
};

extern const struct route routes[];
extern const size_t n_routes;
const char *route_param_name(enum route_param);

/*
 * OK; not_found; method_not_allowed, with allowed filled in; or the error of a resource whose id
 * cannot exist. HEAD finds what GET does. The path "*" is all of them, which have no method in
 * common.
 */
enum error route_find(enum http_method, struct span path, struct arena *, struct route_match *);
/* "GET, HEAD, …" for Allow; in the arena. */
struct span route_allow(unsigned allowed, struct arena *);
/* [A-Za-z0-9_-]{1,64}: the ids of templates, indicators and icons. */
bool route_is_name(struct span);
