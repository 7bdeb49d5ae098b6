#include "gatewayd/shared_bytes.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

/* Writes the header so that it ends at `end`; returns its length. */
static uint8_t
write_head(char *end, enum shared_frame frame, uint32_t n)
{
	uint8_t head_bytes = n < 126 ? 2 : n < 65536 ? 4 : 10;
	char *at = end - head_bytes;

	if (frame == SHARED_PLAIN)
		return 0;
	at[0] = (char)frame;
	at[1] = (char)(n < 126 ? n : n < 65536 ? 126 : 127);
	/* The length is big-endian, so it can be written from its last byte on. */
	for (char *to = end - 1; to > at + 1; to--, n >>= 8)
		*to = (char)(n & 0xff);
	return head_bytes;
}

struct shared_bytes *
shared_bytes_join(enum shared_frame frame, const struct span *pieces, size_t n)
{
	struct shared_bytes *b;
	size_t total = 0;
	char *to;

	for (size_t i = 0; i < n; i++)
		total += pieces[i].n;
	assert(total <= INT32_MAX);
	b = xmalloc(sizeof(*b) + SHARED_HEAD_BYTES + total);
	b->refs = 1;
	b->n = (uint32_t)total;
	b->frame = (uint8_t)frame;
	to = b->bytes + SHARED_HEAD_BYTES;
	b->head_bytes = write_head(to, frame, b->n);
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].n)
			memcpy(to, pieces[i].p, pieces[i].n);
		to += pieces[i].n;
	}
	return b;
}

struct shared_bytes *
shared_bytes_new(enum shared_frame frame, struct span payload)
{
	return shared_bytes_join(frame, &payload, 1);
}

struct shared_bytes *
shared_bytes_ref(struct shared_bytes *b)
{
	b->refs++;
	assert(b->refs > 0);
	return b;
}

void
shared_bytes_unref(struct shared_bytes *b)
{
	if (!b)
		return;
	assert(b->refs > 0);
	if (--b->refs == 0)
		free(b);
}
