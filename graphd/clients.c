#include "graphd/clients.h"

#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"

#include <stdlib.h>

struct gateway {
	struct span id; /* in the same allocation */
	char *address;	/* owned; NULL: not told */
	uint64_t heard_ms;
	bool leaving; /* it said so */
	bool silent;  /* while a tick sweeps */
};

/* A client and what the session need not know of it. */
struct member {
	struct client client; /* first: the session's list links it */
	struct span key;      /* session id, then client id: owned */
	struct session *session;
	struct link by_presence; /* those that show something, least recently renewed first */
	uint64_t presence_ms;	 /* of the last message */
	uint64_t window_ms;	 /* when the second that told counts began */
	unsigned told;
	struct link kept; /* those with kept_data */
	char *kept_data;  /* newest message not told yet, or NULL */
};

struct clients {
	struct sessions *sessions;
	struct table members, gateways;
	struct link by_presence, kept;
	uint64_t last_number;
	clients_gone_fn *gone;
	void *gone_context;
};

enum { PRESENCE_WINDOW_MS = 1000, KEY_MAX = UUID_BYTES + LIMIT_ACTOR_BYTES };

struct clients *
clients_new(struct sessions *sessions)
{
	struct clients *c = xcalloc(1, sizeof(*c));

	c->sessions = sessions;
	table_init(&c->members, offsetof(struct member, key), 0);
	table_init(&c->gateways, offsetof(struct gateway, id), 0);
	list_init(&c->by_presence);
	list_init(&c->kept);
	return c;
}

static void
gateway_free(struct gateway *g)
{
	free(g->address);
	free(g);
}

void
clients_on_gone(struct clients *c, clients_gone_fn *gone, void *context)
{
	c->gone = gone;
	c->gone_context = context;
}

static void
member_free(struct clients *c, struct member *m)
{
	if (c->gone)
		c->gone(c->gone_context, m->session, span_of(m->client.client_id));
	table_remove(&c->members, &m->key);
	list_remove(&m->client.link);
	list_remove(&m->by_presence);
	list_remove(&m->kept);
	m->session->n_clients--;
	free(m->client.client_id);
	free(m->client.actor);
	free(m->client.gateway);
	free(m->kept_data);
	free((char *)m->key.p);
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
		member_free(c, m);
	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		gateway_free(g);
	table_fini(&c->members);
	table_fini(&c->gateways);
	free(c);
}

void
clients_hear(struct clients *c, struct span gateway, uint64_t now_ms)
{
	struct gateway *g = table_find(&c->gateways, &gateway);

	if (!g) {
		g = xcalloc(1, sizeof(*g) + gateway.n);
		memcpy(g + 1, gateway.p, gateway.n);
		g->id = (struct span){ (char *)(g + 1), gateway.n };
		table_add(&c->gateways, g);
	}
	g->heard_ms = now_ms;
	g->leaving = false;
}

void
clients_gateway_at(struct clients *c, struct span gateway, struct span address)
{
	struct gateway *g = table_find(&c->gateways, &gateway);

	if (!g || (g->address && span_is(address, g->address)))
		return;
	free(g->address);
	g->address = xspandup(address);
}

void
clients_gateways(const struct clients *c,
    void (*fn)(void *context, struct span gateway, struct span address), void *context)
{
	const struct gateway *g;

	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		if (g->address && !g->leaving)
			fn(context, g->id, span_of(g->address));
}

void
clients_gateway_leaves(struct clients *c, struct span gateway)
{
	struct gateway *g = table_find(&c->gateways, &gateway);

	if (g)
		g->leaving = true;
}

static struct member *
find(const struct clients *c, const struct session *s, struct span client_id)
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
	const struct member *m = find(c, s, client_id);

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
	struct member *m = xcalloc(1, sizeof(*m));
	char *key = xmalloc(UUID_BYTES + facts->client_id.n);

	memcpy(key, s->id.bytes, UUID_BYTES);
	memcpy(key + UUID_BYTES, facts->client_id.p, facts->client_id.n);
	m->key = (struct span){ key, UUID_BYTES + facts->client_id.n };
	m->session = s;
	m->client.client_id = xspandup(facts->client_id);
	m->client.since_us = facts->now_us;
	m->client.number = next_number(c, facts->now_us);
	table_add(&c->members, m);
	list_append(&s->clients, &m->client.link);
	s->n_clients++;
	return m;
}

/* A client that joins again, perhaps through another gateway, is where it was heard last. */
static void
place(struct member *m, const struct client_facts *facts)
{
	free(m->client.actor);
	free(m->client.gateway);
	m->client.actor = xspandup(facts->actor);
	m->client.gateway = xspandup(facts->gateway);
}

enum error
clients_join(struct clients *c, struct session *s, const struct client_facts *facts, bool *is_new)
{
	struct member *m = find(c, s, facts->client_id);

	*is_new = !m;
	if (!m && s->n_clients >= LIMIT_CLIENTS_PER_SESSION)
		return ERROR_too_many_clients;
	if (facts->gateway.n > 0)
		clients_hear(c, facts->gateway, facts->now_ms);
	if (!m)
		m = member_new(c, s, facts);
	place(m, facts);
	return OK;
}

bool
clients_leave(struct clients *c, struct session *s, struct span client_id)
{
	struct member *m = find(c, s, client_id);

	if (m)
		member_free(c, m);
	return m != NULL;
}

static bool
may_tell(struct member *m, uint64_t now_ms)
{
	if (now_ms - m->window_ms >= PRESENCE_WINDOW_MS) {
		m->window_ms = now_ms;
		m->told = 0;
	}
	return m->told++ < LIMIT_PRESENCE_PER_S;
}

enum presence
clients_presence(
    struct clients *c, struct session *s, struct span client_id, struct span data, uint64_t now_ms)
{
	struct member *m = find(c, s, client_id);

	if (!m)
		return PRESENCE_UNKNOWN_CLIENT;
	m->presence_ms = now_ms;
	list_remove(&m->by_presence);
	list_append(&c->by_presence, &m->by_presence);
	free(m->kept_data);
	m->kept_data = NULL;
	list_remove(&m->kept);
	if (may_tell(m, now_ms))
		return PRESENCE_TELL;
	m->kept_data = xspandup(data);
	list_append(&c->kept, &m->kept);
	return PRESENCE_LATER;
}

static void
tell_kept(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	for (struct link *l = c->kept.next, *next; l != &c->kept; l = next) {
		struct member *m = LIST_OF(l, struct member, kept);

		next = l->next;
		if (!may_tell(m, now_ms))
			continue;
		fn(context,
		    &(struct client_change){
			m->session, &m->client, span_of(m->kept_data), false });
		list_remove(&m->kept);
		free(m->kept_data);
		m->kept_data = NULL;
	}
}

static void
tell_expired(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	while (!list_is_empty(&c->by_presence)) {
		struct member *m = LIST_OF(c->by_presence.next, struct member, by_presence);

		if (now_ms - m->presence_ms < LIMIT_PRESENCE_TTL_MS)
			return;
		list_remove(&m->by_presence);
		fn(context, &(struct client_change){ m->session, &m->client, { NULL, 0 }, false });
	}
}

static bool
mark_silent(struct clients *c, uint64_t now_ms)
{
	struct gateway *g;
	bool any = false;

	for (size_t i = 0; (g = table_next(&c->gateways, &i));) {
		g->silent = g->leaving || now_ms - g->heard_ms >= LIMIT_BUS_SILENCE_MS;
		any = any || g->silent;
	}
	return any;
}

static bool
is_silent(const struct clients *c, const struct member *m)
{
	struct span id = span_of(m->client.gateway);
	const struct gateway *g = id.n > 0 ? table_find(&c->gateways, &id) : NULL;

	return g && g->silent;
}

static void
bury(struct clients *c, struct member *m, clients_change_fn *fn, void *context)
{
	m->session->n_clients--;
	fn(context, &(struct client_change){ m->session, &m->client, { NULL, 0 }, true });
	m->session->n_clients++; /* member_free() takes it off for good */
	member_free(c, m);
}

/* Gateways die rarely, so their clients are looked for and not listed. */
static void
sweep(struct clients *c, clients_change_fn *fn, void *context)
{
	struct gateway *g;
	struct member *m;

	for (size_t i = 0; (m = table_next(&c->members, &i));)
		if (is_silent(c, m))
			bury(c, m, fn, context);
	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		if (g->silent) {
			table_remove(&c->gateways, &g->id);
			gateway_free(g);
		}
}

void
clients_tick(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	if (mark_silent(c, now_ms))
		sweep(c, fn, context);
	tell_kept(c, now_ms, fn, context);
	tell_expired(c, now_ms, fn, context);
}

void
clients_forget_session(struct clients *c, struct session *s)
{
	while (!list_is_empty(&s->clients))
		member_free(c,
		    LIST_OF(LIST_OF(s->clients.next, struct client, link), struct member, client));
}
