/* A database whose files are moved or removed under it. */
#include "sqlite_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
set_up_one_step(void)
{
	set_up();
	fixture_append(&f, 1, 1);
	ck_assert_int_eq(fixture_commit(&f), OK);
}

static void
move_away(const char *path, char to[128])
{
	snprintf(to, 128, "%.120s.away", path);
	ck_assert_int_eq(rename(path, to), 0);
}

static void
touch(const char *path)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs("another one's", file);
	fclose(file);
}

/* Nothing is acknowledged any more, and what lies under the paths now is left alone. */
static void
check_that_it_ends(void)
{
	fixture_append(&f, 1, 2);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_failed);
	ck_assert(f.last_fatal);
	ck_assert(!f.store->ops->tend(f.store, true));
	fixture_append(&f, 1, 2);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_failed);
	ck_assert(f.last_fatal);
	ck_assert(!f.store->ops->close(f.store));
	loop_free(f.loop);
	f.store = NULL;
}

START_TEST(a_database_that_was_moved_away_is_written_no_more)
{
	char away[128], log[128], log_away[128];
	struct steps_read r = { 0 };

	snprintf(log, sizeof log, "%s-wal", f.path);
	move_away(f.path, away);
	move_away(log, log_away);
	touch(log);
	check_that_it_ends();
	ck_assert_int_eq(access(log, F_OK), 0);
	/* Back in its place all is there that was acknowledged. */
	ck_assert_int_eq(rename(away, f.path), 0);
	ck_assert_int_eq(rename(log_away, log), 0);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_ge(r.n, 1);
}
END_TEST

START_TEST(a_log_that_was_removed_or_replaced_is_written_no_more)
{
	char log[128];

	snprintf(log, sizeof log, "%s-wal", f.path);
	ck_assert_int_eq(unlink(log), 0);
	if (_i == 1)
		touch(log);
	check_that_it_ends();
	ck_assert_int_eq(access(log, F_OK), _i == 1 ? 0 : -1);
	unlink(log);
}
END_TEST

START_TEST(an_idle_store_notices_it_too)
{
	char away[128];
	bool good = true;

	ck_assert(f.store->ops->tend(f.store, true));
	move_away(f.path, away);
	for (int i = 0; good && i < 500; i++) {
		loop_turn(f.loop, 10);
		good = f.store->ops->tend(f.store, false);
	}
	ck_assert(!good);
	unlink(away);
}
END_TEST

START_TEST(what_may_not_be_used_is_named_with_the_cause)
{
	struct loop *loop = loop_new();
	char message[256] = "";

	ck_assert_ptr_null(store_open("sqlite:/no/such/directory/x.db", loop, message));
	ck_assert_ptr_nonnull(strstr(message, "/no/such/directory"));
	ck_assert_ptr_nonnull(strstr(message, "No such file or directory"));
	ck_assert_ptr_null(store_open("sqlite:/dev/null/x.db", loop, message));
	ck_assert_ptr_nonnull(strstr(message, "/dev/null"));
	ck_assert_ptr_nonnull(strstr(message, "Not a directory"));
	loop_free(loop);
}
END_TEST

START_TEST(a_log_without_its_database_is_not_thrown_away)
{
	char other[128], log[140], message[256] = "", spec[160];

	snprintf(other, sizeof other, "%.100s.other", f.path);
	snprintf(log, sizeof log, "%s-wal", other);
	snprintf(spec, sizeof spec, "sqlite:%s", other);
	touch(log);
	ck_assert_ptr_null(store_open(spec, f.loop, message));
	ck_assert_ptr_nonnull(strstr(message, other));
	ck_assert_ptr_nonnull(strstr(message, "its log is there"));
	ck_assert_int_eq(access(other, F_OK), -1);
	ck_assert_int_eq(access(log, F_OK), 0);
	unlink(log);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("store_place");

	tcase_add_checked_fixture(tc, set_up_one_step, tear_down);
	tcase_add_test(tc, a_database_that_was_moved_away_is_written_no_more);
	tcase_add_loop_test(tc, a_log_that_was_removed_or_replaced_is_written_no_more, 0, 2);
	tcase_add_test(tc, an_idle_store_notices_it_too);
	tcase_add_test(tc, what_may_not_be_used_is_named_with_the_cause);
	tcase_add_test(tc, a_log_without_its_database_is_not_thrown_away);
	return run_tests(tc);
}
