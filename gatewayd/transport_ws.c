/*
 * Plain WebSocket clients, subprotocol graph.v1: every text message is one JSON object. Down go
 * {"event","seq","data"}, up come {"id","do",…}, each answered {"id","ok"} or {"id","error"}.
 */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/live.h"
#include "gatewayd/transport.h"
#include "gatewayd/ws.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SUBPROTOCOL "graph.v1"

struct client {
	struct member member;
	struct ws *ws;
	struct hub *hub;
	struct live_asks asks;
	char *actor; /* owned; NULL: none */
	char id[UUID_TEXT + 1];
	struct uuid session;
	bool is_joined;
	struct json_out early; /* messages that came before, each behind its length (size_t) */
};

/* From the request until the connection is ours: a client and what it joins with. */
struct arrival {
	struct hub *hub;
	struct uuid id;
	struct join join; /* its spans are owned, but for client_id */
};

static const struct transport ws_transport;

static struct client *
client_of(const struct member *m)
{
	return (struct client *)(void *)((char *)(uintptr_t)m - offsetof(struct client, member));
}

static void
client_free(struct client *c)
{
	live_forget(&c->asks, c->hub);
	json_out_fini(&c->early);
	free(c->actor);
	free(c);
}

static void
send_text(struct client *c, const struct json_out *out)
{
	struct shared_bytes *bytes = shared_bytes_new(SHARED_TEXT, json_out_span(out));

	ws_send(c->ws, bytes);
	shared_bytes_unref(bytes);
}

/* {"id":…,"ok":…} or {"id":…,"error":…} */
static void
send_answer(struct client *c, struct span id, bool is_error, struct span value)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "id");
	json_out_raw(&out, id);
	json_out_key(&out, is_error ? "error" : "ok");
	json_out_raw(&out, value);
	json_out_close(&out, '}');
	send_text(c, &out);
	json_out_fini(&out);
}

static void
send_error(struct client *c, struct span id, enum error err, const struct refusal *why)
{
	struct json_out error = { 0 };

	error_write(&error, err, why);
	send_answer(c, id, true, json_out_span(&error));
	json_out_fini(&error);
}

static void
on_answer(void *user, struct span id, bool is_error, struct span answer)
{
	send_answer(user, id, is_error, answer);
}

/* Up. */

/* Whoever names a session means that one: it is not done in another. */
static bool
is_meant(const struct client *c, struct span object, struct arena *arena)
{
	struct span value;
	struct uuid session;

	if (!json_find(object, "session_id", &value) || json_type(value) == JSON_NULL)
		return true;
	return json_type(value) == JSON_STRING && uuid_parse(json_text(arena, value), &session) &&
	    uuid_equal(&session, &c->session);
}

static void
ask(struct client *c, struct span id, enum live_do what, struct span object, struct arena *arena)
{
	struct upstream_question q = { .session = c->session, .caller.actor = span_of(c->actor) };
	struct json_out args = { 0 };
	struct refusal why = { 0 };
	enum error err;

	err = live_read(object, what, span_of(c->id), arena, &args, &q, &why);
	if (!err && !is_meant(c, object, arena))
		err = ERROR_invalid_session;
	if (!err && !c->is_joined)
		err = refuse(&why, ERROR_invalid_state, NULL, "The session is not joined yet.");
	if (!err && !live_ask(c->hub, &c->asks, &q, id, on_answer, c))
		err = ERROR_overloaded;
	if (err)
		send_error(c, id, err, &why);
	refusal_fini(&why);
	json_out_fini(&args);
}

/* {"do":"answer","ask":…,"data":…}: what it was asked stood in an event ask. */
static void
take_client_answer(struct client *c, struct span id, struct span object)
{
	struct refusal why = { 0 };
	struct json_out arguments = { 0 };
	struct span ask, data;
	int64_t number = 0;

	if (!json_find(object, "data", &data))
		data = SPAN("null");
	json_out_open(&arguments, '[');
	json_out_raw(&arguments, data);
	json_out_close(&arguments, ']');
	if (!json_find(object, "ask", &ask) || !json_integer(ask, &number)) {
		refuse(&why, ERROR_invalid_request, "ask", "ask must be that of the question.");
		send_error(c, id, ERROR_invalid_request, &why);
	} else if (hub_answer(
		       c->hub, &c->member, (uint64_t)number, OK, json_out_span(&arguments))) {
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
take_object(struct client *c, struct span object, struct arena *arena)
{
	static const char *const does[] = { [LIVE_EXECUTE] = "execute",
		[LIVE_UNDO] = "undo",
		[LIVE_REDO] = "redo",
		[LIVE_PRESENCE] = "presence" };
	struct refusal why = { 0 };
	struct span id, what, name = { 0 };

	if (!json_find(object, "id", &id))
		id = SPAN("null");
	if (json_find(object, "do", &what) && json_type(what) == JSON_STRING)
		name = json_text(arena, what);
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
keep_early(struct client *c, struct span message)
{
	if (c->early.n + sizeof message.n + message.n > LIMIT_QUEUE_BYTES)
		return false;
	json_out_bytes(&c->early, (struct span){ (const char *)&message.n, sizeof message.n });
	json_out_bytes(&c->early, message);
	return true;
}

static void
take_message(struct client *c, struct span bytes, bool is_binary)
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
		send_error(c, SPAN("null"), err, &why);
	else
		take_object(c, object, &arena);
	refusal_fini(&why);
	arena_fini(&arena);
}

static void
on_message(struct ws *ws, struct span bytes, bool is_binary)
{
	struct client *c = ws_user(ws);

	if (c->is_joined || is_binary || !keep_early(c, bytes))
		take_message(c, bytes, is_binary);
}

static void
take_early(struct client *c)
{
	struct span rest = json_out_span(&c->early), message = rest;

	while (rest.n) {
		memcpy(&message.n, rest.p, sizeof message.n);
		message.p = rest.p + sizeof message.n;
		take_message(c, message, false);
		rest.p = message.p + message.n;
		rest.n -= sizeof message.n + message.n;
	}
	json_out_fini(&c->early);
}

static void
on_closed(struct ws *ws, enum ws_end why)
{
	struct client *c = ws_user(ws);

	if (why == WS_PEER_CLOSED)
		hub_leave(c->hub, &c->member);
	else
		hub_lose(c->hub, &c->member);
	client_free(c);
}

static void
on_progress(struct ws *ws)
{
	struct client *c = ws_user(ws);

	hub_progress(c->hub, &c->member);
}

/* Down. */

static struct shared_bytes *
encode(unsigned dialect, const struct delivery *d)
{
	struct json_out out = { 0 };
	struct shared_bytes *bytes = NULL;

	if (live_write_event(&out, (enum names)dialect, d))
		bytes = shared_bytes_new(SHARED_TEXT, json_out_span(&out));
	json_out_fini(&out);
	return bytes;
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	ws_send(client_of(m)->ws, bytes);
}

static size_t
owed(const struct member *m)
{
	return ws_owed(client_of(m)->ws);
}

static void
close_client(struct client *c, unsigned code, const char *reason)
{
	ws_close(c->ws, code, reason);
	client_free(c);
}

static void
refuse_member(struct client *c, enum error err)
{
	send_error(c, SPAN("null"), err, NULL);
	if (err == ERROR_invalid_session || err == ERROR_too_many_clients)
		close_client(c, WS_CODE_POLICY, error_rows[err].text);
	else
		close_client(c, WS_CODE_TRY_LATER, error_rows[err].text);
}

static void
joined(struct member *m, const struct join_result *result)
{
	struct client *c = client_of(m);
	struct json_out out = { 0 };

	if (result->error) {
		refuse_member(c, result->error);
		return;
	}
	c->is_joined = true;
	json_out_open(&out, '{');
	json_out_key(&out, "event");
	json_out_string(&out, "joined");
	json_out_key(&out, "seq");
	json_out_uint(&out, result->seq);
	json_out_key(&out, "data");
	live_write_joined(&out, &c->session, span_of(c->id), result);
	json_out_close(&out, '}');
	send_text(c, &out);
	json_out_fini(&out);
	take_early(c);
}

static void
evict(struct member *m, const char *reason)
{
	unsigned code = WS_CODE_NORMAL;

	if (span_is(SPAN("slow"), reason))
		code = WS_CODE_TRY_LATER;
	else if (span_is(SPAN("drain"), reason))
		code = WS_CODE_RESTART;
	close_client(client_of(m), code, reason);
}

static void *
start(struct hub *hub)
{
	static const struct ws_settings settings = {
		.message_bytes = LIMIT_MESSAGE_BYTES,
		.owed_bytes = LIMIT_QUEUE_BYTES,
		.ping_ms = LIMIT_PING_MS,
		.pong_ms = LIMIT_PONG_MS,
		.close_ms = LIMIT_CLOSE_MS,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	return ws_server_new(hub_loop(hub), &settings);
}

static void
stop(void *common)
{
	ws_server_free(common);
}

static const struct transport ws_transport = {
	.name = "websocket",
	.is_stream = true,
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
	.start = start,
	.stop = stop,
};

/* Coming in. */

static struct span
own(struct span s)
{
	return (struct span){ xspandup(s), s.n };
}

static void
arrival_free(struct arrival *a)
{
	free((char *)(uintptr_t)a->join.actor.p);
	free((char *)(uintptr_t)a->join.log_id.p);
	free((char *)(uintptr_t)a->join.events.p);
	free(a);
}

static void
taken(void *arg, int fd, struct span extra)
{
	struct arrival *a = arg;
	struct join join = a->join;
	struct client *c;

	if (fd >= 0) {
		c = xcalloc(1, sizeof *c);
		c->hub = a->hub;
		c->session = a->join.session;
		c->actor = a->join.actor.n ? xspandup(a->join.actor) : NULL;
		uuid_format(&a->id, c->id);
		join.client_id = span_of(c->id);
		join.actor = span_of(c->actor);
		c->ws = ws_open(hub_transport(a->hub, &ws_transport), fd, extra, c);
		hub_join(a->hub, &c->member, &ws_transport, join.names, &join);
	}
	arrival_free(a);
}

/* Whether a comma list of a header holds the item. */
static bool
offers(struct span list, const char *item)
{
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		struct span one = { list.p, comma ? (size_t)(comma - list.p) : list.n };
		size_t step = one.n + (comma != NULL);

		while (one.n && (one.p[0] == ' ' || one.p[0] == '\t'))
			one = (struct span){ one.p + 1, one.n - 1 };
		while (one.n && (one.p[one.n - 1] == ' ' || one.p[one.n - 1] == '\t'))
			one.n--;
		if (span_is(one, item))
			return true;
		list = (struct span){ list.p + step, list.n - step };
	}
	return false;
}

void
transport_ws_accept(struct hub *hub, struct http_request *request, const struct join *join)
{
	struct arrival *a;

	if (!live_check_join(request, join))
		return;
	a = xcalloc(1, sizeof *a);
	a->hub = hub;
	a->join = *join;
	a->join.counted = true;
	/* A client that names itself can come back as itself. */
	a->join.may_return = uuid_parse(join->client_id, &a->id);
	if (!a->join.may_return)
		uuid_random(&a->id);
	a->join.actor = own(join->actor);
	a->join.log_id = own(join->log_id);
	a->join.events = own(join->events);
	http_upgrade(request,
	    offers(http_header(request, "sec-websocket-protocol"), SUBPROTOCOL) ? SUBPROTOCOL
										: NULL,
	    taken, a);
}
