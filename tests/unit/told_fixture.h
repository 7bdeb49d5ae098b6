#pragma once
/* The events of a step with the places where they happened, as whoever listens is told them. */

#include "graph_fixture.h"
#include "run_tests.h"

enum { KEPT = 4096 };

struct told {
	enum event event;
	size_t n;
	struct uuid ids[LIMIT_PATH_NODES];
};

static struct told told[KEPT];
static size_t n_told;

static inline bool
hear(void *context, const struct step_event *e)
{
	(void)context;
	ck_assert_uint_lt(n_told, KEPT);
	ck_assert_uint_le(e->path.n, LIMIT_PATH_NODES);
	told[n_told].event = e->event;
	told[n_told].n = e->path.n;
	if (e->path.n > 0)
		memcpy(told[n_told].ids, e->path.ids, e->path.n * sizeof(*e->path.ids));
	n_told++;
	return true;
}

/* Tells all behind that seq (0: all), and forgets what was told before. */
static inline void
tell(const struct step *step, uint64_t after_seq, bool with_paths)
{
	n_told = 0;
	step_events(step, after_seq, with_paths, hear, NULL);
}
