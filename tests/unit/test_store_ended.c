/* Sessions that have ended: what the durable store still knows of them. */
#include "graphd/store_sqlite_heads.h"
#include "sqlite_fixture.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>

static struct sqlite_store *
store(void)
{
	return sqlite_store_of(f.store);
}

/* As a session ends: its last step and its row in one commit. */
static enum error
end_session(unsigned session, uint64_t ordinal)
{
	struct store_session row = {
		.id = fixture_id(session), .log_id = fixture_id(session + 1000), .closed = true
	};

	fixture_append(&f, session, ordinal);
	f.store->ops->put_session(f.store, &row);
	return fixture_commit(&f);
}

static bool
count_row(void *context, const struct store_session *row)
{
	(void)row;
	++*(unsigned *)context;
	return true;
}

static unsigned
rows(void)
{
	unsigned n = 0;

	ck_assert_int_eq(f.store->ops->sessions(f.store, count_row, &n), OK);
	return n;
}

static void
fail_at_flaw(void *context, const struct store_flaw *flaw)
{
	(void)context;
	ck_abort_msg("%s", flaw->text);
}

static void
check_sound(void)
{
	ck_assert_int_eq(f.store->ops->know_ended(f.store), OK);
	ck_assert_int_eq(f.store->ops->verify(f.store, fail_at_flaw, NULL), OK);
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt *q;
	int64_t n;

	ck_assert_int_eq(sqlite3_prepare_v2(store()->db, sql, -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

START_TEST(nothing_stays_in_memory_of_sessions_that_ended)
{
	struct steps_read r = { 0 };

	fill(1, 1, 10);
	for (unsigned i = 2; i <= 200; i++) {
		fill(i, 1, 3);
		ck_assert_int_eq(end_session(i, 4), OK);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(store()->heads.n, 1);
		ck_assert_uint_eq(store()->by_ref.n, 1);
		ck_assert_uint_eq(rows(), 1);
		ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
		ck_assert_uint_eq(r.n, 10);
		ck_assert_int_eq(fixture_read(&f, 7, 0, &r), OK);
		ck_assert_uint_eq(r.n, 0);
		fixture_reopen(&f);
	}
	check_sound();
	ck_assert_uint_eq(rows(), 200);
	ck_assert_int_eq(fixture_read(&f, 7, 0, &r), OK);
	ck_assert_uint_eq(r.n, 4);
}
END_TEST

START_TEST(one_that_ends_while_more_of_it_is_on_its_way_goes_behind_that)
{
	struct store_session row = {
		.id = fixture_id(1), .log_id = fixture_id(1001), .closed = true
	};

	fill(1, 1, 3);
	f.store->ops->put_session(f.store, &row);
	fixture_start_commit(&f);
	fixture_append(&f, 1, 4);
	fixture_start_commit(&f);
	fixture_await(&f, 3);
	/* Its row is behind by that step, and goes with the first round. */
	clock_set(clock_now_ms() + 60000, clock_wall_us());
	fixture_idle(&f, 20);
	clock_set(0, 0);
	ck_assert_uint_eq(store()->heads.n, 0);
	check_sound();
}
END_TEST

START_TEST(one_whose_end_could_not_be_stored_goes_on)
{
	struct steps_read r = { 0 };

	fill(1, 1, 5);
	ck_assert_int_eq(
	    sqlite_run(store()->db, "INSERT INTO journal VALUES(6, 1, 0, 0, 0, 0, 0, 0, 0, x'')"),
	    SQLITE_OK);
	ck_assert_int_eq(end_session(1, 6), ERROR_storage_failed);
	ck_assert_int_eq(sqlite_run(store()->db, "DELETE FROM journal WHERE lsn = 6"), SQLITE_OK);
	ck_assert_uint_eq(rows(), 1);
	fixture_append(&f, 1, 6);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 6);
}
END_TEST

START_TEST(after_a_kill_their_records_are_no_damage)
{
	for (unsigned i = 1; i <= 20; i++) {
		fill(i, 1, 70);
		if (i % 2)
			ck_assert_int_eq(end_session(i, 71), OK);
	}
	/* Rows of sessions that go on are behind, and no round was made. */
	tamper("UPDATE sessions SET lsn = 0, checksum = 0, ordinal = 0, seq = 0 WHERE closed = 0");
	tamper("UPDATE meta SET value = 0");
	fixture_reopen(&f);
	ck_assert_uint_eq(rows(), 10);
	LIST_EACH(l, &store()->behind)
	{
		ck_assert(!LIST_OF(l, struct head, behind)->row.closed);
	}
	fill(99, 1, 70);
	fixture_reopen(&f);
	ck_assert_uint_eq(store()->heads.n, 11);
	check_sound();
}
END_TEST

START_TEST(a_new_session_never_gets_the_number_of_one_that_ended)
{
	fill(1, 1, 3);
	for (unsigned i = 2; i <= 5; i++) {
		fill(i, 1, 70);
		ck_assert_int_eq(end_session(i, 71), OK);
		if (i % 2)
			fixture_reopen(&f);
	}
	ck_assert_int_eq(number("SELECT count(*) FROM sessions"), 5);
	ck_assert_int_eq(number("SELECT max(ref) FROM sessions"), 5);
	check_sound();
}
END_TEST

START_TEST(what_they_held_can_be_removed_and_all_else_stays)
{
	static const char *const left[] = { "journal WHERE session IN (2, 3)",
		"marks WHERE session IN (2, 3)", "cuts WHERE session IN (2, 3)",
		"kept WHERE session IN (2, 3)", "snapshots WHERE session IN (2, 3)",
		"sessions WHERE ref IN (2, 3)",
		"snapshot_parts WHERE id / 65536 NOT IN (SELECT id FROM snapshots)" };
	struct steps_read r = { 0 };
	char sql[256];

	for (unsigned i = 1; i <= 3; i++) {
		struct uuid id = fixture_id(i);

		fill(i, 1, 100);
		ck_assert_int_eq(f.store->ops->cut(f.store, &id, 50, 100, SPAN("fifty"), 1), OK);
		f.store->ops->put_snapshot(f.store, &id, 90, 180, SPAN("ninety"), NULL);
		fixture_idle(&f, 10);
	}
	ck_assert_int_eq(end_session(2, 101), OK);
	ck_assert_int_eq(end_session(3, 101), OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(f.store->ops->drop_ended(f.store), OK);
		for (size_t at = 0; at < sizeof left / sizeof *left; at++) {
			snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", left[at]);
			ck_assert_msg(number(sql) == 0, "%s", left[at]);
		}
		ck_assert_int_eq(number("SELECT count(*) FROM snapshots WHERE session = 1"), 2);
		check_sound();
		fill(1, 101 + (uint64_t)i, 101 + (uint64_t)i);
		fixture_reopen(&f);
		ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
		ck_assert_uint_eq(r.n, 51 + (unsigned)i);
	}
	/* Their numbers and places are free, and are used again without harm. */
	fill(4, 1, 100);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 4, 0, &r), OK);
	ck_assert_uint_eq(r.n, 100);
	check_sound();
}
END_TEST

START_TEST(those_that_graphctl_looked_at_do_not_come_back)
{
	fill(1, 1, 3);
	fill(2, 1, 3);
	ck_assert_int_eq(end_session(2, 4), OK);
	check_sound();
	ck_assert_int_eq(f.store->ops->drop_ended(f.store), OK);
	ck_assert_uint_eq(rows(), 1);
	fixture_reopen(&f);
	ck_assert_int_eq(number("SELECT count(*) FROM sessions"), 1);
	/* Nor does the end of a journal that their records were the last of. */
	ck_assert_int_eq(number("SELECT value FROM meta WHERE name = 'scanned_lsn'"), 3);
	ck_assert_int_eq(store()->next_lsn, 4);
}
END_TEST

/* Rows that statements pass by on their way through a whole table, on any connection. */
static int scanned;

static int
note_scanned(unsigned type, void *context, void *statement, void *time_ns)
{
	(void)type;
	(void)context;
	(void)time_ns;
	scanned += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
	return 0;
}

static int
watch_connection(sqlite3 *db, char **message, const void *routines)
{
	(void)message;
	(void)routines;
	return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, note_scanned, NULL);
}

static void
watch_connections(void)
{
	int (*watch)(sqlite3 *, char **, const void *) = watch_connection;
	void (*extension)(void);

	memcpy(&extension, &watch, sizeof extension);
	sqlite3_auto_extension(extension);
}

START_TEST(a_start_does_not_read_through_those_that_ended)
{
	fill(1, 1, 3);
	for (unsigned i = 2; i <= 500; i++)
		ck_assert_int_eq(end_session(i, 1), OK);
	fixture_close(&f);
	watch_connections();
	scanned = 0;
	fixture_reopen(&f);
	ck_assert_int_lt(scanned, 50);
	ck_assert_uint_eq(store()->heads.n, 1);
	sqlite3_reset_auto_extension();
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("ended");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, nothing_stays_in_memory_of_sessions_that_ended);
	tcase_add_test(tc, one_that_ends_while_more_of_it_is_on_its_way_goes_behind_that);
	tcase_add_test(tc, one_whose_end_could_not_be_stored_goes_on);
	tcase_add_test(tc, after_a_kill_their_records_are_no_damage);
	tcase_add_test(tc, a_new_session_never_gets_the_number_of_one_that_ended);
	tcase_add_test(tc, what_they_held_can_be_removed_and_all_else_stays);
	tcase_add_test(tc, those_that_graphctl_looked_at_do_not_come_back);
	tcase_add_test(tc, a_start_does_not_read_through_those_that_ended);
	return run_tests(tc);
}
