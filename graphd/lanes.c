#include "graphd/lanes.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/server_router.h"

#include <stdlib.h>

void
lanes_init(struct lanes *l)
{
	table_init(&l->by_session, offsetof(struct lane, session), UUID_BYTES);
	list_init(&l->all);
	l->n_asks = 0;
}

static void
lane_free(struct lanes *l, struct lane *lane)
{
	for (struct link *at; (at = list_take(&lane->asks));)
		free(LIST_OF(at, struct ask, link));
	table_remove(&l->by_session, &lane->session);
	list_remove(&lane->link);
	free(lane);
}

void
lanes_fini(struct lanes *l)
{
	while (!list_is_empty(&l->all))
		lane_free(l, LIST_OF(l->all.next, struct lane, link));
	table_fini(&l->by_session);
}

struct lane *
lanes_find(const struct lanes *l, const struct uuid *session)
{
	return l->by_session.n ? table_find(&l->by_session, session) : NULL;
}

struct lane *
lanes_get(struct lanes *l, const struct uuid *session)
{
	struct lane *lane = lanes_find(l, session);

	if (lane)
		return lane;
	lane = xcalloc(1, sizeof *lane);
	lane->session = *session;
	list_init(&lane->asks);
	list_append(&l->all, &lane->link);
	table_add(&l->by_session, lane);
	return lane;
}

void
lane_settle(struct lanes *l, struct lane *lane)
{
	if (lane->holds == 0 && list_is_empty(&lane->asks))
		lane_free(l, lane);
}

bool
lane_park(struct lanes *l, struct lane *lane, struct link *ask)
{
	if (l->n_asks >= LIMIT_WAITING_REQUESTS)
		return false;
	l->n_asks++;
	list_append(&lane->asks, ask);
	return true;
}

void
lane_put_back(struct lanes *l, struct lane *lane, struct link *ask)
{
	l->n_asks++;
	list_append(lane->asks.next, ask);
}

struct link *
lane_next(struct lanes *l, struct lane *lane)
{
	struct link *ask = list_take(&lane->asks);

	if (ask)
		l->n_asks--;
	return ask;
}
