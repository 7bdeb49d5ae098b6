#include "graphd/thread.h"

#include "common/log.h"

#include <string.h>

void
thread_run(struct thread *t, void *(*work)(void *arg), void *arg)
{
	int err = pthread_create(&t->id, NULL, work, arg);

	t->is_own = err == 0;
	if (err && !t->was_refused)
		log_warn(
		    "thread", "none to be had (%s): its work keeps others waiting", strerror(err));
	t->was_refused = err != 0;
	if (err)
		work(arg);
}

void
thread_join(struct thread *t)
{
	if (t->is_own)
		pthread_join(t->id, NULL);
}
