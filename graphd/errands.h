#pragma once
/* A thread that does errands, one after the other. It lives only while there is one. */

#include "common/loop.h"
#include "graphd/errand.h"
#include "graphd/thread.h"

struct errands {
	struct loop *loop;
	struct link waiting;	/* struct errand */
	struct errand *current; /* the thread's, or NULL */
	size_t n;		/* with the current one */
	struct thread thread;
	atomic_bool ends;
	struct loop_io finished; /* an eventfd */
	void (*done)(void *context, struct errand *taken);
	void *context;
};

/* done: called from the loop for each that has been run; takes it. */
void errands_init(struct errands *, struct loop *,
    void (*done)(void *context, struct errand *taken), void *context);
/* Waits for the thread, which ends early; none is added any more. fn: given each that is not done
 * yet; takes it. */
void errands_stop(struct errands *, void (*fn)(struct errand *taken));
/* Stops first, if that has not been done. */
void errands_fini(struct errands *, void (*fn)(struct errand *taken));
/* Takes it. False: as many wait as may (LIMIT_ERRANDS), or they are stopped; it was not taken. */
bool errands_add(struct errands *, struct errand *);
