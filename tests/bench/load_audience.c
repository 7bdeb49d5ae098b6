#include "tests/bench/load_audience.h"

#include "common/log.h"
#include "common/mem.h"
#include "tests/bench/load_answer.h"
#include "tests/bench/load_frame.h"
#include "tests/bench/load_poller.h"

#include <stdio.h>
#include <stdlib.h>

/* What distinguishes the kinds of servers and endpoints from a subscriber's side. */
struct dialect {
	const char *kind;
	const char *path, *path_since;	 /* of the upgrade */
	const char *hello, *hello_since; /* sent behind Engine.IO's open packet; NULL: nothing */
	const char *joined; /* how the frame starts that says it is in; NULL: the upgrade does */
	bool is_polling;    /* no WebSocket, but requests: see load_poller.h */
};

/* Socket.IO's CONNECT, over either of its transports. */
#define CONNECT "40/graph,{\"session_id\":\"{session}\",\"events\":\"{events}\""

static const struct dialect dialects[] = {
	{ .kind = "socketio",
	    .path = "/socket.io/?EIO=4&transport=websocket",
	    .hello = CONNECT "}",
	    .hello_since = CONNECT ",\"since\":{since}}",
	    .joined = "40/graph," },
	{ .kind = "websocket",
	    .path = "/ws?session_id={session}&events={events}",
	    .path_since = "/ws?session_id={session}&events={events}&since={since}",
	    .joined = "{\"event\":\"joined\"" },
	{ .kind = "raw", .path = "/{session}" },
	{ .kind = "poll", .hello = CONNECT "}", .is_polling = true },
	{ .kind = "http", .is_polling = true },
};

static struct subscriber *
subscriber_of(struct net_connection *c)
{
	return (struct subscriber *)(void *)c;
}

/* The dialect's text for a room, with or without a seq to resume from. */
static char *
text_for(const struct subscriber *s, const char *plain, const char *with_since)
{
	const struct load_options *o = s->audience->options;
	bool resumes = o->since >= 0 && with_since;

	return room_text(s->room, resumes ? with_since : plain,
	    &(struct room_values){
		.since = resumes ? (uint64_t)o->since : 0, .events = o->events });
}

static void
send_frame(struct subscriber *s, unsigned opcode, struct span payload)
{
	char frame[FRAME_HEAD_BYTES + FRAME_PAYLOAD_BYTES];

	net_send(&s->connection, (struct span){ frame, frame_write(frame, opcode, payload) });
}

static void
lose(struct subscriber *s, const char *how, struct span what)
{
	struct audience *a = s->audience;

	if (a->n_lost++ < 3)
		log_warn("load", "a subscriber was lost: %s %.*s", how,
		    what.n < 200 ? (int)what.n : 200, what.n ? what.p : "");
	if (s->state == SUBSCRIBER_JOINED)
		a->n_joined--;
	s->state = SUBSCRIBER_LOST;
	net_close(&s->connection);
}

static void
become_joined(struct subscriber *s)
{
	struct audience *a = s->audience;

	s->state = SUBSCRIBER_JOINED;
	a->n_joined++;
	histogram_add(&a->join_latencies, net_now_ns() - s->began_ns);
}

static void
come_in(struct subscriber *s)
{
	s->state = SUBSCRIBER_CATCHING_UP;
	if (s->events >= s->audience->options->events_each)
		become_joined(s);
}

/* The stamp of a marked event; false: the frame is something else. */
static bool
find_stamp(struct audience *a, struct span payload, uint64_t *stamp_ns)
{
	const char *at = payload.p + a->mark_at, *end = payload.p + payload.n;
	size_t needed = a->mark.n + STAMP_DIGITS;

	if (payload.n < a->mark_at + needed || memcmp(at, a->mark.p, a->mark.n) != 0)
		at = memmem(payload.p, payload.n, a->mark.p, a->mark.n);
	if (!at || (size_t)(end - at) < needed)
		return false;
	a->mark_at = (size_t)(at - payload.p);
	return stamp_read(at + a->mark.n, stamp_ns);
}

static void
take_event(struct subscriber *s, uint64_t stamp_ns, uint64_t now_ns)
{
	struct audience *a = s->audience;

	s->events++;
	a->events++;
	if (a->measuring) {
		a->measured++;
		histogram_add(&a->latencies, now_ns > stamp_ns ? now_ns - stamp_ns : 0);
	}
	if (s->state == SUBSCRIBER_CATCHING_UP && s->events >= a->options->events_each)
		become_joined(s);
}

/* Socket.IO's CONNECT_ERROR, or an error of the plain protocol. */
static bool
is_refusal(struct span payload)
{
	return (payload.n >= 2 && memcmp(payload.p, "44", 2) == 0) ||
	    memmem(payload.p, payload.n, "\"error\"", 7) != NULL;
}

static void
take_text(struct subscriber *s, struct span payload, uint64_t now_ns)
{
	const struct dialect *d = s->audience->dialect;
	uint64_t stamp_ns;
	char *hello;

	s->audience->frames++;
	s->audience->measured_frames += s->audience->measuring;
	if (d->hello && span_is(payload, "2")) {
		send_frame(s, FRAME_TEXT, SPAN("3"));
	} else if (s->state == SUBSCRIBER_JOINING && d->hello && payload.n && payload.p[0] == '0') {
		hello = text_for(s, d->hello, d->hello_since);
		send_frame(s, FRAME_TEXT, span_of(hello));
		free(hello);
	} else if (s->state == SUBSCRIBER_JOINING && payload.n >= strlen(d->joined) &&
	    memcmp(payload.p, d->joined, strlen(d->joined)) == 0) {
		come_in(s);
	} else if (s->state == SUBSCRIBER_JOINING && is_refusal(payload)) {
		lose(s, "refused:", payload);
	} else if (find_stamp(s->audience, payload, &stamp_ns)) {
		take_event(s, stamp_ns, now_ns);
	}
}

static size_t
take_frames(struct subscriber *s, struct span bytes)
{
	uint64_t now_ns = net_now_ns();
	unsigned opcode = 0;
	struct span payload;
	size_t done = 0, n;

	while (s->state != SUBSCRIBER_LOST) {
		n = frame_read((struct span){ bytes.p + done, bytes.n - done }, &opcode, &payload);
		if (n == 0)
			break;
		done += n;
		if (opcode == FRAME_TEXT)
			take_text(s, payload, now_ns);
		else if (opcode == FRAME_PING)
			send_frame(s, FRAME_PONG, payload);
		else if (opcode == FRAME_CLOSE)
			lose(s, "closed:",
			    payload.n > 2 ? (struct span){ payload.p + 2, payload.n - 2 }
					  : payload);
	}
	return done;
}

static void
request_upgrade(struct subscriber *s)
{
	const struct dialect *d = s->audience->dialect;
	const char *own = s->audience->options->path;
	char *path = own ? text_for(s, own, own) : text_for(s, d->path, d->path_since), *request;
	int n = asprintf(&request,
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	    path);

	if (n < 0)
		log_fatal("load", "no memory");
	net_send(&s->connection, (struct span){ request, (size_t)n });
	free(request);
	free(path);
}

static void
on_opened(struct net_connection *c)
{
	struct subscriber *s = subscriber_of(c);
	const struct dialect *d = s->audience->dialect;

	if (d->is_polling)
		s->poller = poller_new(c, d->hello ? text_for(s, d->hello, NULL) : NULL);
	else
		request_upgrade(s);
}

static size_t
poll(struct subscriber *s, struct span bytes)
{
	size_t done;

	switch (poller_read(s->poller, bytes, &done)) {
	case POLLER_WAITS:
		break;
	case POLLER_IS_IN:
		become_joined(s);
		break;
	case POLLER_FAILED:
		lose(s, "refused:", span_of(poller_last_answer(s->poller)));
		break;
	}
	return done;
}

static size_t
on_received(struct net_connection *c, struct span bytes)
{
	struct subscriber *s = subscriber_of(c);
	size_t head = 0;

	if (s->poller)
		return poll(s, bytes);
	if (s->state == SUBSCRIBER_UPGRADING) {
		head = answer_head_bytes(bytes);
		if (head == 0)
			return 0;
		if (memcmp(bytes.p, "HTTP/1.1 101", 12) != 0) {
			lose(s, "upgrade refused:", bytes);
			return head;
		}
		s->state = SUBSCRIBER_JOINING;
		if (!s->audience->dialect->joined)
			come_in(s);
	}
	return head + take_frames(s, (struct span){ bytes.p + head, bytes.n - head });
}

static void
on_closed(struct net_connection *c)
{
	lose(subscriber_of(c), "the connection ended", (struct span){ 0 });
}

static const struct net_handler subscriber_handler = { on_opened, on_received, on_closed };

static const struct dialect *
find_dialect(const char *kind)
{
	for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
		if (strcmp(dialects[i].kind, kind) == 0)
			return &dialects[i];
	}
	log_fatal("load", "no such kind of subscriber: %s", kind);
}

void
audience_init(
    struct audience *a, const struct load_options *options, struct net *net, struct rooms *rooms)
{
	*a = (struct audience){ .net = net,
		.rooms = rooms,
		.options = options,
		.dialect = find_dialect(options->kind),
		.mark = span_of(options->mark),
		.n = options->subscribers };
	a->subscribers = xcalloc(a->n + 1, sizeof *a->subscribers);
	for (size_t i = 0; i < a->n; i++) {
		struct subscriber *s = &a->subscribers[i];

		net_init(&s->connection, net, &subscriber_handler);
		s->audience = a;
		s->room = &rooms->rooms[i % rooms->n];
		s->room->members++;
	}
}

void
audience_fini(struct audience *a)
{
	for (size_t i = 0; i < a->n; i++) {
		net_fini(&a->subscribers[i].connection);
		poller_free(a->subscribers[i].poller);
	}
	free(a->subscribers);
}

bool
audience_turn(struct audience *a)
{
	const struct load_options *o = a->options;

	while (a->n_begun < a->n && a->n_begun - a->n_joined - a->n_lost < o->window) {
		struct subscriber *s = &a->subscribers[a->n_begun];

		s->state = SUBSCRIBER_UPGRADING;
		s->began_ns = net_now_ns();
		/* Each room's members go round the ports, so that no gateway has a room to itself.
		 */
		net_open(&s->connection, o->port_list[a->n_begun / a->rooms->n % o->n_ports]);
		a->n_begun++;
	}
	return a->n_joined + a->n_lost == a->n;
}

uint64_t
audience_expected(const struct audience *a)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->rooms->n; i++)
		n += a->rooms->rooms[i].posts * a->rooms->rooms[i].members;
	return n;
}
