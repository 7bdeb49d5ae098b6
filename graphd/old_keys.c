#include "graphd/old_keys.h"

#include "common/id.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/codec.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CAPACITY_MIN = 256, CODED_BYTES_MIN = 2 };

/* Chained from the newest of a bucket to older ones. A link may lead to a place that was used again
 * since: that is seen by its ordinal, which is greater and not smaller then. */
struct old_key {
	uint64_t ordinal;
	uint32_t fingerprint;
	uint32_t older; /* its place plus 1; 0: none */
};

struct old_keys {
	struct old_key *ring;
	uint32_t *buckets;  /* as older */
	size_t capacity, n; /* capacity: a power of two */
	size_t next;	    /* place */
	uint64_t seed;	    /* so that keys cannot be chosen to look alike */
};

static struct old_keys *
new_with(size_t capacity, uint64_t seed)
{
	struct old_keys *k = xcalloc(1, sizeof *k);

	k->ring = xcalloc(capacity, sizeof *k->ring);
	k->buckets = xcalloc(capacity, sizeof *k->buckets);
	k->capacity = capacity;
	k->seed = seed;
	return k;
}

void
old_keys_free(struct old_keys *k)
{
	if (!k)
		return;
	free(k->ring);
	free(k->buckets);
	free(k);
}

static uint32_t
fingerprint_of(const struct old_keys *k, struct span key)
{
	return (uint32_t)XXH3_64bits_withSeed(key.p, key.n, k->seed);
}

static uint32_t *
bucket_of(const struct old_keys *k, uint32_t fingerprint)
{
	return &k->buckets[fingerprint & (k->capacity - 1)];
}

/* The i-th, the oldest first. */
static struct old_key *
at(const struct old_keys *k, size_t i)
{
	return &k->ring[(k->next - k->n + i) & (k->capacity - 1)];
}

static void
put(struct old_keys *k, uint32_t fingerprint, uint64_t ordinal)
{
	uint32_t *newest = bucket_of(k, fingerprint);

	k->ring[k->next] =
	    (struct old_key){ .ordinal = ordinal, .fingerprint = fingerprint, .older = *newest };
	*newest = (uint32_t)k->next + 1;
	k->next = (k->next + 1) & (k->capacity - 1);
	if (k->n < k->capacity)
		k->n++;
}

static void
grow(struct old_keys *k)
{
	struct old_keys *bigger = new_with(2 * k->capacity, k->seed);

	for (size_t i = 0; i < k->n; i++)
		put(bigger, at(k, i)->fingerprint, at(k, i)->ordinal);
	free(k->ring);
	free(k->buckets);
	*k = *bigger;
	free(bigger);
}

void
old_keys_add(struct old_keys **keys, struct span key, uint64_t ordinal)
{
	struct old_keys *k = *keys;
	uint64_t seed;

	if (!k) {
		random_bytes(&seed, sizeof seed);
		k = *keys = new_with(CAPACITY_MIN, seed);
	}
	if (k->n > 0 && at(k, k->n - 1)->ordinal >= ordinal)
		return;
	if (k->n == k->capacity && k->capacity < LIMIT_OLD_KEYS)
		grow(k);
	put(k, fingerprint_of(k, key), ordinal);
}

void
old_keys_take_back(struct old_keys *k, uint64_t from_ordinal)
{
	while (k && k->n > 0 && at(k, k->n - 1)->ordinal >= from_ordinal) {
		const struct old_key *newest = at(k, k->n - 1);

		*bucket_of(k, newest->fingerprint) = newest->older;
		k->next = (k->next - 1) & (k->capacity - 1);
		k->n--;
	}
}

uint64_t
old_keys_find(const struct old_keys *k, struct span key, uint64_t before_ordinal)
{
	uint64_t last = UINT64_MAX;
	uint32_t fingerprint;

	if (!k)
		return 0;
	fingerprint = fingerprint_of(k, key);
	for (uint32_t place = *bucket_of(k, fingerprint); place;) {
		const struct old_key *old = &k->ring[place - 1];

		if (old->ordinal >= last)
			return 0;
		if (old->fingerprint == fingerprint && old->ordinal < before_ordinal)
			return old->ordinal;
		last = old->ordinal;
		place = old->older;
	}
	return 0;
}

size_t
old_keys_count(const struct old_keys *k)
{
	return k ? k->n : 0;
}

void
old_keys_code(struct json_out *out, const struct old_keys *k)
{
	uint64_t last = 0;

	code_fixed(out, k->seed);
	code_number(out, k->n);
	for (size_t i = 0; i < k->n; i++) {
		const struct old_key *old = at(k, i);

		code_number(out, old->ordinal - last);
		code_number(out, old->fingerprint);
		last = old->ordinal;
	}
}

struct old_keys *
old_keys_read(struct reader *r)
{
	uint64_t seed = read_fixed(r), ordinal = 0;
	size_t n = read_count(r, CODED_BYTES_MIN), capacity = CAPACITY_MIN;
	struct old_keys *k;

	if (n == 0 || n > LIMIT_OLD_KEYS)
		r->bad = true;
	if (r->bad)
		return NULL;
	while (capacity < n)
		capacity *= 2;
	k = new_with(capacity, seed);
	for (size_t i = 0; i < n && !r->bad; i++) {
		uint64_t further = read_number(r);
		uint32_t fingerprint = (uint32_t)read_bounded(r, UINT32_MAX);

		if (further == 0 || further > UINT64_MAX - ordinal)
			r->bad = true;
		ordinal += further;
		put(k, fingerprint, ordinal);
	}
	if (!r->bad)
		return k;
	old_keys_free(k);
	return NULL;
}
