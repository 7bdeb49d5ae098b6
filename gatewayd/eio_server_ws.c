/* WebSockets of Engine.IO: from the upgrade request to a session's transport. */

#include "gatewayd/eio_server_inner.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* A WebSocket on its way in: the request as the state machine wants to see it once more. */
struct way_in {
	struct eio_server *server;
	bool has_sid;
	struct eio_sid sid;
	char *query, *origin;
};

void
eio_server_ws_send(void *ws, struct shared_bytes *bytes)
{
	ws_send(ws, bytes);
}

static unsigned
close_code(enum eio_reason reason)
{
	switch (reason) {
	case EIO_PARSE_ERROR:
		return WS_CODE_POLICY;
	case EIO_FORCED_CLOSE:
		return WS_CODE_RESTART;
	case EIO_TRANSPORT_CLOSE:
	case EIO_TRANSPORT_ERROR:
	case EIO_PING_TIMEOUT:
		break;
	}
	return WS_CODE_NO_STATUS;
}

static void
way_free(struct way_in *w)
{
	free(w->query);
	free(w->origin);
	free(w);
}

void
eio_server_ws_close(void *ws, enum eio_reason reason)
{
	ws_close(ws, close_code(reason), "");
}

static void
on_message(struct ws *ws, struct span bytes, bool is_binary)
{
	eio_ws_message(ws_user(ws), ws, bytes, is_binary, clock_now_ms());
}

static void
on_closed(struct ws *ws, enum ws_end end)
{
	eio_ws_closed(ws_user(ws), ws,
	    end == WS_PEER_CLOSED ? EIO_TRANSPORT_CLOSE : EIO_TRANSPORT_ERROR, clock_now_ms());
}

static void
on_progress(struct ws *ws)
{
	const struct eio_server *server = ws_context(ws);

	if (server->s.progress)
		server->s.progress(server->s.context, ws_user(ws));
}

static void
on_taken(void *arg, int fd, struct span extra)
{
	struct way_in *w = arg;
	struct eio_server *server = w->server;
	struct eio_request request = {
		.method = SPAN("GET"),
		.query = span_of(w->query),
		.origin = span_of(w->origin),
		.is_upgrade = true,
	};
	struct eio_session *session;
	struct ws *ws;

	if (fd >= 0) {
		ws = ws_open(server->sockets, fd, extra, NULL);
		session = eio_ws_attach(
		    server->eio, &request, w->has_sid ? &w->sid : NULL, ws, clock_now_ms());
		ws_set_user(ws, session);
		if (!session)
			ws_close(ws, WS_CODE_NORMAL, "");
	}
	way_free(w);
}

void
eio_server_take_websocket(
    struct eio_server *server, struct http_request *request, const struct eio_verdict *v)
{
	struct way_in *w = xcalloc(1, sizeof *w);

	w->server = server;
	w->has_sid = v->has_sid;
	w->sid = v->sid;
	w->query = xspandup(http_query(request));
	w->origin = xspandup(http_header(request, "Origin"));
	http_upgrade(request, NULL, on_taken, w);
}

struct ws_server *
eio_server_open_sockets(struct eio_server *server)
{
	const struct eio_settings *eio = &server->s.eio;
	struct ws_settings ws = {
		.message_bytes = eio->max_payload_bytes,
		.owed_bytes = eio->max_queue_bytes,
		.close_ms = LIMIT_CLOSE_MS,
		.context = server,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	return ws_server_new(server->s.loop, &ws);
}
