/* Members that want to hear something else than before, without leaving: they go from one group to
 * another, and keep their place in history. */

#include "gatewayd/hub_inner.h"

#include <assert.h>

unsigned
hub_dialect(const struct member *m)
{
	return m->group->dialect;
}

bool
hub_is_change(const struct member *m, const struct change *c)
{
	const struct group *g = m->group;

	return g->dialect != c->dialect || g->filter.events != c->filter.events ||
	    !uuid_equal(&g->filter.subtree, &c->filter.subtree);
}

/* Out of its group, where it may be live, with all that it was to hear there on its way. */
static void
regroup(struct member *m, unsigned dialect, const struct filter *filter)
{
	struct group *old = m->group;

	if (m->state == MEMBER_LIVE)
		group_flush(old);
	if (m->state == MEMBER_LIVE)
		member_set_state(m, MEMBER_WAITING);
	m->group = group_get(old->room, old->transport, dialect, filter);
	group_release(old);
}

void
hub_end_returns(struct hub *hub, struct member *m, unsigned dialect)
{
	const struct filter filter = m->group->filter;
	bool was_live = m->state == MEMBER_LIVE;

	(void)hub;
	m->may_return = false;
	regroup(m, dialect, &filter);
	/* Who was not has its reading under way. */
	if (was_live && m->state == MEMBER_WAITING)
		member_settle(m);
}

void
hub_change(struct hub *hub, struct member *m, const struct change *c)
{
	struct room *r = member_room(m);
	struct join_result result = { .active_clients = c->active_clients, .log_id = r->log_id };
	bool other_history = !uuid_is_nil(&c->log_id) && !uuid_equal(&c->log_id, &r->log_id);

	(void)hub;
	assert(m->state != MEMBER_OUT && m->state != MEMBER_JOINING);
	regroup(m, c->dialect, &c->filter);
	member_want_dash(
	    m, c->names == NAMES_DASH && filter_wants(c->filter.events, EVENT_node_updated));
	m->has_since |= c->has_since;
	if (c->has_since)
		m->behind->seq = c->since;
	m->lost = other_history || (m->lost && !c->has_since);
	/* What it is told now takes the place of a mark. */
	m->passed_over = false;
	result.seq = c->has_since || m->lost ? r->seq : m->behind->seq;
	m->group->transport->joined(m, &result);
	if (m->state == MEMBER_WAITING)
		member_settle(m);
}
