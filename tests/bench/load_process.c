#include "tests/bench/load_process.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double
clock_s(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : 0;
}

static uint64_t
rss_bytes(pid_t pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct process_use
process_use(pid_t pid)
{
	struct process_use use = { .rss_bytes = rss_bytes(pid) };
	clockid_t clock;

	/* /proc/PID/stat holds the same time, but only in hundredths of a second. */
	if (clock_getcpuclockid(pid, &clock) == 0)
		use.cpu_s = clock_s(clock);
	return use;
}

double
process_own_cpu_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}
