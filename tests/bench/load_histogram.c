#include "tests/bench/load_histogram.h"

/* Small values have a slot each; bigger ones keep their eight leading bits. */
static unsigned
slot_of(uint64_t ns)
{
	unsigned bits = ns ? 64 - (unsigned)__builtin_clzll(ns) : 0, shift, slot;

	if (bits <= 8)
		return (unsigned)ns;
	shift = bits - 8;
	slot = (shift + 1) * HISTOGRAM_SLOTS_PER_DOUBLING +
	    (unsigned)((ns >> shift) - HISTOGRAM_SLOTS_PER_DOUBLING);
	return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

/* The middle of what falls into the slot. */
static uint64_t
value_of(unsigned slot)
{
	unsigned shift;
	uint64_t low;

	if (slot < 2 * HISTOGRAM_SLOTS_PER_DOUBLING)
		return slot;
	shift = slot / HISTOGRAM_SLOTS_PER_DOUBLING - 1;
	low = (uint64_t)(slot % HISTOGRAM_SLOTS_PER_DOUBLING + HISTOGRAM_SLOTS_PER_DOUBLING)
	    << shift;
	return low + (UINT64_C(1) << shift) / 2;
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	h->counts[slot_of(ns)]++;
	h->n++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t
histogram_quantile_ns(const struct histogram *h, double q)
{
	uint64_t wanted = (uint64_t)(q * (double)h->n), seen = 0;

	if (wanted < 1)
		wanted = 1;
	for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
		seen += h->counts[slot];
		if (seen >= wanted)
			return value_of(slot) < h->max_ns ? value_of(slot) : h->max_ns;
	}
	return h->max_ns;
}
