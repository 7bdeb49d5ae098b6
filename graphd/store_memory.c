/*
 * A store that lives as long as the process: for tests, and for work that need not be kept. It
 * keeps the contract of a durable one: only committed data is read, and done() comes in a later
 * turn.
 */
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/owner.h"
#include "graphd/store_backends.h"
#include "graphd/store_memory_kept.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct memory {
	struct store store;
	struct loop *loop;
	struct loop_timer timer; /* due when commits wait to be carried out */
	struct changes open;
	struct link commits; /* struct commit, oldest first */
	struct kept kept;
	enum error fail_with; /* of the next commit */
	bool fail_fatally;
};

static struct memory *
memory_of(struct store *store)
{
	return (struct memory *)(void *)store;
}

/* Commits that done() adds are left for the next turn. */
static void
settle(struct memory *m)
{
	struct link now;

	list_init(&now);
	for (struct link *l; (l = list_take(&m->commits));)
		list_append(&now, l);
	for (struct link *l; (l = list_take(&now));) {
		struct commit *commit = LIST_OF(l, struct commit, link);

		if (commit->error != OK) {
			/* What came later goes the same way. */
			LIST_EACH(later, &now)
			{
				LIST_OF(later, struct commit, link)->error = commit->error;
			}
			changes_clear(&m->open);
		} else {
			kept_carry_out(&m->kept, &commit->changes);
		}
		commit->done(commit->context, commit->error, commit->fatal);
		commit_free(commit);
	}
}

static void
on_timer(struct loop_timer *timer)
{
	settle(OWNER_OF(timer, struct memory, timer));
}

static struct store *
memory_open(const char *rest, struct loop *loop, char message[256])
{
	struct memory *m;

	if (*rest) {
		snprintf(message, 256, "the memory store takes no argument");
		return NULL;
	}
	m = xcalloc(1, sizeof *m);
	m->store.ops = &store_memory_ops;
	m->loop = loop;
	m->timer.due = on_timer;
	list_init(&m->commits);
	changes_init(&m->open);
	kept_init(&m->kept);
	return &m->store;
}

static bool
memory_close(struct store *store)
{
	struct memory *m = memory_of(store);

	settle(m);
	loop_cancel_timer(m->loop, &m->timer);
	for (struct link *l; (l = list_take(&m->commits));)
		commit_free(LIST_OF(l, struct commit, link));
	changes_clear(&m->open);
	kept_fini(&m->kept);
	free(m);
	return true;
}

static void
memory_append(struct store *store, const struct store_step *step)
{
	changes_add_step(&memory_of(store)->open, step);
}

static void
memory_put_snapshot(struct store *store, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span bytes, char *taken)
{
	changes_add_snapshot(&memory_of(store)->open, session, ordinal, seq, bytes, taken);
}

static void
memory_put_session(struct store *store, const struct store_session *session)
{
	changes_add_session(&memory_of(store)->open, session);
}

static void
memory_put_project(struct store *store, const struct store_project *project)
{
	changes_add_project(&memory_of(store)->open, project);
}

static void
memory_drop_project(struct store *store, const struct uuid *id)
{
	changes_add_drop_project(&memory_of(store)->open, id);
}

static void
memory_commit(struct store *store, store_done_fn *done, void *context)
{
	struct memory *m = memory_of(store);
	struct commit *commit = commit_new(&m->open, done, context);

	commit->error = m->fail_with;
	commit->fatal = m->fail_fatally;
	m->fail_with = OK;
	m->fail_fatally = false;
	list_append(&m->commits, &commit->link);
	loop_set_timer(m->loop, &m->timer, clock_now_ms());
}

static enum error
memory_sessions(struct store *store, store_session_fn *fn, void *context)
{
	struct memory *m = memory_of(store);
	struct kept_session *s;

	for (size_t i = 0; (s = table_next(&m->kept.sessions, &i));)
		if (s->has_row && !fn(context, &s->row))
			break;
	return OK;
}

static enum error
memory_snapshot(struct store *store, const struct uuid *session, uint64_t not_after_ordinal,
    struct json_out *bytes, uint64_t *ordinal)
{
	struct kept_session *s = table_find(&memory_of(store)->kept.sessions, session);

	*ordinal = 0;
	for (size_t i = s ? s->n_snapshots : 0; i > 0; i--) {
		const struct kept_bytes *kept = &s->snapshots[i - 1];

		if (kept->ordinal > not_after_ordinal)
			continue;
		json_out_bytes(bytes, (struct span){ kept->bytes, kept->n });
		*ordinal = kept->ordinal;
		break;
	}
	return OK;
}

/* Both orders, by ordinal and by seq, are that of the journal: the first step beyond a bound is
 * found by halving. */
static size_t
first_beyond(const struct kept_session *s, uint64_t bound, bool by_seq)
{
	size_t low = 0, high = s->n_steps;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct store_step *step = &s->steps[middle];

		if ((by_seq ? step->last_seq : step->ordinal) > bound)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static enum error
give_steps(struct store *store, const struct uuid *session, uint64_t bound, bool by_seq,
    store_step_fn *fn, void *context)
{
	struct kept_session *s = table_find(&memory_of(store)->kept.sessions, session);

	if (!s)
		return OK;
	for (size_t i = first_beyond(s, bound, by_seq); i < s->n_steps; i++)
		if (!fn(context, &s->steps[i]))
			break;
	return OK;
}

static enum error
memory_steps(struct store *store, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	return give_steps(store, session, after_ordinal, false, fn, context);
}

static enum error
memory_steps_by_seq(struct store *store, const struct uuid *session, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	return give_steps(store, session, after_seq, true, fn, context);
}

static uint64_t
memory_first_seq(struct store *store, const struct uuid *session)
{
	(void)store;
	(void)session;
	return 1;
}

static int
by_name(const void *a, const void *b)
{
	const struct kept_project *const *p = a, *const *q = b;
	int order = strcmp((*p)->name, (*q)->name);

	return order ? order : memcmp(&(*p)->id, &(*q)->id, UUID_BYTES);
}

static enum error
memory_projects(struct store *store, store_project_fn *fn, void *context)
{
	struct memory *m = memory_of(store);
	struct kept_project **all = xcalloc(m->kept.projects.n + 1, sizeof *all), *p;
	size_t n = 0;

	for (size_t i = 0; (p = table_next(&m->kept.projects, &i));)
		all[n++] = p;
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n; i++) {
		struct store_project row = all[i]->row;

		row.bytes = (struct span){ NULL, 0 };
		if (!fn(context, &row))
			break;
	}
	free(all);
	return OK;
}

static enum error
memory_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	struct kept_project *p = table_find(&memory_of(store)->kept.projects, id);

	if (p)
		fn(context, &p->row);
	return OK;
}

static bool
memory_tend(struct store *store, bool idle)
{
	(void)store;
	(void)idle;
	return true;
}

void
store_memory_fail_commit(struct store *store, enum error error, bool fatal)
{
	struct memory *m = memory_of(store);

	assert(store->ops == &store_memory_ops);
	m->fail_with = error;
	m->fail_fatally = fatal;
}

const struct store_ops store_memory_ops = {
	.name = "memory",
	.open = memory_open,
	.close = memory_close,
	.append = memory_append,
	.put_snapshot = memory_put_snapshot,
	.put_session = memory_put_session,
	.put_project = memory_put_project,
	.drop_project = memory_drop_project,
	.commit = memory_commit,
	.sessions = memory_sessions,
	.snapshot = memory_snapshot,
	.steps = memory_steps,
	.steps_by_seq = memory_steps_by_seq,
	.first_seq = memory_first_seq,
	.projects = memory_projects,
	.project = memory_project,
	.tend = memory_tend,
};
