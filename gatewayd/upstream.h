#pragma once
/*
 * The way to graphd: a DEALER socket for requests, each with a deadline, and a SUB socket for
 * events. Requests wait here while graphd is away and are sent again after a restart of it when
 * that is safe.
 */

#include "common/bus_security.h"
#include "common/frames.h"
#include "common/loop.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct upstream;

/*
 * status: OK or an error. body: JSON (an error object for errors made by graphd; empty for those
 * made here: backend_unavailable, overloaded), whole, however many parts it came in; it lives
 * during the call. Called once, never from within upstream_ask().
 */
typedef void upstream_reply_fn(void *arg, enum error status, struct span body);

struct upstream_question {
	enum command command;
	struct uuid session;  /* nil: none */
	struct caller caller; /* gateway and deadline_ms are filled in here */
	struct span args;     /* JSON object, copied */
	int64_t deadline_ms;  /* 0: that of the endpoints */
	bool once; /* it ends, backend_unavailable, when the link breaks; else it is sent again */
};

struct upstream_endpoints {
	const char *requests, *events;
	bool is_feed; /* events is the feed for gateways, not what everybody reads (proto/wire.h) */
	int64_t deadline_ms; /* of questions that say nothing else; 0: LIMIT_DEADLINE_MS */
};

struct upstream_events {
	/* An event of a session that is subscribed to. Header and body live during the call. */
	void (*event)(void *context, const struct uuid *session, const struct wire_header *,
	    struct span body);
	/* graphd was heard for the first time, or again, or has another boot id (restarted:
	 * re-check every session). */
	void (*up)(void *context, bool restarted);
	/* graphd had not heard of us for too long and has announced our clients gone; or it may
	 * have, and the link broke, or it ended, before it could say so. Then before up(). */
	void (*forgotten)(void *context);
	/* The link that events come over broke off and stands again: between, none was heard. Each
	 * session that is subscribed to is answered with a sync. */
	void (*deaf)(void *context);
	/* graphd answers, but of the link that events come over nothing has been heard for
	 * LIMIT_BUS_SILENCE_MS; or it is heard again. May be NULL. */
	void (*fed)(void *context, bool is_fed);
	void *context;
};

/* Endpoints as ZeroMQ spells them. gateway_id: random, as text. security: borrowed for its life, or
 * NULL. */
struct upstream *upstream_new(struct loop *, const struct upstream_endpoints *,
    const char *gateway_id, const struct bus_security *, const struct upstream_events *);
/* Where other gateways reach this one, ADDR:PORT; told with each Hello from now on. */
void upstream_advertise(struct upstream *, const char *address);
/* Requests in flight are answered backend_unavailable. */
void upstream_free(struct upstream *);
/* From now on requests wait for others, at longest until all else has worked at the end of the
 * turn: graphd gets several in one message. */
void upstream_gather(struct upstream *);
/* Heard from graphd within LIMIT_BUS_SILENCE_MS and its contract version is ours. */
bool upstream_is_answered(const struct upstream *);
/* And it is heard over the link that events come over as well. */
bool upstream_is_ready(const struct upstream *);
size_t upstream_in_flight(const struct upstream *);
/* Commands that change this session and have no answer yet; 0 when it is not subscribed to. */
unsigned upstream_changes_under_way(const struct upstream *, const struct uuid *session);

/* Returns the request's number, or 0 when there are LIMIT_IN_FLIGHT already, or
 * LIMIT_ASKS_IN_FLIGHT of those that are sent once (the caller answers overloaded). */
uint64_t upstream_ask(
    struct upstream *, const struct upstream_question *, upstream_reply_fn *, void *arg);
/* The answer is no longer wanted. False: the request was never sent, and will not be. */
bool upstream_forget(struct upstream *, uint64_t number);

/* Topic session_<id>/; graphd answers each with a sync event. Counted: as many unsubscribes end it.
 * dash: also session_<id>/dash/. */
void upstream_subscribe(struct upstream *, const struct uuid *session, bool dash);
void upstream_unsubscribe(struct upstream *, const struct uuid *session, bool dash);
/* Makes graphd send sync again (unsubscribe and subscribe). */
void upstream_resync(struct upstream *, const struct uuid *session);

/* Of libzmq as linked. */
void upstream_library_version(char *out, size_t size);
