#pragma once
/* What a peer named, short enough for a message and never cut inside a character. */

#include "common/span.h"

enum { CLIP_BYTES = 64 };

/* For "%.*s": CLIP(text). */
#define CLIP(text) clip_length(text), (text).p ? (text).p : ""

static inline int
clip_length(struct span text)
{
	size_t n = text.n < CLIP_BYTES ? text.n : CLIP_BYTES;

	if (n < text.n)
		while (n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
			n--;
	return (int)n;
}
