#include "gatewayd/sio_seats.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/filter.h"
#include "gatewayd/ws.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct sio_seats {
	struct hub *hub;
	struct sio_app app;
	bool recover_all;
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

/* As JSON. */
static void
write_offset(const struct uuid *session, uint64_t seq, char out[SIO_OFFSET_SPACE])
{
	char id[UUID_TEXT + 1];

	uuid_format(session, id);
	snprintf(out, SIO_OFFSET_SPACE, "\"%s:%llu\"", id, (unsigned long long)seq);
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
	char offset[SIO_OFFSET_SPACE];

	if (d->question) {
		message.name = d->question->event;
		message.args = d->question->data;
		message.has_id = true;
		message.id = d->question->number;
		return sio_encode(&message);
	}
	if (message.name.n == 0)
		return NULL;
	/* A transient event may overtake durable ones that are still to come: it says nothing of
	 * how far the client is. A mark does. */
	if (dialect & DIALECT_OFFSET &&
	    (d->durable || d->event == EVENTS || d->event == EVENT_session_resync)) {
		write_offset(&d->session, d->seq, offset);
		message.extra = span_of(offset);
	}
	return sio_encode(&message);
}

struct sio_socket *
place_socket(const struct place *p)
{
	return sio_socket_of(p);
}

struct sio_seats *
place_app(const struct place *p)
{
	return sio_context(place_socket(p));
}

struct hub *
place_hub(const struct place *p)
{
	return place_app(p)->hub;
}

static struct seat *
seat_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct seat, member);
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	struct sio_socket *socket = place_socket(seat_of(m)->place);
	void *ws = sio_websocket(socket);

	if (ws)
		ws_send(ws, bytes);
	else
		sio_feed(socket, bytes);
}

/* Frames can be joined only where they are bytes of a stream: not in a poll's answer. */
static bool
takes_stream(const struct member *m)
{
	return sio_websocket(place_socket(seat_of(m)->place)) != NULL;
}

static size_t
owed(const struct member *m)
{
	struct sio_socket *socket = place_socket(seat_of(m)->place);
	void *ws = sio_websocket(socket);

	return ws ? ws_owed(ws) : sio_queued_bytes(socket);
}

static void
seat_free(struct seat *s)
{
	struct seat **at = &s->place->seats;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->place->n_seats--;
	rejoins_free(s->joins);
	free(s);
}

/* Who has been told that the session ended may be in others, and stays. Else the connection goes,
 * and the client comes back by itself: to where it was, or to hear that there is no such session.
 */
static void
evict(struct member *m, const char *reason)
{
	struct seat *s = seat_of(m);
	struct sio_socket *socket = place_socket(s->place);
	bool closed = strcmp(reason, "closed") == 0;

	seat_free(s);
	if (!closed)
		sio_close(sio_client_of(socket));
}

void
place_fini(struct place *p)
{
	live_forget(&p->asks, place_hub(p));
	free(p->actor);
	free(p->pid);
	*p = (struct place){ 0 };
}

static void
refuse_seat(struct seat *s, enum error err)
{
	struct place *p = s->place;
	struct rejoin *joins = s->joins;
	bool by_event = s->by_event, is_unasked = s->is_unasked;

	s->joins = NULL;
	seat_free(s);
	place_refuse_joins(p, joins, err);
	if (by_event)
		return;
	if (err == ERROR_invalid_session && is_unasked)
		place_begin_anew(p);
	else if (err == ERROR_invalid_session || err == ERROR_too_many_clients)
		place_refuse_connect(p, err, error_rows[err].text);
	else
		/* A refusal would be for good; this way the client tries again. */
		sio_close(sio_client_of(place_socket(p)));
}

/* From here on a recovering client knows where it is, before it has heard a single event. */
static void
joined(struct member *m, const struct join_result *result)
{
	struct seat *s = seat_of(m);
	struct rejoin *j = s->joins;
	char offset[SIO_OFFSET_SPACE];

	if (result->error) {
		refuse_seat(s, result->error);
		return;
	}
	write_offset(hub_session(m), hub_seq(m), offset);
	if (s->by_event) {
		s->joins = j->next;
		place_in_several(s->place);
		place_emit_joined(s->place, hub_session(m), result->active_clients, result->seq,
		    place_offset(s->place, offset), j->has_ack, j->ack_id);
		free(j);
	} else {
		place_accept(s->place, s->keeps_pid ? NULL : &result->log_id, hub_seq(m));
	}
	seat_go_on(s);
}

/* Two rows: a joiner by event hears session-connected before `joined`, one by CONNECT after its
 * answer. */
static const struct transport by_connect = {
	.name = "socket.io",
	.is_stream = true,
	.has_seats = true,
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
	.has_seats = true,
	.takes_stream = takes_stream,
	.announces_first = true,
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
};

const char *
place_client_id(const struct place *p)
{
	return sio_socket_id(place_socket(p));
}

struct seat *
place_seat(const struct place *p, const struct uuid *session)
{
	struct seat *s = p->seats;

	while (s && !uuid_equal(hub_session(&s->member), session))
		s = s->next;
	return s;
}

static struct seat *
seat_new(struct place *p)
{
	struct seat *s = xcalloc(1, sizeof *s);
	struct seat **end = &p->seats;

	while (*end)
		end = &(*end)->next;
	*end = s;
	s->place = p;
	p->n_seats++;
	return s;
}

unsigned
place_dialect(const struct place *p, enum names names)
{
	unsigned dialect = 0;

	dialect |= span_is(sio_namespace(place_socket(p)), "/graph") ? DIALECT_GRAPH : 0;
	dialect |= names == NAMES_DASH ? DIALECT_DASH : 0;
	dialect |= p->recovers && !p->is_in_several ? DIALECT_OFFSET : 0;
	return dialect;
}

enum names
seat_names(const struct seat *s)
{
	return hub_dialect(&s->member) & DIALECT_DASH ? NAMES_DASH : NAMES_COLON;
}

void
seat_take(struct place *p, const struct seat_wish *w)
{
	struct seat *s = seat_new(p);
	const char *client_id = place_client_id(p);
	struct join j = {
		.session = w->session,
		.client_id = span_of(client_id),
		/* Who has no name of its own goes by its id. */
		.actor = span_of(p->actor ? p->actor : client_id),
		.counted = true,
		.may_return = p->recovers && !p->is_in_several,
		.has_since = w->has_since,
		.since = w->since,
		.log_id = w->log_id,
		.events = w->events,
		.subtree = w->subtree,
		.names = w->names,
	};

	s->by_event = w->by_event;
	s->keeps_pid = w->keeps_pid;
	s->is_unasked = w->is_unasked;
	if (w->by_event)
		seat_keep_join(s, w);
	hub_join(place_hub(p), &s->member, w->by_event ? &by_event : &by_connect,
	    place_dialect(p, w->names), &j);
}

void
seat_leave(struct seat *s)
{
	hub_leave(place_hub(s->place), &s->member);
	seat_free(s);
}

/* As stock servers see it: only words end a connection for good. */
static bool
comes_back_after(enum sio_reason reason)
{
	switch (reason) {
	case SIO_TRANSPORT_CLOSE:
	case SIO_TRANSPORT_ERROR:
	case SIO_PING_TIMEOUT:
	case SIO_FORCED_CLOSE:
		return true;
	case SIO_PARSE_ERROR:
	case SIO_CLIENT_LEFT:
		break;
	}
	return false;
}

static void
on_disconnect(void *context, struct sio_socket *socket, enum sio_reason reason)
{
	struct place *p = sio_user(socket);

	(void)context;
	while (p->seats) {
		if (comes_back_after(reason))
			hub_lose(place_hub(p), &p->seats->member);
		seat_leave(p->seats);
	}
	place_fini(p);
}

struct sio_seats *
sio_seats_new(struct hub *hub, bool recover_all)
{
	struct sio_seats *app = xcalloc(1, sizeof *app);

	app->hub = hub;
	app->recover_all = recover_all;
	app->app = (struct sio_app){
		.context = app,
		.user_bytes = sizeof(struct place),
		.open = sio_seats_open,
		.connect = sio_seats_connect,
		.event = sio_seats_event,
		.acked = sio_seats_acked,
		.disconnect = on_disconnect,
		.close = sio_seats_close,
	};
	return app;
}

bool
sio_seats_recover_all(const struct sio_seats *app)
{
	return app->recover_all;
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

void
sio_seats_progress(void *context, struct eio_session *session)
{
	struct sio_seats *app = context;

	for (struct sio_socket *s = sio_first_socket(session); s; s = sio_next_socket(s)) {
		const struct place *p = sio_user(s);

		for (struct seat *seat = p->seats, *next; seat; seat = next) {
			next = seat->next;
			hub_progress(app->hub, &seat->member);
		}
	}
}
