#pragma once
/*
 * Reads the answers on one HTTP/1.1 connection, bodies by length or in chunks, and throws the
 * bodies away. Answers must follow one another as requests did, one at a time.
 */

#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

enum answer_state {
	ANSWER_HEAD,
	ANSWER_BODY,
	ANSWER_CHUNK_SIZE,
	ANSWER_CHUNK,
	ANSWER_TRAILER,
	ANSWER_DONE,
	ANSWER_BROKEN
};

enum { ANSWER_START_BYTES = 160 };

/* Zeroed memory awaits an answer. */
struct answer {
	enum answer_state state;
	unsigned status;
	bool closes;   /* the server ends the connection behind it */
	uint64_t left; /* of the body, or of a chunk with the line end behind it */
	uint64_t body_bytes;
	char start[ANSWER_START_BYTES + 1]; /* of a body that has a length, as text */
};

/* Returns how many of the bytes belong to the answer and are done with. */
size_t answer_read(struct answer *, struct span bytes);
/* The head of an answer that is not there as a whole: 0, otherwise its bytes with the empty line.
 */
size_t answer_head_bytes(struct span bytes);
