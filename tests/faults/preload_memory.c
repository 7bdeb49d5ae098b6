/*
 * Lets memory run out, for tests: the library is preloaded into graphd and does nothing until the
 * first byte of the file that FAULT_ARM names is not zero. From then on the N-th request for memory
 * that any part of the process makes is refused, where FAULT is "memory:N"; with a plus sign behind
 * it all later ones are refused too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The allocator's own. Looking them up needs no memory in glibc as long as nothing fails. */
static void *(*own_malloc)(size_t);
static void *(*own_calloc)(size_t, size_t);
static void *(*own_realloc)(void *, size_t);

static const volatile char *armed;
static long nth;
static bool all_later;
static atomic_long calls;

__attribute__((constructor)) static void
read_fault(void)
{
	const char *fault = getenv("FAULT"), *arm = getenv("FAULT_ARM");
	int fd = arm ? open(arm, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (!fault || strncmp(fault, "memory:", 7) != 0 || map == MAP_FAILED)
		return;
	nth = atol(fault + 7);
	all_later = strchr(fault, '+') != NULL;
	armed = map;
}

static void
find_own(void)
{
	*(void **)&own_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&own_realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&own_malloc = dlsym(RTLD_NEXT, "malloc");
}

static bool
is_due(void)
{
	static const char words[] = "preload: the fault\n";
	long call;
	ssize_t written;

	if (!armed || !*armed)
		return false;
	call = atomic_fetch_add(&calls, 1) + 1;
	if (call != nth && (call < nth || !all_later))
		return false;
	if (call == nth) {
		written = write(STDERR_FILENO, words, sizeof words - 1);
		(void)written;
	}
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	if (!own_malloc)
		find_own();
	return is_due() ? NULL : own_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	if (!own_malloc)
		find_own();
	return is_due() ? NULL : own_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	if (!own_malloc)
		find_own();
	return is_due() ? NULL : own_realloc(old, size);
}
