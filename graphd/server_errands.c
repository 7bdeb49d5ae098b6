/* Requests for which a thread works: they wait here, and in no batch or lane. */

#include "graphd/server_inner.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>

static void
on_done(void *context, struct errand *errand)
{
	struct server *s = context;
	struct reply *reply = errand->asker;

	if (reply) {
		server_run(s, reply->ask, errand);
		reply->ask = NULL;
		reply_free(reply);
	}
	errand->free(errand);
	/* What it gave is sent at the end of a turn, and the lane looked at. */
	loop_again(s->loop);
}

void
server_errands_init(struct server *s)
{
	errands_init(&s->readings, s->loop, on_done, s);
	errands_init(&s->makings, s->loop, on_done, s);
}

static void
drop(struct errand *errand)
{
	reply_free(errand->asker);
	errand->free(errand);
}

void
server_stop(struct server *s)
{
	errands_stop(&s->readings, drop);
	errands_stop(&s->makings, drop);
}

void
server_errands_fini(struct server *s)
{
	errands_fini(&s->readings, drop);
	errands_fini(&s->makings, drop);
}

void
server_await_lane(struct server *s, struct ask *ask, const struct uuid *id)
{
	struct lane *lane = lanes_find(&s->lanes, id);

	if (lane && lane_park(&s->lanes, lane, &ask->link))
		return;
	router_refuse(&s->router, ask, ERROR_overloaded);
	free(ask);
}

void
server_await_errand(struct server *s, struct ask *ask, struct errand *errand)
{
	struct reply *reply = xcalloc(1, sizeof *reply);

	reply->ask = ask;
	if (errand->changes) {
		reply->lane = lanes_get(&s->lanes, &errand->lane);
		reply->lane->holds++;
	}
	errand->asker = reply;
	if (!ask->began_us)
		ask->began_us = clock_wall_us();
	if (errands_add(errand->changes ? &s->makings : &s->readings, errand))
		return;
	router_refuse(&s->router, ask, ERROR_overloaded);
	drop(errand);
}

/* What nobody needs any more; freeing 100,000 nodes takes as long as reading some of them. */
struct disposal {
	struct errand errand;
	void *thing;
	void (*free)(void *thing);
};

static void
dispose(struct errand *errand, const atomic_bool *ends)
{
	struct disposal *d = (struct disposal *)(void *)errand;

	(void)ends;
	if (d->thing)
		d->free(d->thing);
	d->thing = NULL;
}

static void
free_disposal(struct errand *errand)
{
	dispose(errand, NULL);
	free(errand);
}

void
server_dispose(struct server *s, void *thing, void (*fn)(void *thing))
{
	struct disposal *d = xcalloc(1, sizeof *d);

	d->thing = thing;
	d->free = fn;
	d->errand.run = dispose;
	d->errand.free = free_disposal;
	if (!errands_add(&s->readings, &d->errand))
		free_disposal(&d->errand);
}
