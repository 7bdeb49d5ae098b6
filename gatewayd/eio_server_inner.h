#pragma once
/*
 * The inside of Engine.IO on real connections, for gatewayd/eio_server*.c only: requests are sorted
 * in eio_server.c, polling has a file of its own, and so have WebSockets.
 */

#include "common/clock.h"
#include "common/list.h"
#include "gatewayd/eio_server.h"

struct eio_server {
	struct eio_server_settings s;
	struct sio *sio; /* NULL: Engine.IO alone */
	struct eio *eio;
	struct eio_io io;
	struct ws_server *sockets;
	struct link ready; /* struct held: an answer is there */
	struct loop_timer timer;
	struct loop_hook turn_end;
};

/* eio_server.c */
/* Takes what is in body. */
void eio_server_answer(
    struct http_request *, unsigned status, const char *type, struct json_out *body);
/* As the verdict says; on an upgrade as text, because no client reads more of it. */
void eio_server_refuse(struct http_request *, const struct eio_verdict *);

/* eio_server_poll.c */
/* The callbacks of struct eio_io for held GETs. */
void eio_server_poll_ready(void *get);
void eio_server_poll_finish(void *get, struct span body);
/* Answers those that became ready in this turn. */
void eio_server_answer_ready(struct eio_server *);
void eio_server_handshake(struct eio_server *, struct http_request *, const struct eio_request *);
void eio_server_take_get(struct eio_server *, struct http_request *, const struct eio_verdict *);
/* The head of a POST, and then all of it. */
void eio_server_begin_post(struct eio_server *, struct http_request *, const struct eio_verdict *);
void eio_server_take_post(struct eio_server *, struct http_request *, const struct eio_verdict *);

/* eio_server_ws.c */
struct ws_server *eio_server_open_sockets(struct eio_server *);
/* The callbacks of struct eio_io for WebSockets. */
void eio_server_ws_send(void *ws, struct shared_bytes *);
void eio_server_ws_close(void *ws, enum eio_reason);
void eio_server_take_websocket(
    struct eio_server *, struct http_request *, const struct eio_verdict *);
