#pragma once
/*
 * WebSockets whose session lives on another gateway: bytes go from the client's socket to the
 * home's and back as they are. What one side does not take keeps the other from being read, so a
 * connection never holds more than one read in each direction.
 */

#include "common/loop.h"
#include "common/span.h"

struct splices;

struct splices *splices_new(struct loop *);
/* Closes all of them. */
void splices_free(struct splices *);
size_t splices_count(const struct splices *);
/*
 * Takes both descriptors, non-blocking, each behind its 101. from_client and from_home have been
 * read from them already; copied.
 */
void splice_open(
    struct splices *, int client, int home, struct span from_client, struct span from_home);
/* Tells the oldest client that was not told yet to go (a close frame, 1012), between two frames of
 * its home. False: there is none. */
bool splices_end_one(struct splices *);
