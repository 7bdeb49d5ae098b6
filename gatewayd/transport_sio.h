#pragma once
/* Socket.IO on this gateway: engine, application and hub put together. */

#include "gatewayd/hub.h"

struct http_request;
struct transport_sio;

/* recover_all: connection state recovery for every client, not only for those that ask. */
struct transport_sio *transport_sio_new(struct hub *, bool recover_all);
/* After http_free(), before hub_free(). */
void transport_sio_free(struct transport_sio *);
/* Both for struct rest_live; context is the struct transport_sio. */
void transport_sio_headed(void *context, struct http_request *);
void transport_sio_request(void *context, struct http_request *);
