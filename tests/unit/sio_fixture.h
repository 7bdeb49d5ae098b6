#pragma once
/* An application on Socket.IO that echoes and takes notes, and clients with fake WebSockets. */

#include "gatewayd/sio_client.h"
#include "tests/unit/eio_fixture.h"

enum { START_MS = 1000, CONNECT_MS = 45000 };

static const char *const namespaces[] = { "/", "/graph", "/later" };
static struct sio *sio;
static struct eio *eio;
static struct sio_client *client;  /* the newest */
static struct sio_socket *waiting; /* asked for /later, not answered yet */
static struct fake_ws ws;	   /* of the client that most tests do with */
static struct notes heard;
static const char *refusal;
static const char *pid;
static unsigned opens, closes, connects, refusals, disconnects;

static inline void
on_open(void *context, struct sio_client *c, const struct eio_request *r)
{
	ck_assert(!context && r);
	sio_client_set_data(c, &heard);
	client = c;
	opens++;
}

static inline void
on_connect(void *context, struct sio_socket *s, struct span auth)
{
	const struct sio_message hello = { .name = SPAN("auth"), .args = auth, .type = SIO_EVENT };

	(void)context;
	connects++;
	note(&heard, auth);
	if (span_is(sio_namespace(s), "/later")) {
		waiting = s;
	} else if (refusal) {
		refusals++;
		sio_refuse(s, refusal, SPAN("{\"code\":\"INVALID_SESSION\"}"));
	} else {
		sio_accept(s, span_of(pid));
		sio_emit(s, &hello, NULL);
	}
}

static inline void
on_event(void *context, struct sio_socket *s, const struct sio_event *e)
{
	struct sio_message back = {
		.type = SIO_EVENT, .name = SPAN("message-back"), .args = e->args
	};
	char id[64];

	(void)context;
	note(&heard, e->fault == JSON_OK ? e->name : span_of(json_fault_name(e->fault)));
	note(&heard, e->args);
	for (unsigned i = 0; i < e->attachments.n; i++)
		note(&heard, e->attachments.items[i]);
	if (e->has_ack) {
		snprintf(id, sizeof(id), "id %llu", (unsigned long long)e->ack_id);
		note(&heard, span_of(id));
		sio_ack(s, e->ack_id, e->args, &e->attachments);
	} else if (span_is(e->name, "close")) {
		sio_close(sio_client_of(s));
	} else if (e->fault == JSON_OK) {
		sio_emit(s, &back, &e->attachments);
	}
}

static inline void
on_acked(void *context, struct sio_socket *s, uint64_t id, const struct sio_event *ack)
{
	char text[64];

	(void)context;
	ck_assert(sio_is_connected(s));
	snprintf(text, sizeof(text), "acked %llu", (unsigned long long)id);
	note(&heard, span_of(text));
	note(&heard, ack->fault == JSON_OK ? ack->args : span_of(json_fault_name(ack->fault)));
	for (unsigned i = 0; i < ack->attachments.n; i++)
		note(&heard, ack->attachments.items[i]);
}

static inline void
on_disconnect(void *context, struct sio_socket *s, enum sio_reason reason)
{
	(void)context;
	ck_assert(!sio_is_connected(s));
	disconnects++;
	note(&heard, span_of(reason_text((unsigned)reason)));
	if (s == waiting)
		waiting = NULL;
}

static inline void
on_close(void *context, struct sio_client *c, enum sio_reason reason)
{
	(void)context;
	ck_assert_uint_le(reason, SIO_FORCED_CLOSE);
	ck_assert(sio_client_data(c) == &heard);
	closes++;
}

static const struct sio_app app = { .user_bytes = sizeof(void *),
	.open = on_open,
	.connect = on_connect,
	.event = on_event,
	.acked = on_acked,
	.disconnect = on_disconnect,
	.close = on_close };

static inline void
setup(void)
{
	const struct sio_settings settings = { CONNECT_MS, namespaces, 3 };
	struct eio_settings eio_set = eio_default_settings();

	opens = closes = connects = refusals = disconnects = 0;
	refusal = pid = NULL;
	waiting = NULL;
	ws = (struct fake_ws){ 0 };
	forget(&heard);
	sio = sio_new(&settings, &eio_set, &app, &fake_io);
	eio = sio_eio(sio);
}

static inline void
teardown(void)
{
	sio_free(sio);
	ck_assert_uint_eq(connects, disconnects + refusals);
	ck_assert_uint_eq(opens, closes);
}

/* A client over WebSocket. */
static inline struct eio_session *
dial(struct fake_ws *by)
{
	struct eio_session *s = attach(eio, NULL, by, START_MS);

	forget(&by->out);
	return s;
}

/* One that has joined the root namespace, with nothing noted of it. */
static inline struct eio_session *
join(struct fake_ws *by)
{
	struct eio_session *s = dial(by);

	ck_assert(ws_text(s, by, "40", START_MS));
	forget(&by->out);
	forget(&heard);
	return s;
}

/* A message over `ws`, and the connection goes on. */
static inline void
says(struct eio_session *s, const char *text)
{
	ck_assert(ws_text(s, &ws, text, START_MS));
}
