#pragma once
/*
 * libzmq ends the process when one of its ipc listeners finds no free descriptor. So the guard
 * counts connections as they are accepted, stops listening well before the limit, and listens again
 * when enough have gone.
 */

#include "common/loop.h"

enum { GUARD_SOCKETS = 2 };

struct guard {
	void *zmq;
	struct guarded {
		struct loop_zmq monitor; /* tells of each connection as it comes and goes */
		struct guard *guard;
		void *socket;
		const char *endpoint;
	} sockets[GUARD_SOCKETS];
	int limit;   /* of descriptors */
	bool closed; /* does not listen just now */
};

/* Borrows sockets that are bound to the endpoints, and the endpoints. */
void guard_init(struct guard *, void *zmq, struct loop *, void *const sockets[GUARD_SOCKETS],
    const char *const endpoints[GUARD_SOCKETS]);
/* Before the sockets are closed. */
void guard_fini(struct guard *, struct loop *);
/* Looks whether it is time to listen again, or no more. */
void guard_check(struct guard *);
