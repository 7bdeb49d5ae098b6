#pragma once
/*
 * JSON as peers send it. json_scan() is strict (RFC 8259 and the bounds below) and allocates
 * nothing; everything else here walks text that passed it, in place: a value is a span of the
 * original text, so numbers, member order and escapes come out as they came in. Of text that did
 * not pass, as from a graphd that is none, it gives what is no sense, but nothing beyond its end.
 */

#include "common/mem.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

struct json_bounds {
	unsigned depth;	   /* nested arrays and objects */
	size_t values;	   /* values in the whole text */
	size_t text_bytes; /* one string, as written, without its quotes */
	size_t key_bytes;  /* one member name, likewise */
};

enum json_fault {
	JSON_OK,
	JSON_SYNTAX,
	JSON_TRUNCATED,
	JSON_TRAILING,	/* something stands behind the value */
	JSON_UTF8,	/* invalid, overlong or surrogate bytes */
	JSON_NUL,	/* U+0000, as a byte or escaped */
	JSON_SURROGATE, /* a lone \ud8xx escape */
	JSON_NUMBER,	/* not finite as a double, or an integer beyond 2^53 */
	JSON_DEPTH,
	JSON_VALUES,
	JSON_TEXT,
	JSON_KEY,
	JSON_REPEATED, /* a member name twice in one object (found in objects of up to 64 members)
			*/
};

/* The fault as a constant for error details: "JSON_DEPTH". */
const char *json_fault_name(enum json_fault);
/* *offset (bytes) is where it went wrong; may be NULL. */
enum json_fault json_scan(struct span text, const struct json_bounds *, size_t *offset);

/* Whether only bounds and numbers can be why it was refused, so that it may be walked all the same:
 * to see what it was about, not to keep anything of it. */
bool json_is_readable(struct span text);

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INTEGER,
	JSON_REAL,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* The functions below take values without white space around them, as the iterator gives them. */
struct span json_trim(struct span text);
enum json_type json_type(struct span value);
/* "text", "number", … for messages. */
const char *json_type_name(enum json_type);

struct json_iter {
	const char *at, *end;
	bool object;
};

/* container: an array or an object; of anything else it has no members. */
void json_walk(struct json_iter *, struct span container);
/* False at the end. key: without quotes, as written (escapes and all); {NULL,0} in arrays. */
bool json_next(struct json_iter *, struct span *key, struct span *value);

/* Linear search, exact name (a name written with escapes is compared decoded). Absent: false,
 * *value = {NULL,0}. */
bool json_find(struct span object, const char *name, struct span *value);
/* Only if it is a string: see json_text(). Else {NULL,0}. */
struct span json_find_text(struct arena *, struct span object, const char *name);
/* Only if it is an integer: see json_integer(). Else false, and *out is left as it is. */
bool json_find_integer(struct span object, const char *name, int64_t *out);

/* Of a string value: UTF-8 without escapes; borrows the text when it has none, else lives in the
 * arena. */
struct span json_text(struct arena *, struct span value);
/* The same for a key as json_next() gives it. */
struct span json_key(struct arena *, struct span key);
/* False when it is not an integer in the range of ±2^53. 1.0 and 1e3 count as integers. */
bool json_integer(struct span value, int64_t *out);

/*
 * The same for equal values however they are written, and for others not the same: escapes, the
 * digits of a number (1, 1.0, 1e0) and the order of an object's members do not count. Texts with
 * escapes are decoded in the arena.
 */
struct json_hash {
	uint64_t low, high;
};

struct json_hash json_hash(struct arena *, struct span value);
/* Of the string value that is this text. */
struct json_hash json_hash_text(struct span text);
bool json_hash_is_same(struct json_hash, struct json_hash);
