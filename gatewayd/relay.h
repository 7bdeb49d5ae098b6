#pragma once
/*
 * Requests of Engine.IO sessions that live on another gateway: they are sent on to it, once, and
 * its answer is the answer. A WebSocket becomes two sockets that are spliced.
 */

#include "common/loop.h"
#include "gatewayd/eio_request.h"
#include "gatewayd/http.h"
#include "gatewayd/upstream.h"

struct relay;

struct relay_settings {
	struct loop *loop;
	struct upstream *upstream; /* whose register of gateways is asked */
	size_t max;		   /* requests and WebSockets at a time */
	/* Each of them takes two descriptors, a client that is at home here one: so many for both.
	 * 0: no bound. */
	size_t max_descriptors;
	size_t (*locals)(const void *context);
	const void *locals_context;
	uint32_t answer_ms; /* how long the home may take for an answer */
	/* Answers a request whose session is on no gateway that can be reached. */
	void (*unknown)(struct http_request *);
};

struct relay *relay_new(const struct relay_settings *);
/* Requests have been ended by http_free() before. */
void relay_free(struct relay *);
/*
 * Takes a whole request whose sid begins with these bytes. False: it was relayed to here, or cannot
 * be relayed; the caller answers.
 */
bool relay_request(struct relay *, struct http_request *, const uint8_t home[EIO_HOME_BYTES]);
/* Requests and WebSockets that are under way. */
size_t relay_count(const struct relay *);
/* Sends one client away: a WebSocket with 1012; one that polls finds its session unknown and comes
 * back. False: there is none to send away; POSTs are awaited. */
bool relay_end_one(struct relay *);
