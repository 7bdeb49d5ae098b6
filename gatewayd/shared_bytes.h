#pragma once
/*
 * Bytes owed to many connections at once: made once, counted, freed with the last reference. The
 * WebSocket frame header (RFC 6455 section 5.2, server side, so unmasked) lies directly in front of
 * the payload: a polling answer takes the payload, a WebSocket the whole frame, both from one
 * buffer.
 */

#include "common/span.h"

#include <stdint.h>

enum shared_frame {
	SHARED_PLAIN = 0,   /* no frame header: bytes for a transport without frames */
	SHARED_TEXT = 0x81, /* FIN and opcode as they stand on the wire */
	SHARED_BINARY = 0x82,
};

enum { SHARED_HEAD_BYTES = 10 }; /* the longest header an unmasked frame can have */

struct shared_bytes {
	uint32_t refs;
	uint32_t n;	    /* bytes of payload */
	uint8_t frame;	    /* enum shared_frame */
	uint8_t head_bytes; /* of frame header, ending where the payload begins */
	char bytes[]; /* SHARED_HEAD_BYTES of room, the header right-aligned in it; then the payload
		       */
};

/* Returns owned, with one reference: the pieces one after the other. At most 2^31 bytes. */
struct shared_bytes *shared_bytes_join(enum shared_frame, const struct span *pieces, size_t n);
struct shared_bytes *shared_bytes_new(enum shared_frame, struct span payload);
/* One reference more; returns its argument. */
struct shared_bytes *shared_bytes_ref(struct shared_bytes *);
/* One less; frees at none. NULL is let by. */
void shared_bytes_unref(struct shared_bytes *);

static inline struct span
shared_bytes_payload(const struct shared_bytes *b)
{
	return (struct span){ b->bytes + SHARED_HEAD_BYTES, b->n };
}

/* Header and payload; the payload alone for SHARED_PLAIN. */
static inline struct span
shared_bytes_frame(const struct shared_bytes *b)
{
	return (struct span){ b->bytes + SHARED_HEAD_BYTES - b->head_bytes,
		(size_t)b->n + b->head_bytes };
}
