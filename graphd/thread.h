#pragma once
/* A piece of work in a thread of its own, while the loop goes on. */

#include <pthread.h>
#include <stdbool.h>

/* Zeroed memory is one that never ran. */
struct thread {
	pthread_t id;
	bool is_own;	  /* false: the work was done by who asked for it */
	bool was_refused; /* and it was said in the log */
};

/*
 * Where the system has no thread to give (RLIMIT_NPROC, a cgroup's pids.max) the work is done
 * before this returns: all others wait for it then, but nothing fails.
 */
void thread_run(struct thread *, void *(*work)(void *arg), void *arg);
/* Waits for its end. Once behind each thread_run(). */
void thread_join(struct thread *);
