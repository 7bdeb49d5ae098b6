#pragma once
/* The back-ends by name, for the table in store.c and for those that wrap another one. */

#include "graphd/store.h"

extern const struct store_ops store_memory_ops;
extern const struct store_ops store_fail_ops;
extern const struct store_ops store_sqlite_ops;

/* Of the library that is linked. */
const char *store_sqlite_version(void);

/* The next commit of a memory store fails so, as if the disk had said it. */
void store_memory_fail_commit(struct store *, enum error, bool fatal);
