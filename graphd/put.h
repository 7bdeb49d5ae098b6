#pragma once
/*
 * Bytes appended to a json_out without asking what stands before them: for the hot paths, which
 * know their own shape. What is written is the same as json_out would write.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"

#include <stdint.h>
#include <string.h>

/* Room for so many bytes at the end, whose number the caller adds to out->n. */
static inline char *
put_room(struct json_out *out, size_t n_bytes)
{
	if (out->capacity - out->n < n_bytes)
		json_out_reserve(out, n_bytes);
	return out->bytes + out->n;
}

static inline void
put_bytes(struct json_out *out, const void *p, size_t n)
{
	char *to = put_room(out, n);

	memcpy(to, p, n);
	out->n += n;
}

static inline void
put_byte(struct json_out *out, char c)
{
	*put_room(out, 1) = c;
	out->n++;
}

static inline void
put_chars(struct json_out *out, const char *text)
{
	put_bytes(out, text, strlen(text));
}

#define put_literal(out, text) put_bytes((out), (text), sizeof(text) - 1)

/* Decimal digits. */
void put_uint(struct json_out *, uint64_t);
/* The id in quotes; null when it is nil. */
void put_uuid(struct json_out *, const struct uuid *);
/* The text in quotes, escaped; null when it is NULL. */
void put_text(struct json_out *, const char *text);
/* JSON as it is; null when it is NULL. */
void put_json(struct json_out *, const char *json);
