/* What clients emit, and what they are answered: contract section 5. */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/sio_seats.h"

#include <stdlib.h>

void
place_emit(struct place *p, const char *name, struct span json)
{
	struct sio_message message = { .type = SIO_EVENT, .name = span_of(name), .args = json };

	if (p->socket)
		sio_emit(p->socket, &message, NULL);
}

void
place_emit_error(struct place *p, const char *code, const char *message)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "code");
	json_out_string(&out, code);
	json_out_key(&out, "message");
	json_out_string(&out, message);
	json_out_close(&out, '}');
	place_emit(p, "error", json_out_span(&out));
	json_out_fini(&out);
}

void
place_emit_joined(struct place *p, const struct uuid *session, uint64_t active_clients,
    uint64_t seq, bool has_ack, uint64_t ack_id)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "session_id");
	json_out_uuid(&out, session);
	json_out_key(&out, "client_id");
	json_out_string(&out, p->client_id);
	json_out_key(&out, "active_clients");
	json_out_uint(&out, active_clients);
	json_out_key(&out, "seq");
	json_out_uint(&out, seq);
	json_out_close(&out, '}');
	place_emit(p, "joined", json_out_span(&out));
	if (has_ack && p->socket)
		sio_ack(p->socket, ack_id, json_out_span(&out), NULL);
	json_out_fini(&out);
}

/* One event of a client while it is being answered. */
struct emitted {
	struct place *place;
	const struct sio_event *event;
	struct span data; /* its first argument; {} when there is none */
	struct arena *arena;
};

/* A refusal: the error event, and the ack if one was asked for. */
static void
refuse_event(const struct emitted *e, enum error err, const char *message)
{
	struct json_out out = { 0 };
	struct refusal why = { 0 };

	refuse(&why, err, NULL, "%s", message);
	place_emit_error(e->place, error_rows[err].code, message);
	if (e->event->has_ack) {
		json_out_open(&out, '{');
		json_out_key(&out, "error");
		error_write(&out, err, &why);
		json_out_close(&out, '}');
		sio_ack(e->place->socket, e->event->ack_id, json_out_span(&out), NULL);
	}
	refusal_fini(&why);
	json_out_fini(&out);
}

static struct span
text_of(const struct emitted *e, const char *name)
{
	struct span value;

	if (!json_find(e->data, name, &value) || json_type(value) != JSON_STRING)
		return (struct span){ 0 };
	return json_text(e->arena, value);
}

/* The session that is named; false, and refused, when none is. */
static bool
named_session(const struct emitted *e, struct uuid *session)
{
	struct span id = text_of(e, "session_id");

	if (!id.n) {
		refuse_event(e, ERROR_invalid_request, "Missing session_id");
		return false;
	}
	if (!uuid_parse(id, session)) {
		refuse_event(e, ERROR_invalid_session, error_rows[ERROR_invalid_session].text);
		return false;
	}
	return true;
}

/* The session that is meant: the one named, or the only one the socket is in. */
static bool
meant_session(const struct emitted *e, struct uuid *session)
{
	struct span value;

	if (json_find(e->data, "session_id", &value) && json_type(value) != JSON_NULL)
		return named_session(e, session);
	if (e->place->n_seats != 1) {
		refuse_event(e, ERROR_invalid_request, "Missing session_id");
		return false;
	}
	*session = LIST_OF(e->place->seats.next, struct seat, link)->session;
	return true;
}

/* A question to graphd on behalf of a socket, which may be gone when the answer comes. */
struct asked {
	struct place *place;
	struct uuid session;
	bool has_ack, again; /* again: a second join_session */
	uint64_t ack_id;
	struct json_out body;
};

static void
answer_again(struct asked *a, struct span body)
{
	struct span value;
	int64_t clients = 0, seq = 0;

	if (json_find(body, "active_clients", &value))
		json_integer(value, &clients);
	if (json_find(body, "seq", &value))
		json_integer(value, &seq);
	place_emit_joined(
	    a->place, &a->session, (uint64_t)clients, (uint64_t)seq, a->has_ack, a->ack_id);
}

/* {"error":{…}} as graphd says it, or as we do when it could not be asked. */
static struct span
error_body(struct asked *a, enum error status)
{
	struct span value;

	if (json_find(json_out_span(&a->body), "error", &value))
		return json_out_span(&a->body);
	json_out_clear(&a->body);
	json_out_open(&a->body, '{');
	json_out_key(&a->body, "error");
	error_write(&a->body, status, NULL);
	json_out_close(&a->body, '}');
	return json_out_span(&a->body);
}

static void
answer(struct asked *a, enum error status)
{
	struct place *p = a->place;
	struct span body = json_out_span(&a->body);

	if (!p->socket || !sio_is_connected(p->socket))
		return;
	if (status == OK && a->again) {
		answer_again(a, body);
		return;
	}
	if (status) {
		struct span error;

		body = error_body(a, status);
		if (json_find(body, "error", &error) && (!a->has_ack || a->again))
			place_emit(p, "error", error);
	}
	if (a->has_ack)
		sio_ack(p->socket, a->ack_id, body, NULL);
}

static void
on_answer(void *arg, enum error status, struct span body, bool more)
{
	struct asked *a = arg;

	json_out_bytes(&a->body, body);
	if (more)
		return;
	answer(a, status);
	place_unref(a->place);
	json_out_fini(&a->body);
	free(a);
}

static void
ask(const struct emitted *e, const struct upstream_question *q, bool again)
{
	struct asked *a = xcalloc(1, sizeof *a);

	a->place = e->place;
	a->session = q->session;
	a->has_ack = e->event->has_ack;
	a->ack_id = e->event->ack_id;
	a->again = again;
	if (!upstream_ask(hub_upstream(place_hub(e->place)), q, on_answer, a)) {
		free(a);
		refuse_event(e, ERROR_overloaded, error_rows[ERROR_overloaded].text);
		return;
	}
	place_ref(e->place);
}

static struct upstream_question
question(const struct emitted *e, enum command command, const struct uuid *session)
{
	struct place *p = e->place;

	return (struct upstream_question){
		.command = command,
		.session = *session,
		.caller = {
			.actor = span_of(p->actor ? p->actor : p->client_id),
			.client = span_of(p->client_id),
			.minimal = true,
		},
		.args = SPAN("{}"),
	};
}

/* A session id and nothing else, as arguments of Join. */
static void
join_again(const struct emitted *e, const struct uuid *session)
{
	struct json_out args = { 0 };
	struct upstream_question q = question(e, COMMAND_join, session);

	json_out_open(&args, '{');
	json_out_key(&args, "client_id");
	json_out_string(&args, e->place->client_id);
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	ask(e, &q, true);
	json_out_fini(&args);
}

static void
on_join(const struct emitted *e)
{
	struct seat_wish w = { .names = NAMES_DASH, .by_event = true };
	const char *fault;

	if (!named_session(e, &w.session))
		return;
	if (!wish_read(e->arena, e->data, &w, &fault)) {
		refuse_event(e, ERROR_invalid_request, fault);
		return;
	}
	if (place_seat(e->place, &w.session)) {
		join_again(e, &w.session);
		return;
	}
	if (e->place->n_seats >= LIMIT_SESSIONS_PER_CLIENT) {
		refuse_event(e, ERROR_too_many_sessions, error_rows[ERROR_too_many_sessions].text);
		return;
	}
	w.has_ack = e->event->has_ack;
	w.ack_id = e->event->ack_id;
	seat_take(e->place, &w);
}

static void
on_leave(const struct emitted *e)
{
	struct json_out out = { 0 };
	struct uuid session;
	struct seat *s;

	if (!named_session(e, &session))
		return;
	s = place_seat(e->place, &session);
	if (!s) {
		refuse_event(e, ERROR_invalid_session, error_rows[ERROR_invalid_session].text);
		return;
	}
	seat_leave(s);
	json_out_open(&out, '{');
	json_out_key(&out, "session_id");
	json_out_uuid(&out, &session);
	json_out_key(&out, "client_id");
	json_out_string(&out, e->place->client_id);
	json_out_close(&out, '}');
	place_emit(e->place, "left", json_out_span(&out));
	if (e->event->has_ack)
		sio_ack(e->place->socket, e->event->ack_id, json_out_span(&out), NULL);
	json_out_fini(&out);
}

static void
on_ping(const struct emitted *e)
{
	place_emit(e->place, "pong", (struct span){ 0 });
	if (e->event->has_ack)
		sio_ack(e->place->socket, e->event->ack_id, (struct span){ 0 }, NULL);
}

static void
on_execute(const struct emitted *e)
{
	struct uuid session, id;
	struct span type = text_of(e, "command_type"), key = text_of(e, "command_id"), data;
	enum command command = command_find(type);
	struct upstream_question q;

	if (!meant_session(e, &session))
		return;
	if (!type.n) {
		refuse_event(e, ERROR_invalid_request, "Missing command_type");
		return;
	}
	if (command == COMMANDS || command_rows[command].kind != COMMAND_EDITS) {
		refuse_event(e, ERROR_unknown_command, error_rows[ERROR_unknown_command].text);
		return;
	}
	if (key.n && !uuid_parse(key, &id)) {
		refuse_event(e, ERROR_invalid_request, "command_id must be a UUID.");
		return;
	}
	q = question(e, command, &session);
	if (json_find(e->data, "data", &data))
		q.args = data;
	q.caller.key = key;
	q.caller.key_is_command_id = key.n != 0;
	ask(e, &q, false);
}

/* Undo and redo: the scope is all they need. */
static void
on_history(const struct emitted *e, enum command command)
{
	struct upstream_question q;
	struct uuid session;

	if (!meant_session(e, &session))
		return;
	q = question(e, command, &session);
	q.args = e->data;
	ask(e, &q, false);
}

static void
on_undo(const struct emitted *e)
{
	on_history(e, COMMAND_undo);
}

static void
on_redo(const struct emitted *e)
{
	on_history(e, COMMAND_redo);
}

static void
on_presence(const struct emitted *e)
{
	struct json_out args = { 0 };
	struct upstream_question q;
	struct uuid session;
	struct span data = e->data;

	if (!meant_session(e, &session))
		return;
	json_find(e->data, "data", &data);
	if (data.n == 0)
		data = e->data;
	if (data.n > LIMIT_PRESENCE_BYTES) {
		refuse_event(e, ERROR_payload_too_large, "Presence is too large.");
		return;
	}
	json_out_open(&args, '{');
	json_out_key(&args, "client_id");
	json_out_string(&args, e->place->client_id);
	json_out_key(&args, "data");
	json_out_raw(&args, data);
	json_out_close(&args, '}');
	q = question(e, COMMAND_presence, &session);
	q.args = json_out_span(&args);
	ask(e, &q, false);
	json_out_fini(&args);
}

static const struct {
	const char *name;
	void (*handle)(const struct emitted *);
} handlers[] = {
	{ "join_session", on_join },
	{ "leave_session", on_leave },
	{ "ping", on_ping },
	{ "command:execute", on_execute },
	{ "undo", on_undo },
	{ "redo", on_redo },
	{ "presence", on_presence },
};

static void
handle(const struct emitted *e)
{
	if (e->event->fault) {
		refuse_event(e, ERROR_invalid_request, json_fault_name(e->event->fault));
		return;
	}
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		if (span_is(e->event->name, handlers[i].name)) {
			if (json_type(e->data) == JSON_OBJECT)
				handlers[i].handle(e);
			else
				refuse_event(
				    e, ERROR_invalid_request, "The argument must be an object.");
			return;
		}
	}
	refuse_event(e, ERROR_unknown_command, "There is no such event.");
}

/* The first of the arguments, which stand in the text one after the other. */
static struct span
first_argument(struct arena *arena, struct span args)
{
	struct json_out array = { 0 };
	struct json_iter it;
	struct span key, value = SPAN("{}"), text;

	if (args.n == 0)
		return value;
	json_out_bytes(&array, SPAN("["));
	json_out_bytes(&array, args);
	json_out_bytes(&array, SPAN("]"));
	text = json_out_span(&array);
	text.p = arena_text(arena, text);
	json_out_fini(&array);
	json_walk(&it, text);
	json_next(&it, &key, &value);
	return json_type(value) == JSON_NULL ? SPAN("{}") : value;
}

void
sio_seats_event(void *context, struct sio_socket *socket, const struct sio_event *event)
{
	struct arena arena;
	struct emitted e = { .place = sio_data(socket), .event = event, .arena = &arena };

	(void)context;
	if (!e.place)
		return;
	arena_init(&arena);
	place_ref(e.place);
	e.data = first_argument(&arena, event->args);
	handle(&e);
	place_unref(e.place);
	arena_fini(&arena);
}
