#include "common/clock.h"
#include "common/frames.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/ctl.h"
#include "graphd/ctl_link.h"
#include "proto/wire.h"

#include <stdlib.h>

/* An answer may take long, because a backup of a big store takes its time; a connection may not. */
enum { ANSWER_MS = 600 * 1000, CONNECT_MS = 5000 };

struct ctl_client {
	const struct ctl_options *options; /* borrowed, as the endpoint is */
	const char *endpoint;
	void *context;
	struct ctl_link *link; /* NULL: the last one broke */
	uint64_t last_id;
};

struct ctl_client *
ctl_client_new(const struct ctl_options *o, const char *endpoint)
{
	struct ctl_client *c = xcalloc(1, sizeof *c);

	c->options = o;
	c->endpoint = endpoint;
	c->context = zmq_ctx_new();
	c->link = ctl_link_new(o, c->context, endpoint);
	if (c->link)
		return c;
	ctl_client_free(c);
	return NULL;
}

void
ctl_client_free(struct ctl_client *c)
{
	if (!c)
		return;
	ctl_link_free(c->link);
	zmq_ctx_term(c->context);
	free(c);
}

void *
ctl_client_context(struct ctl_client *c)
{
	return c->context;
}

static bool
send_request(
    void *socket, struct span id, const char *command, const struct uuid *session, struct span args)
{
	char text[UUID_TEXT + 1] = "";

	if (!uuid_is_nil(session))
		uuid_format(session, text);
	/* Once the first frame is taken, the others are too. */
	if (!frames_send(socket, SPAN(""), true))
		return false;
	frames_send(socket, SPAN(WIRE_PROTOCOL), true);
	frames_send(socket, id, true);
	frames_send(socket, span_of(command), true);
	frames_send(socket, span_of(text), true);
	frames_send(socket, SPAN("{\"actor\":\"graphctl\"}"), true);
	while (args.n > LIMIT_PART_BYTES) {
		frames_send(socket, (struct span){ args.p, LIMIT_PART_BYTES }, true);
		args.p += LIMIT_PART_BYTES;
		args.n -= LIMIT_PART_BYTES;
	}
	return frames_send(socket, args, false);
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

/* False: none came in time, or the link broke before it was whole. */
static bool
await_answer(struct ctl_client *c, struct span id, struct json_out *body, bool *good)
{
	uint64_t deadline_ms = clock_now_ms() + ANSWER_MS;
	bool last = false;
	struct frames f;

	while (!last && ctl_link_recv(c->link, deadline_ms, &f)) {
		last = take_message(&f, id, body, good);
		frames_fini(&f);
	}
	return last;
}

/* A link that breaks is not used again: what is still to be sent through it must not go to whoever
 * answers at the endpoint next. */
static bool
ask_once(struct ctl_client *c, struct span id, const char *command, const struct uuid *session,
    struct span args, struct json_out *body, bool *good)
{
	bool answered;

	if (!c->link)
		c->link = ctl_link_new(c->options, c->context, c->endpoint);
	answered = c->link && ctl_link_await(c->link, clock_now_ms() + CONNECT_MS) &&
	    send_request(ctl_link_socket(c->link), id, command, session, args) &&
	    await_answer(c, id, body, good);
	if (!answered) {
		ctl_link_free(c->link);
		c->link = NULL;
	}
	return answered;
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
	answered = ask_once(c, json_out_span(&id), command, session, args, body, &good);
	json_out_fini(&id);
	if (!answered)
		return ctl_say("%s: no answer from %s", command, c->endpoint), false;
	if (!scan(body))
		return ctl_say("%s: the answer is no JSON", command), false;
	if (!good)
		say_refusal(command, json_out_span(body));
	return good;
}
