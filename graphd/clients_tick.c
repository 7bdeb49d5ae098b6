/* What clients show of themselves, and what time brings. */

#include "graphd/clients_inner.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* Evenly spread rather than all at the beginning of a second: what moves is seen to move. */
enum { PRESENCE_EVERY_MS = 1000 / LIMIT_PRESENCE_PER_S };

static bool
may_tell(struct member *m, uint64_t now_ms)
{
	if (m->told_ms && now_ms - m->told_ms < PRESENCE_EVERY_MS)
		return false;
	m->told_ms = now_ms;
	return true;
}

static void
drop_kept(struct member *m)
{
	list_remove(&m->kept);
	free(m->kept_data);
	m->kept_data = NULL;
}

enum presence
clients_presence(
    struct clients *c, struct session *s, struct span client_id, struct span data, uint64_t now_ms)
{
	struct member *m = clients_member(c, s, client_id);

	if (!m)
		return PRESENCE_UNKNOWN_CLIENT;
	m->presence_ms = now_ms;
	list_remove(&m->by_presence);
	list_append(&c->by_presence, &m->by_presence);
	if (may_tell(m, now_ms)) {
		drop_kept(m);
		return PRESENCE_TELL;
	}
	/* A newer one takes the place of an older, and does not lose it its turn. */
	free(m->kept_data);
	m->kept_data = xspandup(data);
	if (!link_is_in_list(&m->kept))
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
		drop_kept(m);
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
		g->silent = g->leaving || now_ms - g->heard_ms >= LIMIT_LEASE_MS;
		any = any || g->silent;
	}
	return any;
}

/* Leaves the silent gateways; true: that was all there was of it. */
static bool
loses_berths(struct member *m)
{
	if (list_is_empty(&m->berths))
		return false;
	for (struct link *at = m->berths.next, *next; at != &m->berths; at = next) {
		struct berth *b = LIST_OF(at, struct berth, link);

		next = at->next;
		if (b->gateway && b->gateway->silent)
			berth_free(b);
	}
	return list_is_empty(&m->berths);
}

static void
bury(struct clients *c, struct member *m, clients_change_fn *fn, void *context)
{
	m->session->n_clients--;
	fn(context, &(struct client_change){ m->session, &m->client, { NULL, 0 }, true });
	m->session->n_clients++; /* client_free() takes it off for good */
	client_free(c, m);
}

/*
 * Gateways die rarely, so their clients are looked for and not listed. Nobody is given a time to
 * be away: the lease was one, and who has not come back elsewhere within it is gone.
 */
static void
sweep(struct clients *c, clients_change_fn *fn, void *context)
{
	struct gateway *g;
	struct member *m;

	for (size_t i = 0; (m = table_next(&c->members, &i));)
		if (loses_berths(m))
			bury(c, m, fn, context);
	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		if (g->silent) {
			table_remove(&c->gateways, &g->id);
			gateway_free(g);
		}
}

static struct member *
longest_away(const struct clients *c)
{
	return list_is_empty(&c->away) ? NULL : LIST_OF(c->away.next, struct member, away);
}

void
clients_tick(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	struct member *m;

	if (mark_silent(c, now_ms))
		sweep(c, fn, context);
	while ((m = longest_away(c)) && now_ms - m->away_ms >= c->grace_ms)
		bury(c, m, fn, context);
	tell_kept(c, now_ms, fn, context);
	tell_expired(c, now_ms, fn, context);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
clients_due_ms(const struct clients *c)
{
	const struct member *m = longest_away(c);
	uint64_t due_ms = m ? m->away_ms + c->grace_ms : UINT64_MAX;
	const struct gateway *g;

	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		due_ms = earlier(due_ms, g->leaving ? 0 : g->heard_ms + LIMIT_LEASE_MS);
	if (!list_is_empty(&c->kept)) {
		m = LIST_OF(c->kept.next, struct member, kept);
		due_ms = earlier(due_ms, m->told_ms + PRESENCE_EVERY_MS);
	}
	if (!list_is_empty(&c->by_presence)) {
		m = LIST_OF(c->by_presence.next, struct member, by_presence);
		due_ms = earlier(due_ms, m->presence_ms + LIMIT_PRESENCE_TTL_MS);
	}
	return due_ms;
}
