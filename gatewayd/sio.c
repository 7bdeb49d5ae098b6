/* Clients and sockets: how they begin and end, and what is sent to them. */

#include "common/mem.h"
#include "gatewayd/eio_packet.h"
#include "gatewayd/sio_client.h"

#include <assert.h>
#include <stdlib.h>

static const char *
admit(void *context, const struct eio_request *request)
{
	struct sio *sio = context;

	return sio->app->admit ? sio->app->admit(sio->app->context, request) : NULL;
}

static void
open_client(void *context, struct eio_session *session, const struct eio_request *request)
{
	struct sio *sio = context;
	struct sio_client *c = eio_user(session);

	c->waiting = xcalloc(1, sizeof(*c->waiting));
	c->waiting->client = c;
	c->waiting->at_ms = eio_now_ms(eio_of(session)) + sio->settings.connect_timeout_ms;
	list_append(&sio->waiting, &c->waiting->link);
	if (sio->app->open)
		sio->app->open(sio->app->context, c, request);
}

static void
stop_waiting(struct sio_client *c)
{
	if (!c->waiting)
		return;
	list_remove(&c->waiting->link);
	free(c->waiting);
	c->waiting = NULL;
}

void
sio_partial_free(struct sio_partial *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n; i++)
		free((void *)p->items[i].p);
	free(p->text);
	free(p);
}

static void
unlink_socket(struct sio_socket *s)
{
	struct sio_socket **at = &s->client->sockets;
	struct sio *sio = sio_of(s->client);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->state = SIO_GONE;
	sio_early_wake(s->client);
	s->next = sio->socket_graves;
	sio->socket_graves = s;
}

void
sio_end_socket(struct sio_socket *s, enum sio_reason reason)
{
	const struct sio_app *app = sio_of(s->client)->app;

	unlink_socket(s);
	app->disconnect(app->context, s, reason);
}

static void
close_client(void *context, struct eio_session *session, enum eio_reason reason)
{
	struct sio_client *c = eio_user(session);
	struct sio *sio = context;

	stop_waiting(c);
	sio_partial_free(c->partial);
	c->partial = NULL;
	sio_early_drop(c);
	while (c->sockets)
		sio_end_socket(c->sockets, (enum sio_reason)reason);
	if (sio->app->close)
		sio->app->close(sio->app->context, c, (enum sio_reason)reason);
}

struct sio *
sio_new(const struct sio_settings *settings, const struct eio_settings *eio_set,
    const struct sio_app *app, const struct eio_io *io)
{
	struct sio *sio = xcalloc(1, sizeof(*sio));

	assert(settings->n_namespaces <= UINT16_MAX);
	sio->settings = *settings;
	sio->app = app;
	sio->eio_app = (struct eio_app){ .context = sio,
		.user_bytes = sizeof(struct sio_client),
		.admit = admit,
		.open = open_client,
		.message = sio_message_in,
		.close = close_client };
	sio->eio = eio_new(eio_set, &sio->eio_app, io);
	list_init(&sio->waiting);
	list_init(&sio->early);
	arena_init(&sio->arena);
	return sio;
}

static void
bury(struct sio *sio)
{
	struct sio_socket *s;

	while ((s = sio->socket_graves)) {
		sio->socket_graves = s->next;
		free(s);
	}
}

void
sio_free(struct sio *sio)
{
	if (!sio)
		return;
	eio_free(sio->eio);
	bury(sio);
	arena_fini(&sio->arena);
	free(sio);
}

struct eio *
sio_eio(struct sio *sio)
{
	return sio->eio;
}

static struct sio_waiting *
first_waiting(const struct sio *sio)
{
	if (list_is_empty(&sio->waiting))
		return NULL;
	return LIST_OF(sio->waiting.next, struct sio_waiting, link);
}

void
sio_tick(struct sio *sio, uint64_t now_ms)
{
	struct sio_waiting *w;

	bury(sio);
	eio_tick(sio->eio, now_ms);
	while ((w = first_waiting(sio)) && w->at_ms <= now_ms)
		sio_close(w->client);
	sio_early_tick(sio);
}

uint64_t
sio_next_deadline(const struct sio *sio)
{
	uint64_t at_ms = eio_next_deadline(sio->eio);
	const struct sio_waiting *w = first_waiting(sio);

	if (sio->socket_graves || !list_is_empty(&sio->early))
		return 0;
	return w && w->at_ms < at_ms ? w->at_ms : at_ms;
}

void
sio_send_control(struct sio_client *c, enum sio_type type, struct span ns, struct span payload)
{
	struct shared_bytes *b;

	if (!eio_is_open(sio_session(c)))
		return;
	b = sio_encode_control(type, ns, payload);
	eio_send(sio_session(c), b);
	shared_bytes_unref(b);
}

bool
sio_set_id(struct sio_socket *s, struct span id)
{
	struct eio_sid sid;

	if (!eio_sid_parse(id, &sid))
		return false;
	eio_sid_format(&sid, s->id);
	return true;
}

void
sio_accept(struct sio_socket *s, struct span pid)
{
	struct json_out reply = { 0 };

	if (s->state != SIO_CONNECTING)
		return;
	/* Ready first: a client sends events the moment it has read the reply. */
	s->state = SIO_CONNECTED;
	stop_waiting(s->client);
	json_out_open(&reply, '{');
	json_out_key(&reply, "sid");
	json_out_string(&reply, s->id);
	if (pid.p) {
		json_out_key(&reply, "pid");
		json_out_text(&reply, pid);
	}
	json_out_close(&reply, '}');
	sio_send_control(s->client, SIO_CONNECT, sio_namespace(s), json_out_span(&reply));
	json_out_fini(&reply);
	sio_early_wake(s->client);
}

void
sio_refuse(struct sio_socket *s, const char *message, struct span data)
{
	struct json_out words = { 0 };

	if (s->state != SIO_CONNECTING)
		return;
	json_out_open(&words, '{');
	json_out_key(&words, "message");
	json_out_string(&words, message);
	if (data.p) {
		json_out_key(&words, "data");
		json_out_raw(&words, data);
	}
	json_out_close(&words, '}');
	sio_send_control(s->client, SIO_CONNECT_ERROR, sio_namespace(s), json_out_span(&words));
	json_out_fini(&words);
	unlink_socket(s);
}

void
sio_feed(struct sio_socket *s, struct shared_bytes *message)
{
	if (s->state == SIO_CONNECTED)
		eio_feed(sio_session(s->client), message);
}

/* Takes the reference. */
static void
send_packet(struct sio_socket *s, struct shared_bytes *message)
{
	eio_send(sio_session(s->client), message);
	shared_bytes_unref(message);
}

void
sio_emit(struct sio_socket *s, const struct sio_message *message,
    const struct sio_attachments *attachments)
{
	struct sio_message m = *message;

	if (s->state != SIO_CONNECTED)
		return;
	m.ns = sio_namespace(s);
	m.n_attachments = attachments ? attachments->n : 0;
	send_packet(s, sio_encode(&m));
	for (unsigned i = 0; i < m.n_attachments; i++)
		send_packet(s, shared_bytes_new(SHARED_BINARY, attachments->items[i]));
}

void
sio_ack(
    struct sio_socket *s, uint64_t id, struct span args, const struct sio_attachments *attachments)
{
	const struct sio_message m = { .type = SIO_ACK, .has_id = true, .id = id, .args = args };

	sio_emit(s, &m, attachments);
}

void
sio_close(struct sio_client *c)
{
	if (eio_is_open(sio_session(c)))
		eio_send_away(sio_session(c));
}

bool
sio_is_connected(const struct sio_socket *s)
{
	return s->state == SIO_CONNECTED;
}

struct span
sio_namespace(const struct sio_socket *s)
{
	return span_of(sio_of(s->client)->settings.namespaces[s->ns]);
}

const char *
sio_socket_id(const struct sio_socket *s)
{
	return s->id;
}

void *
sio_websocket(const struct sio_socket *s)
{
	return s->state == SIO_CONNECTED ? eio_websocket(sio_session(s->client)) : NULL;
}

size_t
sio_queued_bytes(const struct sio_socket *s)
{
	const struct eio_session *session = sio_session(s->client);

	return eio_is_open(session) ? eio_queued_bytes(session) : 0;
}

struct sio_client *
sio_client_of(const struct sio_socket *s)
{
	return s->client;
}

struct sio_socket *
sio_first_socket(struct eio_session *session)
{
	const struct sio_client *c = eio_user(session);

	return c->sockets;
}

struct sio_socket *
sio_next_socket(const struct sio_socket *s)
{
	return s->next;
}

void *
sio_user(struct sio_socket *s)
{
	return s->user;
}

struct sio_socket *
sio_socket_of(const void *user)
{
	return OWNER_OF((uintptr_t)user, struct sio_socket, user);
}

void *
sio_context(const struct sio_socket *s)
{
	return sio_of(s->client)->app->context;
}

void
sio_client_set_data(struct sio_client *c, void *data)
{
	c->data = data;
}

void *
sio_client_data(const struct sio_client *c)
{
	return c->data;
}
