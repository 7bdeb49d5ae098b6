/*
 * The echo application of the public protocol suites, on the very modules that the gateway ships:
 * HTTP, WebSocket, Engine.IO and Socket.IO; nothing of ZeroMQ or graphs.
 *
 *	echo eio|sio|ws [--port N] [--ping-interval MS] [--ping-timeout MS]
 *
 * eio: what a client sends comes back. sio: `auth` on connect, `message` -> `message-back`,
 * `message-with-ack` -> an ack; on /custom the `auth` alone. ws: plain WebSocket messages of up to
 * 16 MiB come back. Prints its port.
 */

#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gatewayd/eio_server.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { WS_MESSAGE_BYTES = 16 * 1024 * 1024 };

struct echo {
	struct loop *loop;
	struct http *http;
	struct eio_server *engine; /* NULL in mode ws */
	struct ws_server *sockets; /* mode ws */
};

static void
on_eio_open(void *context, struct eio_session *session, const struct eio_request *request)
{
	(void)context;
	(void)session;
	(void)request;
}

static void
on_eio_message(void *context, struct eio_session *session, struct span bytes, bool is_binary)
{
	const struct span pieces[] = { SPAN("4"), bytes };
	struct shared_bytes *copy = is_binary ? shared_bytes_new(SHARED_BINARY, bytes)
					      : shared_bytes_join(SHARED_TEXT, pieces, 2);

	(void)context;
	eio_send(session, copy);
	shared_bytes_unref(copy);
}

static void
on_eio_close(void *context, struct eio_session *session, enum eio_reason reason)
{
	(void)context;
	(void)session;
	(void)reason;
}

static void
on_sio_connect(void *context, struct sio_socket *socket, struct span auth)
{
	struct sio_message message = { .type = SIO_EVENT, .name = SPAN("auth"), .args = auth };

	(void)context;
	sio_accept(socket, (struct span){ 0 });
	sio_emit(socket, &message, NULL);
}

static void
on_sio_event(void *context, struct sio_socket *socket, const struct sio_event *event)
{
	struct sio_message back = {
		.type = SIO_EVENT,
		.name = SPAN("message-back"),
		.args = event->args,
		.n_attachments = event->attachments.n,
	};

	(void)context;
	if (!span_is(sio_namespace(socket), "/"))
		return;
	if (span_is(event->name, "message"))
		sio_emit(socket, &back, &event->attachments);
	else if (span_is(event->name, "message-with-ack") && event->has_ack)
		sio_ack(socket, event->ack_id, event->args, &event->attachments);
}

static void
on_sio_disconnect(void *context, struct sio_socket *socket, enum sio_reason reason)
{
	(void)context;
	(void)socket;
	(void)reason;
}

static void
on_ws_message(struct ws *ws, struct span bytes, bool is_binary)
{
	struct shared_bytes *copy =
	    shared_bytes_new(is_binary ? SHARED_BINARY : SHARED_TEXT, bytes);

	ws_send(ws, copy);
	shared_bytes_unref(copy);
}

static void
on_ws_closed(struct ws *ws, enum ws_end end)
{
	(void)ws;
	(void)end;
}

static void
on_taken(void *arg, int fd, struct span extra)
{
	struct echo *e = arg;

	if (fd >= 0)
		ws_open(e->sockets, fd, extra, e);
}

static size_t
body_limit(void *context, enum http_method method, struct span path)
{
	(void)context;
	(void)method;
	(void)path;
	return LIMIT_MESSAGE_BYTES;
}

static void
headed(void *context, struct http_request *request)
{
	struct echo *e = context;

	if (e->engine && eio_server_is_path(e->engine, http_path(request)))
		eio_server_headed(e->engine, request);
}

static void
handle(void *context, struct http_request *request)
{
	struct echo *e = context;

	http_add_header(request, "Cache-Control", SPAN("no-store"));
	if (e->engine && eio_server_is_path(e->engine, http_path(request)))
		eio_server_request(e->engine, request);
	else if (e->sockets && http_is_upgrade(request))
		http_upgrade(request, NULL, on_taken, e);
	else
		http_reply(request, 404, "text/plain", NULL, 0);
}

static const struct eio_app eio_echo = {
	.open = on_eio_open, .message = on_eio_message, .close = on_eio_close
};
static const struct sio_app sio_echo = {
	.connect = on_sio_connect, .event = on_sio_event, .disconnect = on_sio_disconnect
};
static const char *const namespaces[] = { "/", "/custom" };

static struct eio_server *
engine(struct loop *loop, bool with_sio, uint32_t interval_ms, uint32_t timeout_ms)
{
	struct eio_server_settings s = { .loop = loop, .eio = eio_default_settings() };

	s.eio.path = with_sio ? "/socket.io/" : "/engine.io/";
	s.eio.ping_interval_ms = interval_ms;
	s.eio.ping_timeout_ms = timeout_ms;
	s.eio.max_payload_bytes = 1000000;
	s.eio_app = with_sio ? NULL : &eio_echo;
	s.sio_app = with_sio ? &sio_echo : NULL;
	s.sio = (struct sio_settings){
		.connect_timeout_ms = 1000, .namespaces = namespaces, .n_namespaces = 2
	};
	return eio_server_new(&s);
}

static void
on_signal(void *arg, int number)
{
	(void)number;
	loop_stop(arg);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "ping-interval", required_argument, NULL, 'i' },
		{ "ping-timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct ws_settings ws = { .message_bytes = WS_MESSAGE_BYTES,
		.owed_bytes = 4 * WS_MESSAGE_BYTES,
		.close_ms = 2000,
		.message = on_ws_message,
		.closed = on_ws_closed };
	struct http_settings settings = { .address = "127.0.0.1",
		.port = 3000,
		.max_connections = 1000,
		.body_limit = body_limit,
		.headed = headed,
		.handle = handle };
	uint32_t interval_ms = 300, timeout_ms = 200;
	struct echo e = { 0 };
	const char *mode;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			settings.port = (uint16_t)atoi(optarg);
		else if (c == 'i')
			interval_ms = (uint32_t)atoi(optarg);
		else if (c == 't')
			timeout_ms = (uint32_t)atoi(optarg);
		else
			return 2;
	}
	mode = optind < argc ? argv[optind] : "sio";
	e.loop = loop_new();
	loop_signal(e.loop, SIGTERM, on_signal, e.loop);
	loop_signal(e.loop, SIGINT, on_signal, e.loop);
	if (strcmp(mode, "ws") == 0)
		e.sockets = ws_server_new(e.loop, &ws);
	else
		e.engine = engine(e.loop, strcmp(mode, "sio") == 0, interval_ms, timeout_ms);
	settings.context = &e;
	e.http = http_new(e.loop, &settings);
	if (!e.http) {
		perror("echo: cannot listen");
		return 1;
	}
	printf("%u\n", http_port(e.http));
	fflush(stdout);
	loop_run(e.loop);
	http_free(e.http);
	eio_server_free(e.engine);
	if (e.sockets)
		ws_server_free(e.sockets);
	loop_free(e.loop);
	return 0;
}
