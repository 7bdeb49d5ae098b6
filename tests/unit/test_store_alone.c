/* Whose thread writes: the loop's own, for a few commands at a time while the disk is quick. */

#include "sqlite_fixture.h"

#include "common/limits.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_US = 0, SLOW_US = 1000000 };

static struct sqlite_store *s;

static void
set_up_one_step(void)
{
	set_up();
	fixture_append(&f, 1, 1);
	ck_assert_int_eq(fixture_commit(&f), OK);
	s = sqlite_store_of(f.store);
	s->last_write_us = QUICK_US;
}

/* Of the writer's thread: it stands still while that has nothing to do. */
static uint64_t
cpu_ns(void)
{
	clockid_t clock;
	struct timespec t;

	ck_assert_int_eq(pthread_getcpuclockid(s->thread, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* proc(5): what stands behind the name in parentheses is the state; S waits for something. */
static bool
is_asleep(const char *task)
{
	char path[64], line[512] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", task);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
	fclose(file);
	return strncmp(strrchr(line, ')'), ") S", 3) == 0;
}

/* The writer's thread is the only one besides ours. */
static bool
all_others_sleep(void)
{
	DIR *tasks = opendir("/proc/self/task");
	bool do_sleep = true;

	ck_assert_ptr_nonnull(tasks);
	for (const struct dirent *task; (task = readdir(tasks));) {
		if (task->d_name[0] != '.' && atoi(task->d_name) != gettid())
			do_sleep = do_sleep && is_asleep(task->d_name);
	}
	closedir(tasks);
	return do_sleep;
}

/* Whether the thread had to do with it. From the one before it may still be on its way to sleep. */
static bool
wakes_the_thread(void)
{
	unsigned done = f.done;
	uint64_t before;

	while (!all_others_sleep())
		usleep(1000);
	before = cpu_ns();
	fixture_start_commit(&f);
	ck_assert_uint_eq(f.done, done); /* told later, whoever writes it */
	fixture_await(&f, done + 1);
	ck_assert_int_eq(f.last_error, OK);
	return cpu_ns() != before;
}

START_TEST(a_step_that_is_alone_is_written_by_the_loop)
{
	fixture_append(&f, 1, 2);
	ck_assert(!wakes_the_thread());
}
END_TEST

START_TEST(behind_a_slow_write_the_loop_does_not_wait_for_the_disk)
{
	s->last_write_us = SLOW_US;
	fixture_append(&f, 1, 2);
	ck_assert(wakes_the_thread());
	/* That one was quick again, as far as the disk of this machine is. */
	ck_assert_uint_lt(s->last_write_us, SLOW_US);
}
END_TEST

/* A session's row comes with its first step. */
static void
append_steps(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fixture_append(&f, 2 + i, 1);
}

START_TEST(as_many_as_come_in_one_message_are_written_by_the_loop)
{
	append_steps(LIMIT_ROW_REQUESTS);
	ck_assert(!wakes_the_thread());
}
END_TEST

START_TEST(more_are_written_by_the_thread)
{
	append_steps(LIMIT_ROW_REQUESTS + 1);
	ck_assert(wakes_the_thread());
}
END_TEST

START_TEST(a_step_that_is_long_is_written_by_the_thread)
{
	static const char filler[1024 * 1024];
	struct store_step step = { .session = fixture_id(1),
		.ordinal = 2,
		.first_seq = 3,
		.last_seq = 4,
		.bytes = { filler, sizeof filler } };

	f.store->ops->append(f.store, &step);
	ck_assert(wakes_the_thread());
}
END_TEST

static size_t
pages_in_log(void)
{
	size_t n;

	while (!all_others_sleep())
		usleep(1000);
	pthread_mutex_lock(&s->db_lock);
	n = s->wal_pages;
	pthread_mutex_unlock(&s->db_lock);
	return n;
}

START_TEST(who_waited_for_a_long_step_does_not_wait_for_its_checkpoint_too)
{
	enum { LONG = 20 * 1024 * 1024 };
	char *filler = xcalloc(1, LONG);
	struct store_step step = { .session = fixture_id(1), .bytes = { filler, LONG } };

	for (uint64_t at = 2; at <= 3; at++) {
		step.ordinal = at;
		step.first_seq = step.last_seq = 2 * at;
		f.store->ops->append(f.store, &step);
		ck_assert_int_eq(fixture_commit(&f), OK);
		/* Of two in a row the second one has it behind it, so the log stays bounded. */
		ck_assert_int_eq(pages_in_log() > 0, at == 2);
	}
	step.ordinal = 4;
	step.first_seq = step.last_seq = 8;
	f.store->ops->append(f.store, &step);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert_uint_gt(pages_in_log(), 0);
	fixture_append(&f, 1, 5);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert_uint_eq(pages_in_log(), 0);
	free(filler);
}
END_TEST

START_TEST(a_checkpoint_under_way_is_not_waited_for)
{
	fixture_append(&f, 1, 2);
	pthread_mutex_lock(&s->db_lock);
	fixture_start_commit(&f);
	pthread_mutex_unlock(&s->db_lock);
	fixture_await(&f, 2);
	ck_assert_int_eq(f.last_error, OK);
}
END_TEST

START_TEST(steps_written_here_and_there_are_read_back_in_order)
{
	struct steps_read r = { 0 };

	for (uint64_t ordinal = 2; ordinal <= 100; ordinal++) {
		s->last_write_us = ordinal % 3 ? QUICK_US : SLOW_US;
		fixture_append(&f, 1, ordinal);
		ck_assert_int_eq(fixture_commit(&f), OK);
	}
	fixture_reopen(&f);
	r.session = 1;
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 100);
	ck_assert_uint_eq(r.last, 100);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("store_alone");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up_one_step, tear_down);
	tcase_add_test(c, a_step_that_is_alone_is_written_by_the_loop);
	tcase_add_test(c, who_waited_for_a_long_step_does_not_wait_for_its_checkpoint_too);
	tcase_add_test(c, a_step_that_is_long_is_written_by_the_thread);
	tcase_add_test(c, a_checkpoint_under_way_is_not_waited_for);
	tcase_add_test(c, behind_a_slow_write_the_loop_does_not_wait_for_the_disk);
	tcase_add_test(c, as_many_as_come_in_one_message_are_written_by_the_loop);
	tcase_add_test(c, more_are_written_by_the_thread);
	tcase_add_test(c, steps_written_here_and_there_are_read_back_in_order);
	return run_tests(c);
}
