#include "graphd/failpoint.h"

#ifdef FAILPOINTS
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
failpoint(const char *name)
{
	/* Reached from the loop's thread and from the writer's. */
	static atomic_long hits;
	const char *wanted = getenv("FAILPOINT");
	size_t n = strlen(name);

	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] != ':' && wanted[n] != '\0'))
		return;
	if (atomic_fetch_add(&hits, 1) + 1 == (wanted[n] ? strtol(wanted + n + 1, NULL, 10) : 1))
		_exit(9);
}
#else
/* An empty file is no C: this keeps the compiler content when there are no points. */
typedef int failpoint_is_compiled_out;
#endif
