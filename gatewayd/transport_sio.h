#pragma once
/* Socket.IO on this gateway: engine, application and hub put together. */

#include "gatewayd/eio_request.h"
#include "gatewayd/hub.h"

struct http_request;
struct transport_sio;

/* recover_all: connection state recovery for every client, not only for those that ask. */
struct transport_sio_settings {
	struct hub *hub;
	bool recover_all;
	uint8_t home[EIO_HOME_BYTES]; /* this gateway among the others */
	unsigned max_clients; /* together with hub_clients(): further handshakes are refused */
	size_t max_relayed;   /* requests and WebSockets of sessions that are elsewhere */
	/* For live clients: one for each whose home is here, two for each other. */
	size_t max_descriptors;
};
struct transport_sio *transport_sio_new(const struct transport_sio_settings *);
/* After http_free(), before hub_free(). */
void transport_sio_free(struct transport_sio *);
/*
 * Sends away all clients of Socket.IO, and those of other gateways that come through here, spread
 * over so many ms. Handshakes are refused from now on.
 */
void transport_sio_drain(struct transport_sio *, uint64_t over_ms);
/* While it drains: clients that have not gone yet, or have not heard of it. */
size_t transport_sio_remaining(const struct transport_sio *);
/* The room of this gateway's live clients that Socket.IO takes: its clients whose home this is, and
 * what others relay through here beyond the descriptors that are left besides. For struct
 * rest_live, as the next two; context is the struct transport_sio. */
size_t transport_sio_taken(const void *context);
/* Both for struct rest_live; context is the struct transport_sio. */
void transport_sio_headed(void *context, struct http_request *);
void transport_sio_request(void *context, struct http_request *);
