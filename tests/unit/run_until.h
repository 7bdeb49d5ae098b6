#pragma once
/* Waiting, for fixtures that have a loop: it means turning the loop. */

#include "common/clock.h"
#include "common/loop.h"
#include "run_tests.h"

enum { PATIENCE_MS = 20000 }; /* of a busy machine */

static struct loop *loop;

/* Runs turns until the condition holds; fails when it takes too long. */
#define RUN_UNTIL(condition) \
	do { \
		uint64_t patience_ends_ms = clock_now_ms() + PATIENCE_MS; \
		while (!(condition)) { \
			ck_assert_msg(clock_now_ms() < patience_ends_ms, "never: " #condition); \
			loop_turn(loop, 5); \
		} \
	} while (0)
