#include "graphd/clients_inner.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

enum { KEY_MAX = UUID_BYTES + LIMIT_ACTOR_BYTES };

struct clients *
clients_new(struct sessions *sessions, uint64_t grace_ms)
{
	struct clients *c = xcalloc(1, sizeof(*c));

	c->sessions = sessions;
	c->grace_ms = grace_ms;
	table_init(&c->members, offsetof(struct member, key), 0);
	table_init(&c->gateways, offsetof(struct gateway, id), 0);
	list_init(&c->by_presence);
	list_init(&c->kept);
	list_init(&c->away);
	return c;
}

void
berth_free(struct berth *b)
{
	list_remove(&b->link);
	free(b);
}

void
clients_on_gone(struct clients *c, clients_gone_fn *gone, void *context)
{
	c->gone = gone;
	c->gone_context = context;
}

static void
leave_berths(struct member *m)
{
	while (!list_is_empty(&m->berths))
		berth_free(LIST_OF(m->berths.next, struct berth, link));
}

void
client_free(struct clients *c, struct member *m)
{
	if (c->gone)
		c->gone(c->gone_context, m->session, span_of(m->client.client_id));
	table_remove(&c->members, &m->key);
	leave_berths(m);
	list_remove(&m->client.link);
	list_remove(&m->away);
	list_remove(&m->by_presence);
	list_remove(&m->kept);
	m->session->n_clients--;
	free(m->client.actor);
	free(m->client.gateway);
	free(m->kept_data);
	free(m);
}

void
clients_free(struct clients *c)
{
	struct gateway *g;
	struct member *m;

	if (!c)
		return;
	for (size_t i = 0; (m = table_next(&c->members, &i));)
		client_free(c, m);
	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		gateway_free(g);
	table_fini(&c->members);
	table_fini(&c->gateways);
	free(c);
}

struct member *
clients_member(const struct clients *c, const struct session *s, struct span client_id)
{
	char text[KEY_MAX];
	struct span key = { text, UUID_BYTES + client_id.n };

	if (client_id.n > LIMIT_ACTOR_BYTES)
		return NULL;
	memcpy(text, s->id.bytes, UUID_BYTES);
	memcpy(text + UUID_BYTES, client_id.p, client_id.n);
	return table_find(&c->members, &key);
}

const struct client *
clients_find(const struct clients *c, const struct session *s, struct span client_id)
{
	const struct member *m = clients_member(c, s, client_id);

	return m ? &m->client : NULL;
}

/* The clock makes it rise over restarts too. */
static uint64_t
next_number(struct clients *c, uint64_t now_us)
{
	c->last_number = now_us > c->last_number ? now_us : c->last_number + 1;
	return c->last_number;
}

static struct member *
member_new(struct clients *c, struct session *s, const struct client_facts *facts)
{
	struct span id = facts->client_id;
	struct member *m = xcalloc(1, sizeof(*m) + UUID_BYTES + id.n + 1);
	char *key = (char *)(m + 1);

	memcpy(key, s->id.bytes, UUID_BYTES);
	memcpy(key + UUID_BYTES, id.p, id.n);
	m->key = (struct span){ key, UUID_BYTES + id.n };
	m->session = s;
	m->client.client_id = key + UUID_BYTES;
	m->client.since_us = facts->now_us;
	m->client.number = next_number(c, facts->now_us);
	list_init(&m->berths);
	table_add(&c->members, m);
	list_append(&s->clients, &m->client.link);
	s->n_clients++;
	return m;
}

/* gateway: NULL finds those of a gateway without a name. */
static struct berth *
find_berth(const struct member *m, const struct gateway *gateway, uint64_t connection)
{
	LIST_EACH(at, &m->berths)
	{
		struct berth *b = LIST_OF(at, struct berth, link);

		if (b->gateway == gateway && b->connection == connection)
			return b;
	}
	return NULL;
}

static size_t
count_berths(const struct member *m)
{
	size_t n = 0;

	for (const struct link *l = m->berths.next; l != &m->berths; l = l->next)
		n++;
	return n;
}

/* The newest one is the last, and is the one that is shown. */
static void
add_berth(struct clients *c, struct member *m, const struct client_facts *facts)
{
	struct gateway *gateway = clients_gateway(c, facts->gateway, facts->now_ms);
	struct berth *b;

	if (!facts->again)
		leave_berths(m);
	else if (find_berth(m, gateway, facts->connection))
		return;
	if (count_berths(m) >= LIMIT_CONNECTIONS_PER_CLIENT)
		berth_free(LIST_OF(m->berths.next, struct berth, link));
	b = xcalloc(1, sizeof(*b));
	b->gateway = gateway;
	b->connection = facts->connection;
	list_append(&m->berths, &b->link);
	free(m->client.gateway);
	m->client.gateway = xspandup(facts->gateway);
}

enum error
clients_join(struct clients *c, struct session *s, const struct client_facts *facts, bool *is_new)
{
	struct member *m = clients_member(c, s, facts->client_id);

	*is_new = !m;
	if (!m && s->n_clients >= LIMIT_CLIENTS_PER_SESSION)
		return ERROR_too_many_clients;
	if (!m)
		m = member_new(c, s, facts);
	list_remove(&m->away);
	m->client.is_away = false;
	add_berth(c, m, facts);
	free(m->client.actor);
	m->client.actor = xspandup(facts->actor);
	return OK;
}

/* False: the client is somewhere else by now. */
static bool
leave_berth(const struct clients *c, struct member *m, const struct client_leave *leave)
{
	const struct gateway *gateway = NULL;
	struct berth *b;

	if (leave->everywhere) {
		leave_berths(m);
		return true;
	}
	if (leave->gateway.n > 0 && !(gateway = table_find(&c->gateways, &leave->gateway)))
		return false;
	b = find_berth(m, gateway, leave->connection);
	if (b)
		berth_free(b);
	return b != NULL;
}

enum leave
clients_leave(struct clients *c, struct session *s, const struct client_leave *leave)
{
	struct member *m = clients_member(c, s, leave->client_id);

	if (!m || !leave_berth(c, m, leave))
		return LEAVE_UNKNOWN;
	if (!list_is_empty(&m->berths))
		return LEAVE_STAYS;
	if (!leave->may_return || c->grace_ms == 0) {
		client_free(c, m);
		return LEAVE_GONE;
	}
	m->client.is_away = true;
	m->away_ms = leave->now_ms;
	list_append(&c->away, &m->away);
	return LEAVE_STAYS;
}

void
clients_forget_session(struct clients *c, struct session *s)
{
	while (!list_is_empty(&s->clients))
		client_free(c,
		    LIST_OF(LIST_OF(s->clients.next, struct client, link), struct member, client));
}
