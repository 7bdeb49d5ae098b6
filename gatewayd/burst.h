#pragma once
/*
 * Many sends to different sockets in one system call, by io_uring(7). Where the kernel does not let
 * us have a ring (an old one, a container's seccomp filter, kernel.io_uring_disabled), each send is
 * a send(2), with the same results.
 */

#include "common/span.h"

#include <stdbool.h>
#include <stddef.h>

/* So many at most go together: the ring's places. */
enum { BURST_SENDS = 16 };

struct burst;

struct burst_send {
	int fd;
	int result;	   /* how many bytes the kernel took, maybe not all, or a negative errno */
	struct span bytes; /* not owned */
	void *owner;	   /* the caller's */
};

enum burst_way { BURST_BEST, BURST_ONE_BY_ONE /* as where there are no rings */ };

/* Returns owned. A ring, two pages, is only asked for by the first send that has company. */
struct burst *burst_new(enum burst_way);
void burst_free(struct burst *);
/* Sends at most BURST_SENDS and fills in the results. Waits for nothing: of a full socket the
 * result is -EAGAIN. No signal is raised for a peer that is gone. */
void burst_send(struct burst *, struct burst_send *sends, size_t n);
/* Whether it has a ring by now. */
bool burst_has_ring(const struct burst *);
