#pragma once
/*
 * One connection to a running graphd, from the first handshake until it breaks. ZMQ_IMMEDIATE would
 * keep requests from whoever answers at the endpoint next, but then libzmq takes what came over a
 * broken connection away with it, and ends the process where that breaks off within a message
 * (4.3.4: hiccuped() in socket_base.cpp, recvpipe() in fq.cpp). So the socket tells when the
 * connection stands and when it broke, is read to its end, and is not used for another one.
 */

#include "common/frames.h"

#include <stdint.h>

struct ctl_options;
struct ctl_link;

/* NULL: said why. */
struct ctl_link *ctl_link_new(const struct ctl_options *, void *context, const char *endpoint);
void ctl_link_free(struct ctl_link *);
/* For sending, once the link stands. */
void *ctl_link_socket(struct ctl_link *);
/* False: nobody was there until then, or the link broke. */
bool ctl_link_await(struct ctl_link *, uint64_t deadline_ms);
/* The next message, also of those that came before the link broke. False: there is none until
 * then, or none will come. */
bool ctl_link_recv(struct ctl_link *, uint64_t deadline_ms, struct frames *);
