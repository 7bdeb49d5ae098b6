/* Files that former versions of the durable store wrote. */
#include "sqlite_fixture.h"

#include <stdio.h>

/* What leads from a version back to the one before it, the newest first. */
static const char *const back[] = {
	"DROP INDEX sessions_open; PRAGMA user_version = 4",
	"ALTER TABLE sessions DROP COLUMN project; PRAGMA user_version = 3",
	"DROP TABLE kept; PRAGMA user_version = 2",
	"DROP TABLE cuts; PRAGMA user_version = 1",
};
enum { FORMER = sizeof back / sizeof *back };

static void
fail_at_flaw(void *context, const struct store_flaw *flaw)
{
	(void)context;
	ck_abort_msg("%s", flaw->text);
}

static void
check_steps(unsigned session, unsigned steps)
{
	struct steps_read r = { 0 };

	ck_assert_int_eq(fixture_read(&f, session, 0, &r), OK);
	ck_assert_uint_eq(r.n, steps);
}

START_TEST(a_file_of_every_former_version_is_read_and_written_on)
{
	struct store_session ended = {
		.id = fixture_id(2), .log_id = fixture_id(1002), .closed = true
	};

	fill(1, 1, 100);
	fill(2, 1, 100);
	f.store->ops->put_session(f.store, &ended);
	ck_assert_int_eq(fixture_commit(&f), OK);
	for (int i = 0; i <= _i; i++)
		tamper(back[i]);
	fixture_reopen(&f);
	check_steps(1, 100);
	check_steps(2, 0);
	fill(1, 101, 110);
	fixture_reopen(&f);
	check_steps(1, 110);
	ck_assert_int_eq(f.store->ops->know_ended(f.store), OK);
	check_steps(2, 100);
	ck_assert_int_eq(f.store->ops->verify(f.store, fail_at_flaw, NULL), OK);
}
END_TEST

START_TEST(a_file_is_of_the_newest_version_once_it_was_opened)
{
	struct sqlite_store *s;
	sqlite3_stmt *q;

	for (int i = 0; i < FORMER; i++)
		tamper(back[i]);
	fixture_reopen(&f);
	s = sqlite_store_of(f.store);
	ck_assert_int_eq(sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int(q, 0), FORMER + 1);
	sqlite3_finalize(q);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("versions");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_file_of_every_former_version_is_read_and_written_on, 0, FORMER);
	tcase_add_test(tc, a_file_is_of_the_newest_version_once_it_was_opened);
	return run_tests(tc);
}
