#include "graphd/store_backends.h"

#include <stdio.h>
#include <string.h>

/* A new back-end is one file and one line here. */
static const struct store_ops *const backends[] = {
	&store_memory_ops,
	&store_fail_ops,
	&store_sqlite_ops,
};

struct store *
store_open(const char *spec, struct loop *loop, char message[256])
{
	size_t n = strcspn(spec, ":");
	const char *rest = spec[n] ? spec + n + 1 : "";

	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
		const struct store_ops *ops = backends[i];

		if (strlen(ops->name) == n && memcmp(ops->name, spec, n) == 0)
			return ops->open(rest, loop, message);
	}
	snprintf(message, 256, "no store is called \"%.*s\"", (int)(n < 64 ? n : 64), spec);
	return NULL;
}
