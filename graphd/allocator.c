#include "graphd/allocator.h"

#include "common/mem.h"

#include <stddef.h>

/*
 * graphd is linked with jemalloc, which reads its options from this symbol (jemalloc(3), TUNING). A
 * single arena: nearly all is allocated and freed by the one thread that runs commands, and each
 * thread has a cache of its own before it; not for what is longer than a page, which would stay
 * there for good: messages with many requests are allocated by one thread and freed by another.
 */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,tcache_max:4096";

/* Of jemalloc(3), which builds with a sanitizer do without. */
int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
    __attribute__((weak));

void
allocator_give_back(void)
{
	if (!mallctl) {
		mem_give_back();
		return;
	}
	mallctl("arena.0.purge", NULL, NULL, NULL, 0);
}
