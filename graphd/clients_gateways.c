/* Which gateways are alive, and where. */

#include "graphd/clients_inner.h"

#include "common/mem.h"

#include <stdlib.h>

struct gateway *
gateway_ref(struct gateway *g)
{
	if (g)
		g->users++;
	return g;
}

void
gateway_unref(struct gateway *g)
{
	if (!g || --g->users)
		return;
	free(g->address);
	free(g);
}

struct gateway *
clients_gateway(struct clients *c, struct span id, uint64_t now_ms)
{
	struct gateway *g;

	if (id.n == 0)
		return NULL;
	g = table_find(&c->gateways, &id);
	if (!g) {
		g = gateway_ref(xcalloc(1, sizeof(*g) + id.n + 1));
		memcpy(g + 1, id.p, id.n);
		g->id = (struct span){ (char *)(g + 1), id.n };
		table_add(&c->gateways, g);
	}
	g->heard_ms = now_ms;
	g->leaving = false;
	return g;
}

void
clients_begin(struct clients *c, uint64_t now_ms)
{
	if (!c->began_ms)
		c->began_ms = now_ms;
}

bool
clients_hear(struct clients *c, struct span gateway, uint64_t now_ms)
{
	struct gateway *g = clients_gateway(c, gateway, now_ms);
	bool was_greeted = g && g->greeted;

	clients_begin(c, now_ms);
	if (g)
		g->greeted = true;
	return was_greeted;
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
