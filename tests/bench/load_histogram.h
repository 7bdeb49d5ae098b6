#pragma once
/*
 * Latencies in a fixed table: 128 slots for each doubling, so that a quantile is right to within
 * one percent over the whole range, and adding a value costs a few instructions.
 */

#include <stdint.h>

enum {
	HISTOGRAM_SLOTS_PER_DOUBLING = 128,
	HISTOGRAM_DOUBLINGS = 36, /* above the first 256 ns: up to some four hours */
	HISTOGRAM_SLOTS = (HISTOGRAM_DOUBLINGS + 2) * HISTOGRAM_SLOTS_PER_DOUBLING,
};

/* Zeroed memory is an empty one. */
struct histogram {
	uint64_t counts[HISTOGRAM_SLOTS];
	uint64_t n, sum_ns, max_ns;
};

void histogram_add(struct histogram *, uint64_t ns);
/* The value that the share q of all values does not exceed; 0 when there are none. */
uint64_t histogram_quantile_ns(const struct histogram *, double q);
