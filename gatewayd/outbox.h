#pragma once
/*
 * The bytes owed to one connection: a queue of shared, reference-counted buffers, written with one
 * call per loop turn. An empty outbox holds no memory.
 */

#include "gatewayd/shared_bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox_ring;

struct outbox {
	struct outbox_ring *ring; /* NULL while empty */
};

/* Adds a reference. */
void outbox_add(struct outbox *, struct shared_bytes *);
size_t outbox_bytes(const struct outbox *);
enum outbox_verdict {
	OUTBOX_EMPTY,
	OUTBOX_WAITING /* the socket is full: watch EPOLLOUT */,
	OUTBOX_BROKEN
};
/* One writev(2) or send(2), more only when the kernel took a whole full vector. */
enum outbox_verdict outbox_write(struct outbox *, int fd);
/* For who sends by itself: all that is owed, if it is in one piece. It lives until the outbox is
 * told what became of it, whatever is added meanwhile. */
bool outbox_piece(const struct outbox *, struct span *piece);
/* What the kernel said to the piece: bytes taken or a negative errno. What was added since is
 * written here. */
enum outbox_verdict outbox_sent(struct outbox *, int fd, struct span piece, int result);
/* Instead of a socket: moves up to size bytes to out; returns how many. */
size_t outbox_take(struct outbox *, char *out, size_t size);
void outbox_fini(struct outbox *);
