#pragma once
/*
 * 128-bit ids: random ones from getrandom(2) (RFC 9562 version 4), and names turned into ids
 * (version 5, and the blueprint's own form: the first 16 bytes of a SHA-1).
 */

#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { UUID_BYTES = 16, UUID_TEXT = 36 };

struct uuid {
	uint8_t bytes[UUID_BYTES];
};

static inline bool
uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}

/* All zero bytes: stands for "none". Never made by the functions below. */
static inline bool
uuid_is_nil(const struct uuid *u)
{
	static const struct uuid nil;
	return uuid_equal(u, &nil);
}

/* Version 4; the kernel's random bytes are fetched in blocks. */
void uuid_random(struct uuid *out);
/* Version 5 (SHA-1) in the DNS namespace of RFC 9562 section 6.6. */
void uuid_of_name(struct span name, struct uuid *out);
/* First 16 bytes of SHA-1(text), no version bits set. */
void uuid_of_sha1(struct span text, struct uuid *out);
/* 8-4-4-4-12 hexadecimal digits in either case, nothing else; false otherwise. The nil id is
 * refused. */
bool uuid_parse(struct span text, struct uuid *out);
/* Writes UUID_TEXT lower-case characters and a NUL. */
void uuid_format(const struct uuid *, char out[UUID_TEXT + 1]);
/* n bytes from getrandom(2). */
void random_bytes(void *out, size_t n);
