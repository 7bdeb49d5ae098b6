#pragma once
/* Ending a session, by request or by time. */

#include "graphd/sessions.h"

/* The edit of the open step that ends it. reason: for its clients. */
enum error upkeep_close(struct session *, const char *reason);
struct dispatcher;
/* Clients may be on their way for so long: the gateways report them to a new graphd, and each says
 * something once a second. */
bool upkeep_may_lack_clients(const struct dispatcher *, uint64_t now_ms);
