#pragma once
/* For programs in which each test has an arena of its own. */

#include "common/mem.h"
#include "run_tests.h"

static struct arena arena;

static inline void
arena_setup(void)
{
	arena_init(&arena);
}

static inline void
arena_teardown(void)
{
	arena_fini(&arena);
}
