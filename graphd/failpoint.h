#pragma once
/*
 * Places where a test lets the process end as if it had been killed: FAILPOINT=name:n in the
 * environment ends it with status 9 when the point of that name is reached for the n-th time.
 * HOLDPOINT=name:path, where path is a FIFO, holds whoever reaches that point until somebody has
 * opened it for writing and closed it again.
 * Compiled out unless the build asks for failpoints.
 */

#ifdef FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)(name))
#endif
