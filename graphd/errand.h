#pragma once
/*
 * Something that takes long, such as reading a session's past or replacing its graph. A thread does
 * it while the loop goes on with others; then the request that wanted it is dispatched again, and
 * finds it done.
 */

#include "common/id.h"
#include "common/list.h"

#include <stdatomic.h>
#include <stdbool.h>

struct errand {
	struct link link;
	/* In the thread: touches only what is the errand's own, and the session that is lent to it.
	 * What only reads returns early once *ends is true. */
	void (*run)(struct errand *, const atomic_bool *ends);
	void (*free)(struct errand *);
	/* It changes something: nothing else that has this lane, which may be a session's, is to
	 * run meanwhile. */
	bool changes;
	struct uuid lane;
	void *asker; /* the server's, as long as it waits */
};
