#pragma once
/*
 * Requests that must wait, in one queue for each session: while a big answer is being written from
 * the session's graph, or until a commit has landed. Other sessions' requests pass them by; those
 * of one session keep their order.
 */

#include "common/id.h"
#include "common/list.h"
#include "common/table.h"

#include <stdbool.h>

struct lane {
	struct uuid session; /* nil: requests that name none */
	struct link link;    /* in lanes.all */
	struct link asks;    /* struct ask */
	unsigned holds;	     /* reasons why nothing may pass just now */
};

struct lanes {
	struct table by_session;
	struct link all;
	size_t n_asks;
};

void lanes_init(struct lanes *);
/* Frees what waits. */
void lanes_fini(struct lanes *);
/* NULL: requests of that session need not wait. */
struct lane *lanes_find(const struct lanes *, const struct uuid *session);
/* Found or new. One that is neither held nor holds requests is freed by lane_settle(). */
struct lane *lanes_get(struct lanes *, const struct uuid *session);
void lane_settle(struct lanes *, struct lane *);
/* Takes the ask. False: as many wait as may, and it was not taken. */
bool lane_park(struct lanes *, struct lane *, struct link *ask);
/* The ask has been in the lane, or held it, and goes before all that wait. */
void lane_put_back(struct lanes *, struct lane *, struct link *ask);
/* The next request, or NULL. */
struct link *lane_next(struct lanes *, struct lane *);
