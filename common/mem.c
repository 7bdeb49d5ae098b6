#include "common/mem.h"

#include "common/log.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	ARENA_BLOCK_BYTES = 2 * 1024, /* enough for most requests; a held one keeps it */
	KEPT_BYTES = 32 * 1024 * 1024,
	MAPPED_BYTES = 4 * 1024 * 1024, /* what is bigger still comes from the kernel each time */
};

struct arena_block {
	struct arena_block *next;
	size_t size, used; /* of bytes[] */
	alignas(max_align_t) char bytes[];
};

static void *
or_fatal(void *memory, size_t size_bytes)
{
	if (!memory)
		log_fatal("memory", "the system has none left for %zu bytes", size_bytes);
	return memory;
}

/* The standard functions may answer NULL for no bytes, which would look like a failure. */
static size_t
at_least_one(size_t size_bytes)
{
	return size_bytes ? size_bytes : 1;
}

void *
xmalloc(size_t size_bytes)
{
	return or_fatal(malloc(at_least_one(size_bytes)), size_bytes);
}

void *
xcalloc(size_t n, size_t size_bytes)
{
	return or_fatal(calloc(at_least_one(n), at_least_one(size_bytes)), size_bytes);
}

void *
xrealloc(void *old, size_t n, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(n, size_bytes, &total))
		log_fatal("memory", "%zu times %zu bytes cannot be addressed", n, size_bytes);
	return or_fatal(realloc(old, at_least_one(total)), total);
}

void
mem_keep_pages(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

void
mem_give_back(void)
{
	malloc_trim(0);
}

char *
xstrdup(const char *text)
{
	return xspandup(span_of(text));
}

char *
xspandup(struct span s)
{
	char *copy;

	if (!s.p)
		return NULL;
	copy = xmalloc(s.n + 1);
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

void
arena_init(struct arena *a)
{
	a->head = NULL;
}

/* One block of the usual size stays for the next request, so that most requests allocate nothing.
 */
void
arena_reset(struct arena *a)
{
	struct arena_block *kept = NULL;

	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		if (!kept && b->size == ARENA_BLOCK_BYTES)
			kept = b;
		else
			free(b);
	}
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
	}
	a->head = kept;
}

void
arena_fini(struct arena *a)
{
	arena_reset(a);
	free(a->head);
	a->head = NULL;
}

static struct arena_block *
block_new(size_t size_bytes)
{
	struct arena_block *b;

	if (size_bytes > SIZE_MAX - sizeof(*b))
		log_fatal("memory", "%zu bytes cannot be addressed", size_bytes);
	b = xmalloc(sizeof(*b) + size_bytes);
	b->next = NULL;
	b->size = size_bytes;
	b->used = 0;
	return b;
}

/* What is big gets a block of its own behind the head, whose rest stays in use. */
static void *
take_big(struct arena *a, size_t size_bytes)
{
	struct arena_block *b = block_new(size_bytes);

	b->used = size_bytes;
	if (a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
	}
	return b->bytes;
}

void *
arena_take(struct arena *a, size_t size_bytes)
{
	const size_t unit = alignof(max_align_t);
	size_t rounded = (size_bytes + unit - 1) / unit * unit;
	struct arena_block *b = a->head;

	if (size_bytes > ARENA_BLOCK_BYTES / 2)
		return take_big(a, size_bytes);
	if (!b || b->size - b->used < rounded) {
		b = block_new(ARENA_BLOCK_BYTES);
		b->next = a->head;
		a->head = b;
	}
	b->used += rounded;
	return b->bytes + b->used - rounded;
}

char *
arena_text(struct arena *a, struct span s)
{
	char *copy = arena_take(a, s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
