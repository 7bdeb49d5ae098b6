/*
 * A memory store that fails on purpose, for tests: fail:<operation>[:n][+] lets the n-th call of
 * the operation fail (the first when n is not given), and with a plus sign every later one too.
 * What is appended cannot fail by itself; the commit of its batch does.
 *
 * Operations are those of the store's interface, and besides: full (a commit finds the disk full),
 * fsync (a commit fails fatally), damage (the steps that are read are damaged).
 */
#include "common/mem.h"
#include "graphd/store_backends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum operation {
	APPEND,
	PUT_SNAPSHOT,
	PUT_SESSION,
	PUT_PROJECT,
	DROP_PROJECT,
	COMMIT,
	FULL,
	FSYNC,
	SESSIONS,
	SNAPSHOT,
	STEPS,
	STEPS_BY_SEQ,
	DAMAGE,
	PROJECTS,
	PROJECT,
	OPERATIONS
};

static const char *const operation_names[OPERATIONS] = { "append", "put_snapshot", "put_session",
	"put_project", "drop_project", "commit", "full", "fsync", "sessions", "snapshot", "steps",
	"steps_by_seq", "damage", "projects", "project" };

struct failing {
	struct store store;
	struct store *inner;
	enum operation operation;
	unsigned long nth, calls;
	bool all_later;
	bool spoilt; /* something appended to the open batch is to fail */
};

static struct failing *
failing_of(struct store *store)
{
	return (struct failing *)(void *)store;
}

/* Counts a call; true when it is to fail. */
static bool
fails(struct failing *f, enum operation operation)
{
	if (operation != f->operation)
		return false;
	f->calls++;
	return f->calls == f->nth || (f->all_later && f->calls > f->nth);
}

static bool
parse_spec(struct failing *f, const char *rest)
{
	size_t n = strcspn(rest, ":+");
	const char *at = rest + n;
	char *end;

	for (f->operation = 0; f->operation < OPERATIONS; f->operation++)
		if (strlen(operation_names[f->operation]) == n &&
		    memcmp(operation_names[f->operation], rest, n) == 0)
			break;
	f->nth = 1;
	if (*at == ':') {
		if (at[1] < '1' || at[1] > '9')
			return false;
		f->nth = strtoul(at + 1, &end, 10);
		at = end;
	}
	f->all_later = *at == '+';
	return f->operation < OPERATIONS && at[f->all_later ? 1 : 0] == '\0';
}

static struct store *
fail_open(const char *rest, struct loop *loop, char message[256])
{
	struct failing *f = xcalloc(1, sizeof *f);

	f->store.ops = &store_fail_ops;
	if (!parse_spec(f, rest)) {
		snprintf(message, 256, "not an operation to fail: \"%.64s\"", rest);
		free(f);
		return NULL;
	}
	f->inner = store_memory_ops.open("", loop, message);
	return &f->store;
}

static bool
fail_close(struct store *store)
{
	struct failing *f = failing_of(store);
	bool good = f->inner->ops->close(f->inner);

	free(f);
	return good;
}

static void
fail_append(struct store *store, const struct store_step *step)
{
	struct failing *f = failing_of(store);

	f->spoilt |= fails(f, APPEND);
	f->inner->ops->append(f->inner, step);
}

static void
fail_put_snapshot(struct store *store, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span bytes, char *taken)
{
	struct failing *f = failing_of(store);

	f->spoilt |= fails(f, PUT_SNAPSHOT);
	f->inner->ops->put_snapshot(f->inner, session, ordinal, seq, bytes, taken);
}

static void
fail_put_session(struct store *store, const struct store_session *session)
{
	struct failing *f = failing_of(store);

	f->spoilt |= fails(f, PUT_SESSION);
	f->inner->ops->put_session(f->inner, session);
}

static void
fail_put_project(struct store *store, const struct store_project *project)
{
	struct failing *f = failing_of(store);

	f->spoilt |= fails(f, PUT_PROJECT);
	f->inner->ops->put_project(f->inner, project);
}

static void
fail_drop_project(struct store *store, const struct uuid *id)
{
	struct failing *f = failing_of(store);

	f->spoilt |= fails(f, DROP_PROJECT);
	f->inner->ops->drop_project(f->inner, id);
}

static void
fail_commit(struct store *store, store_done_fn *done, void *context)
{
	struct failing *f = failing_of(store);
	bool failed = fails(f, COMMIT) || f->spoilt, full = fails(f, FULL), fatal = fails(f, FSYNC);

	f->spoilt = false;
	if (full)
		store_memory_fail_commit(f->inner, ERROR_storage_full, false);
	else if (failed || fatal)
		store_memory_fail_commit(f->inner, ERROR_storage_failed, fatal);
	f->inner->ops->commit(f->inner, done, context);
}

static enum error
fail_sessions(struct store *store, store_session_fn *fn, void *context)
{
	struct failing *f = failing_of(store);

	if (fails(f, SESSIONS))
		return ERROR_storage_failed;
	return f->inner->ops->sessions(f->inner, fn, context);
}

static enum error
fail_snapshot(struct store *store, const struct uuid *session, uint64_t not_after_ordinal,
    struct json_out *bytes, uint64_t *ordinal)
{
	struct failing *f = failing_of(store);

	*ordinal = 0;
	if (fails(f, SNAPSHOT))
		return ERROR_storage_failed;
	return f->inner->ops->snapshot(f->inner, session, not_after_ordinal, bytes, ordinal);
}

static enum error
fail_steps(struct store *store, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	struct failing *f = failing_of(store);

	if (fails(f, STEPS))
		return ERROR_storage_failed;
	if (fails(f, DAMAGE))
		return ERROR_session_damaged;
	return f->inner->ops->steps(f->inner, session, after_ordinal, fn, context);
}

static enum error
fail_steps_by_seq(struct store *store, const struct uuid *session, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	struct failing *f = failing_of(store);

	if (fails(f, STEPS_BY_SEQ))
		return ERROR_storage_failed;
	if (fails(f, DAMAGE))
		return ERROR_session_damaged;
	return f->inner->ops->steps_by_seq(f->inner, session, after_seq, fn, context);
}

static uint64_t
fail_first_seq(struct store *store, const struct uuid *session)
{
	struct failing *f = failing_of(store);

	return f->inner->ops->first_seq(f->inner, session);
}

static enum error
fail_projects(struct store *store, store_project_fn *fn, void *context)
{
	struct failing *f = failing_of(store);

	if (fails(f, PROJECTS))
		return ERROR_storage_failed;
	return f->inner->ops->projects(f->inner, fn, context);
}

static enum error
fail_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	struct failing *f = failing_of(store);

	if (fails(f, PROJECT))
		return ERROR_storage_failed;
	return f->inner->ops->project(f->inner, id, fn, context);
}

static bool
fail_tend(struct store *store, bool idle)
{
	struct failing *f = failing_of(store);

	return f->inner->ops->tend(f->inner, idle);
}

const struct store_ops store_fail_ops = {
	.name = "fail",
	.open = fail_open,
	.close = fail_close,
	.append = fail_append,
	.put_snapshot = fail_put_snapshot,
	.put_session = fail_put_session,
	.put_project = fail_put_project,
	.drop_project = fail_drop_project,
	.commit = fail_commit,
	.sessions = fail_sessions,
	.snapshot = fail_snapshot,
	.steps = fail_steps,
	.steps_by_seq = fail_steps_by_seq,
	.first_seq = fail_first_seq,
	.projects = fail_projects,
	.project = fail_project,
	.tend = fail_tend,
};
