#include "gatewayd/sio_seats.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/filter.h"
#include "gatewayd/ws.h"

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct sio_seats {
	struct hub *hub;
	struct sio_app app;
	bool recover_all;
};

/* What the handshake's query says; kept for the client's CONNECTs. */
struct door {
	char *session_id, *names, *events, *since, *recover, *actor, *log_id;
};

/* A dialect is namespace, spelling of names, and whether an offset goes along. */
enum { DIALECT_GRAPH = 1, DIALECT_DASH = 2, DIALECT_OFFSET = 4 };

static const char *
event_name(unsigned dialect, const struct delivery *d)
{
	if (d->event == EVENTS)
		return "seq";
	return dialect & DIALECT_DASH ? event_rows[d->event].dash : event_rows[d->event].colon;
}

static struct shared_bytes *
encode(unsigned dialect, const struct delivery *d)
{
	struct sio_message message = {
		.type = SIO_EVENT,
		.ns = dialect & DIALECT_GRAPH ? SPAN("/graph") : SPAN("/"),
		.name = span_of(event_name(dialect, d)),
		.args = d->body,
	};
	char id[UUID_TEXT + 1], offset[UUID_TEXT + 32];

	if (message.name.n == 0)
		return NULL;
	/* A transient event may overtake durable ones that are still to come: it says nothing of
	 * how far the client is. */
	if (dialect & DIALECT_OFFSET && (d->durable || d->event == EVENT_session_resync)) {
		uuid_format(&d->session, id);
		snprintf(offset, sizeof offset, "\"%s:%llu\"", id, (unsigned long long)d->seq);
		message.extra = span_of(offset);
	}
	return sio_encode(&message);
}

static struct seat *
seat_of(const struct member *m)
{
	return (struct seat *)(void *)((char *)(uintptr_t)m - offsetof(struct seat, member));
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	struct place *p = seat_of(m)->place;
	void *ws = sio_websocket(p->socket);

	if (ws)
		ws_send(ws, bytes);
	else
		sio_send(p->socket, bytes);
}

/* Frames can be joined only where they are bytes of a stream: not in a poll's answer. */
static bool
takes_stream(const struct member *m)
{
	return sio_websocket(seat_of(m)->place->socket) != NULL;
}

static size_t
owed(const struct member *m)
{
	struct sio_socket *socket = seat_of(m)->place->socket;
	void *ws = sio_websocket(socket);

	return ws ? ws_owed(ws) : sio_queued_bytes(socket);
}

static void
seat_free(struct seat *s)
{
	list_remove(&s->link);
	s->place->n_seats--;
	place_unref(s->place);
	free(s);
}

/* A place in a history ends with the gateway's own words for it; the connection goes, and the
 * client comes back by itself. */
static void
evict(struct member *m, const char *reason)
{
	struct seat *s = seat_of(m);
	struct sio_socket *socket = s->place->socket;
	bool closed = strcmp(reason, "closed") == 0;

	seat_free(s);
	if (!closed && socket)
		sio_close(sio_client_of(socket));
}

static void
refuse_seat(struct seat *s, enum error err)
{
	struct place *p = s->place;
	const struct error_row *row = &error_rows[err];
	bool by_event = s->by_event, has_ack = s->has_ack;
	uint64_t ack_id = s->ack_id;

	place_ref(p);
	seat_free(s);
	if (!p->socket) {
		place_unref(p);
		return;
	}
	if (by_event) {
		place_emit_error(p, row->code, row->text);
		if (has_ack)
			sio_ack(p->socket, ack_id,
			    SPAN("{\"error\":{\"code\":\"INVALID_SESSION\",\"message\":\"Session "
				 "not found\"}}"),
			    NULL);
	} else if (err == ERROR_invalid_session || err == ERROR_too_many_clients) {
		char data[64];

		snprintf(data, sizeof data, "{\"code\":\"%s\"}", row->code);
		sio_refuse(p->socket, row->text, span_of(data));
	} else {
		/* A refusal would be for good: the transport's end makes the client try again. */
		sio_close(sio_client_of(p->socket));
	}
	place_unref(p);
}

/*
 * A pid is a secret, a dot, and the history the socket was in (zeros: none yet). The socket's id
 * follows from the secret alone, so that any gateway can give it back and nobody can guess one:
 * base64url of SHA-256.
 */
static void
id_of_pid(const char *pid, char out[EIO_SID_TEXT + 1])
{
	struct sha256_ctx sha;
	uint8_t digest[EIO_SID_BYTES];
	struct eio_sid sid;

	sha256_init(&sha);
	sha256_update(&sha, EIO_SID_TEXT, (const uint8_t *)pid);
	sha256_digest(&sha, sizeof digest, digest);
	memcpy(sid.bytes, digest, sizeof sid.bytes);
	eio_sid_format(&sid, out);
}

static const char no_history[] = "00000000-0000-0000-0000-000000000000";

static void
new_pid(struct place *p)
{
	struct eio_sid secret;

	random_bytes(secret.bytes, sizeof secret.bytes);
	eio_sid_format(&secret, p->pid);
	p->pid[EIO_SID_TEXT] = '.';
	memcpy(p->pid + EIO_SID_TEXT + 1, no_history, sizeof no_history);
}

/* The client takes the connection for recovered when the pid is the one it had: same secret, same
 * history. */
static void
accept_socket(struct place *p, const struct uuid *log_id)
{
	if (!p->recovers) {
		sio_accept(p->socket, (struct span){ 0 });
		return;
	}
	if (log_id)
		uuid_format(log_id, p->pid + EIO_SID_TEXT + 1);
	sio_accept(p->socket, span_of(p->pid));
}

static void
joined(struct member *m, const struct join_result *result)
{
	struct seat *s = seat_of(m);

	if (result->error) {
		refuse_seat(s, result->error);
		return;
	}
	s->joined = true;
	if (s->by_event)
		place_emit_joined(s->place, &s->session, result->active_clients, result->seq,
		    s->has_ack, s->ack_id);
	else
		accept_socket(s->place, s->keeps_pid ? NULL : &result->log_id);
	s->has_ack = false;
}

/* Two rows: a joiner by event hears session-connected before `joined`, one by CONNECT after its
 * answer. */
static const struct transport by_connect = {
	.name = "socket.io",
	.is_stream = true,
	.takes_stream = takes_stream,
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
};

static const struct transport by_event = {
	.name = "socket.io",
	.is_stream = true,
	.takes_stream = takes_stream,
	.announces_first = true,
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
};

struct hub *
place_hub(const struct place *p)
{
	return p->app->hub;
}

void
place_ref(struct place *p)
{
	p->refs++;
}

void
place_unref(struct place *p)
{
	if (--p->refs)
		return;
	free(p->actor);
	free(p);
}

struct seat *
place_seat(const struct place *p, const struct uuid *session)
{
	LIST_EACH(at, &p->seats)
	{
		struct seat *s = LIST_OF(at, struct seat, link);

		if (uuid_equal(&s->session, session))
			return s;
	}
	return NULL;
}

void
seat_take(struct place *p, const struct seat_wish *w)
{
	struct seat *s = xcalloc(1, sizeof *s);
	unsigned dialect = 0;
	struct join j = {
		.session = w->session,
		.client_id = span_of(p->client_id),
		.actor = p->actor ? span_of(p->actor) : span_of(p->client_id),
		.counted = true,
		.has_since = w->has_since,
		.since = w->since,
		.log_id = w->log_id,
		.events = w->events,
		.names = w->names,
	};

	s->place = p;
	place_ref(p);
	p->n_seats++;
	list_append(&p->seats, &s->link);
	s->session = w->session;
	s->names = w->names;
	s->by_event = w->by_event;
	s->has_ack = w->has_ack;
	s->ack_id = w->ack_id;
	s->keeps_pid = w->keeps_pid;
	dialect |= span_is(sio_namespace(p->socket), "/graph") ? DIALECT_GRAPH : 0;
	dialect |= w->names == NAMES_DASH ? DIALECT_DASH : 0;
	dialect |= p->recovers ? DIALECT_OFFSET : 0;
	hub_join(p->app->hub, &s->member, w->by_event ? &by_event : &by_connect, dialect, &j);
}

void
seat_leave(struct seat *s)
{
	hub_leave(s->place->app->hub, &s->member);
	seat_free(s);
}

bool
names_read(struct span text, enum names *out)
{
	if (!text.p)
		return true;
	*out = span_is(text, "dash") ? NAMES_DASH : NAMES_COLON;
	return span_is(text, "dash") || span_is(text, "colon");
}

/* A seq as a number, or as the text that a query makes of it. */
static bool
since_read(struct span text, struct seat_wish *w)
{
	int64_t n;

	if (!text.p)
		return true;
	if (!json_integer(text, &n) || n < 0)
		return false;
	w->has_since = true;
	w->since = (uint64_t)n;
	return true;
}

static struct span
member_text(struct arena *arena, struct span object, const char *name)
{
	struct span value;

	if (!json_find(object, name, &value) || json_type(value) != JSON_STRING)
		return (struct span){ 0 };
	return json_text(arena, value);
}

bool
wish_read(struct arena *arena, struct span object, struct seat_wish *w, const char **fault)
{
	struct span value, text;
	filter_set ignored;

	*fault = NULL;
	if ((text = member_text(arena, object, "events")).p)
		w->events = text;
	if ((text = member_text(arena, object, "log_id")).p)
		w->log_id = text;
	if (!names_read(member_text(arena, object, "names"), &w->names))
		*fault = "names must be colon or dash.";
	if (!filter_parse(w->events, &ignored))
		*fault = "events names no event.";
	if (json_find(object, "since", &value) && json_type(value) != JSON_NULL) {
		value = json_type(value) == JSON_STRING ? json_text(arena, value) : value;
		if (!since_read(value, w))
			*fault = "since must be a seq.";
	}
	if (json_find(object, "subtree", &value) && json_type(value) != JSON_NULL)
		*fault = "subtree is not served on this connection.";
	return !*fault;
}

static char *
query_copy(struct span query, const char *name)
{
	char text[512];
	size_t n;

	if (!eio_query_find(query, name, text, sizeof text, &n))
		return NULL;
	return xspandup((struct span){ text, n });
}

static void
on_open(void *context, struct sio_client *client, const struct eio_request *request)
{
	struct door *d = xcalloc(1, sizeof *d);

	(void)context;
	d->session_id = query_copy(request->query, "session_id");
	d->names = query_copy(request->query, "names");
	d->events = query_copy(request->query, "events");
	d->since = query_copy(request->query, "since");
	d->recover = query_copy(request->query, "recover");
	d->actor = query_copy(request->query, "actor");
	d->log_id = query_copy(request->query, "log_id");
	sio_client_set_data(client, d);
}

static void
on_close(void *context, struct sio_client *client, enum sio_reason reason)
{
	struct door *d = sio_client_data(client);

	(void)context;
	(void)reason;
	if (!d)
		return;
	free(d->session_id);
	free(d->names);
	free(d->events);
	free(d->since);
	free(d->recover);
	free(d->actor);
	free(d->log_id);
	free(d);
	sio_client_set_data(client, NULL);
}

static bool
is_true(struct span value)
{
	return span_is(value, "true") || span_is(value, "1") || span_is(value, "\"true\"");
}

/*
 * pid and offset of a former connection: the offset says where to go on, the pid who it was and in
 * which history. One without a history came by join_session, and such clients use dash names.
 */
static void
read_recovery(
    struct arena *arena, struct span auth, struct place *p, struct seat_wish *w, bool names_given)
{
	struct span pid = member_text(arena, auth, "pid");
	struct span offset = member_text(arena, auth, "offset");
	struct uuid session;

	if (pid.n != SIO_PID_TEXT || pid.p[EIO_SID_TEXT] != '.')
		return;
	memcpy(p->pid, pid.p, pid.n);
	if (offset.n <= UUID_TEXT + 1 || offset.p[UUID_TEXT] != ':' ||
	    !uuid_parse((struct span){ offset.p, UUID_TEXT }, &session))
		return;
	if (!uuid_is_nil(&w->session) && !uuid_equal(&w->session, &session))
		return;
	if (!since_read((struct span){ offset.p + UUID_TEXT + 1, offset.n - UUID_TEXT - 1 }, w))
		return;
	w->session = session;
	w->keeps_pid = strcmp(p->pid + EIO_SID_TEXT + 1, no_history) == 0;
	if (w->keeps_pid && !names_given)
		w->names = NAMES_DASH;
	if (!w->keeps_pid)
		w->log_id = (struct span){ p->pid + EIO_SID_TEXT + 1, UUID_TEXT };
}

static void
name_socket(struct place *p)
{
	char id[EIO_SID_TEXT + 1];

	if (p->recovers && !p->pid[0])
		new_pid(p);
	if (p->recovers) {
		id_of_pid(p->pid, id);
		sio_set_id(p->socket, span_of(id));
	}
	sio_socket_id(p->socket, p->client_id);
}

static struct place *
place_new(struct sio_seats *app, struct sio_socket *socket, struct span actor)
{
	struct place *p = xcalloc(1, sizeof *p);

	p->app = app;
	p->socket = socket;
	p->refs = 1;
	p->actor = actor.n && actor.n <= LIMIT_ACTOR_BYTES ? xspandup(actor) : NULL;
	list_init(&p->seats);
	sio_set_data(socket, p);
	return p;
}

static void
refuse_connect(struct place *p, const char *code, const char *message)
{
	char data[64];

	snprintf(data, sizeof data, "{\"code\":\"%s\"}", code);
	sio_refuse(p->socket, message, span_of(data));
	p->socket = NULL;
	place_unref(p);
}

/* Where the socket wants to be: auth first, then the handshake's query. */
static void
connect_with(
    struct sio_seats *app, struct sio_socket *socket, struct span auth, struct arena *arena)
{
	static const struct door nothing;
	const struct door *query = sio_client_data(sio_client_of(socket));
	const struct door *d = query ? query : &nothing;
	struct seat_wish w = {
		.names = NAMES_COLON, .events = span_of(d->events), .log_id = span_of(d->log_id)
	};
	struct span actor = member_text(arena, auth, "actor"),
		    session_id = member_text(arena, auth, "session_id"), value;
	struct place *p = place_new(app, socket, actor.n ? actor : span_of(d->actor));
	const char *fault = NULL;

	p->recovers = app->recover_all || is_true(span_of(d->recover)) ||
	    (json_find(auth, "recover", &value) && is_true(value));
	session_id = session_id.p ? session_id : span_of(d->session_id);
	if (!names_read(span_of(d->names), &w.names) || !since_read(span_of(d->since), &w))
		fault = "names or since is malformed.";
	if (fault || !wish_read(arena, auth, &w, &fault)) {
		refuse_connect(p, error_rows[ERROR_invalid_request].code, fault);
		return;
	}
	if (session_id.n && !uuid_parse(session_id, &w.session)) {
		refuse_connect(p, error_rows[ERROR_invalid_session].code,
		    error_rows[ERROR_invalid_session].text);
		return;
	}
	if (p->recovers)
		read_recovery(arena, auth, p, &w, d->names || json_find(auth, "names", &value));
	name_socket(p);
	if (uuid_is_nil(&w.session))
		accept_socket(p, NULL);
	else
		seat_take(p, &w);
}

static void
on_connect(void *context, struct sio_socket *socket, struct span auth)
{
	struct arena arena;

	arena_init(&arena);
	connect_with(context, socket, auth, &arena);
	arena_fini(&arena);
}

static void
on_disconnect(void *context, struct sio_socket *socket, enum sio_reason reason)
{
	struct place *p = sio_data(socket);

	(void)context;
	(void)reason;
	if (!p)
		return;
	while (!list_is_empty(&p->seats))
		seat_leave(LIST_OF(p->seats.next, struct seat, link));
	sio_set_data(socket, NULL);
	p->socket = NULL;
	place_unref(p);
}

struct sio_seats *
sio_seats_new(struct hub *hub, bool recover_all)
{
	struct sio_seats *app = xcalloc(1, sizeof *app);

	app->hub = hub;
	app->recover_all = recover_all;
	app->app = (struct sio_app){
		.context = app,
		.open = on_open,
		.connect = on_connect,
		.event = sio_seats_event,
		.disconnect = on_disconnect,
		.close = on_close,
	};
	return app;
}

void
sio_seats_free(struct sio_seats *app)
{
	free(app);
}

const struct sio_app *
sio_seats_app(struct sio_seats *app)
{
	return &app->app;
}
