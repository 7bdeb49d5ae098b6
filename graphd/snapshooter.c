#include "graphd/snapshooter.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"
#include "common/table.h"
#include "graphd/old_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * A snapshot is due when the steps behind the last one weigh four times what it would, so that
 * writing snapshots costs a quarter of what writing steps does at most, and reading a session never
 * more than five times its own weight; and not before there are some hundreds of steps.
 */
enum {
	STEPS_AT_LEAST = 500,
	TIMES_ITS_WEIGHT = 4,
	BYTES_PER_NODE = 300,
	BYTES_PER_STEP = 400,
	BYTES_PER_KEY = 250,
	BYTES_PER_OLD_KEY = 6,
	NODES_INLINE = 2000,		/* written down in about a millisecond */
	BYTES_INLINE = 4 * 1024 * 1024, /* of anything, in a few */
	PATIENCE_MS = 5000,		/* in which an idle turn may come */
	TRIES = 20,			/* that may be ended by a request */
	RETRY_MS = 500,
	SLICE_BYTES = 64 * 1024, /* between two looks whether to go on */
};

struct growth {
	struct uuid session;
	uint64_t
	    bytes; /* of steps behind the last snapshot, as far as they were made since the start */
	uint64_t due_ms;
	uint64_t not_before_ms;
	unsigned tries;
	struct link link; /* in due */
};

const struct uuid lane_of_all = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static struct snapshooter *
snapshooter_of(struct loop_io *io)
{
	return OWNER_OF(io, struct snapshooter, finished);
}

static void
forget(struct snapshooter *p, struct growth *g)
{
	list_remove(&g->link);
	table_remove(&p->growth, &g->session);
	free(g);
}

/* A snapshot whose commit fails is just not there: the next one comes when the history has grown
 * again. */
static void
put(struct snapshooter *p, struct session *s, struct span bytes, char *taken)
{
	struct store *store = sessions_store(p->sessions);

	store->ops->put_snapshot(store, &s->id, s->ordinal, s->seq, bytes, taken);
	s->snapshot_ordinal = s->ordinal;
	s->snapshot_bytes = bytes.n;
	p->taken(p);
}

static void
end_job(struct snapshooter *p)
{
	thread_join(&p->thread);
	for (int i = 0; i < 2; i++)
		p->held[i]->holds--;
	p->session = NULL;
	loop_again(p->loop);
}

static struct growth *
growth_of(struct snapshooter *p, const struct session *s)
{
	struct growth *g = table_find(&p->growth, &s->id);

	if (g)
		return g;
	g = xcalloc(1, sizeof *g);
	g->session = s->id;
	table_add(&p->growth, g);
	return g;
}

static void
put_off(struct snapshooter *p)
{
	struct growth *g = growth_of(p, p->session);

	g->tries = p->tries + 1;
	g->due_ms = clock_now_ms();
	g->not_before_ms = g->due_ms + RETRY_MS;
	list_remove(&g->link);
	list_append(&p->due, &g->link);
}

static void
on_finished(struct loop_io *io, uint32_t events)
{
	struct snapshooter *p = snapshooter_of(io);
	struct span bytes;
	eventfd_t count;
	char *taken;

	(void)events;
	if (eventfd_read(io->fd, &count) != 0 || !p->session)
		return;
	if (p->given_up) {
		put_off(p);
		json_out_fini(&p->bytes);
	} else {
		bytes.p = taken = json_out_take(&p->bytes, &bytes.n);
		put(p, p->session, bytes, taken);
	}
	end_job(p);
}

static void *
write_down(void *arg)
{
	struct snapshooter *p = arg;

	while (!snapshot_write(&p->writer, &p->bytes, SLICE_BYTES) && !p->given_up)
		;
	eventfd_write(p->finished.fd, 1);
	return NULL;
}

void
snapshooter_give_way(struct snapshooter *p)
{
	if (p->session && !p->must_finish && !list_is_empty(&p->held[0]->asks))
		p->given_up = true;
}

/* Nothing changes the session while its lane is held, so the thread may read it without a lock: but
 * for when it was last used, which stands in the head and is written down before. */
static void
start_job(struct snapshooter *p, struct session *s, unsigned tries)
{
	p->session = s;
	p->tries = tries;
	p->must_finish = tries >= TRIES;
	p->given_up = false;
	p->held[0] = lanes_get(p->lanes, &s->id);
	p->held[1] = lanes_get(p->lanes, &lane_of_all);
	for (int i = 0; i < 2; i++)
		p->held[i]->holds++;
	snapshot_init(&p->writer, s);
	snapshot_write(&p->writer, &p->bytes, 0);
	thread_run(&p->thread, write_down, p);
}

void
snapshooter_init(struct snapshooter *p, struct loop *loop, struct sessions *sessions,
    struct lanes *lanes, void (*taken)(struct snapshooter *))
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		log_fatal("snapshot", "eventfd: %s", strerror(errno));
	memset(p, 0, sizeof *p);
	p->loop = loop;
	p->sessions = sessions;
	p->lanes = lanes;
	p->taken = taken;
	table_init(&p->growth, offsetof(struct growth, session), UUID_BYTES);
	list_init(&p->due);
	p->finished.ready = on_finished;
	loop_add(loop, &p->finished, fd, EPOLLIN);
}

void
snapshooter_fini(struct snapshooter *p)
{
	struct growth *g;
	int fd = p->finished.fd;

	if (p->session)
		end_job(p);
	for (size_t i = 0; (g = table_next(&p->growth, &i));)
		free(g);
	table_fini(&p->growth);
	json_out_fini(&p->bytes);
	loop_remove(p->loop, &p->finished);
	close(fd);
}

/*
 * About what a snapshot of it takes, in bytes: nodes, what can be undone, and remembered answers.
 * How long texts are only the last one tells; where they have become shorter since, the next one
 * comes later than it should.
 */
static uint64_t
weight_of(const struct session *s)
{
	uint64_t counted = graph_count(s->graph) * BYTES_PER_NODE +
	    (s->history.n_undo + s->history.n_redo) * BYTES_PER_STEP +
	    (s->keys ? s->keys->n : 0) * BYTES_PER_KEY +
	    old_keys_count(s->old_keys) * BYTES_PER_OLD_KEY;

	return counted > s->snapshot_bytes ? counted : s->snapshot_bytes;
}

static bool
takes_long(const struct session *s)
{
	return graph_count(s->graph) > NODES_INLINE || weight_of(s) > BYTES_INLINE;
}

static bool
is_due(const struct snapshooter *p, const struct session *s, uint64_t bytes)
{
	uint64_t steps = s->ordinal - s->snapshot_ordinal;

	if (p->every_steps)
		return steps >= p->every_steps;

	/* Steps from before the start were not weighed. */
	if (bytes < steps * BYTES_PER_STEP)
		bytes = steps * BYTES_PER_STEP;
	return bytes >= STEPS_AT_LEAST * BYTES_PER_STEP && bytes >= TIMES_ITS_WEIGHT * weight_of(s);
}

void
snapshooter_note(struct snapshooter *p, const struct session *s, size_t step_bytes)
{
	struct growth *g = growth_of(p, s);

	g->bytes += step_bytes;
	if (link_is_in_list(&g->link) || !is_due(p, s, g->bytes))
		return;
	g->due_ms = clock_now_ms();
	list_append(&p->due, &g->link);
}

void
snapshooter_forget(struct snapshooter *p, const struct uuid *session)
{
	struct growth *g = table_find(&p->growth, session);

	if (g)
		forget(p, g);
}

bool
snapshooter_is_reading(const struct snapshooter *p)
{
	return p->session != NULL;
}

/* Snapshots hold nothing that is not on disk yet. */
static bool
may_take(const struct session *s)
{
	return !s->batch && !s->open && s->seq == s->durable_seq;
}

/* Another one has its turn first. */
static void
put_last(struct snapshooter *p, struct growth *g)
{
	list_remove(&g->link);
	list_append(&p->due, &g->link);
}

/* None is begun while an answer is written from the session, or a thread changes it. */
void
snapshooter_work(struct snapshooter *p, bool busy)
{
	struct link *l = p->due.next;
	struct growth *g;
	struct session *s;
	unsigned tries;

	if (p->session || l == &p->due)
		return;
	g = LIST_OF(l, struct growth, link);
	if (busy && clock_now_ms() < g->due_ms + PATIENCE_MS)
		return;
	if (lanes_find(p->lanes, &g->session) || clock_now_ms() < g->not_before_ms) {
		put_last(p, g);
		return;
	}
	if (sessions_get(p->sessions, &g->session, &s) != OK) {
		forget(p, g);
		return;
	}
	if (!may_take(s)) {
		put_last(p, g);
		return;
	}
	tries = g->tries;
	forget(p, g);
	if (takes_long(s)) {
		start_job(p, s, tries);
		return;
	}
	session_snapshot(s, &p->bytes);
	put(p, s, json_out_span(&p->bytes), NULL);
	json_out_clear(&p->bytes);
}
