#pragma once
/*
 * A hash table of pointers to objects that hold their own key: open addressing, 11 to 22 bytes per
 * object while it grows, hash seeded from the kernel so that chosen keys cannot collide on purpose.
 * It gets smaller only when the last object goes.
 */

#include "common/span.h"

#include <stddef.h>
#include <stdint.h>

struct table {
	void **slots;
	size_t n, capacity; /* capacity: 0 or a power of two */
	size_t key_offset;  /* where the key lies inside an object */
	size_t key_bytes;   /* a fixed-size binary key; 0: the key is a struct span */
};

void table_init(struct table *, size_t key_offset, size_t key_bytes);
/* Frees the slots, not the objects. */
void table_fini(struct table *);
/* NULL when there is none. key points to key_bytes bytes, or to a struct span. */
void *table_find(const struct table *, const void *key);
/* Borrows the object until it is removed. The key must not be in the table yet. */
void table_add(struct table *, void *object);
/* The object that was removed, or NULL. */
void *table_remove(struct table *, const void *key);
/*
 * Walks in no order: for (size_t i = 0; (o = table_next(t, &i));). The object just returned may be
 * removed during the walk; anything else may not.
 */
void *table_next(const struct table *, size_t *i);
/* Seeded 64-bit XXH3 of some bytes; differs from process to process. */
uint64_t table_hash(const void *bytes, size_t n);
