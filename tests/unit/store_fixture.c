#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
fixture_open(struct store_fixture *f, const char *spec)
{
	char message[256] = "";

	memset(f, 0, sizeof *f);
	snprintf(f->spec, sizeof f->spec, "%s", spec);
	if (strcmp(spec, "sqlite") == 0) {
		strcpy(f->directory, "/tmp/test_store.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(f->directory));
		snprintf(f->path, sizeof f->path, "%s/graph.db", f->directory);
		snprintf(f->spec, sizeof f->spec, "sqlite:%s", f->path);
	}
	f->loop = loop_new();
	f->store = store_open(f->spec, f->loop, message);
	ck_assert_msg(f->store != NULL, "%s", message);
}

void
fixture_close(struct store_fixture *f)
{
	f->store->ops->close(f->store);
	loop_free(f->loop);
	f->store = NULL;
}

void
fixture_reopen(struct store_fixture *f)
{
	char message[256] = "";

	if (f->store)
		fixture_close(f);
	f->loop = loop_new();
	f->store = store_open(f->spec, f->loop, message);
	ck_assert_msg(f->store != NULL, "%s", message);
}

void
fixture_remove(struct store_fixture *f)
{
	static const char *const endings[] = { "", "-wal", "-journal", ".backup" };
	char path[128];

	if (f->store)
		fixture_close(f);
	if (!f->directory[0])
		return;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
		unlink(path);
	}
	rmdir(f->directory);
}

struct uuid
fixture_id(unsigned n)
{
	struct uuid id = { { 0 } };

	id.bytes[0] = 0xaa;
	memcpy(id.bytes + 4, &n, sizeof n);
	return id;
}

static int
step_text(unsigned session, uint64_t ordinal, char out[64])
{
	return snprintf(out, 64, "step %llu of session %u", (unsigned long long)ordinal, session);
}

void
fixture_append(struct store_fixture *f, unsigned session, uint64_t ordinal)
{
	char text[64];
	int n = step_text(session, ordinal, text);
	struct store_step step = { .session = fixture_id(session),
		.ordinal = ordinal,
		.first_seq = 2 * ordinal - 1,
		.last_seq = 2 * ordinal,
		.time_us = 1000 + ordinal,
		.bytes = { text, (size_t)n } };

	f->store->ops->append(f->store, &step);
}

void
fixture_put_session(struct store_fixture *f, unsigned session)
{
	struct store_session row = { .id = fixture_id(session),
		.log_id = fixture_id(session + 1000),
		.epoch = 7,
		.created_us = session,
		.active_us = session,
		.has_project = session % 2 == 1 };

	if (row.has_project)
		row.project_id = fixture_id(session + 2000);

	f->store->ops->put_session(f->store, &row);
}

static void
on_done(void *context, enum error error, bool fatal)
{
	struct store_fixture *f = context;

	f->done++;
	f->last_error = error;
	f->last_fatal = fatal;
}

void
fixture_start_commit(struct store_fixture *f)
{
	f->store->ops->commit(f->store, on_done, f);
}

void
fixture_await(struct store_fixture *f, unsigned done)
{
	while (f->done < done)
		loop_turn(f->loop, 1000);
}

enum error
fixture_commit(struct store_fixture *f)
{
	unsigned before = f->done;

	fixture_start_commit(f);
	ck_assert_msg(f->done == before, "done() must come from the loop");
	fixture_await(f, before + 1);
	return f->last_error;
}

void
fixture_idle(struct store_fixture *f, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		f->store->ops->tend(f->store, true);
		loop_turn(f->loop, 5);
	}
}

static bool
on_step(void *context, const struct store_step *step)
{
	struct steps_read *r = context;
	char text[64];
	int n = step_text(r->session, step->ordinal, text);

	ck_assert_uint_eq(step->bytes.n, (unsigned)n);
	ck_assert_mem_eq(step->bytes.p, text, (size_t)n);
	ck_assert_uint_eq(step->last_seq, 2 * step->ordinal);
	ck_assert_uint_eq(step->time_us, 1000 + step->ordinal);
	if (r->n == 0)
		r->first = step->ordinal;
	else
		ck_assert_uint_eq(step->ordinal, r->last + 1);
	r->last = step->ordinal;
	r->n++;
	return r->n != r->stop_after;
}

enum error
fixture_read(
    struct store_fixture *f, unsigned session, uint64_t after_ordinal, struct steps_read *r)
{
	struct uuid id = fixture_id(session);

	r->session = session;
	r->n = 0;
	return f->store->ops->steps(f->store, &id, after_ordinal, on_step, r);
}

enum error
fixture_read_by_seq(
    struct store_fixture *f, unsigned session, uint64_t after_seq, struct steps_read *r)
{
	struct uuid id = fixture_id(session);

	r->session = session;
	r->n = 0;
	return f->store->ops->steps_by_seq(f->store, &id, after_seq, on_step, r);
}
