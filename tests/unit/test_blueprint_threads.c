/* Commands that take long ask for blueprints from a thread of their own, beside the loop. */

#include "import_fixture.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 5, READING_US = 2000 };

/* Stands before the C library's, and takes so long that the other thread asks meanwhile. */
ssize_t
read(int fd, void *to, size_t n)
{
	ssize_t (*real)(int, void *, size_t);
	void *found = dlsym(RTLD_NEXT, "read");

	memcpy(&real, &found, sizeof real);
	usleep(READING_US);
	return real(fd, to, n);
}

struct seeker {
	struct blueprints *all;
	pthread_barrier_t *barrier;
	const struct blueprint *found;
};

static void *
find(void *arg)
{
	struct seeker *s = arg;

	pthread_barrier_wait(s->barrier);
	s->found = blueprints_find(s->all, SPAN("restomod"));
	return NULL;
}

START_TEST(two_threads_that_ask_for_one_at_once_are_given_the_same)
{
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < ROUNDS; i++) {
		struct blueprints *all = blueprints_open(TEMPLATES);
		struct seeker one = { all, &barrier, NULL }, other = one;
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, find, &other), 0);
		find(&one);
		pthread_join(thread, NULL);
		ck_assert_ptr_nonnull(one.found);
		ck_assert_ptr_eq(one.found, other.found);
		blueprints_free(all);
	}
	pthread_barrier_destroy(&barrier);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("blueprint_threads");

	tcase_add_test(c, two_threads_that_ask_for_one_at_once_are_given_the_same);
	return run_tests(c);
}
