#pragma once
/*
 * How live clients are fed: what routes call to hand a checked request over. Each of these answers
 * or keeps the request; what join points to is copied where it is needed for longer.
 */

#include "gatewayd/http.h"
#include "gatewayd/hub.h"

/* The request is a complete upgrade. Subprotocol graph.v1 when it is offered. */
void transport_ws_accept(struct hub *, struct http_request *, const struct join *);
/* text/event-stream, or one JSON object per line. */
void transport_sse_accept(struct hub *, struct http_request *, const struct join *, bool ndjson);
/* The shape of ListEvents, as soon as there is something behind join->since, or after wait_ms. */
void transport_poll_accept(
    struct hub *, struct http_request *, const struct join *, uint64_t limit, uint64_t wait_ms);
