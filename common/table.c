#include "common/table.h"

#include "common/id.h"
#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CAPACITY_MIN = 16 };

uint64_t
table_hash(const void *bytes, size_t n)
{
	static uint64_t seed;

	while (seed == 0)
		random_bytes(&seed, sizeof(seed));
	return XXH3_64bits_withSeed(bytes, n, seed);
}

void
table_init(struct table *t, size_t key_offset, size_t key_bytes)
{
	*t = (struct table){ .key_offset = key_offset, .key_bytes = key_bytes };
}

void
table_fini(struct table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->n = t->capacity = 0;
}

static const void *
key_of(const struct table *t, const void *object)
{
	return (const char *)object + t->key_offset;
}

/* The slot a key would have if nothing were in its way. */
static size_t
home(const struct table *t, const void *key)
{
	const struct span *s = key;
	uint64_t hash;

	/* Most keys are ids; with a known length the compiler makes a few instructions of it. */
	if (t->key_bytes == UUID_BYTES)
		hash = table_hash(key, UUID_BYTES);
	else
		hash = t->key_bytes ? table_hash(key, t->key_bytes) : table_hash(s->p, s->n);
	return (size_t)hash & (t->capacity - 1);
}

static bool
is_same_key(const struct table *t, const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (t->key_bytes == UUID_BYTES)
		return uuid_equal(a, b);
	return t->key_bytes ? memcmp(a, b, t->key_bytes) == 0 : span_equal(*x, *y);
}

/* Where the object with this key is, or the free slot where it belongs. capacity is not 0. */
static size_t
slot_of(const struct table *t, const void *key)
{
	size_t i = home(t, key);

	while (t->slots[i] && !is_same_key(t, key_of(t, t->slots[i]), key))
		i = (i + 1) & (t->capacity - 1);
	return i;
}

void *
table_find(const struct table *t, const void *key)
{
	return t->n ? t->slots[slot_of(t, key)] : NULL;
}

static void
grow(struct table *t)
{
	void **old = t->slots;
	size_t old_capacity = t->capacity;

	t->capacity = old_capacity ? old_capacity * 2 : CAPACITY_MIN;
	t->slots = xcalloc(t->capacity, sizeof(*t->slots));
	for (size_t i = 0; i < old_capacity; i++) {
		size_t at;
		if (!old[i])
			continue;
		/* All keys differ: the next free slot will do, without comparing. */
		for (at = home(t, key_of(t, old[i])); t->slots[at];
		     at = (at + 1) & (t->capacity - 1))
			;
		t->slots[at] = old[i];
	}
	free(old);
}

void
table_add(struct table *t, void *object)
{
	size_t i;

	if (t->n >= t->capacity / 4 * 3)
		grow(t);
	i = slot_of(t, key_of(t, object));
	assert(!t->slots[i]);
	t->slots[i] = object;
	t->n++;
}

/*
 * Backward shift: whoever sits behind the hole and is not at home moves into it, so that no marks
 * of the dead stay behind and no search gets longer over time.
 */
static void
close_hole(struct table *t, size_t hole)
{
	size_t mask = t->capacity - 1;

	for (size_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		size_t from_home = (i - home(t, key_of(t, t->slots[i]))) & mask;
		if (from_home < ((i - hole) & mask))
			continue; /* the hole lies before its home */
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = NULL;
}

void *
table_remove(struct table *t, const void *key)
{
	size_t i;
	void *object;

	if (t->n == 0)
		return NULL;
	i = slot_of(t, key);
	object = t->slots[i];
	if (!object)
		return NULL;
	if (--t->n == 0)
		table_fini(t);
	else
		close_hole(t, i);
	return object;
}

/*
 * Removing an object pulls objects from higher slots of the same run into its place. So the walk
 * goes downwards, where these have been seen already, and it starts at a free slot, which no run
 * crosses: thus none is missed or met twice. *i holds that slot (upper half) and the steps done.
 */
void *
table_next(const struct table *t, size_t *i)
{
	const size_t low_half = UINT32_MAX;
	size_t start = *i >> 32, steps = *i & low_half;

	if (t->n == 0)
		return NULL;
	assert(t->capacity <= low_half);
	if (steps == 0)
		for (start = 0; t->slots[start]; start++)
			;
	while (++steps < t->capacity) {
		void *object = t->slots[(start - steps) & (t->capacity - 1)];
		if (object) {
			*i = start << 32 | steps;
			return object;
		}
	}
	return NULL;
}
