#include "gatewayd/eio_server_inner.h"

#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"

#include <stddef.h>
#include <stdlib.h>

void
eio_server_answer(
    struct http_request *request, unsigned status, const char *type, struct json_out *body)
{
	size_t n;
	char *bytes = json_out_take(body, &n);

	http_reply(request, (int)status, type, bytes, n);
}

void
eio_server_refuse(struct http_request *request, const struct eio_verdict *v)
{
	struct json_out body = { 0 };

	if (http_is_upgrade(request)) {
		json_out_bytes(&body, span_of(v->message));
		http_close_after(request);
		eio_server_answer(request, v->status, "text/plain; charset=UTF-8", &body);
		return;
	}
	eio_verdict_body(v, &body);
	eio_server_answer(request, v->status, "application/json", &body);
}

void
eio_server_unknown(struct http_request *request)
{
	struct eio_verdict v = {
		.next = EIO_REFUSE, .status = 400, .code = 1, .message = "Session ID unknown"
	};

	eio_server_refuse(request, &v);
}

static struct eio_request
request_of(struct http_request *http)
{
	return (struct eio_request){
		.method = span_of(http_method_name(http_method(http))),
		.query = http_query(http),
		.origin = http_header(http, "Origin"),
		.is_upgrade = http_is_upgrade(http),
		.http = http,
	};
}

void
eio_server_headed(struct eio_server *server, struct http_request *http)
{
	struct eio_request request = request_of(http);
	struct eio_verdict v = eio_check_request(server->eio, &request, clock_now_ms());

	if (v.next == EIO_POST)
		eio_server_begin_post(server, http, &v);
}

void
eio_server_request(struct eio_server *server, struct http_request *http)
{
	struct eio_request request = request_of(http);
	struct eio_verdict v;

	v = eio_check_request(server->eio, &request, clock_now_ms());
	switch (v.next) {
	case EIO_HANDSHAKE:
		eio_server_handshake(server, http, &request);
		return;
	case EIO_GET:
		eio_server_take_get(server, http, &v);
		return;
	case EIO_POST:
		eio_server_take_post(server, http, &v);
		return;
	case EIO_WEBSOCKET:
		eio_server_take_websocket(server, http, &v);
		return;
	case EIO_REFUSE:
		if (v.has_sid && server->s.foreign &&
		    server->s.foreign(server->s.foreign_context, http, &v.sid))
			return;
		break;
	case EIO_ANSWER:
	case EIO_HOLD:
	case EIO_READ:
		break;
	}
	eio_server_refuse(http, &v);
}

static void
tick(struct eio_server *server)
{
	if (server->sio)
		sio_tick(server->sio, clock_now_ms());
	else
		eio_tick(server->eio, clock_now_ms());
}

static uint64_t
next_deadline(const struct eio_server *server)
{
	return server->sio ? sio_next_deadline(server->sio) : eio_next_deadline(server->eio);
}

static void
on_timer(struct loop_timer *timer)
{
	tick(OWNER_OF(timer, struct eio_server, timer));
}

/* Answers that became due in this turn go out together; then the clock is set for what comes next.
 */
static void
on_turn_end(struct loop_hook *hook)
{
	struct eio_server *server = OWNER_OF(hook, struct eio_server, turn_end);
	uint64_t due;

	eio_server_answer_ready(server);
	due = next_deadline(server);
	if (due == UINT64_MAX)
		loop_cancel_timer(server->s.loop, &server->timer);
	else if (server->timer.slot == 0 || server->timer.at_ms != due)
		loop_set_timer(server->s.loop, &server->timer, due);
}

struct eio_server *
eio_server_new(const struct eio_server_settings *s)
{
	struct eio_server *server = xcalloc(1, sizeof *server);

	server->s = *s;
	server->io = (struct eio_io){
		.poll_ready = eio_server_poll_ready,
		.poll_finish = eio_server_poll_finish,
		.ws_send = eio_server_ws_send,
		.ws_close = eio_server_ws_close,
	};
	list_init(&server->ready);
	if (s->sio_app) {
		server->sio = sio_new(&s->sio, &s->eio, s->sio_app, &server->io);
		server->eio = sio_eio(server->sio);
	} else {
		server->eio = eio_new(&s->eio, s->eio_app, &server->io);
	}
	server->timer.due = on_timer;
	server->turn_end.run = on_turn_end;
	/* Before the WebSockets' own hook, which writes what this one still adds. */
	loop_at_turn_end(s->loop, &server->turn_end);
	server->sockets = eio_server_open_sockets(server);
	return server;
}

void
eio_server_free(struct eio_server *server)
{
	if (!server)
		return;
	if (server->sio)
		sio_free(server->sio);
	else
		eio_free(server->eio);
	loop_cancel_timer(server->s.loop, &server->timer);
	ws_server_free(server->sockets);
	free(server);
}

struct eio *
eio_server_eio(struct eio_server *server)
{
	return server->eio;
}

bool
eio_server_is_path(const struct eio_server *server, struct span path)
{
	return eio_is_path(server->eio, path);
}
