/* A session of the durable store that another thread reads while the loop writes to it. */

#include "sqlite_fixture.h"

#include "graphd/store_sqlite_heads.h"

static bool
count(void *context, const struct store_step *step)
{
	uint64_t *n = context;

	ck_assert_uint_eq(step->ordinal, ++*n);
	return true;
}

static uint64_t
steps_of(struct store *store, unsigned session)
{
	struct uuid id = fixture_id(session);
	uint64_t n = 0;

	ck_assert_int_eq(store->ops->steps(store, &id, 0, count, &n), OK);
	return n;
}

static struct store *
aside(unsigned session)
{
	struct uuid id = fixture_id(session);

	return f.store->ops->aside(f.store, &id);
}

START_TEST(it_shows_what_was_on_disk_when_it_was_put_aside)
{
	struct store *before, *after;

	fill(1, 1, 200);
	before = aside(1);
	fixture_append(&f, 1, 201);
	ck_assert_uint_eq(steps_of(before, 1), 200);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert_uint_eq(steps_of(before, 1), 200);
	after = aside(1);
	ck_assert_uint_eq(steps_of(after, 1), 201);
	before->ops->close(before);
	after->ops->close(after);
}
END_TEST

START_TEST(of_a_session_that_is_not_there_it_shows_nothing)
{
	struct store *none = aside(7);
	struct json_out bytes = { 0 };
	struct uuid id = fixture_id(7);
	uint64_t ordinal = 1;

	ck_assert_uint_eq(steps_of(none, 7), 0);
	ck_assert_int_eq(none->ops->snapshot(none, &id, UINT64_MAX, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 0);
	none->ops->close(none);
}
END_TEST

struct reader {
	struct store *store;
	atomic_bool ends;
	unsigned rounds;
};

static void *
read_again_and_again(void *arg)
{
	struct reader *r = arg;

	do {
		ck_assert_uint_eq(steps_of(r->store, 1), 300);
		r->rounds++;
	} while (!r->ends);
	return NULL;
}

START_TEST(a_thread_reads_it_while_the_session_grows)
{
	struct reader r = { 0 };
	pthread_t thread;

	fill(1, 1, 300);
	r.store = aside(1);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_again_and_again, &r), 0);
	for (uint64_t i = 301; i <= 700; i++) {
		fixture_append(&f, 1, i);
		if (i % 4 == 0)
			ck_assert_int_eq(fixture_commit(&f), OK);
	}
	r.ends = true;
	pthread_join(thread, NULL);
	ck_assert_uint_gt(r.rounds, 0);
	r.store->ops->close(r.store);
	ck_assert_uint_eq(steps_of(f.store, 1), 700);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("store_aside");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_shows_what_was_on_disk_when_it_was_put_aside);
	tcase_add_test(tc, of_a_session_that_is_not_there_it_shows_nothing);
	tcase_add_test(tc, a_thread_reads_it_while_the_session_grows);
	return run_tests(tc);
}
