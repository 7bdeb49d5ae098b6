/* What clients send: from Engine.IO messages to callbacks, or to the end of the connection. */

#include "common/id.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/sio_client.h"

#include <stdlib.h>

/* Stock servers end the whole connection, too, and say nothing about why. */
static void
break_off(struct sio_client *c)
{
	eio_close(sio_session(c), EIO_PARSE_ERROR);
}

/* The index in the settings, or n_namespaces. */
static size_t
find_namespace(const struct sio *sio, struct span name)
{
	size_t i = 0;

	while (i < sio->settings.n_namespaces && !span_is(name, sio->settings.namespaces[i]))
		i++;
	return i;
}

struct sio_socket *
sio_find_socket(const struct sio_client *c, struct span name)
{
	size_t ns = find_namespace(sio_of(c), name);
	struct sio_socket *s = c->sockets;

	while (s && s->ns != ns)
		s = s->next;
	return s;
}

static void
take_connect(struct sio_client *c, const struct sio_packet *p, enum json_fault fault)
{
	struct sio *sio = sio_of(c);
	size_t ns = find_namespace(sio, p->ns);
	struct sio_socket *s;
	struct eio_sid id;

	if (ns == sio->settings.n_namespaces) {
		sio_send_control(
		    c, SIO_CONNECT_ERROR, p->ns, SPAN("{\"message\":\"Invalid namespace\"}"));
		return;
	}
	if (sio_find_socket(c, p->ns)) {
		break_off(c);
		return;
	}
	if (fault != JSON_OK) {
		/* An error stops stock clients; closing would have them send the same again. */
		sio_send_control(
		    c, SIO_CONNECT_ERROR, p->ns, SPAN("{\"message\":\"Invalid auth\"}"));
		return;
	}
	s = xcalloc(1, sizeof(*s) + sio->app->user_bytes);
	s->client = c;
	s->ns = (uint16_t)ns;
	random_bytes(id.bytes, sizeof(id.bytes));
	eio_sid_format(&id, s->id);
	s->next = c->sockets;
	c->sockets = s;
	sio->app->connect(sio->app->context, s, p->payload.p ? p->payload : SPAN("{}"));
}

static void
take_event(struct sio_socket *s, const struct sio_packet *p,
    const struct sio_attachments *attachments, enum json_fault fault)
{
	struct sio *sio = sio_of(s->client);
	struct sio_event event = {
		.attachments = *attachments, .has_ack = p->has_id, .ack_id = p->id, .fault = fault
	};
	struct span name;

	if (fault == JSON_OK) {
		sio_event_split(p->payload, &name, &event.args);
		event.is_number = json_type(name) != JSON_STRING;
		event.name = event.is_number ? name : json_text(&sio->arena, name);
	}
	sio->app->event(sio->app->context, s, &event);
}

static void
take_ack(struct sio_socket *s, const struct sio_packet *p,
    const struct sio_attachments *attachments, enum json_fault fault)
{
	const struct sio_app *app = sio_of(s->client)->app;
	struct sio_event ack = { .attachments = *attachments, .fault = fault };

	if (fault == JSON_OK)
		ack.args = sio_ack_args(p->payload);
	app->acked(app->context, s, p->id, &ack);
}

void
sio_take_packet(struct sio_client *c, const struct sio_packet *p,
    const struct sio_attachments *attachments, enum json_fault fault)
{
	const struct sio_app *app = sio_of(c)->app;
	struct sio_socket *s = sio_find_socket(c, p->ns);

	if (p->type == SIO_CONNECT) {
		take_connect(c, p, fault);
		return;
	}
	if (s && p->type == SIO_DISCONNECT) {
		sio_end_socket(s, SIO_CLIENT_LEFT);
		return;
	}
	if (!s || s->state != SIO_CONNECTED)
		break_off(c);
	else if (p->type == SIO_EVENT || p->type == SIO_BINARY_EVENT)
		take_event(s, p, attachments, fault);
	else if (app->acked)
		take_ack(s, p, attachments, fault);
}

static struct sio_partial *
new_partial(const struct sio_packet *p, struct span text)
{
	struct sio_partial *partial =
	    xcalloc(1, sizeof(*partial) + p->n_attachments * sizeof(*partial->items));

	partial->text = xspandup(text);
	partial->n_text = text.n;
	partial->total_bytes = text.n;
	partial->n_due = p->n_attachments;
	return partial;
}

/* Keeps the packet until its attachments are here. */
static void
begin_partial(struct sio_client *c, const struct sio_packet *p, struct span text)
{
	const struct sio_socket *s = sio_find_socket(c, p->ns);

	if (sio_is_early(c, p) || (s && s->state == SIO_CONNECTED))
		c->partial = new_partial(p, text);
	else
		break_off(c);
}

static void
keep_early(struct sio_client *c, struct sio_partial *packet)
{
	if (sio_early_keep(c, packet))
		return;
	sio_partial_free(packet);
	break_off(c);
}

static void
take_attachment(struct sio_client *c, struct span bytes)
{
	struct sio_partial *partial = c->partial;
	struct sio_attachments attachments;
	struct sio_packet p;

	/* A packet may be as big as a message, however many it is made of. */
	if (!partial ||
	    partial->total_bytes + bytes.n > eio_settings(sio_of(c)->eio)->max_payload_bytes) {
		break_off(c);
		return;
	}
	partial->total_bytes += bytes.n;
	partial->items[partial->n++] = (struct span){ xspandup(bytes), bytes.n };
	if (partial->n < partial->n_due)
		return;
	c->partial = NULL;
	attachments = (struct sio_attachments){ partial->items, partial->n };
	sio_packet_parse((struct span){ partial->text, partial->n_text }, &p);
	if (sio_is_early(c, &p)) {
		keep_early(c, partial);
		return;
	}
	/* The server may have ended the socket in the meantime: nobody is left to hear it. */
	if (sio_find_socket(c, p.ns))
		sio_take_packet(c, &p, &attachments, JSON_OK);
	sio_partial_free(partial);
}

static void
take_text(struct sio_client *c, struct span text)
{
	const struct sio_attachments none = { 0 };
	enum json_fault fault;
	struct sio_packet p;

	if (c->partial || !sio_packet_parse(text, &p)) {
		break_off(c);
		return;
	}
	switch (sio_packet_check(&p, &fault)) {
	case SIO_INVALID:
		break_off(c);
		return;
	case SIO_BEYOND_BOUNDS:
		/* Placeholders of a text that cannot be walked cannot be judged. */
		if (p.n_attachments || p.type == SIO_DISCONNECT) {
			break_off(c);
			return;
		}
		break;
	case SIO_VALID:
		break;
	}
	if (p.n_attachments)
		begin_partial(c, &p, text);
	else if (sio_is_early(c, &p))
		keep_early(c, new_partial(&p, text));
	else
		sio_take_packet(c, &p, &none, fault);
}

void
sio_message_in(void *context, struct eio_session *session, struct span bytes, bool is_binary)
{
	struct sio *sio = context;
	struct sio_client *c = eio_user(session);

	if (is_binary)
		take_attachment(c, bytes);
	else
		take_text(c, bytes);
	arena_reset(&sio->arena);
}
