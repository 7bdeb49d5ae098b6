#pragma once
/* The thread that reads, one thing after the other. It lives only while there is something to read.
 */

#include "common/loop.h"
#include "graphd/reading.h"
#include "graphd/thread.h"

struct readings {
	struct loop *loop;
	struct link waiting;	 /* struct reading */
	struct reading *current; /* the thread's, or NULL */
	size_t n;		 /* with the current one */
	struct thread thread;
	atomic_bool ends;
	struct loop_io finished; /* an eventfd */
	void (*done)(void *context, struct reading *taken);
	void *context;
};

/* done: called from the loop for each that has been read; takes it. */
void readings_init(struct readings *, struct loop *,
    void (*done)(void *context, struct reading *taken), void *context);
/* Waits for the thread, which ends early. fn: given each that was not read to its end; takes it. */
void readings_fini(struct readings *, void (*fn)(struct reading *taken));
/* Takes it. False: as many wait as may (LIMIT_READINGS), and it was not taken. */
bool readings_add(struct readings *, struct reading *);
