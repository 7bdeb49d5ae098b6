#pragma once
/*
 * Our own binary forms: numbers as varints (7 bits a byte, lowest first), texts with their length
 * plus one (0: NULL), ids as 16 bytes. Readers survive any bytes: `bad` is set once and stays, and
 * what is read after that is zero. Nothing is allocated that the remaining bytes could not hold.
 */

#include "graphd/edit.h"
#include "graphd/put.h"

#include <stdbool.h>

void code_number(struct json_out *, uint64_t);
void code_fixed(struct json_out *, uint64_t); /* 8 bytes, lowest first: for hashes */
void code_id(struct json_out *, const struct uuid *);
void code_text(struct json_out *, const char *text);
void code_span(struct json_out *, struct span bytes); /* not absent */
void code_edit(struct json_out *, const struct edit *);
void code_content(struct json_out *, const struct content *);

struct reader {
	const uint8_t *at, *end;
	bool bad;
	bool brief; /* of edits only what tells of places and counts: texts and contents are NULL */
};

struct reader reader_of(struct span bytes);
/* Whether everything was read and nothing was bad. */
bool reader_is_done(const struct reader *);
uint64_t read_number(struct reader *);
/* A number up to max; greater ones are bad and give 0. */
uint64_t read_bounded(struct reader *, uint64_t max);
/* How many elements of at least element_bytes follow: bad when so many cannot. */
size_t read_count(struct reader *, size_t element_bytes);
uint64_t read_fixed(struct reader *);
struct uuid read_id(struct reader *);
/* Returns owned, or NULL. A text with a NUL in it is bad. */
char *read_text(struct reader *);
/* The same, but NULL is bad too. */
char *read_some_text(struct reader *);
/* Borrowed from what is read. */
struct span read_span(struct reader *);
/* The caller frees what it gives, even when the reader is bad afterwards. */
struct content *read_content(struct reader *);
void read_edit(struct reader *, struct edit *out);
/* Bytes of the shortest edit, for read_count(). */
enum { EDIT_BYTES_MIN = 2, NODE_BYTES_MIN = 24 };
