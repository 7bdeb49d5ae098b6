/*
 * One session as it was on disk at a moment, read by another thread while the loop goes on. Records
 * and snapshots are never changed, and the connection has a lock: all that the loop changes is what
 * it knows of the session, so that is copied.
 */
#include "graphd/store_sqlite_heads.h"

#include "common/mem.h"

#include <stdlib.h>

struct aside {
	struct store store;
	struct sqlite_store *of; /* borrowed */
	bool has_head;
	struct head head;
};

static struct aside *
aside_of(struct store *store)
{
	return (struct aside *)(void *)store;
}

static const struct head *
head_of(const struct aside *a)
{
	return a->has_head ? &a->head : NULL;
}

static enum error
aside_snapshot(struct store *store, const struct uuid *session, uint64_t not_after_ordinal,
    struct json_out *bytes, uint64_t *ordinal)
{
	struct aside *a = aside_of(store);

	(void)session;
	return sqlite_find_snapshot(a->of, head_of(a), not_after_ordinal, bytes, ordinal);
}

static enum error
aside_steps(struct store *store, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	struct aside *a = aside_of(store);

	(void)session;
	return sqlite_walk_steps(a->of, head_of(a), after_ordinal, fn, context);
}

static enum error
aside_steps_by_seq(struct store *store, const struct uuid *session, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	struct aside *a = aside_of(store);

	(void)session;
	return sqlite_walk_steps_by_seq(a->of, head_of(a), after_seq, fn, context);
}

static enum error
aside_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	return sqlite_read_project(&aside_of(store)->of->store, id, fn, context);
}

static bool
aside_close(struct store *store)
{
	free(aside_of(store));
	return true;
}

static const struct store_ops aside_ops = {
	.name = "aside",
	.close = aside_close,
	.snapshot = aside_snapshot,
	.steps = aside_steps,
	.steps_by_seq = aside_steps_by_seq,
	.project = aside_project,
};

struct store *
sqlite_aside(struct store *store, const struct uuid *session)
{
	struct sqlite_store *s = sqlite_store_of(store);
	const struct head *head = sqlite_head_find(s, session);
	struct aside *a = xcalloc(1, sizeof *a);

	a->store.ops = &aside_ops;
	a->of = s;
	a->has_head = head;
	if (head)
		a->head = *head;
	return &a->store;
}
