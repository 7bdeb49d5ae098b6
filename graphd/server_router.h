#pragma once
/*
 * The door for requests: a ZeroMQ ROUTER socket. It takes messages apart into asks, refuses what is
 * malformed, and sends replies back the way the ask came.
 */

#include "common/bus_security.h"
#include "common/frames.h"
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
	bool is_in_row; /* it came with others in one message, and so may its answer go */
	enum command command;
	struct uuid session;	  /* nil: none named */
	struct span caller, args; /* scanned, where they are JSON */
	char bytes[];		  /* what the spans point into */
};

/* All that is needed to answer it: without caller and arguments. Takes the ask, returns owned. */
struct ask *ask_stub(struct ask *);

/* Answers to one peer that leave together. */
struct router_row {
	char to[UINT8_MAX]; /* its routing id */
	size_t to_n;
	struct json_out bytes;
	unsigned n; /* 0: not in use */
};
enum { ROUTER_ROWS = 8 }; /* to so many gateways at once */

struct router {
	void *socket;
	/* The row that is being taken apart, as long as something is left of it. */
	struct frames message;
	size_t n_envelope;
	struct span left;
	struct router_row rows[ROUTER_ROWS];
};

enum router_sent {
	ROUTER_SENT,
	ROUTER_FULL, /* the peer's queue is at its bound; the same may be tried later */
	ROUTER_GONE, /* the peer has left */
};

/* NULL with errno: cannot bind. */
void *router_bind(void *zmq, const char *endpoint, const struct bus_security *security);
void router_fini(struct router *);
/* False when nothing waits. *ask is NULL when what came was refused or dropped; else owned by the
 * caller: free(). */
bool router_take(struct router *, struct ask **ask);

/* server_replies.c. body is at most LIMIT_PART_BYTES long. Short ones leave with router_flush(). */
void router_reply(struct router *, const struct ask *, const char *status, struct span body);
/* Sends the replies that were gathered. */
void router_flush(struct router *);
/* {"error":{…}} with the error's own text, or with what why says. */
void router_refuse(struct router *, const struct ask *, enum error);
void router_refuse_for(struct router *, const struct ask *, enum error, const struct refusal *why);
/* A part of an answer, or its end, at once. */
enum router_sent router_send(
    struct router *, const struct ask *, const char *status, struct span body);
/* The same; takes the body, which must come from malloc(3), when it answers ROUTER_SENT. */
enum router_sent router_send_taking(
    struct router *, const struct ask *, const char *status, char *body, size_t n);
void router_add_reply_metrics(void);
