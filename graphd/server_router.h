#pragma once
/*
 * The door for requests: a ZeroMQ ROUTER socket. It takes messages apart into asks, refuses what is
 * malformed, and sends replies back the way the ask came.
 */

#include "common/bus_security.h"
#include "common/limits.h"
#include "common/list.h"
#include "proto/wire.h"

#include <stdbool.h>

/* One request, owning its bytes. */
struct ask {
	struct link link;			     /* in the lane it waits in */
	uint64_t began_us;			     /* when a share of it was done first, or 0 */
	size_t done;				     /* by all shares so far */
	struct span envelope[LIMIT_ENVELOPE_FRAMES]; /* routing id first, the empty frame last */
	size_t n_envelope;
	struct span id;
	bool is_packed; /* its head came in one frame, and so goes the answer's */
	enum command command;
	struct uuid session;	  /* nil: none named */
	struct span caller, args; /* scanned, where they are JSON */
	char bytes[];		  /* what the spans point into */
};

/* All that is needed to answer it: without caller and arguments. Takes the ask, returns owned. */
struct ask *ask_stub(struct ask *);

struct router {
	void *socket;
};

enum router_sent {
	ROUTER_SENT,
	ROUTER_FULL, /* the peer's queue is at its bound; the same may be tried later */
	ROUTER_GONE, /* the peer has left */
};

/* NULL with errno: cannot bind. */
void *router_bind(void *zmq, const char *endpoint, const struct bus_security *security);
/* False when nothing waits. *ask is NULL when what came was refused or dropped; else owned by the
 * caller: free(). */
bool router_take(struct router *, struct ask **ask);
/* body is at most LIMIT_PART_BYTES long. */
enum router_sent router_reply(
    struct router *, const struct ask *, const char *status, struct span body);
/* The same; takes the body, which must come from malloc(3), when it answers ROUTER_SENT. */
enum router_sent router_reply_taking(
    struct router *, const struct ask *, const char *status, char *body, size_t n);
/* {"error":{…}} with the error's own text, or with what why says. */
void router_refuse(struct router *, const struct ask *, enum error);
void router_refuse_for(struct router *, const struct ask *, enum error, const struct refusal *why);
