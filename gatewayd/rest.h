#pragma once
/*
 * The REST side of the gateway: finds what a request means (routes.h), turns it into a question to
 * graphd, and the answer into HTTP. What stays connected is handed to the live part.
 */

#include "gatewayd/assets.h"
#include "gatewayd/cors.h"
#include "gatewayd/http.h"
#include "gatewayd/hub.h"
#include "gatewayd/upstream.h"

struct rest;

/* Who takes over connections that stay. Any may be NULL: then the URL is answered 404, or /events
 * as pages only. */
struct rest_live {
	struct hub *hub;
	void (*websocket)(struct hub *, struct http_request *, const struct join *);
	/* Server-sent events, or one JSON object per line. */
	void (*sse)(struct hub *, struct http_request *, const struct join *, bool ndjson);
	void (*poll)(struct hub *, struct http_request *, const struct join *, uint64_t limit,
	    uint64_t wait_ms);
	/* How many there are now, without those of Socket.IO; and those. */
	size_t (*clients)(const struct hub *);
	size_t (*socketio_clients)(const void *context);
	/* Everything below /socket.io/; first, when there is a body, with the head alone. */
	void (*socketio_headed)(void *context, struct http_request *);
	void (*socketio)(void *context, struct http_request *);
	void *socketio_context;
};

struct rest_settings {
	struct upstream *upstream;
	const struct assets *assets;
	struct cors cors;
	const char *const *hosts; /* what Host may say; borrowed */
	size_t n_hosts;		  /* 0: anything */
	size_t max_websockets;	  /* live clients of all kinds; 0: no bound */
	struct rest_live live;
};

struct rest *rest_new(const struct rest_settings *);
void rest_free(struct rest *);
/* From now on /readyz says no, whatever graphd does. */
void rest_drain(struct rest *);

/* For struct http_settings; context is the struct rest. */
size_t rest_body_limit(void *context, enum http_method, struct span path);
void rest_headed(void *context, struct http_request *);
void rest_handle(void *context, struct http_request *);
void rest_refuse(void *context, struct http_request *, enum error, const char *message);
