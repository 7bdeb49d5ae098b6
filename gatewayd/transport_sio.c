#include "gatewayd/transport_sio.h"

#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/eio_server.h"
#include "gatewayd/live.h"
#include "gatewayd/sio_seats.h"

#include <stdlib.h>

struct transport_sio {
	struct sio_seats *seats;
	struct eio_server *engine;
};

static const char *const namespaces[] = { "/", "/graph" };

struct transport_sio *
transport_sio_new(struct hub *hub, bool recover_all)
{
	struct transport_sio *t = xcalloc(1, sizeof *t);
	struct eio_server_settings s = {
		.loop = hub_loop(hub),
		.eio = eio_default_settings(),
		.sio = {
			.connect_timeout_ms = LIMIT_CONNECT_MS,
			.namespaces = namespaces,
			.n_namespaces = sizeof namespaces / sizeof *namespaces,
		},
		.progress = sio_seats_progress,
	};

	t->seats = sio_seats_new(hub, recover_all);
	s.sio_app = sio_seats_app(t->seats);
	s.context = t->seats;
	t->engine = eio_server_new(&s);
	return t;
}

void
transport_sio_free(struct transport_sio *t)
{
	if (!t)
		return;
	eio_server_free(t->engine);
	sio_seats_free(t->seats);
	free(t);
}

void
transport_sio_headed(void *context, struct http_request *request)
{
	struct transport_sio *t = context;

	if (eio_server_is_path(t->engine, http_path(request)))
		eio_server_headed(t->engine, request);
}

void
transport_sio_request(void *context, struct http_request *request)
{
	struct transport_sio *t = context;

	if (eio_server_is_path(t->engine, http_path(request)))
		eio_server_request(t->engine, request);
	else
		live_refuse(request, ERROR_not_found, NULL, NULL);
}
