#include "common/bus_security.h"
#include "common/clock.h"
#include "common/frames.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/ctl.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdlib.h>

/* An answer may take long, because a backup of a big store takes its time; a connection may not. */
enum { ANSWER_MS = 600 * 1000, CONNECT_MS = 5000, LINGER_MS = 1000 };

struct ctl_client {
	const char *endpoint; /* borrowed */
	void *context, *socket;
	uint64_t last_id;
};

static void
set(void *socket, int option, int value)
{
	zmq_setsockopt(socket, option, &value, sizeof value);
}

/* The socket takes over what it needs of the certificates. */
static bool
secure(const struct ctl_options *o, void *socket)
{
	struct bus_security *security;
	char message[256];

	if (!o->curve_certificate)
		return true;
	security = bus_security_client(o->curve_certificate, o->curve_server, message);
	if (!security)
		return ctl_say("%s", message), false;
	bus_security_apply(security, socket);
	bus_security_free(security);
	return true;
}

bool
ctl_connect(const struct ctl_options *o, void *socket, const char *endpoint)
{
	if (!secure(o, socket))
		return false;
	if (zmq_connect(socket, endpoint) == 0)
		return true;
	return ctl_say("%s: %s", endpoint, zmq_strerror(errno)), false;
}

struct ctl_client *
ctl_client_new(const struct ctl_options *o, const char *endpoint)
{
	struct ctl_client *c = xcalloc(1, sizeof *c);

	c->endpoint = endpoint;
	c->context = zmq_ctx_new();
	c->socket = zmq_socket(c->context, ZMQ_DEALER);
	set(c->socket, ZMQ_LINGER, LINGER_MS);
	set(c->socket, ZMQ_HEARTBEAT_IVL, LIMIT_BUS_HEARTBEAT_MS);
	/* Only a connection that stands takes messages. */
	set(c->socket, ZMQ_IMMEDIATE, 1);
	if (ctl_connect(o, c->socket, endpoint))
		return c;
	ctl_client_free(c);
	return NULL;
}

void
ctl_client_free(struct ctl_client *c)
{
	if (!c)
		return;
	zmq_close(c->socket);
	zmq_ctx_term(c->context);
	free(c);
}

void *
ctl_client_context(struct ctl_client *c)
{
	return c->context;
}

/* Who is not there, or has gone, can be sent nothing. */
static bool
is_connected(struct ctl_client *c, long wait_ms)
{
	zmq_pollitem_t item = { .socket = c->socket, .events = ZMQ_POLLOUT };

	return zmq_poll(&item, 1, wait_ms) > 0;
}

static bool
send_request(struct ctl_client *c, struct span id, const char *command, const struct uuid *session,
    struct span args)
{
	char text[UUID_TEXT + 1] = "";

	if (!uuid_is_nil(session))
		uuid_format(session, text);
	/* Once the first frame is taken, the others are too. */
	if (!frames_send(c->socket, SPAN(""), true))
		return false;
	frames_send(c->socket, SPAN(WIRE_PROTOCOL), true);
	frames_send(c->socket, id, true);
	frames_send(c->socket, span_of(command), true);
	frames_send(c->socket, span_of(text), true);
	frames_send(c->socket, SPAN("{\"actor\":\"graphctl\"}"), true);
	while (args.n > LIMIT_PART_BYTES) {
		frames_send(c->socket, (struct span){ args.p, LIMIT_PART_BYTES }, true);
		args.p += LIMIT_PART_BYTES;
		args.n -= LIMIT_PART_BYTES;
	}
	return frames_send(c->socket, args, false);
}

enum { AT_PROTOCOL = 1, AT_ID, AT_STATUS, AT_BODY };

/* One message of the answer to that request; the bodies of several are joined. True: it was the
 * last one. */
static bool
take_message(const struct frames *f, struct span id, struct json_out *body, bool *good)
{
	struct span status = frames_at(f, AT_STATUS);

	if (!span_equal(frames_at(f, AT_ID), id))
		return false;
	for (size_t i = AT_BODY; i < f->n; i++)
		json_out_bytes(body, frames_at(f, i));
	*good = span_is(status, WIRE_STATUS_OK);
	return !span_is(status, WIRE_STATUS_PART);
}

/* False: none came in time, or the connection was lost and none can come. */
static bool
await_answer(struct ctl_client *c, struct span id, struct json_out *body, bool *good)
{
	uint64_t deadline_ms = clock_now_ms() + ANSWER_MS;
	bool last = false;

	while (!last) {
		zmq_pollitem_t item = { .socket = c->socket, .events = ZMQ_POLLIN };
		int n = zmq_poll(&item, 1, CONNECT_MS);
		struct frames f;

		if (n < 0 || clock_now_ms() >= deadline_ms || (n == 0 && !is_connected(c, 0)))
			return false;
		if (!frames_recv(&f, c->socket))
			continue;
		last = take_message(&f, id, body, good);
		frames_fini(&f);
	}
	return true;
}

static bool
scan(const struct json_out *body)
{
	static const struct json_bounds bounds = { LIMIT_JSON_IMPORT_DEPTH, SIZE_MAX, SIZE_MAX,
		SIZE_MAX };

	return json_scan(json_out_span(body), &bounds, NULL) == JSON_OK;
}

static void
say_refusal(const char *command, struct span body)
{
	struct span error, code = { 0 }, message = { 0 };
	struct arena arena;

	arena_init(&arena);
	if (json_find(body, "error", &error)) {
		json_find(error, "code", &code);
		json_find(error, "message", &message);
	}
	if (code.n && message.n) {
		code = json_text(&arena, code);
		message = json_text(&arena, message);
	}
	ctl_say("%s: %.*s: %.*s", command, (int)code.n, code.p ? code.p : "", (int)message.n,
	    message.p ? message.p : "");
	arena_fini(&arena);
}

bool
ctl_client_ask(struct ctl_client *c, const char *command, const struct uuid *session,
    struct span args, struct json_out *body)
{
	struct json_out id = { 0 };
	bool good = false, answered;

	json_out_uint(&id, ++c->last_id);
	json_out_clear(body);
	answered = is_connected(c, CONNECT_MS) &&
	    send_request(c, json_out_span(&id), command, session, args) &&
	    await_answer(c, json_out_span(&id), body, &good);
	json_out_fini(&id);
	if (!answered)
		return ctl_say("%s: no answer from %s", command, c->endpoint), false;
	if (!scan(body))
		return ctl_say("%s: the answer is no JSON", command), false;
	if (!good)
		say_refusal(command, json_out_span(body));
	return good;
}
