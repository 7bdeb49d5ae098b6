#pragma once
/*
 * TCP connections to 127.0.0.1 on one epoll(7) descriptor. A connection is embedded in the object
 * of its owner, which outlives the net; it can be opened again after it was closed.
 */

#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

struct net;
struct net_connection;

struct net_handler {
	void (*opened)(struct net_connection *);
	/* Returns how many of the bytes are done with; the rest comes again with what follows. */
	size_t (*received)(struct net_connection *, struct span bytes);
	/* The peer or the network ended it. Not called by net_close(). */
	void (*closed)(struct net_connection *);
};

struct net_bytes {
	char *bytes; /* owned */
	size_t n, capacity;
};

struct net_connection {
	const struct net_handler *handler;
	struct net *net;
	struct net_bytes in, out; /* what was not understood yet, what could not be written yet */
	int fd;			  /* -1: closed */
	unsigned times_opened;
	bool opening, wants_out;
};

/* As many descriptors as the hard limit allows, and a clock that wakes up when it is told to. */
void net_lift_limits(void);
/* With these limits. */
struct net *net_new(void);
void net_free(struct net *);
/* Monotonic. */
uint64_t net_now_ns(void);

/* Zeroes it and leaves it closed. */
void net_init(struct net_connection *, struct net *, const struct net_handler *);
void net_open(struct net_connection *, uint16_t port);
void net_close(struct net_connection *);
/* Closes and frees what is buffered. */
void net_fini(struct net_connection *);
/* Copied when it cannot be written at once. */
void net_send(struct net_connection *, struct span bytes);
/* Handles what is ready, waiting at most so long. */
void net_turn(struct net *, uint64_t timeout_ns);
/* Bytes received since the start. */
uint64_t net_received(const struct net *);
