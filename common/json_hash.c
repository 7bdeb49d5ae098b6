#include "common/json.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { NUMBER_BYTES = 64 };

/* The kind is the seed, so that 1, "1" and [1] differ. */
static struct json_hash
hash_bytes(enum json_type kind, const void *bytes, size_t n)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, n, (XXH64_hash_t)kind);

	return (struct json_hash){ hash.low64, hash.high64 };
}

static struct json_hash
hash_pair(enum json_type kind, struct json_hash a, struct json_hash b)
{
	struct json_hash both[2] = { a, b };

	return hash_bytes(kind, both, sizeof(both));
}

/* strtod() wants an end that is no part of a number. */
static struct json_hash
hash_number(struct arena *arena, struct span value)
{
	char near[NUMBER_BYTES];
	double number;

	if (value.n < sizeof(near)) {
		memcpy(near, value.p, value.n);
		near[value.n] = '\0';
		number = strtod(near, NULL);
	} else {
		number = strtod(arena_text(arena, value), NULL);
	}
	if (number == 0)
		number = 0; /* minus zero is zero, but has other bytes */
	return hash_bytes(JSON_REAL, &number, sizeof(number));
}

/* Elements in their order, members in any: these are added up. */
static struct json_hash
hash_container(struct arena *arena, enum json_type kind, struct span value)
{
	struct json_hash sum = { 0 };
	struct json_iter it;
	struct span key, item;

	json_walk(&it, value);
	while (json_next(&it, &key, &item)) {
		struct json_hash of = json_hash(arena, item);
		if (kind == JSON_OBJECT) {
			struct span name = json_key(arena, key);
			of = hash_pair(kind, hash_bytes(kind, name.p, name.n), of);
			sum.low += of.low;
			sum.high += of.high;
		} else {
			sum = hash_pair(kind, sum, of);
		}
	}
	return hash_bytes(kind, &sum, sizeof(sum));
}

struct json_hash
json_hash_text(struct span text)
{
	return hash_bytes(JSON_STRING, text.p, text.n);
}

struct json_hash
json_hash(struct arena *arena, struct span value)
{
	enum json_type kind = json_type(value);

	switch (kind) {
	case JSON_NULL:
	case JSON_BOOL:
		return hash_bytes(kind, value.p, value.n);
	case JSON_INTEGER:
	case JSON_REAL:
		return hash_number(arena, value);
	case JSON_STRING:
		return json_hash_text(json_text(arena, value));
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return hash_container(arena, kind, value);
}

bool
json_hash_is_same(struct json_hash a, struct json_hash b)
{
	return a.low == b.low && a.high == b.high;
}
