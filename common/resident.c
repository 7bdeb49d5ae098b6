#include "common/resident.h"

#include "common/clock.h"
#include "common/owner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

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

struct rest {
	struct loop_timer look;
	struct loop *loop;
	void (*give_back)(void);
	uint64_t used_us; /* CPU of the process, when it was last looked at */
	bool has_worked;  /* since the pages were last given back */
};

enum { REST_US = RESIDENT_LOOK_MS * 1000 / 100 };

static uint64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
on_look(struct loop_timer *timer)
{
	struct rest *r = OWNER_OF(timer, struct rest, look);
	uint64_t before_us = r->used_us;

	r->used_us = cpu_us();
	if (r->used_us - before_us >= REST_US) {
		r->has_worked = true;
	} else if (r->has_worked) {
		r->give_back();
		resident_drop_files();
		r->has_worked = false;
	}
	loop_set_timer(r->loop, timer, clock_now_ms() + RESIDENT_LOOK_MS);
}

void
resident_run(struct loop *loop, void (*give_back)(void))
{
	struct rest r = {
		.look.due = on_look,
		.loop = loop,
		.give_back = give_back,
		.used_us = cpu_us(),
		.has_worked = true,
	};

	give_back();
	resident_drop_files();
	loop_set_timer(loop, &r.look, clock_now_ms() + RESIDENT_LOOK_MS);
	loop_run(loop);
	loop_cancel_timer(loop, &r.look);
}
