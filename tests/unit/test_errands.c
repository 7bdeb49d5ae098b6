/* What takes long to read is read by a thread, one thing after the other, while the loop goes on.
 */

#include "graphd/errands.h"

#include "common/limits.h"
#include "common/mem.h"
#include "run_tests.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct probe {
	struct errand errand;
	unsigned number;
	pthread_t ran_in;
	bool has_run;
};

static struct loop *loop;
static struct errands errands;
static atomic_bool may_go_on, is_running;
static unsigned n_done, n_given_back;
static bool has_no_thread; /* the system, to give */

/* Stands before the C library's. */
int
pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *found = dlsym(RTLD_NEXT, "pthread_create");

	memcpy(&real, &found, sizeof real);
	return has_no_thread ? EAGAIN : real(thread, attributes, work, arg);
}

static struct probe *
probe_of(struct errand *r)
{
	return (struct probe *)(void *)r;
}

/* Reads until it may go on, or shall end. */
static void
run(struct errand *r, const atomic_bool *ends)
{
	is_running = true;
	while (!may_go_on && !*ends)
		usleep(100);
	probe_of(r)->ran_in = pthread_self();
	probe_of(r)->has_run = true;
}

static void
done(void *context, struct errand *r)
{
	ck_assert_ptr_eq(context, &errands);
	ck_assert(probe_of(r)->has_run);
	ck_assert_int_eq(pthread_equal(probe_of(r)->ran_in, pthread_self()) != 0, has_no_thread);
	ck_assert_uint_eq(probe_of(r)->number, n_done);
	n_done++;
	free(r);
}

static void
give_back(struct errand *r)
{
	n_given_back++;
	free(r);
}

static bool
add(unsigned number)
{
	struct probe *p = xcalloc(1, sizeof *p);

	p->errand.run = run;
	p->number = number;
	if (errands_add(&errands, &p->errand))
		return true;
	free(p);
	return false;
}

static void
set_up(void)
{
	has_no_thread = false;
	may_go_on = is_running = false;
	n_done = n_given_back = 0;
	loop = loop_new();
	errands_init(&errands, loop, done, &errands);
}

static void
tear_down(void)
{
	errands_fini(&errands, give_back);
	loop_free(loop);
}

START_TEST(they_are_read_in_order_by_another_thread_while_the_loop_goes_on)
{
	for (unsigned i = 0; i < 5; i++)
		ck_assert(add(i));
	for (int i = 0; i < 3; i++)
		loop_turn(loop, 1);
	ck_assert_uint_eq(n_done, 0);
	ck_assert_uint_eq(errands.n, 5);
	may_go_on = true;
	while (n_done < 5)
		loop_turn(loop, 100);
	ck_assert_uint_eq(errands.n, 0);
	/* One that comes later is read as well. */
	ck_assert(add(5));
	while (n_done < 6)
		loop_turn(loop, 100);
}
END_TEST

START_TEST(beyond_the_limit_none_is_taken_until_one_is_done)
{
	for (unsigned i = 0; i < LIMIT_ERRANDS; i++)
		ck_assert(add(i));
	ck_assert(!add(LIMIT_ERRANDS));
	may_go_on = true;
	while (n_done == 0)
		loop_turn(loop, 100);
	ck_assert(add(LIMIT_ERRANDS));
	while (n_done <= LIMIT_ERRANDS)
		loop_turn(loop, 100);
}
END_TEST

START_TEST(who_ends_waits_for_none_gets_all_back_and_takes_no_more)
{
	for (unsigned i = 0; i < 3; i++)
		ck_assert(add(i));
	while (!is_running)
		usleep(100);
	errands_stop(&errands, give_back);
	ck_assert_uint_eq(n_given_back, 3);
	ck_assert_uint_eq(n_done, 0);
	ck_assert(!add(3));
	errands_fini(&errands, give_back);
	ck_assert_uint_eq(n_given_back, 3);
	errands_init(&errands, loop, done, &errands);
}
END_TEST

START_TEST(where_no_thread_is_to_be_had_they_are_read_by_the_loop_itself)
{
	has_no_thread = true;
	may_go_on = true;
	for (unsigned i = 0; i < 3; i++)
		ck_assert(add(i));
	while (n_done < 3)
		loop_turn(loop, 100);
	/* And by a thread again as soon as there is one. */
	has_no_thread = false;
	ck_assert(add(3));
	while (n_done < 4)
		loop_turn(loop, 100);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("errands");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, they_are_read_in_order_by_another_thread_while_the_loop_goes_on);
	tcase_add_test(tc, beyond_the_limit_none_is_taken_until_one_is_done);
	tcase_add_test(tc, where_no_thread_is_to_be_had_they_are_read_by_the_loop_itself);
	tcase_add_test(tc, who_ends_waits_for_none_gets_all_back_and_takes_no_more);
	return run_tests(tc);
}
