/*
 * Makes one operation on a database file fail, for tests: the library is preloaded into graphd and
 * does nothing until the file that FAULT_ARM names is there. FAULT says what then:
 * "<operation>:<n>", where operation is fsync, write or read (that call fails with EIO), or torn
 * (half of it is written and the process ends), and n counts the calls from 1.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

/* Databases and their logs end in .db and .db-wal. */
static bool
is_database(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, ".db") != NULL;
}

/* Counts a call of that operation; true when it is the one. */
static bool
is_due(const char *operation, int fd)
{
	const char *fault = getenv("FAULT"), *arm = getenv("FAULT_ARM");
	size_t n = strlen(operation);

	if (!fault || !arm || strncmp(fault, operation, n) != 0 || fault[n] != ':')
		return false;
	if (!is_database(fd) || access(arm, F_OK) != 0)
		return false;
	return atomic_fetch_add(&calls, 1) + 1 == atol(fault + n + 1);
}

static int
fail(void)
{
	fputs("preload: the fault\n", stderr);
	errno = EIO;
	return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int
fsync(int fd)
{
	return is_due("fsync", fd) ? fail() : NEXT(fsync)(fd);
}

int
fdatasync(int fd)
{
	return is_due("fsync", fd) ? fail() : NEXT(fdatasync)(fd);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	if (is_due("write", fd))
		return fail();
	if (is_due("torn", fd)) {
		NEXT(pwrite64)(fd, bytes, n / 2, at);
		_exit(9);
	}
	return NEXT(pwrite64)(fd, bytes, n, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t at)
{
	return is_due("read", fd) ? fail() : NEXT(pread64)(fd, bytes, n, at);
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
	return pread64(fd, bytes, n, at);
}
