#pragma once
/*
 * Something that takes long to read and changes nothing, such as a session's past. A thread reads
 * it while the loop goes on with others; then the request that wanted it is dispatched again, and
 * finds it read.
 */

#include "common/list.h"

#include <stdatomic.h>
#include <stdbool.h>

struct reading {
	struct link link;
	/* In the thread: touches only what is the reading's own. Returns early once *ends is true.
	 */
	void (*run)(struct reading *, const atomic_bool *ends);
	void (*free)(struct reading *);
	void *asker; /* the server's, as long as it waits */
};
