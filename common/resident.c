#include "common/resident.h"

#include "common/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* One entry of /proc/self/smaps, proc(5): a line with the range, then one line per figure. */
struct mapping {
	unsigned long from, to;
	bool is_droppable; /* a private file mapping that cannot be written to */
};

static bool
read_range(const char *line, struct mapping *m)
{
	unsigned long from, to;
	char rights[5];

	if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3)
		return false;
	m->from = from;
	m->to = to;
	m->is_droppable =
	    rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' && strchr(line, '/') != NULL;
	return true;
}

/* Relocated constants are read-only now but were written once; dropping those would undo it. */
static bool
was_never_written(const char *line)
{
	unsigned long kib;

	return sscanf(line, "Anonymous: %lu kB", &kib) == 1 && kib == 0;
}

size_t
resident_drop_files(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	struct mapping m = { 0 };
	char line[512];
	size_t dropped = 0;

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (read_range(line, &m) || !m.is_droppable || !was_never_written(line))
			continue;
		if (madvise((void *)m.from, m.to - m.from, MADV_DONTNEED) == 0)
			dropped += m.to - m.from;
		m.is_droppable = false;
	}
	if (smaps)
		fclose(smaps);
	return dropped;
}

static void
on_started(struct loop_timer *timer)
{
	(void)timer;
	resident_drop_files();
}

void
resident_run(struct loop *loop)
{
	struct loop_timer started = { .due = on_started };

	resident_drop_files();
	loop_set_timer(loop, &started, clock_now_ms() + RESIDENT_STARTED_MS);
	loop_run(loop);
	loop_cancel_timer(loop, &started);
}
