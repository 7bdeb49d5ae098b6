#include "common/clock.h"
#include "common/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct page {
	struct json_out *out;
	const char *prefix;
};

static void
print(const struct page *page, const char *name, const char *help, const char *type,
    const char *value)
{
	char text[256];
	const char *prefix = page->prefix;
	int n = snprintf(text, sizeof(text), "# HELP %s%s %s\n# TYPE %s%s %s\n%s%s %s\n", prefix,
	    name, help, prefix, name, type, prefix, name, value);

	json_out_bytes(page->out, (struct span){ text, (size_t)n });
}

/* A file of ours in proc(5), or as much of it as is wanted. */
static void
read_own(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
}

static void
print_memory(const struct page *page)
{
	char text[128];
	unsigned long pages = 0;

	read_own("/proc/self/statm", text, sizeof(text));
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
	print(page, "process_resident_memory_bytes", "Memory that is resident.", "gauge", text);
}

/* What the kernel tells is how long after its own start, in ticks, the process began. Rounded only
 * at the end: a second that came and went would look like a restart. */
static void
print_start(const struct page *page)
{
	char text[1024];
	const char *behind_name;
	unsigned long ticks;
	struct timespec up;
	uint64_t up_us, began_us;

	read_own("/proc/self/stat", text, sizeof(text));
	behind_name = strrchr(text, ')');
	if (!behind_name ||
	    sscanf(behind_name + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lu",
		&ticks) != 1)
		return;
	clock_gettime(CLOCK_BOOTTIME, &up);
	up_us = (uint64_t)up.tv_sec * 1000000 + (uint64_t)up.tv_nsec / 1000;
	began_us = (uint64_t)ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	snprintf(text, sizeof(text), "%" PRIu64, (clock_wall_us() - up_us + began_us) / 1000000);
	print(page, "process_start_time_seconds", "When it began, in seconds since 1970.", "gauge",
	    text);
}

void
metrics_print_process(struct json_out *out, const char *prefix)
{
	const struct page page = { out, prefix };
	char text[32];
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	snprintf(text, sizeof(text), "%lld.%06ld", (long long)t.tv_sec, t.tv_nsec / 1000);
	print(&page, "process_cpu_seconds_total", "CPU time of all its threads.", "counter", text);
	print_memory(&page);
	print_start(&page);
}
