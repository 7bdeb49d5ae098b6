#pragma once
/* Ending a session, by request or by time. */

#include "graphd/sessions.h"

/* The edit of the open step that ends it. reason: for its clients. */
enum error upkeep_close(struct session *, const char *reason);
