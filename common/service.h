#pragma once
/*
 * What the service manager is told, in the words of sd_notify(3): that the daemon is ready, that
 * it ends, and, while its loop turns, that it lives. Nothing is told where nobody asked, in
 * NOTIFY_SOCKET and WATCHDOG_USEC.
 */

#include "common/loop.h"

struct service {
	struct loop *loop;
	struct loop_timer timer;
	uint64_t every_ms; /* that it lives is said; 0: never */
	int fd; /* of its own: a daemon whose descriptors are used up lives, and must say so */
};

/* Says READY=1. The struct must stay until the loop has ended; its descriptor stays open. */
void service_ready(struct service *, struct loop *);
/* Says STOPPING=1; it goes on saying that it lives. */
void service_stopping(void);
