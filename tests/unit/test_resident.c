#include "common/resident.h"

#include "common/clock.h"
#include "common/mem.h"
#include "run_tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 1024 * 1024, PAGE = 4096 };

static char path[] = "/tmp/test_resident.XXXXXX";
static int fd;

static void
set_up(void)
{
	char *bytes = malloc(FILE_BYTES);

	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	memset(bytes, 'x', FILE_BYTES);
	ck_assert_int_eq(write(fd, bytes, FILE_BYTES), FILE_BYTES);
	free(bytes);
}

static void
tear_down(void)
{
	close(fd);
	unlink(path);
	strcpy(path, "/tmp/test_resident.XXXXXX");
}

static size_t
resident_pages(const void *from)
{
	unsigned long entry[FILE_BYTES / PAGE];
	size_t n = 0;
	int pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	/* mincore(2) tells of the page cache; which pages are mapped here, pagemap alone. */
	ck_assert_int_eq(pread(pages, entry, sizeof(entry),
			     (off_t)((unsigned long)from / PAGE * sizeof(*entry))),
	    sizeof(entry));
	close(pages);
	for (size_t i = 0; i < FILE_BYTES / PAGE; i++)
		n += entry[i] >> 63;
	return n;
}

static char *
map(int rights)
{
	char *p = mmap(NULL, FILE_BYTES, rights, MAP_PRIVATE | MAP_POPULATE, fd, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

START_TEST(what_was_only_read_is_given_back_and_is_there_when_read_again)
{
	char *p = map(PROT_READ);
	size_t n = 0;

	ck_assert_uint_eq(resident_pages(p), FILE_BYTES / PAGE);
	ck_assert_uint_ge(resident_drop_files(), FILE_BYTES);
	ck_assert_uint_eq(resident_pages(p), 0);
	for (size_t i = 0; i < FILE_BYTES; i++)
		n += p[i] == 'x';
	ck_assert_uint_eq(n, FILE_BYTES);
	munmap(p, FILE_BYTES);
}
END_TEST

START_TEST(what_was_written_before_it_was_locked_is_kept)
{
	char *p = map(PROT_READ | PROT_WRITE);

	p[PAGE] = 'y';
	ck_assert_int_eq(mprotect(p, FILE_BYTES, PROT_READ), 0);
	resident_drop_files();
	ck_assert_int_eq(p[PAGE], 'y');
	ck_assert_int_eq(p[0], 'x');
	munmap(p, FILE_BYTES);
}
END_TEST

struct burst {
	struct loop_timer timer;
	struct loop *loop;
	char *mapped;
	bool has_burst;
	size_t n; /* of what was read */
};

/* Reads everything once, using more of a core than a process at rest does; then looks on. */
static void
on_burst(struct loop_timer *timer)
{
	struct burst *b = (struct burst *)timer;

	if (b->has_burst && resident_pages(b->mapped) == 0)
		loop_stop(b->loop);
	for (clock_t until = clock() + CLOCKS_PER_SEC / 10; !b->has_burst && clock() < until;)
		for (size_t i = 0; i < FILE_BYTES; i++)
			b->n += b->mapped[i] == 'x';
	if (!b->has_burst)
		ck_assert_uint_gt(resident_pages(b->mapped), 0);
	b->has_burst = true;
	loop_set_timer(b->loop, timer, clock_now_ms() + 50);
}

static size_t n_given;

static void
give_back(void)
{
	n_given++;
	mem_give_back();
}

START_TEST(who_comes_to_rest_after_a_burst_gives_back_what_it_touched)
{
	struct burst b = { .timer.due = on_burst, .loop = loop_new(), .mapped = map(PROT_READ) };
	uint64_t began_ms = clock_now_ms();

	loop_set_timer(b.loop, &b.timer, began_ms + 50);
	n_given = 0;
	resident_run(b.loop, give_back);
	ck_assert_uint_ge(clock_now_ms() - began_ms, RESIDENT_LOOK_MS);
	/* What was freed goes with it: at once, and at rest. */
	ck_assert_uint_eq(n_given, 2);
	ck_assert_uint_gt(b.n, 0);
	loop_cancel_timer(b.loop, &b.timer);
	loop_free(b.loop);
	munmap(b.mapped, FILE_BYTES);
}
END_TEST

START_TEST(what_can_be_written_is_left_alone)
{
	char *p = map(PROT_READ | PROT_WRITE);

	p[0] = 'y';
	resident_drop_files();
	ck_assert_int_eq(p[0], 'y');
	munmap(p, FILE_BYTES);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("resident");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, what_was_only_read_is_given_back_and_is_there_when_read_again);
	tcase_add_test(t, what_was_written_before_it_was_locked_is_kept);
	tcase_add_test(t, what_can_be_written_is_left_alone);
	tcase_add_test(t, who_comes_to_rest_after_a_burst_gives_back_what_it_touched);
	tcase_set_timeout(t, 30);
	return run_tests(t);
}
