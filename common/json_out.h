#pragma once
/*
 * Writes compact JSON into a buffer that grows. Commas are put where they are due. Text is escaped
 * as RFC 8259 section 7 demands and no further.
 */

#include "common/id.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

struct json_out {
	char *bytes; /* owned; not NUL-terminated */
	size_t n, capacity;
};

/* Zeroed memory is an empty writer. */
void json_out_fini(struct json_out *);
/* Room for so many more bytes at once: for what is known to get long. */
void json_out_reserve(struct json_out *, size_t more);
/* Empties it and keeps the memory. */
void json_out_clear(struct json_out *);
/* Gives the bytes away: the caller frees them; the writer is empty again. */
char *json_out_take(struct json_out *, size_t *n);
struct span json_out_span(const struct json_out *);

void json_out_open(struct json_out *, char bracket);  /* '{' or '[' */
void json_out_close(struct json_out *, char bracket); /* '}' or ']' */
/* A member name; name is plain ASCII of ours and not escaped. A value must follow. */
void json_out_key(struct json_out *, const char *name);
/* A member name that a peer chose. */
void json_out_key_text(struct json_out *, struct span name);
/* Text in quotes, no comma before it. */
void json_out_quoted(struct json_out *, struct span text);
/* {NULL,0} is written as null. */
void json_out_text(struct json_out *, struct span text);
void json_out_string(struct json_out *, const char *text);
void json_out_bool(struct json_out *, bool);
void json_out_int(struct json_out *, int64_t);
void json_out_uint(struct json_out *, uint64_t);
void json_out_null(struct json_out *);
/* nil is written as null. */
void json_out_uuid(struct json_out *, const struct uuid *);
/* ISO 8601 with microseconds. */
void json_out_time(struct json_out *, uint64_t wall_us);
/* A value that is JSON already. {NULL,0} is written as null. */
void json_out_raw(struct json_out *, struct span json);
/* The same without the white space between its tokens. */
void json_out_minified(struct json_out *, struct span json);
/* Members that are JSON already ("\"a\":1,\"b\":2"), without braces; nothing when empty. */
void json_out_members(struct json_out *, struct span members);
/* Bytes as they are, no comma before them. */
void json_out_bytes(struct json_out *, struct span bytes);
