#include "gatewayd/graph_v1.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct hub *
graph_v1_hub(const struct graph_v1 *c)
{
	return ws_context(c->ws);
}

static void
drop_early(struct graph_v1 *c)
{
	if (c->early)
		json_out_fini(c->early);
	free(c->early);
	c->early = NULL;
}

void
graph_v1_fini(struct graph_v1 *c)
{
	live_forget(&c->asks, graph_v1_hub(c));
	drop_early(c);
	free(c->actor);
}

void
graph_v1_send(struct graph_v1 *c, const struct json_out *out)
{
	struct shared_bytes *bytes = shared_bytes_new(SHARED_TEXT, json_out_span(out));

	ws_send(c->ws, bytes);
	shared_bytes_unref(bytes);
}

/* {"id":…,"ok":…} or {"id":…,"error":…} */
static void
send_answer(struct graph_v1 *c, struct span id, bool is_error, struct span value)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "id");
	json_out_raw(&out, id);
	json_out_key(&out, is_error ? "error" : "ok");
	json_out_raw(&out, value);
	json_out_close(&out, '}');
	graph_v1_send(c, &out);
	json_out_fini(&out);
}

static void
send_error(struct graph_v1 *c, struct span id, enum error err, const struct refusal *why)
{
	struct json_out error = { 0 };

	error_write(&error, err, why);
	send_answer(c, id, true, json_out_span(&error));
	json_out_fini(&error);
}

void
graph_v1_refuse(struct graph_v1 *c, enum error err)
{
	send_error(c, SPAN("null"), err, NULL);
}

static void
on_answer(void *user, struct span id, bool is_error, struct span answer)
{
	send_answer(user, id, is_error, answer);
}

/* Whoever names a session means that one: it is not done in another. */
static bool
is_meant(const struct graph_v1 *c, struct span object, struct arena *arena)
{
	struct span value;
	struct uuid session;

	if (!json_find(object, "session_id", &value) || json_type(value) == JSON_NULL)
		return true;
	return json_type(value) == JSON_STRING && uuid_parse(json_text(arena, value), &session) &&
	    uuid_equal(&session, hub_session(&c->member));
}

static void
ask(struct graph_v1 *c, struct span id, enum live_do what, struct span object, struct arena *arena)
{
	struct upstream_question q = {
		.session = *hub_session(&c->member),
		.caller.actor = span_of(c->actor),
	};
	struct json_out args = { 0 };
	struct refusal why = { 0 };
	enum error err;

	err = live_read(object, what, span_of(c->id), arena, &args, &q, &why);
	if (!err && !is_meant(c, object, arena))
		err = ERROR_invalid_session;
	if (!err && !c->is_joined)
		err = refuse(&why, ERROR_invalid_state, NULL, "The session is not joined yet.");
	if (!err && !live_ask(graph_v1_hub(c), &c->asks, &q, id, on_answer, c))
		err = ERROR_overloaded;
	if (err)
		send_error(c, id, err, &why);
	refusal_fini(&why);
	json_out_fini(&args);
}

/* {"do":"answer","ask":…,"data":…}: what it was asked stood in an event ask. */
static void
take_client_answer(struct graph_v1 *c, struct span id, struct span object)
{
	struct refusal why = { 0 };
	struct json_out arguments = { 0 };
	struct span data;
	int64_t number = 0;

	if (!json_find(object, "data", &data))
		data = SPAN("null");
	json_out_open(&arguments, '[');
	json_out_raw(&arguments, data);
	json_out_close(&arguments, ']');
	if (!json_find_integer(object, "ask", &number)) {
		refuse(&why, ERROR_invalid_request, "ask", "ask must be that of the question.");
		send_error(c, id, ERROR_invalid_request, &why);
	} else if (hub_answer(graph_v1_hub(c), &c->member, (uint64_t)number, OK,
		       json_out_span(&arguments))) {
		send_answer(c, id, false, SPAN("{}"));
	} else {
		hub_count_stray_answer();
		refuse(&why, ERROR_not_found, "ask", "No answer to that is waited for.");
		send_error(c, id, ERROR_not_found, &why);
	}
	refusal_fini(&why);
	json_out_fini(&arguments);
}

static void
take_object(struct graph_v1 *c, struct span object, struct arena *arena)
{
	static const char *const does[] = { [LIVE_EXECUTE] = "execute",
		[LIVE_UNDO] = "undo",
		[LIVE_REDO] = "redo",
		[LIVE_PRESENCE] = "presence" };
	struct refusal why = { 0 };
	struct span id, name = json_find_text(arena, object, "do");

	if (!json_find(object, "id", &id))
		id = SPAN("null");
	if (span_is(name, "ping")) {
		send_answer(c, id, false, SPAN("\"pong\""));
		return;
	}
	if (span_is(name, "answer")) {
		take_client_answer(c, id, object);
		return;
	}
	for (unsigned i = 0; i < sizeof does / sizeof *does; i++) {
		if (span_is(name, does[i])) {
			ask(c, id, (enum live_do)i, object, arena);
			return;
		}
	}
	refuse(&why, ERROR_invalid_request, "do",
	    "do must be execute, undo, redo, presence, answer or ping.");
	send_error(c, id, ERROR_invalid_request, &why);
	refusal_fini(&why);
}

/* Whoever writes as soon as the connection is open is answered when it has joined. False: that is
 * too much to keep. */
static bool
keep_early(struct graph_v1 *c, struct span message)
{
	size_t kept = c->early ? c->early->n : 0;

	if (kept + sizeof message.n + message.n > LIMIT_QUEUE_BYTES)
		return false;
	if (!c->early)
		c->early = xcalloc(1, sizeof *c->early);
	json_out_bytes(c->early, (struct span){ (const char *)&message.n, sizeof message.n });
	json_out_bytes(c->early, message);
	return true;
}

/* What is refused for its size or a number in it is JSON all the same, and somebody waits for the
 * answer. */
static struct span
id_of_refused(struct span bytes)
{
	struct span object = json_trim(bytes), id;
	int64_t number;

	if (!json_is_readable(bytes) || json_type(object) != JSON_OBJECT ||
	    !json_find(object, "id", &id))
		return SPAN("null");
	return json_type(id) == JSON_STRING || json_integer(id, &number) ? id : SPAN("null");
}

static void
take_message(struct graph_v1 *c, struct span bytes, bool is_binary)
{
	struct refusal why = { 0 };
	struct arena arena;
	struct span object;
	enum error err;

	arena_init(&arena);
	if (is_binary)
		err = refuse(&why, ERROR_invalid_request, NULL, "Messages must be text.");
	else
		err = live_scan(bytes, &object, &why);
	if (err)
		send_error(c, is_binary ? SPAN("null") : id_of_refused(bytes), err, &why);
	else
		take_object(c, object, &arena);
	refusal_fini(&why);
	arena_fini(&arena);
}

void
graph_v1_joined(struct graph_v1 *c)
{
	struct span rest = c->early ? json_out_span(c->early) : (struct span){ 0 }, message = rest;

	c->is_joined = true;
	while (rest.n) {
		memcpy(&message.n, rest.p, sizeof message.n);
		message.p = rest.p + sizeof message.n;
		take_message(c, message, false);
		rest.p = message.p + message.n;
		rest.n -= sizeof message.n + message.n;
	}
	drop_early(c);
}

void
graph_v1_take(struct graph_v1 *c, struct span message, bool is_binary)
{
	if (c->is_joined || is_binary || !keep_early(c, message))
		take_message(c, message, is_binary);
}
