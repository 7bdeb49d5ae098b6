/* Leaving in good order: members are sent away a few at a time, so that they do not all come back
 * at once elsewhere. */

#include "common/clock.h"
#include "common/owner.h"
#include "gatewayd/hub_inner.h"

#include <stddef.h>

enum { DRAIN_STEP_MS = 50 };

static void
drain_some(struct hub *hub, size_t n)
{
	struct room *r;

	for (size_t i = 0; n && (r = table_next(&hub->rooms, &i));) {
		struct member *m;

		for (; n && (m = room_anybody(r)); n--)
			member_evict(m, "drain");
	}
}

static void
on_drain(struct loop_timer *timer)
{
	struct hub *hub = OWNER_OF(timer, struct hub, drain_timer);
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = hub->drain_end_ms > now_ms ? hub->drain_end_ms - now_ms : 0;
	uint64_t steps = left_ms / DRAIN_STEP_MS;

	drain_some(hub, steps ? (hub->n_members + steps - 1) / steps : SIZE_MAX);
	if (hub->n_members == 0) {
		hub->drained(hub->drain_context);
		return;
	}
	loop_set_timer(hub->loop, timer, now_ms + DRAIN_STEP_MS);
}

void
hub_drain(struct hub *hub, uint64_t over_ms, void (*done)(void *), void *context)
{
	hub->draining = true;
	hub->drained = done;
	hub->drain_context = context;
	hub->drain_end_ms = clock_now_ms() + over_ms;
	hub->drain_timer.due = on_drain;
	loop_set_timer(hub->loop, &hub->drain_timer, clock_now_ms());
}
