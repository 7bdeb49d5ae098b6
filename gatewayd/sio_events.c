/* What clients emit, and what they are answered: docs/clients.md, "Socket.IO". */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/sio_seats.h"

#include <stdio.h>
#include <stdlib.h>

/* One event with one JSON argument. offset: JSON, goes with it; or NULL. */
static void
emit(struct place *p, const char *name, struct span json, const char *offset)
{
	struct sio_message message = {
		.type = SIO_EVENT, .name = span_of(name), .args = json, .extra = span_of(offset)
	};

	sio_emit(place_socket(p), &message, NULL);
}

void
place_emit_joined(struct place *p, const struct uuid *session, uint64_t active_clients,
    uint64_t seq, const char *offset, bool has_ack, uint64_t ack_id)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "session_id");
	json_out_uuid(&out, session);
	json_out_key(&out, "client_id");
	json_out_string(&out, place_client_id(p));
	json_out_key(&out, "active_clients");
	json_out_uint(&out, active_clients);
	json_out_key(&out, "seq");
	json_out_uint(&out, seq);
	json_out_close(&out, '}');
	emit(p, "joined", json_out_span(&out), offset);
	if (has_ack)
		sio_ack(place_socket(p), ack_id, json_out_span(&out), NULL);
	json_out_fini(&out);
}

/* One event of a client while it is being answered. */
struct emitted {
	struct place *place;
	const struct sio_event *event;
	struct span data; /* its first argument; {} when there is none */
	struct arena *arena;
};

static void
ack_error(struct place *p, uint64_t ack_id, struct span error)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "error");
	json_out_raw(&out, error);
	json_out_close(&out, '}');
	sio_ack(place_socket(p), ack_id, json_out_span(&out), NULL);
	json_out_fini(&out);
}

void
place_refuse(
    struct place *p, enum error err, const struct refusal *why, bool has_ack, uint64_t ack_id)
{
	struct json_out out = { 0 };

	error_write(&out, err, why);
	emit(p, "error", json_out_span(&out), NULL);
	if (has_ack)
		ack_error(p, ack_id, json_out_span(&out));
	json_out_fini(&out);
}

/* Who did not ask for an ack hears of a failure all the same. */
void
place_fail(struct place *p, struct span error, bool has_ack, uint64_t ack_id)
{
	if (has_ack)
		ack_error(p, ack_id, error);
	else
		emit(p, "error", error, NULL);
}

/* message: NULL for the error's own text. */
static void
refuse_event(const struct emitted *e, enum error err, const char *field, const char *message)
{
	struct refusal why = { 0 };

	if (message)
		refuse(&why, err, field, "%s", message);
	place_refuse(e->place, err, &why, e->event->has_ack, e->event->ack_id);
	refusal_fini(&why);
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

	if (!id.n)
		refuse_event(e, ERROR_invalid_request, "session_id", "Missing session_id");
	else if (!uuid_parse(id, session))
		refuse_event(e, ERROR_invalid_session, NULL, NULL);
	else
		return true;
	return false;
}

/* The session that is named, and that the socket is in. */
static bool
own_session(const struct emitted *e, struct uuid *session)
{
	if (!named_session(e, session))
		return false;
	if (place_seat(e->place, session))
		return true;
	refuse_event(e, ERROR_invalid_session, NULL, NULL);
	return false;
}

/* The session that is meant: the one named, or the only one the socket is in. */
static bool
meant_session(const struct emitted *e, struct uuid *session)
{
	struct span value;

	if (json_find(e->data, "session_id", &value) && json_type(value) != JSON_NULL)
		return own_session(e, session);
	if (e->place->n_seats != 1) {
		refuse_event(e, ERROR_invalid_request, "session_id", "Missing session_id");
		return false;
	}
	*session = *hub_session(&e->place->seats->member);
	return true;
}

/* What an answer of graphd is for, as the id of a question: "a7" acks 7, "-" says nothing. */
static struct span
purpose(const struct emitted *e, char out[32])
{
	int n = snprintf(out, 32, "-");

	if (e->event->has_ack)
		n = snprintf(out, 32, "a%llu", (unsigned long long)e->event->ack_id);
	return (struct span){ out, (size_t)n };
}

static void
on_answer(void *user, struct span id, bool is_error, struct span answer)
{
	struct place *p = user;
	bool has_ack = id.p[0] == 'a';
	uint64_t ack_id = has_ack ? strtoull(id.p + 1, NULL, 10) : 0;

	if (is_error)
		place_fail(p, answer, has_ack, ack_id);
	else if (has_ack)
		sio_ack(place_socket(p), ack_id, answer, NULL);
}

static void
ask(const struct emitted *e, struct upstream_question *q)
{
	struct place *p = e->place;
	char id[32];

	q->caller.actor = span_of(p->actor ? p->actor : place_client_id(p));
	q->caller.client = span_of(place_client_id(p));
	q->caller.minimal = true;
	if (!live_ask(place_hub(p), &p->asks, q, purpose(e, id), on_answer, p))
		refuse_event(e, ERROR_overloaded, NULL, NULL);
}

static void
on_join(const struct emitted *e)
{
	struct seat_wish w = { .names = NAMES_DASH,
		.by_event = true,
		.has_ack = e->event->has_ack,
		.ack_id = e->event->ack_id };
	struct seat *s;
	const char *fault;

	if (!named_session(e, &w.session))
		return;
	if (!wish_read(e->arena, e->data, &w, &fault)) {
		refuse_event(e, ERROR_invalid_request, NULL, fault);
		return;
	}
	s = place_seat(e->place, &w.session);
	if (s)
		seat_join_again(s, &w);
	else if (e->place->n_seats >= LIMIT_SESSIONS_PER_CLIENT)
		refuse_event(e, ERROR_too_many_sessions, NULL, NULL);
	else
		seat_take(e->place, &w);
}

static void
on_leave(const struct emitted *e)
{
	struct json_out out = { 0 };
	struct uuid session;
	struct seat *s;

	if (!own_session(e, &session))
		return;
	s = place_seat(e->place, &session);
	seat_give_up_joins(s);
	seat_leave(s);
	json_out_open(&out, '{');
	json_out_key(&out, "session_id");
	json_out_uuid(&out, &session);
	json_out_key(&out, "client_id");
	json_out_string(&out, place_client_id(e->place));
	json_out_close(&out, '}');
	/* The last place that it was told of is not its place any more. */
	emit(e->place, "left", json_out_span(&out),
	    e->place->recovers && !e->place->seats ? SIO_NOWHERE : NULL);
	if (e->event->has_ack)
		sio_ack(place_socket(e->place), e->event->ack_id, json_out_span(&out), NULL);
	json_out_fini(&out);
}

static void
on_ping(const struct emitted *e)
{
	emit(e->place, "pong", (struct span){ 0 }, NULL);
	if (e->event->has_ack)
		sio_ack(place_socket(e->place), e->event->ack_id, (struct span){ 0 }, NULL);
}

static void
on_request(const struct emitted *e, enum live_do what)
{
	struct upstream_question q = { 0 };
	struct json_out args = { 0 };
	struct refusal why = { 0 };
	struct uuid session;
	enum error err;

	if (!meant_session(e, &session))
		return;
	q.session = session;
	err =
	    live_read(e->data, what, span_of(place_client_id(e->place)), e->arena, &args, &q, &why);
	q.args = json_out_span(&args);
	if (err)
		place_refuse(e->place, err, &why, e->event->has_ack, e->event->ack_id);
	else
		ask(e, &q);
	refusal_fini(&why);
	json_out_fini(&args);
}

static void
on_execute(const struct emitted *e)
{
	on_request(e, LIVE_EXECUTE);
}

static void
on_undo(const struct emitted *e)
{
	on_request(e, LIVE_UNDO);
}

static void
on_redo(const struct emitted *e)
{
	on_request(e, LIVE_REDO);
}

/* presence {…}: the argument itself is what is shown, unless it says data. */
static void
on_presence(const struct emitted *e)
{
	struct emitted wrapped = *e;
	struct json_out out = { 0 };
	struct span value;

	if (!json_find(e->data, "data", &value)) {
		json_out_open(&out, '{');
		if (json_find(e->data, "session_id", &value)) {
			json_out_key(&out, "session_id");
			json_out_raw(&out, value);
		}
		json_out_key(&out, "data");
		json_out_raw(&out, e->data);
		json_out_close(&out, '}');
		wrapped.data = json_out_span(&out);
	}
	on_request(&wrapped, LIVE_PRESENCE);
	json_out_fini(&out);
}

static const struct {
	const char *name;
	void (*handle)(const struct emitted *);
	bool reads_nothing; /* whatever stands in it is the client's own affair */
} handlers[] = {
	{ "join_session", on_join, false },
	{ "leave_session", on_leave, false },
	{ "ping", on_ping, true },
	{ "command:execute", on_execute, false },
	{ "undo", on_undo, false },
	{ "redo", on_redo, false },
	{ "presence", on_presence, false },
};

/* Its JSON is of a kind that is not accepted here. */
static void
refuse_fault(const struct emitted *e)
{
	char text[64];
	const char *fault = json_fault_name(e->event->fault);

	snprintf(text, sizeof(text), "The event is not acceptable JSON (%s).", fault);
	refuse_event(e, ERROR_invalid_request, NULL, text);
}

/* Bytes would leave nothing but their placeholders in what is kept. */
static void
answer_with(const struct emitted *e, size_t handler)
{
	if (handlers[handler].reads_nothing)
		handlers[handler].handle(e);
	else if (e->event->attachments.n)
		refuse_event(
		    e, ERROR_invalid_request, NULL, "The argument must be JSON without bytes.");
	else if (json_type(e->data) != JSON_OBJECT)
		refuse_event(e, ERROR_invalid_request, NULL, "The argument must be an object.");
	else
		handlers[handler].handle(e);
}

static void
handle(const struct emitted *e)
{
	if (e->event->fault) {
		refuse_fault(e);
		return;
	}
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		if (span_is(e->event->name, handlers[i].name)) {
			answer_with(e, i);
			return;
		}
	}
	refuse_event(e, ERROR_unknown_command, NULL, "There is no such event.");
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
	struct emitted e = { .place = sio_user(socket), .event = event, .arena = &arena };

	(void)context;
	arena_init(&arena);
	e.data = first_argument(&arena, event->args);
	handle(&e);
	arena_fini(&arena);
}
