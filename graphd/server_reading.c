/* Requests for which a thread reads something: they wait here, and in no batch or lane. */

#include "graphd/server_inner.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>

static void
on_read(void *context, struct reading *reading)
{
	struct server *s = context;
	struct ask *ask = reading->asker;

	if (ask)
		server_run(s, ask, reading);
	reading->free(reading);
	/* What it gave is sent at the end of a turn. */
	loop_again(s->loop);
}

void
server_reading_init(struct server *s)
{
	readings_init(&s->readings, s->loop, on_read, s);
}

static void
drop(struct reading *reading)
{
	free(reading->asker);
	reading->free(reading);
}

void
server_reading_fini(struct server *s)
{
	readings_fini(&s->readings, drop);
}

void
server_await_reading(struct server *s, struct ask *ask, struct reading *reading)
{
	reading->asker = ask;
	if (!ask->began_us)
		ask->began_us = clock_wall_us();
	if (readings_add(&s->readings, reading))
		return;
	router_refuse(&s->router, ask, ERROR_overloaded);
	drop(reading);
}

/* A graph that nobody needs any more; freeing 100,000 nodes takes as long as reading some of them.
 */
struct disposal {
	struct reading reading;
	struct graph *graph;
};

static void
dispose(struct reading *reading, const atomic_bool *ends)
{
	struct disposal *d = (struct disposal *)(void *)reading;

	(void)ends;
	graph_free(d->graph);
	d->graph = NULL;
}

static void
free_disposal(struct reading *reading)
{
	dispose(reading, NULL);
	free(reading);
}

void
server_dispose(struct server *s, struct graph *graph)
{
	struct disposal *d = xcalloc(1, sizeof *d);

	d->graph = graph;
	d->reading.run = dispose;
	d->reading.free = free_disposal;
	if (!readings_add(&s->readings, &d->reading))
		free_disposal(&d->reading);
}
