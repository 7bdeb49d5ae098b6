/* Numbers in the database that are not as they were written. Only records, snapshots and revisions
 * have checksums; whatever else may be wrong must hurt nobody but its own session. */
#include "graphd/store_sqlite_heads.h"
#include "sqlite_fixture.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYSTANDER = 2, NEWCOMER = 50 };

#define MOST "9223372036854775807"

/* What is done to the rows of session 1 and to those that belong to none. */
static const char *const harms[] = {
	"UPDATE sessions SET ref = " MOST " WHERE ref = 1",
	"UPDATE sessions SET ref = 4000000000000 WHERE ref = 1",
	"UPDATE sessions SET ref = 0 WHERE ref = 1",
	"UPDATE sessions SET ref = -7 WHERE ref = 1",
	"UPDATE sessions SET id = (SELECT id FROM sessions WHERE ref = 3) WHERE ref = 1",
	"UPDATE sessions SET id = x'00' WHERE ref = 1",
	"UPDATE sessions SET log_id = x'' WHERE ref = 1",
	"UPDATE sessions SET lsn = " MOST " WHERE ref = 1",
	"UPDATE sessions SET lsn = -1 WHERE ref = 1",
	"UPDATE sessions SET ordinal = " MOST ", seq = " MOST " WHERE ref = 1",
	"UPDATE sessions SET ordinal = -1, seq = -1 WHERE ref = 1",
	"UPDATE sessions SET ordinal = -9223372036854775807 - 1 WHERE ref = 1",
	"UPDATE sessions SET epoch = -1, created_us = -1, active_us = -1 WHERE ref = 1",
	"UPDATE sessions SET closed = 77 WHERE ref = 1",
	"UPDATE sessions SET project = x'0011' WHERE ref = 1",
	"DELETE FROM sessions WHERE ref = 1",
	"DELETE FROM sessions WHERE ref = 3",
	"INSERT INTO cuts VALUES(1, 5, 10, " MOST ", 0)",
	"INSERT INTO cuts VALUES(1, " MOST ", -1, -1, 0)",
	"INSERT INTO cuts VALUES(" MOST ", 5, 10, 11, 0)",
	"UPDATE meta SET value = " MOST,
	"UPDATE meta SET value = 1000000",
	"UPDATE meta SET value = -5",
	"DELETE FROM meta",
	"UPDATE journal SET lsn = " MOST " WHERE lsn = (SELECT max(lsn) FROM journal)",
	"UPDATE journal SET lsn = -3 WHERE session = 1 AND ordinal = 80",
	"UPDATE journal SET previous = " MOST " WHERE session = 1 AND ordinal = 80",
	"UPDATE journal SET session = " MOST " WHERE session = 1 AND ordinal = 80",
	"UPDATE journal SET ordinal = -1, first_seq = -1, last_seq = -1 WHERE session = 1",
	"UPDATE marks SET session = " MOST " WHERE session = 1 AND ordinal = 64",
	"UPDATE marks SET ordinal = " MOST " WHERE session = 1 AND ordinal = 64",
	"UPDATE marks SET lsn = " MOST ", last_seq = -1 WHERE session = 1",
	"UPDATE snapshots SET id = " MOST " WHERE session = 1",
	"UPDATE snapshots SET id = 200000000000000 WHERE session = 1",
	"UPDATE snapshots SET id = -1 WHERE session = 1",
	"UPDATE snapshots SET ordinal = -1 WHERE session = 1",
	"UPDATE snapshots SET ordinal = " MOST " WHERE session = 1",
	"UPDATE snapshot_parts SET id = " MOST,
	"UPDATE projects SET revision = " MOST ", saved_us = -1",
	"UPDATE projects SET id = x'0011'",
};

static void
put_project(unsigned n, const char *name)
{
	struct store_project p = { .id = fixture_id(n),
		.name = name,
		.template_id = "book",
		.revision = 1,
		.saved_us = 5,
		.bytes = SPAN("saved") };

	f.store->ops->put_project(f.store, &p);
	ck_assert_int_eq(fixture_commit(&f), OK);
}

static void
put_snapshot(unsigned session, uint64_t ordinal)
{
	struct uuid id = fixture_id(session);

	f.store->ops->put_snapshot(f.store, &id, ordinal, 2 * ordinal, SPAN("as it was"), NULL);
	fixture_idle(&f, 5);
}

static void
lay_out(void)
{
	for (unsigned i = 1; i <= 3; i++)
		fill(i, 1, 100);
	put_snapshot(1, 100);
	put_project(7, "seven");
}

static void
check_session(unsigned session, uint64_t steps, uint64_t snapshot, const char *harm)
{
	struct uuid id = fixture_id(session);
	struct json_out bytes = { 0 };
	struct steps_read r = { 0 };
	uint64_t ordinal = 0;

	ck_assert_msg(fixture_read(&f, session, 0, &r) == OK, "%s", harm);
	ck_assert_msg(r.n == steps, "%s: %u steps", harm, r.n);
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, UINT64_MAX, &bytes, &ordinal), OK);
	ck_assert_msg(ordinal == snapshot, "%s: snapshot %llu", harm, (unsigned long long)ordinal);
	json_out_fini(&bytes);
}

static void
ignore_flaw(void *context, const struct store_flaw *flaw)
{
	(void)context;
	(void)flaw;
}

static bool
count_project(void *context, const struct store_project *p)
{
	*(size_t *)context += strlen(p->name) > 0;
	return true;
}

/* Whatever comes of it must be told or passed over: not more. */
static void
read_what_is_harmed(void)
{
	struct uuid id = fixture_id(1), project = fixture_id(7);
	struct json_out bytes = { 0 };
	struct steps_read r = { 0 };
	uint64_t ordinal;
	size_t n = 0;

	fixture_read(&f, 1, 0, &r);
	fixture_read(&f, 1, 99, &r);
	fixture_read_by_seq(&f, 1, 150, &r);
	f.store->ops->snapshot(f.store, &id, UINT64_MAX, &bytes, &ordinal);
	f.store->ops->projects(f.store, count_project, &n);
	f.store->ops->project(f.store, &project, count_project, &n);
	f.store->ops->verify(f.store, ignore_flaw, NULL);
	json_out_fini(&bytes);
}

/* The others go on, and so do sessions that come, over a start as well. */
static void
go_on(const char *harm)
{
	read_what_is_harmed();
	check_session(BYSTANDER, 100, 0, harm);
	fixture_append(&f, BYSTANDER, 101);
	fixture_put_session(&f, NEWCOMER);
	for (uint64_t i = 1; i <= 70; i++)
		fixture_append(&f, NEWCOMER, i);
	ck_assert_msg(fixture_commit(&f) == OK, "%s", harm);
	put_snapshot(BYSTANDER, 101);
	fixture_reopen(&f);
	check_session(BYSTANDER, 101, 101, harm);
	check_session(NEWCOMER, 70, 0, harm);
}

START_TEST(a_damaged_number_hurts_its_own_session_at_most)
{
	lay_out();
	ck_assert_int_gt(tamper(harms[_i]), 0);
	fixture_reopen(&f);
	go_on(harms[_i]);
}
END_TEST

START_TEST(what_follows_a_damaged_place_is_found_by_the_whole_journal)
{
	lay_out();
	/* As after a kill, and the place from where to read on is wrong. */
	tamper("UPDATE sessions SET lsn = 0, checksum = 0, ordinal = 0, seq = 0;"
	       "UPDATE meta SET value = 5000");
	fixture_reopen(&f);
	for (unsigned i = 1; i <= 3; i++)
		check_session(i, 100, i == 1 ? 100 : 0, "scanned_lsn");
}
END_TEST

START_TEST(a_wrong_end_is_noticed_although_a_snapshot_leads_there_without_a_step)
{
	static const char *const ends[] = { "lsn = 99", "lsn = 150", "lsn = 5000", "lsn = 0",
		"checksum = checksum + 1" };
	struct steps_read r = { 0 };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char sql[128];

		fixture_remove(&f);
		fixture_open(&f, "sqlite");
		lay_out();
		ck_assert_int_eq(fixture_read(&f, 1, 100, &r), OK);
		snprintf(sql, sizeof sql, "UPDATE sessions SET %s WHERE ref = 1", ends[i]);
		tamper(sql);
		fixture_reopen(&f);
		ck_assert_msg(fixture_read(&f, 1, 100, &r) == ERROR_session_damaged, "%s", ends[i]);
		ck_assert_int_eq(fixture_read(&f, 2, 100, &r), OK);
	}
}
END_TEST

/* Until somebody looks at it: a start that reads less must not make a sound session of it, from
 * which what was acknowledged is missing. */
START_TEST(a_chain_that_breaks_behind_the_rows_stays_broken_over_starts)
{
	struct steps_read r = { 0 };

	lay_out();
	/* As after a kill: the rows know nothing of the records, and one of these is gone. */
	tamper("UPDATE sessions SET lsn = 0, checksum = 0, ordinal = 0, seq = 0;"
	       "UPDATE meta SET value = 0;"
	       "DELETE FROM journal WHERE session = 1 AND ordinal = 20");
	for (uint64_t i = 1; i <= 3; i++) {
		fixture_reopen(&f);
		ck_assert_int_eq(fixture_read(&f, 1, 0, &r), ERROR_session_damaged);
		ck_assert_uint_eq(r.n, 19);
		check_session(BYSTANDER, 99 + i, 0, "start");
		fixture_append(&f, BYSTANDER, 100 + i);
		ck_assert_int_eq(fixture_commit(&f), OK);
		/* Rows are brought up to date, and the log home. */
		clock_set(clock_now_ms() + 60000, clock_wall_us());
		fixture_idle(&f, 20);
		clock_set(0, 0);
	}
	/* What follows is no reason to write rows with each commit. */
	ck_assert(list_is_empty(&sqlite_store_of(f.store)->behind));
	ck_assert_int_eq(sqlite_store_of(f.store)->scanned_lsn, 303);
}
END_TEST

/* A column that cannot be NULL can be so all the same, where a page says it. */
static void
allow_null(const char *column)
{
	char sql[256];

	snprintf(sql, sizeof sql,
	    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql,"
	    " '%s TEXT NOT NULL', '%s TEXT'); PRAGMA writable_schema = RESET",
	    column, column);
	tamper(sql);
}

START_TEST(a_project_without_a_name_is_passed_over_and_those_behind_it_are_listed)
{
	static const char *const columns[] = { "name", "template_id" };
	struct uuid id = fixture_id(1);

	for (size_t i = 0; i < 2; i++) {
		char sql[128];
		size_t n = 0;

		put_project(1, "one");
		put_project(2, "two");
		allow_null(columns[i]);
		snprintf(sql, sizeof sql, "UPDATE projects SET %s = NULL WHERE name = 'one'",
		    columns[i]);
		ck_assert_int_eq(tamper(sql), 1);
		fixture_reopen(&f);
		ck_assert_int_eq(f.store->ops->projects(f.store, count_project, &n), OK);
		ck_assert_uint_eq(n, 1);
		ck_assert_int_ne(f.store->ops->project(f.store, &id, count_project, &n), OK);
		ck_assert_uint_eq(n, 1);
	}
}
END_TEST

START_TEST(a_project_whose_newest_revision_is_missing_is_no_new_one)
{
	struct uuid id = fixture_id(1);
	size_t n = 0;

	put_project(1, "one");
	ck_assert_int_eq(tamper("UPDATE projects SET revision = 5"), 1);
	fixture_reopen(&f);
	ck_assert_int_eq(
	    f.store->ops->project(f.store, &id, count_project, &n), ERROR_session_damaged);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* Calls itself when a row of the sessions is written, and lets that fail when it is told to. */
static bool trips;

static void
trip(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	if (!trips)
		return;
	trips = false;
	sqlite3_result_error_code(context, SQLITE_FULL);
}

START_TEST(rows_that_could_not_be_tidied_up_are_not_taken_for_right_ones)
{
	enum { STEPS = 17000 };
	struct sqlite_store *s = sqlite_store_of(f.store);
	char copy[128], message[256];
	struct steps_read r = { 0 };

	snprintf(copy, sizeof copy, "%s.backup", f.path);
	sqlite3_create_function(s->db, "trip", 0, SQLITE_UTF8, NULL, trip, NULL, NULL);
	ck_assert_int_eq(sqlite_run(s->db,
			     "CREATE TEMP TRIGGER tripping BEFORE INSERT ON main.sessions BEGIN"
			     " SELECT trip(); END"),
	    SQLITE_OK);
	fill(1, 1, 1);
	for (uint64_t i = 2; i <= STEPS; i++)
		fixture_append(&f, 1, i);
	/* Without a round, since the last one is new. */
	s->scanned_lsn = s->next_lsn - 1;
	ck_assert_int_eq(fixture_commit(&f), OK);
	s->scanned_lsn = 0;
	trips = true;
	clock_set(clock_now_ms() + 60000, clock_wall_us());
	f.store->ops->tend(f.store, true);
	clock_set(0, 0);
	/* Another session, before the loop hears that it failed. */
	fixture_append(&f, 2, 1);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert(!trips);
	/* As a kill would leave it now. */
	ck_assert_int_eq(f.store->ops->backup(f.store, copy, message), OK);
	fixture_close(&f);
	ck_assert_int_eq(rename(copy, f.path), 0);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, STEPS);
}
END_TEST

/* Once: no memory to roll back with, as it were. */
static int
refuse_rollback(void *refused, int action, const char *operation, const char *unused,
    const char *database, const char *trigger)
{
	(void)unused;
	(void)database;
	(void)trigger;
	if (action != SQLITE_TRANSACTION || strcmp(operation, "ROLLBACK") != 0 || *(bool *)refused)
		return SQLITE_OK;
	*(bool *)refused = true;
	return SQLITE_DENY;
}

START_TEST(a_rollback_that_failed_is_made_up_for)
{
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct steps_read r = { 0 };
	bool refused = false;

	fill(1, 1, 5);
	ck_assert_int_eq(
	    sqlite_run(s->db, "INSERT INTO journal VALUES(6, 1, 0, 0, 0, 0, 0, 0, 0, x'')"),
	    SQLITE_OK);
	sqlite3_set_authorizer(s->db, refuse_rollback, &refused);
	fixture_append(&f, 1, 6);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_failed);
	ck_assert(refused && !sqlite3_get_autocommit(s->db));
	fixture_append(&f, 2, 1);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_failed);
	ck_assert_int_eq(sqlite_run(s->db, "DELETE FROM journal WHERE lsn = 6"), SQLITE_OK);
	fixture_append(&f, 1, 6);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 6);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("damage");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, a_damaged_number_hurts_its_own_session_at_most, 0, sizeof harms / sizeof *harms);
	tcase_add_test(tc, what_follows_a_damaged_place_is_found_by_the_whole_journal);
	tcase_add_test(tc, a_wrong_end_is_noticed_although_a_snapshot_leads_there_without_a_step);
	tcase_add_test(tc, a_chain_that_breaks_behind_the_rows_stays_broken_over_starts);
	tcase_add_test(tc, a_project_without_a_name_is_passed_over_and_those_behind_it_are_listed);
	tcase_add_test(tc, a_project_whose_newest_revision_is_missing_is_no_new_one);
	tcase_add_test(tc, a_rollback_that_failed_is_made_up_for);
	tcase_add_test(tc, rows_that_could_not_be_tidied_up_are_not_taken_for_right_ones);
	return run_tests(tc);
}
