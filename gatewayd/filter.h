#pragma once
/* Which events a client wants: a comma list of event names, or prefixes that end in '*'. */

#include "common/span.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

/* One bit per event of events.def. */
typedef uint32_t filter_set;
_Static_assert(EVENTS <= 32, "a filter is one word");
#define FILTER_ALL UINT32_MAX

/* Colon and dash names alike. False when an item is empty, too long, or matches no event. */
bool filter_parse(struct span list, filter_set *out);

static inline bool
filter_wants(filter_set set, enum event event)
{
	return set >> event & 1;
}
