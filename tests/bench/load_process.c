#include "tests/bench/load_process.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The whole of a small file as text. */
static void
read_text(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "r");
	if (file) {
		n = fread(out, 1, size - 1, file);
		fclose(file);
	}
	out[n] = '\0';
}

struct process_use
process_use(pid_t pid)
{
	struct process_use use = { 0 };
	unsigned long user = 0, system = 0, resident = 0;
	char text[1024];
	const char *behind_name;

	read_text(pid, "stat", text, sizeof text);
	/* The process's name may hold anything, parentheses too, so look from the end. */
	behind_name = strrchr(text, ')');
	if (behind_name &&
	    sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) == 2)
		use.cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	read_text(pid, "statm", text, sizeof text);
	if (sscanf(text, "%*u %lu", &resident) == 1)
		use.rss_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
	return use;
}

double
process_own_cpu_s(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	    (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}
