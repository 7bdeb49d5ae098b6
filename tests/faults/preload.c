/*
 * Makes operations on a database's files fail, for tests: the library is preloaded into graphd and
 * does nothing until the file that FAULT_ARM names is there. FAULT says what then:
 *
 *   fsync:N, write:N, read:N  the N-th call from then on fails, and with a plus sign behind it
 *                             all later ones too; with FAULT_ERRNO, or EIO
 *   torn:N                    half of the N-th write is written, and the process ends
 *   sector:OFFSET             the place in the database, not in its log, can never be read
 *   slow:MS                   every flush takes so much longer
 *
 * It says so on standard error, and of each write and flush behind it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;
static atomic_bool failed;

static bool
is_named(int fd, const char *part)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, part) != NULL;
}

/* The number behind the operation when that is what is to fail; 0: something else is. */
static long
wanted(const char *operation, int fd)
{
	const char *fault = getenv("FAULT"), *arm = getenv("FAULT_ARM");
	size_t n = strlen(operation);

	if (!fault || !arm || strncmp(fault, operation, n) != 0 || fault[n] != ':')
		return 0;
	/* Databases and their logs end in .db and .db-wal. */
	if (!is_named(fd, ".db") || access(arm, F_OK) != 0)
		return 0;
	return atol(fault + n + 1);
}

/* Counts a call of that operation; true when it is the one. */
static bool
is_due(const char *operation, int fd)
{
	long n = wanted(operation, fd), call;

	if (n == 0)
		return false;
	call = atomic_fetch_add(&calls, 1) + 1;
	return call == n || (call > n && strchr(getenv("FAULT"), '+'));
}

/* Whoever writes after a failed flush or write takes what the disk said for something that passes.
 */
static void
note_writing(int fd)
{
	if (failed && is_named(fd, ".db"))
		fputs("preload: written after the fault\n", stderr);
}

static int
fail(void)
{
	const char *number = getenv("FAULT_ERRNO");

	failed = true;
	fputs("preload: the fault\n", stderr);
	errno = number ? atoi(number) : EIO;
	return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void
dawdle(int fd)
{
	long ms = wanted("slow", fd);
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	if (ms > 0)
		nanosleep(&time, NULL);
}

int
fsync(int fd)
{
	note_writing(fd);
	dawdle(fd);
	return is_due("fsync", fd) ? fail() : NEXT(fsync)(fd);
}

int
fdatasync(int fd)
{
	note_writing(fd);
	dawdle(fd);
	return is_due("fsync", fd) ? fail() : NEXT(fdatasync)(fd);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	note_writing(fd);
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
	long sector = wanted("sector", fd);

	if (sector > 0 && sector >= at && sector < at + (off64_t)n && !is_named(fd, ".db-wal"))
		return fail();
	return is_due("read", fd) ? fail() : NEXT(pread64)(fd, bytes, n, at);
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
	return pread64(fd, bytes, n, at);
}
