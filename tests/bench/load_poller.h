#pragma once
/*
 * Subscribers that cost a server an HTTP connection: a Socket.IO client by long polling, which
 * joins and then always has a poll held, and a connection that asked something once and is kept
 * alive. They are there to be held; what events a poll brings is not looked at.
 */

#include "common/span.h"

#include <stdint.h>

struct poller;
struct net_connection;

enum poller_outcome {
	POLLER_WAITS,
	POLLER_IS_IN, /* told once */
	POLLER_FAILED,
};

/* hello: Socket.IO's CONNECT packet, taken; NULL: an idle HTTP connection. Sends the first request.
 */
struct poller *poller_new(struct net_connection *, char *hello);
void poller_free(struct poller *);
/* Reads what came and sends what follows from it; *done: bytes used. */
enum poller_outcome poller_read(struct poller *, struct span bytes, size_t *done);
/* How the body of the last answer begins. */
const char *poller_last_answer(const struct poller *);
