#include "graphd/failpoint.h"

#ifdef FAILPOINTS
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What stands behind that name and a colon in a variable, "" when nothing does; NULL: it is about
 * another point. */
static const char *
setting(const char *variable, const char *name)
{
	const char *value = getenv(variable);
	size_t n = strlen(name);

	if (!value || strncmp(value, name, n) != 0 || (value[n] != ':' && value[n] != '\0'))
		return NULL;
	return value[n] ? value + n + 1 : "";
}

static void
hold(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;

	if (fd < 0)
		return;
	while (read(fd, &byte, 1) > 0)
		;
	close(fd);
}

void
failpoint(const char *name)
{
	/* Reached from the loop's thread and from the writer's. */
	static atomic_long hits;
	const char *wanted = setting("FAILPOINT", name), *path = setting("HOLDPOINT", name);

	if (path)
		hold(path);
	if (wanted && atomic_fetch_add(&hits, 1) + 1 == (*wanted ? strtol(wanted, NULL, 10) : 1))
		_exit(9);
}
#else
/* An empty file is no C: this keeps the compiler content when there are no points. */
typedef int failpoint_is_compiled_out;
#endif
