#pragma once
/*
 * Which events a client wants: a comma list of event names, or prefixes that end in '*', and the
 * part of the graph where they happen. What happens nowhere in particular concerns every part.
 */

#include "common/path.h"
#include "common/span.h"
#include "common/limits.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

/* One bit per event of events.def. */
typedef uint32_t filter_set;
_Static_assert(EVENTS <= 32, "a filter is one word");
#define FILTER_ALL UINT32_MAX

struct filter {
	filter_set events;
	struct uuid subtree; /* a node; nil: everywhere */
};

/* Colon and dash names alike. False when an item is empty, too long, or matches no event. */
bool filter_parse(struct span list, filter_set *out);

static inline bool
filter_wants(filter_set set, enum event event)
{
	return set >> event & 1;
}

static inline bool
filter_passes(const struct filter *f, enum event event, struct path path)
{
	return filter_wants(f->events, event) &&
	    (path.n == 0 || uuid_is_nil(&f->subtree) || path_has(path, &f->subtree));
}

/* A path as ListEvents writes it, a list of ids, into these; empty when it is none. */
struct path filter_read_path(struct span json, struct uuid ids[LIMIT_PATH_NODES]);
