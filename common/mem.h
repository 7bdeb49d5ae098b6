#pragma once
/*
 * Memory that does not fail: the process ends with a clear line when the system has none left.
 * What a peer sizes is checked against limits.h before it comes here.
 *
 * An arena is a bump allocator for what lives exactly as long as one request.
 */

#include "common/span.h"

#include <stddef.h>

/* As malloc and calloc, but never NULL; to be given to free(). */
void *xmalloc(size_t size_bytes);
void *xcalloc(size_t n, size_t size_bytes);
/* As realloc; n * size_bytes is checked for overflow. */
void *xrealloc(void *old, size_t n, size_t size_bytes);
/*
 * To be called first in a daemon that makes big buffers all the time: what is freed is kept for the
 * next one, up to a bound, instead of going back to the kernel, which would have to zero each page
 * of it again.
 */
void mem_keep_pages(void);
/* What was freed goes back to the kernel now, all pages of it that hold nothing else. */
void mem_give_back(void);
char *xstrdup(const char *);
/* Returns owned: the bytes and a NUL after them. NULL when s.p is NULL. */
char *xspandup(struct span s);

struct arena_block;

struct arena {
	struct arena_block *head;
};

void arena_init(struct arena *);
/* Frees everything that was taken from it; the arena can be used again. */
void arena_reset(struct arena *);
void arena_fini(struct arena *);
/* Aligned for any type, not cleared, valid until reset or fini. */
void *arena_take(struct arena *, size_t size_bytes);
/* A copy with a NUL after it, in the arena; of {NULL, 0} an empty text. */
char *arena_text(struct arena *, struct span s);
