#pragma once
/*
 * Where in a forest something happened: a node and all above it, nearest first. An empty path says
 * that it concerns no node more than another, or that nobody knows.
 */

#include "common/id.h"

#include <stddef.h>

struct path {
	const struct uuid *ids; /* borrowed */
	size_t n;
};

static inline bool
path_has(struct path path, const struct uuid *id)
{
	for (size_t i = 0; i < path.n; i++)
		if (uuid_equal(&path.ids[i], id))
			return true;
	return false;
}
