#pragma once
/*
 * libzmq ends the process when one of its ipc listeners finds no free descriptor. So the guard
 * counts connections as they are accepted, stops listening well before the limit, and listens again
 * when enough have gone.
 */

#include "common/loop.h"

enum { GUARD_SOCKETS = 3 };

struct guard {
	void *zmq;
	struct loop *loop;
	struct guarded {
		struct loop_zmq monitor; /* tells of each connection as it comes and goes */
		struct guard *guard;
		void *socket;
		const char *endpoint;
	} sockets[GUARD_SOCKETS];
	size_t n_sockets;
	struct loop_timer later;
	int limit;   /* of descriptors */
	bool closed; /* does not listen just now */
};

void guard_init(struct guard *, struct loop *, void *zmq);
/* Borrows a socket that is bound to the endpoint, and the endpoint. */
void guard_watch(struct guard *, void *socket, const char *endpoint);
/* Before the sockets are closed. */
void guard_fini(struct guard *);
/* Looks whether it is time to listen again, or no more. */
void guard_check(struct guard *);
