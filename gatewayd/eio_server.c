#include "gatewayd/eio_server.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/list.h"
#include "common/mem.h"

#include <stddef.h>
#include <stdlib.h>

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

/* A GET that waits for something to say. */
struct held {
	struct link ready;
	struct eio_server *server;
	struct http_request *request; /* NULL: answered, or its client is gone */
	struct eio_sid sid;
};

/* What a WebSocket of ours is for; there are many of them. */
struct line {
	struct eio_server *server;
	struct eio_session *session;
};

/* A WebSocket on its way in: the request as the state machine wants to see it once more. */
struct way_in {
	struct eio_server *server;
	bool has_sid;
	struct eio_sid sid;
	char *query, *origin;
};

static uint64_t
now(void)
{
	return clock_now_ms();
}

static void
answer(struct http_request *request, unsigned status, const char *type,
    struct json_out *body)
{
	size_t n;
	char *bytes = json_out_take(body, &n);

	http_reply(request, (int)status, type, bytes, n);
}

static void
refuse_request(struct http_request *request, const struct eio_verdict *v)
{
	struct json_out body = { 0 };

	if (http_is_upgrade(request)) {
		json_out_bytes(&body, span_of(v->message));
		http_close_after(request);
		answer(request, v->status, "text/plain; charset=UTF-8", &body);
		return;
	}
	eio_verdict_body(v, &body);
	answer(request, v->status, "application/json", &body);
}

void
eio_server_unknown(struct http_request *request)
{
	struct eio_verdict v = {
		.next = EIO_REFUSE, .status = 400, .code = 1, .message = "Session ID unknown"
	};

	refuse_request(request, &v);
}

/* What the state machine calls for a held GET; see struct eio_io. */
static void
on_poll_ready(void *get)
{
	struct held *h = get;

	if (!link_is_in_list(&h->ready))
		list_append(&h->server->ready, &h->ready);
}

static void
held_free(struct held *h)
{
	list_remove(&h->ready);
	free(h);
}

static void
on_poll_finish(void *get, struct span bytes)
{
	struct held *h = get;
	struct json_out body = { 0 };

	json_out_bytes(&body, bytes);
	answer(h->request, 200, EIO_ANSWER_TYPE, &body);
	held_free(h);
}

static void
on_gone(void *arg)
{
	struct held *h = arg;

	eio_poll_abort(h->server->eio, &h->sid, h, now());
	held_free(h);
}

static void
on_ws_send(void *ws, struct shared_bytes *bytes)
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

static void
on_ws_close(void *ws, enum eio_reason reason)
{
	free(ws_user(ws));
	ws_close(ws, close_code(reason), "");
}

static void
on_message(struct ws *ws, struct span bytes, bool is_binary)
{
	const struct line *line = ws_user(ws);

	eio_ws_message(line->session, ws, bytes, is_binary, now());
}

static void
on_closed(struct ws *ws, enum ws_end end)
{
	struct line *line = ws_user(ws);

	eio_ws_closed(line->session, ws,
	    end == WS_PEER_CLOSED ? EIO_TRANSPORT_CLOSE : EIO_TRANSPORT_ERROR, now());
	free(line);
}

static void
on_progress(struct ws *ws)
{
	const struct line *line = ws_user(ws);

	if (line->server->s.progress)
		line->server->s.progress(line->server->s.context, line->session);
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
	struct line *line;
	struct ws *ws;

	if (fd >= 0) {
		line = xcalloc(1, sizeof *line);
		line->server = server;
		ws = ws_open(server->sockets, fd, extra, line);
		line->session = eio_ws_attach(
		    server->eio, &request, w->has_sid ? &w->sid : NULL, ws, now());
		if (!line->session) {
			ws_close(ws, WS_CODE_NORMAL, "");
			free(line);
		}
	}
	way_free(w);
}

static void
take_websocket(struct eio_server *server, struct http_request *request, const struct eio_verdict *v)
{
	struct way_in *w = xcalloc(1, sizeof *w);

	w->server = server;
	w->has_sid = v->has_sid;
	w->sid = v->sid;
	w->query = xspandup(http_query(request));
	w->origin = xspandup(http_header(request, "Origin"));
	http_upgrade(request, NULL, on_taken, w);
}

static void
take_get(struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	struct json_out body = { 0 };
	struct held *h = xcalloc(1, sizeof *h);
	struct eio_verdict v;

	h->server = server;
	h->request = request;
	h->sid = check->sid;
	v = eio_poll_get(server->eio, &h->sid, h, now(), &body);
	if (v.next == EIO_HOLD) {
		http_hold(request, on_gone, h);
		return;
	}
	held_free(h);
	if (v.next == EIO_ANSWER)
		answer(request, 200, EIO_ANSWER_TYPE, &body);
	else
		refuse_request(request, &v);
	json_out_fini(&body);
}

/* A POST whose body is on its way; lives in the request's arena. */
struct posting {
	struct eio_server *server;
	struct http_request *request;
	struct eio_sid sid;
};

static void
on_post_gone(void *arg)
{
	struct posting *p = arg;

	if (http_is_too_big(p->request))
		eio_post_too_big(p->server->eio, &p->sid);
	else
		eio_post_abort(p->server->eio, &p->sid, now());
}

static void
begin_post(struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	/* Its length has been looked at: a longer one than maxPayload is refused by the HTTP layer. */
	struct eio_verdict v = eio_post_begin(
	    server->eio, &check->sid, http_header(request, "Content-Type"), -1, now());
	struct posting *p;

	if (v.next != EIO_READ) {
		refuse_request(request, &v);
		return;
	}
	p = arena_take(http_arena(request), sizeof *p);
	*p = (struct posting){ .server = server, .request = request, .sid = check->sid };
	http_hold(request, on_post_gone, p);
}

static void
take_post(struct eio_server *server, struct http_request *request, const struct eio_verdict *check)
{
	struct span body = http_body(request);
	struct json_out out = { 0 };
	struct eio_verdict v = { .next = EIO_READ };

	/* Only an empty body has not been announced by its head. */
	if (!http_holder(request))
		v = eio_post_begin(server->eio, &check->sid, http_header(request, "Content-Type"),
		    (int64_t)body.n, now());
	if (v.next == EIO_READ)
		v = eio_post_body(server->eio, &check->sid, body, now());
	if (v.next != EIO_ANSWER) {
		refuse_request(request, &v);
		return;
	}
	json_out_bytes(&out, SPAN("ok"));
	answer(request, 200, "text/html", &out);
}

static struct span
method_name(enum http_method method)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",
		[HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_PATCH] = "PATCH",
		[HTTP_DELETE] = "DELETE",
		[HTTP_OPTIONS] = "OPTIONS",
	};

	return span_of(names[method]);
}

static void
handshake(struct eio_server *server, struct http_request *http, const struct eio_request *request)
{
	struct json_out body = { 0 };

	eio_handshake(server->eio, request, now(), &body);
	answer(http, 200, EIO_ANSWER_TYPE, &body);
}

static struct eio_request
request_of(struct http_request *http)
{
	return (struct eio_request){
		.method = method_name(http_method(http)),
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
	struct eio_verdict v = eio_check_request(server->eio, &request, now());

	if (v.next == EIO_POST)
		begin_post(server, http, &v);
}

void
eio_server_request(struct eio_server *server, struct http_request *http)
{
	struct eio_request request = request_of(http);
	struct eio_verdict v;

	v = eio_check_request(server->eio, &request, now());
	switch (v.next) {
	case EIO_HANDSHAKE:
		handshake(server, http, &request);
		return;
	case EIO_GET:
		take_get(server, http, &v);
		return;
	case EIO_POST:
		take_post(server, http, &v);
		return;
	case EIO_WEBSOCKET:
		take_websocket(server, http, &v);
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
	refuse_request(http, &v);
}

static void
tick(struct eio_server *server)
{
	if (server->sio)
		sio_tick(server->sio, now());
	else
		eio_tick(server->eio, now());
}

static uint64_t
next_deadline(const struct eio_server *server)
{
	return server->sio ? sio_next_deadline(server->sio) : eio_next_deadline(server->eio);
}

static void
on_timer(struct loop_timer *timer)
{
	tick((struct eio_server *)(void *)((char *)timer - offsetof(struct eio_server, timer)));
}

/* Answers that became due in this turn go out together; then the clock is set for what comes next.
 */
static void
on_turn_end(struct loop_hook *hook)
{
	struct eio_server *server =
	    (struct eio_server *)(void *)((char *)hook - offsetof(struct eio_server, turn_end));
	struct link *at;
	uint64_t due;

	while ((at = list_take(&server->ready))) {
		struct held *h = LIST_OF(at, struct held, ready);
		struct json_out body = { 0 };

		if (eio_poll_take(server->eio, &h->sid, h, &body)) {
			answer(h->request, 200, EIO_ANSWER_TYPE, &body);
			held_free(h);
		}
		json_out_fini(&body);
	}
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
	struct ws_settings ws = {
		.message_bytes = s->eio.max_payload_bytes,
		.owed_bytes = s->eio.max_queue_bytes,
		.close_ms = LIMIT_CLOSE_MS,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	server->s = *s;
	server->io = (struct eio_io){
		.poll_ready = on_poll_ready,
		.poll_finish = on_poll_finish,
		.ws_send = on_ws_send,
		.ws_close = on_ws_close,
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
	server->sockets = ws_server_new(s->loop, &ws);
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

struct sio *
eio_server_sio(struct eio_server *server)
{
	return server->sio;
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
