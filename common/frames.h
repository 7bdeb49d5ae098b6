#pragma once
/*
 * Multipart ZeroMQ messages. Receives into zmq messages without copying and gives spans into them;
 * sends spans, or buffers that ZeroMQ frees through a callback when it is done.
 */

#include "common/span.h"

#include <stdbool.h>
#include <zmq.h>

enum { FRAMES_MAX = 64 }; /* a message of more frames is read to its end and reported as too long */

struct frames {
	zmq_msg_t msg[FRAMES_MAX];
	struct span at[FRAMES_MAX]; /* into the messages, so the struct must stay where it is */
	size_t n;
	bool too_long; /* had more than FRAMES_MAX frames; only the first are here */
};

/* False when none waits (EAGAIN) or the context is ending. fini before the next recv. */
bool frames_recv(struct frames *, void *socket);
void frames_fini(struct frames *);
/* {NULL,0} beyond the end. */
static inline struct span
frames_at(const struct frames *f, size_t i)
{
	return i < f->n ? f->at[i] : (struct span){ NULL, 0 };
}

/* One frame of a message; more: others follow. Never blocks. False: not sent (EAGAIN,
 * EHOSTUNREACH); after a failed first frame the caller must not send the rest. */
bool frames_send(void *socket, struct span bytes, bool more);
/* Takes bytes; frees them with free(3) when sent or when it failed. */
bool frames_send_owned(void *socket, char *bytes, size_t n, bool more);
