/* What clients show of themselves, and what time brings. */

#include "graphd/clients_inner.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* Evenly spread rather than all at the beginning of a second: what moves is seen to move. */
enum { PRESENCE_EVERY_MS = 1000 / LIMIT_PRESENCE_PER_S };

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool
may_tell(struct showing *s, uint64_t now_ms)
{
	if (s->told_ms && now_ms - s->told_ms < PRESENCE_EVERY_MS)
		return false;
	s->told_ms = now_ms;
	return true;
}

static void
drop_kept(struct showing *s)
{
	list_remove(&s->kept);
	free(s->kept_data);
	s->kept_data = NULL;
}

static struct showing *
showing_of(struct member *m)
{
	if (!m->showing) {
		m->showing = xcalloc(1, sizeof(*m->showing));
		m->showing->member = m;
	}
	return m->showing;
}

void
showing_free(struct showing *s)
{
	if (!s)
		return;
	drop_kept(s);
	list_remove(&s->link);
	s->member->showing = NULL;
	free(s);
}

enum presence
clients_presence(
    struct clients *c, struct session *s, struct span client_id, struct span data, uint64_t now_ms)
{
	struct member *m = clients_member(c, s, client_id);
	struct showing *showing;

	if (!m)
		return PRESENCE_UNKNOWN_CLIENT;
	showing = showing_of(m);
	showing->heard_ms = now_ms;
	list_remove(&showing->link);
	list_append(&c->showing, &showing->link);
	if (may_tell(showing, now_ms)) {
		drop_kept(showing);
		return PRESENCE_TELL;
	}
	/* A newer one takes the place of an older, and does not lose it its turn. */
	free(showing->kept_data);
	showing->kept_data = xspandup(data);
	if (!link_is_in_list(&showing->kept))
		list_append(&c->kept, &showing->kept);
	return PRESENCE_LATER;
}

static void
tell_kept(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	for (struct link *l = c->kept.next, *next; l != &c->kept; l = next) {
		struct showing *s = LIST_OF(l, struct showing, kept);
		struct member *m = s->member;

		next = l->next;
		if (!may_tell(s, now_ms))
			continue;
		fn(context,
		    &(struct client_change){
			m->session, &m->client, span_of(s->kept_data), false });
		drop_kept(s);
	}
}

static void
tell_expired(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	while (!list_is_empty(&c->showing)) {
		struct showing *s = LIST_OF(c->showing.next, struct showing, link);
		struct member *m = s->member;

		if (now_ms - s->heard_ms < LIMIT_PRESENCE_TTL_MS)
			return;
		showing_free(s);
		fn(context, &(struct client_change){ m->session, &m->client, { NULL, 0 }, false });
	}
}

void
clients_awake(struct clients *c, uint64_t now_ms)
{
	uint64_t since_ms = c->awake_ms ? now_ms - c->awake_ms : 0, still_ms;
	struct gateway *g;

	clients_begin(c, now_ms);
	c->awake_ms = now_ms;
	if (since_ms < 2 * LIMIT_BUS_HEARTBEAT_MS)
		return;
	still_ms = since_ms - LIMIT_BUS_HEARTBEAT_MS;
	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		g->heard_ms = earlier(g->heard_ms + still_ms, now_ms);
	LIST_EACH(at, &c->away)
	LIST_OF(at, struct absence, link)->until_ms += still_ms;
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
	if (!m->berths)
		return false;
	for (struct berth **at = &m->berths; *at;) {
		if ((*at)->gateway && (*at)->gateway->silent)
			berth_free(m, at);
		else
			at = &(*at)->next;
	}
	return !m->berths;
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
			gateway_unref(g);
		}
}

static struct absence *
first_away(const struct clients *c)
{
	return list_is_empty(&c->away) ? NULL : LIST_OF(c->away.next, struct absence, link);
}

void
clients_tick(struct clients *c, uint64_t now_ms, clients_change_fn *fn, void *context)
{
	struct absence *a;

	if (mark_silent(c, now_ms))
		sweep(c, fn, context);
	while ((a = first_away(c)) && a->until_ms <= now_ms) {
		c->has_missed = c->has_missed || a->is_reminded;
		bury(c, a->member, fn, context);
	}
	tell_kept(c, now_ms, fn, context);
	tell_expired(c, now_ms, fn, context);
}

uint64_t
clients_due_ms(const struct clients *c)
{
	const struct absence *a = first_away(c);
	uint64_t due_ms = a ? a->until_ms : UINT64_MAX;
	const struct showing *s;
	const struct gateway *g;

	for (size_t i = 0; (g = table_next(&c->gateways, &i));)
		due_ms = earlier(due_ms, g->leaving ? 0 : g->heard_ms + LIMIT_LEASE_MS);
	if (!list_is_empty(&c->kept)) {
		s = LIST_OF(c->kept.next, struct showing, kept);
		due_ms = earlier(due_ms, s->told_ms + PRESENCE_EVERY_MS);
	}
	if (!list_is_empty(&c->showing)) {
		s = LIST_OF(c->showing.next, struct showing, link);
		due_ms = earlier(due_ms, s->heard_ms + LIMIT_PRESENCE_TTL_MS);
	}
	return due_ms;
}
