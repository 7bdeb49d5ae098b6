#include "graphd/clients_inner.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* A session stays where it is while it has clients: its address will do. */
enum { KEY_MAX = sizeof(struct session *) + LIMIT_ACTOR_BYTES };

struct clients *
clients_new(struct sessions *sessions, uint64_t grace_ms)
{
	struct clients *c = xcalloc(1, sizeof(*c));

	c->sessions = sessions;
	c->grace_ms = grace_ms;
	table_init(&c->members, offsetof(struct member, key), 0);
	table_init(&c->gateways, offsetof(struct gateway, id), 0);
	list_init(&c->showing);
	list_init(&c->kept);
	list_init(&c->away);
	return c;
}

static struct berth *
berth_new(struct member *m)
{
	for (const struct berth *b = m->berths; b; b = b->next)
		if (b == &m->own)
			return xcalloc(1, sizeof(*b));
	m->own = (struct berth){ 0 };
	return &m->own;
}

void
berth_free(struct member *m, struct berth **at)
{
	struct berth *b = *at;

	*at = b->next;
	if (b != &m->own)
		free(b);
}

/* What is shown of a member is its first part. */
static const struct member *
member_of(const struct client *client)
{
	return (const struct member *)(const void *)client;
}

const char *
clients_id_of(const struct client *client)
{
	return member_of(client)->client_id;
}

bool
clients_is_away(const struct client *client)
{
	return member_of(client)->absence;
}

const char *
clients_gateway_of(const struct client *client)
{
	const struct member *m = member_of(client);

	return m->gateway ? m->gateway->id.p : NULL;
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
	while (m->berths)
		berth_free(m, &m->berths);
}

static void
end_absence(struct member *m)
{
	if (!m->absence)
		return;
	list_remove(&m->absence->link);
	free(m->absence);
	m->absence = NULL;
}

/* Nearly always the place is the end. */
static struct absence *
begin_absence(struct clients *c, struct member *m, uint64_t until_ms)
{
	struct link *before = c->away.prev;

	if (m->absence)
		return m->absence;
	m->absence = xcalloc(1, sizeof(*m->absence));
	m->absence->member = m;
	m->absence->until_ms = until_ms;
	while (before != &c->away && LIST_OF(before, struct absence, link)->until_ms > until_ms)
		before = before->prev;
	list_append(before->next, &m->absence->link);
	return m->absence;
}

/* Who has no name of its own goes by its id. An empty actor: it has none at all. */
static void
set_actor(struct member *m, struct span actor)
{
	if (m->client.actor != m->client_id)
		free(m->client.actor);
	m->client.actor = NULL;
	if (actor.n > 0)
		m->client.actor = span_is(actor, m->client_id) ? m->client_id : xspandup(actor);
}

void
client_free(struct clients *c, struct member *m)
{
	if (c->gone)
		c->gone(c->gone_context, m->session, span_of(m->client_id));
	table_remove(&c->members, &m->key);
	leave_berths(m);
	end_absence(m);
	showing_free(m->showing);
	set_actor(m, (struct span){ 0 });
	gateway_unref(m->gateway);
	list_remove(&m->client.link);
	m->session->n_clients--;
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
		gateway_unref(g);
	table_fini(&c->members);
	table_fini(&c->gateways);
	free(c);
}

size_t
clients_count(const struct clients *c)
{
	return c->members.n;
}

struct member *
clients_member(const struct clients *c, const struct session *s, struct span client_id)
{
	char text[KEY_MAX];
	struct span key = { text, sizeof(s) + client_id.n };

	if (client_id.n > LIMIT_ACTOR_BYTES)
		return NULL;
	memcpy(text, &s, sizeof(s));
	memcpy(text + sizeof(s), client_id.p, client_id.n);
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
	struct member *m = xcalloc(1, sizeof(*m) + id.n + 1);

	memcpy(m->client_id, id.p, id.n);
	m->session = s;
	m->key.p = (char *)m + offsetof(struct member, session);
	m->key.n = sizeof(s) + id.n;
	m->client.since_us = facts->now_us;
	m->client.number = next_number(c, facts->now_us);
	table_add(&c->members, m);
	list_append(&s->clients, &m->client.link);
	s->n_clients++;
	return m;
}

/* Where it hangs; *the result is NULL, at the end, when there is none. gateway: NULL finds those of
 * a gateway without a name. */
static struct berth **
find_berth(struct member *m, const struct gateway *gateway, uint64_t connection)
{
	struct berth **at = &m->berths;

	while (*at && ((*at)->gateway != gateway || (*at)->connection != connection))
		at = &(*at)->next;
	return at;
}

static size_t
count_berths(const struct member *m)
{
	size_t n = 0;

	for (const struct berth *b = m->berths; b; b = b->next)
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
	else if (*find_berth(m, gateway, facts->connection))
		return;
	if (count_berths(m) >= LIMIT_CONNECTIONS_PER_CLIENT)
		berth_free(m, &m->berths);
	b = berth_new(m);
	b->gateway = gateway;
	b->connection = facts->connection;
	*find_berth(m, gateway, facts->connection) = b;
	gateway_unref(m->gateway);
	m->gateway = gateway_ref(gateway);
}

/* Of somebody graphd was reminded of: he who reported it knows that it was announced gone, or it
 * was some time ago. */
static bool
was_told_gone(const struct absence *away, const struct client_facts *facts)
{
	return away && away->is_reminded && !facts->quiet && (facts->again || away->is_told);
}

enum error
clients_join(struct clients *c, struct session *s, const struct client_facts *facts, bool *is_news)
{
	struct member *m = clients_member(c, s, facts->client_id);
	bool is_late;

	/* A gateway that comes late may have clients who were missed, or were announced gone by the
	 * graphd before; and it is too late for others to find them on the list. */
	is_late = c->began_ms && facts->now_ms - c->began_ms >= LIMIT_LEASE_MS;
	*is_news = m ? was_told_gone(m->absence, facts) : !facts->quiet || c->has_missed || is_late;
	if (!m && s->n_clients >= LIMIT_CLIENTS_PER_SESSION)
		return ERROR_too_many_clients;
	if (!m)
		m = member_new(c, s, facts);
	end_absence(m);
	add_berth(c, m, facts);
	set_actor(m, facts->actor);
	return OK;
}

/* A lease lasts until every gateway that lives has said so, and more. */
static uint64_t
reminded_ms(const struct clients *c)
{
	return c->grace_ms > LIMIT_LEASE_MS ? c->grace_ms : LIMIT_LEASE_MS;
}

enum error
clients_remind(
    struct clients *c, struct session *s, const struct client_facts *facts, bool *was_missing)
{
	struct member *m = clients_member(c, s, facts->client_id);
	struct absence *away;

	clients_begin(c, facts->now_ms);
	*was_missing = !m;
	if (m)
		return OK;
	if (s->n_clients >= LIMIT_CLIENTS_PER_SESSION)
		return ERROR_too_many_clients;
	m = member_new(c, s, facts);
	set_actor(m, facts->actor);
	away = begin_absence(c, m, facts->now_ms + reminded_ms(c));
	away->is_reminded = true;
	/* Those whom another graphd left here have all been reported or reminded of by then. */
	away->is_told = facts->now_ms - c->began_ms > reminded_ms(c);
	return OK;
}

/* False: the client is somewhere else by now. */
static bool
leave_berth(const struct clients *c, struct member *m, const struct client_leave *leave)
{
	const struct gateway *gateway = NULL;
	struct berth **at;

	if (leave->everywhere) {
		leave_berths(m);
		return true;
	}
	if (leave->gateway.n > 0 && !(gateway = table_find(&c->gateways, &leave->gateway)))
		return false;
	at = find_berth(m, gateway, leave->connection);
	if (!*at)
		return false;
	berth_free(m, at);
	return true;
}

enum leave
clients_leave(struct clients *c, struct session *s, const struct client_leave *leave)
{
	struct member *m = clients_member(c, s, leave->client_id);

	if (!m || !leave_berth(c, m, leave))
		return LEAVE_UNKNOWN;
	if (m->berths)
		return LEAVE_STAYS;
	if (!leave->may_return || c->grace_ms == 0) {
		client_free(c, m);
		return LEAVE_GONE;
	}
	begin_absence(c, m, leave->now_ms + c->grace_ms);
	return LEAVE_STAYS;
}

void
clients_forget_session(struct clients *c, struct session *s)
{
	while (!list_is_empty(&s->clients))
		client_free(c,
		    LIST_OF(LIST_OF(s->clients.next, struct client, link), struct member, client));
}
