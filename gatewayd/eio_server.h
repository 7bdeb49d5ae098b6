#pragma once
/*
 * Engine.IO on real connections: HTTP requests and WebSockets in, the state machine's answers out.
 * It owns the sockets and the clock and leaves everything else to eio and sio; it knows no
 * sessions, rooms or graphs.
 */

#include "common/loop.h"
#include "gatewayd/http.h"
#include "gatewayd/sio.h"
#include "gatewayd/ws.h"

struct eio_server;

struct eio_server_settings {
	struct loop *loop;
	struct eio_settings eio;
	/* Socket.IO on top; or, with sio_app NULL, the Engine.IO application alone. */
	const struct sio_app *sio_app;
	struct sio_settings sio;
	const struct eio_app *eio_app;
	/*
	 * Asked about a whole request whose session is on another gateway by its sid; true: it was
	 * taken over. May be NULL.
	 */
	bool (*foreign)(void *context, struct http_request *, const struct eio_sid *);
	void *foreign_context;
	/* Some of what a client was owed has gone out; may be NULL. */
	void (*progress)(void *context, struct eio_session *);
	void *context;
};

/* Answers a request whose session is nowhere. */
void eio_server_unknown(struct http_request *);
/* Settings are copied, what they point to is borrowed for good. */
struct eio_server *eio_server_new(const struct eio_server_settings *);
/* Ends all sessions; held requests have been ended by http_free() before. */
void eio_server_free(struct eio_server *);
struct eio *eio_server_eio(struct eio_server *);
bool eio_server_is_path(const struct eio_server *, struct span path);
/*
 * The head of a request whose path is ours; its body is still to come. One POST at a time is a rule
 * that must be seen to be broken then. For headed() of struct http_settings.
 */
void eio_server_headed(struct eio_server *, struct http_request *);
/*
 * Takes one request whose path is ours. Origin and preflight have been looked at, headers for the
 * answer may have been added.
 */
void eio_server_request(struct eio_server *, struct http_request *);
