/*
 * Three clients, one polling, one on WebSocket, one on its way from the one to the other. The input
 * is cut into messages: a byte says whose and how, a byte how long, then the bytes themselves.
 */

#include "gatewayd/sio.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START_MS = 1000, POLLER = 0, SOCKET = 1, UPGRADER = 2, CLIENTS = 3 };

struct client {
	struct eio_sid sid;
	struct eio_session *session; /* NULL once its WebSocket is closed */
	bool is_holding, is_ready;
};

struct world {
	struct sio *sio;
	uint64_t now_ms;
	struct client clients[CLIENTS];
	unsigned connects, ends;
};

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

static void
poll_ready(void *get)
{
	struct client *c = get;

	demand(c->is_holding && !c->is_ready);
	c->is_ready = true;
}

static void
poll_finish(void *get, struct span body)
{
	struct client *c = get;

	demand(c->is_holding && body.n > 0);
	c->is_holding = c->is_ready = false;
}

static void
ws_send(void *ws, struct shared_bytes *b)
{
	struct span frame = shared_bytes_frame(b);
	size_t sum = 0;

	/* Reads every byte, for the sanitizers to see. */
	for (size_t i = 0; i < frame.n; i++)
		sum += (unsigned char)frame.p[i];
	demand(ws && sum > 0);
}

static void
ws_close(void *ws, enum eio_reason reason)
{
	struct client *c = ws;

	demand(reason <= EIO_FORCED_CLOSE);
	c->session = NULL;
}

static const struct eio_io io = { poll_ready, poll_finish, ws_send, ws_close };

static void
on_connect(void *context, struct sio_socket *s, struct span auth)
{
	struct world *w = context;

	w->connects++;
	demand(auth.n >= 2 && auth.p[0] == '{');
	sio_accept(s, auth.n % 2 ? SPAN("pid") : (struct span){ 0 });
}

static void
on_event(void *context, struct sio_socket *s, const struct sio_event *e)
{
	struct sio_message back = { .type = SIO_EVENT, .name = e->name, .args = e->args };

	(void)context;
	demand(sio_is_connected(s));
	if (e->has_ack)
		sio_ack(s, e->ack_id, e->args, &e->attachments);
	else if (e->fault == JSON_OK && e->name.n == 1 && e->name.p[0] == 'x')
		sio_close(sio_client_of(s));
	else
		sio_emit(s, &back, &e->attachments);
}

static void
on_disconnect(void *context, struct sio_socket *s, enum sio_reason reason)
{
	struct world *w = context;

	w->ends++;
	demand(!sio_is_connected(s) && reason <= SIO_CLIENT_LEFT);
}

static struct eio_request
request(bool is_upgrade)
{
	return (struct eio_request){
		.method = SPAN("GET"), .query = SPAN(""), .is_upgrade = is_upgrade
	};
}

static void
begin(struct world *w)
{
	struct eio *eio = sio_eio(w->sio);
	const struct eio_request get = request(false), upgrade = request(true);
	struct json_out body = { 0 };
	struct client *c = w->clients;

	c[POLLER].sid = eio_handshake(eio, &get, w->now_ms, &body);
	c[UPGRADER].sid = eio_handshake(eio, &get, w->now_ms, &body);
	json_out_fini(&body);
	c[SOCKET].session = eio_ws_attach(eio, &upgrade, NULL, &c[SOCKET], w->now_ms);
	c[UPGRADER].session =
	    eio_ws_attach(eio, &upgrade, &c[UPGRADER].sid, &c[UPGRADER], w->now_ms);
}

static void
get(struct world *w, struct client *c)
{
	struct eio *eio = sio_eio(w->sio);
	struct json_out body = { 0 };

	if (c->is_holding && c->is_ready) {
		demand(eio_poll_take(eio, &c->sid, c, &body) && body.n > 0);
		c->is_holding = c->is_ready = false;
	} else if (!c->is_holding) {
		struct eio_verdict v = eio_poll_get(eio, &c->sid, c, w->now_ms, &body);

		c->is_holding = v.next == EIO_HOLD;
		demand((v.next == EIO_ANSWER) == (body.n > 0));
	}
	json_out_fini(&body);
}

static void
message(struct world *w, uint8_t how, struct span bytes)
{
	struct eio *eio = sio_eio(w->sio);
	struct client *c = &w->clients[how % CLIENTS];
	struct eio_request r = request(how & 0x80);

	switch (how >> 2 & 7) {
	case 0:
		get(w, c);
		break;
	case 1:
		if (eio_post_begin(eio, &c->sid, SPAN(""), -1, w->now_ms).next == EIO_READ)
			eio_post_body(eio, &c->sid, bytes, w->now_ms);
		break;
	case 2:
		sio_tick(w->sio, w->now_ms += bytes.n * 100);
		break;
	case 3:
		r.query = bytes;
		eio_check_request(eio, &r, w->now_ms);
		break;
	default:
		if (c->session)
			eio_ws_message(c->session, c, bytes, (how & 0xc0) == 0xc0, w->now_ms);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const namespaces[] = { "/", "/graph" };
	const struct sio_settings settings = { 45000, namespaces, 2 };
	struct eio_settings eio_set = eio_default_settings();
	struct world w = { .now_ms = START_MS };
	const struct sio_app app = {
		.context = &w, .connect = on_connect, .event = on_event, .disconnect = on_disconnect
	};

	eio_set.max_payload_bytes = 1024;
	w.sio = sio_new(&settings, &eio_set, &app, &io);
	begin(&w);
	while (size >= 2) {
		size_t n = data[1] < size - 2 ? data[1] : size - 2;
		char *exact = memcpy(malloc(n ? n : 1), data + 2, n);

		message(&w, data[0], (struct span){ exact, n });
		free(exact);
		data += 2 + n;
		size -= 2 + n;
	}
	sio_free(w.sio);
	demand(w.connects == w.ends);
	return 0;
}
