/*
 * Some clients say what they have to say right behind their CONNECT and do not wait for the answer,
 * which has to come from graphd first. From the first such event on, all packets of the client are
 * kept in their order, and taken once that answer is out.
 */

#include "common/mem.h"
#include "gatewayd/sio_client.h"

#include <stdlib.h>

struct sio_early {
	struct link link; /* in sio->early while it may go on */
	struct sio_client *client;
	struct link packets; /* of struct sio_partial, oldest first */
	size_t bytes;
};

static bool
is_connecting(const struct sio_client *c, const struct sio_packet *p)
{
	const struct sio_socket *s = c->sockets;

	/* Seldom is there any at all, and names take longer to compare. */
	while (s && s->state != SIO_CONNECTING)
		s = s->next;
	if (!s)
		return false;
	s = sio_find_socket(c, p->ns);
	return s && s->state == SIO_CONNECTING;
}

bool
sio_is_early(const struct sio_client *c, const struct sio_packet *p)
{
	if (c->early)
		return true;
	return (p->type == SIO_EVENT || p->type == SIO_BINARY_EVENT) && is_connecting(c, p);
}

static size_t
room_of(const struct sio_partial *packet)
{
	return sizeof(*packet) + packet->n_due * sizeof(*packet->items) + packet->total_bytes;
}

bool
sio_early_keep(struct sio_client *c, struct sio_partial *packet)
{
	struct sio_early *early = c->early;

	/* One packet may be as big as a message; so may all together that wait when it comes. */
	if (early && early->bytes > eio_settings(sio_of(c)->eio)->max_payload_bytes)
		return false;
	if (!early) {
		early = c->early = xcalloc(1, sizeof(*early));
		early->client = c;
		list_init(&early->packets);
	}
	early->bytes += room_of(packet);
	list_append(&early->packets, &packet->link);
	return true;
}

void
sio_early_wake(struct sio_client *c)
{
	if (c->early && !link_is_in_list(&c->early->link))
		list_append(&sio_of(c)->early, &c->early->link);
}

void
sio_early_drop(struct sio_client *c)
{
	struct link *link;

	if (!c->early)
		return;
	while ((link = list_take(&c->early->packets)))
		sio_partial_free(LIST_OF(link, struct sio_partial, link));
	list_remove(&c->early->link);
	free(c->early);
	c->early = NULL;
}

/* What was meant for a socket that was refused, or has ended, is heard by nobody. */
static void
take(struct sio_client *c, struct sio_partial *packet, const struct sio_packet *p)
{
	const struct sio_attachments attachments = { packet->items, packet->n };
	enum json_fault fault = JSON_OK;

	if (packet->n == 0)
		sio_packet_check(p, &fault);
	if (p->type == SIO_CONNECT || sio_find_socket(c, p->ns))
		sio_take_packet(c, p, &attachments, fault);
}

/* The oldest packet; false when it has to wait. */
static bool
take_first(struct sio_client *c)
{
	struct sio_partial *packet = LIST_OF(c->early->packets.next, struct sio_partial, link);
	struct sio_packet p;

	sio_packet_parse((struct span){ packet->text, packet->n_text }, &p);
	if (p.type != SIO_CONNECT && is_connecting(c, &p))
		return false;
	list_remove(&packet->link);
	c->early->bytes -= room_of(packet);
	take(c, packet, &p);
	sio_partial_free(packet);
	arena_reset(&sio_of(c)->arena);
	return true;
}

/* Any packet may end the client, and what waits with it. */
static void
go_on(struct sio_client *c)
{
	while (eio_is_open(sio_session(c)) && !list_is_empty(&c->early->packets))
		if (!take_first(c))
			return;
	sio_early_drop(c);
}

void
sio_early_tick(struct sio *sio)
{
	struct link *link;

	while ((link = list_take(&sio->early)))
		go_on(LIST_OF(link, struct sio_early, link)->client);
}
