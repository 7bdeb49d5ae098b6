/*
 * Whatever bytes come out of a journal: reading a step or a snapshot from them does no harm, and
 * what was read as a step is written, told and replayed without harm too, and told the same as a
 * long one.
 */

#include "common/json_out.h"
#include "common/limits.h"
#include "graphd/long_step.h"
#include "graphd/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
hear(void *context, const struct step_event *e)
{
	++*(size_t *)context;
	if (e->event >= EVENTS || e->body.n == 0 || e->path.n > LIMIT_PATH_NODES)
		abort();
	return true;
}

/* Told from the bytes it may break off somewhere; what is a step is told whole. */
static size_t
try_long_step(struct span bytes, bool with_paths)
{
	struct long_step *l = long_step_new(bytes);
	size_t n = 0;

	if (l)
		long_step_events(l, 0, with_paths, hear, &n);
	long_step_free(l);
	return n;
}

static void
try_step(struct span bytes)
{
	struct uuid id = { { 1 } };
	struct session *s;
	struct json_out again = { 0 };
	struct step step;
	size_t n = 0, n_long = try_long_step(bytes, true);

	if (try_long_step(bytes, false) != n_long)
		abort();
	if (!step_decode(bytes, &step))
		return;
	step_encode(&step, &again);
	step_events(&step, 0, true, hear, &n);
	if (n != n_long)
		abort();
	s = session_new(&id, &id, 0);
	session_replay(s, &step);
	if (graph_verify(s->graph))
		abort();
	session_free(s);
	json_out_fini(&again);
}

static void
try_snapshot(struct span bytes)
{
	struct session *s = session_restore(bytes);

	if (s && graph_verify(s->graph))
		abort();
	session_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		try_step((struct span){ (const char *)data + 1, size - 1 });
	else
		try_snapshot((struct span){ (const char *)data + 1, size - 1 });
	return 0;
}
