#pragma once
/* What loop.c and loop_zmq.c share. */

#include "common/loop.h"

struct loop_sockets {
	struct loop_zmq *first;
	/* While walking: the socket whose ready() runs, NULL once it is removed, and the one after.
	 */
	struct loop_zmq *current, *following;
};

/* The loop's own. */
struct loop_sockets *loop_sockets(struct loop *);
/* Messages that wait go to their readers. */
void loop_sockets_deliver(struct loop_sockets *);
/* At a turn's end. Whether there is more to read at once. */
bool loop_sockets_look(struct loop_sockets *);
