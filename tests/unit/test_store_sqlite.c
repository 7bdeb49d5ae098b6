/* What only the durable store promises: crashes, damage, a full disk, one owner. */
#include "sqlite_fixture.h"

#include "common/clock.h"
#include "dice.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(all_is_there_after_a_clean_stop)
{
	struct steps_read r = { 0 };

	fill(1, 1, 200);
	fill(2, 1, 100);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 200);
	fixture_append(&f, 2, 101);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 2, 50, &r), OK);
	ck_assert_uint_eq(r.n, 51);
}
END_TEST

/* The child: commits without end and tells through the pipe which commits are acknowledged. */
static _Noreturn void
commit_without_end(int out)
{
	fixture_reopen(&f);
	fixture_put_session(&f, 1);
	for (uint64_t i = 1;; i++) {
		fixture_append(&f, 1, i);
		fixture_append(&f, 2, i);
		if (fixture_commit(&f) != OK || write(out, &i, sizeof i) != sizeof i)
			_exit(1);
		if (i % 50 == 0)
			f.store->ops->tend(f.store, true);
	}
}

/* Lets a child write for a while, kills it, and gives the last commit it said was on disk. */
static uint64_t
kill_a_writer(unsigned after_acknowledgements)
{
	uint64_t last = 0, got;
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		commit_without_end(ends[1]);
	}
	close(ends[1]);
	for (unsigned i = 0; read(ends[0], &got, sizeof got) == sizeof got;) {
		last = got;
		if (++i == after_acknowledgements)
			kill(pid, SIGKILL);
	}
	close(ends[0]);
	waitpid(pid, &status, 0);
	ck_assert(WIFSIGNALED(status));
	return last;
}

START_TEST(nothing_acknowledged_is_lost_when_the_process_is_killed)
{
	srand(random_seed(0));
	for (int round = 0; round < 20; round++) {
		struct steps_read r = { 0 };
		uint64_t acknowledged;

		fixture_remove(&f);
		fixture_open(&f, "sqlite");
		fixture_close(&f);
		acknowledged = kill_a_writer(1 + (unsigned)rand() % 300);
		fixture_reopen(&f);
		for (unsigned session = 1; session <= 2; session++) {
			ck_assert_int_eq(fixture_read(&f, session, 0, &r), OK);
			/* At most the one commit that was not answered any more. */
			ck_assert_msg(r.n >= acknowledged && r.n <= acknowledged + 1,
			    "%llu acknowledged, %u found", (unsigned long long)acknowledged, r.n);
		}
		fixture_append(&f, 1, r.n + 1);
		ck_assert_int_eq(fixture_commit(&f), OK);
	}
}
END_TEST

START_TEST(a_changed_record_damages_its_session_and_no_other)
{
	struct steps_read r = { 0 };

	fill(1, 1, 300);
	fill(2, 1, 300);
	/* The 100th record of session 1. */
	tamper("UPDATE journal SET bytes = CAST('step 100 of session 2' AS BLOB) WHERE session = 1 "
	       "AND ordinal = 100");
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), ERROR_session_damaged);
	ck_assert_uint_eq(r.n, 99);
	ck_assert_int_eq(fixture_read(&f, 1, 128, &r), OK);
	ck_assert_int_eq(fixture_read(&f, 2, 0, &r), OK);
	ck_assert_uint_eq(r.n, 300);
}
END_TEST

START_TEST(every_kind_of_broken_chain_is_found)
{
	static const char *const harms[] = {
		"UPDATE journal SET time_us = time_us + 1 WHERE session = 1 AND ordinal = 40",
		"UPDATE journal SET checksum = checksum + 1 WHERE session = 1 AND ordinal = 40",
		"UPDATE journal SET previous_checksum = 0 WHERE session = 1 AND ordinal = 40",
		"UPDATE journal SET previous = 1 WHERE session = 1 AND ordinal = 40",
		"UPDATE journal SET session = 2 WHERE session = 1 AND ordinal = 40",
		"DELETE FROM journal WHERE session = 1 AND ordinal = 40",
		"DELETE FROM journal WHERE session = 1 AND ordinal = 100",
		"UPDATE journal SET ordinal = 41 WHERE session = 1 AND ordinal = 40",
		"DELETE FROM marks WHERE session = 1",
		"UPDATE marks SET lsn = 30 WHERE session = 1",
	};

	for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		struct steps_read r = { 0 };

		fixture_remove(&f);
		fixture_open(&f, "sqlite");
		fill(1, 1, 100);
		tamper(harms[i]);
		fixture_reopen(&f);
		ck_assert_msg(fixture_read(&f, 1, 0, &r) == ERROR_session_damaged, "%s", harms[i]);
	}
}
END_TEST

START_TEST(a_broken_chain_in_the_unread_tail_is_found_at_the_start)
{
	struct steps_read r = { 0 };

	fill(1, 1, 50);
	fill(2, 1, 50);
	/* As after a crash: the rows know nothing of the records, and one of these is gone. */
	tamper("UPDATE sessions SET seq = 0, ordinal = 0, lsn = 0, checksum = 0; UPDATE meta SET "
	       "value = 0;"
	       "DELETE FROM journal WHERE session = 1 AND ordinal = 20");
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), ERROR_session_damaged);
	ck_assert_uint_eq(r.n, 19);
	ck_assert_int_eq(fixture_read(&f, 2, 0, &r), OK);
	ck_assert_uint_eq(r.n, 50);
}
END_TEST

START_TEST(a_full_disk_fails_the_commit_and_passes_when_there_is_space_again)
{
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct steps_read r = { 0 };
	char *big = malloc(1 << 20);
	struct store_step step = {
		.session = fixture_id(3), .ordinal = 1, .first_seq = 1, .last_seq = 2
	};

	memset(big, 'x', 1 << 20);
	step.bytes = (struct span){ big, 1 << 20 };
	fill(1, 1, 10);
	ck_assert_int_eq(sqlite_run(s->db, "PRAGMA max_page_count = 40"), SQLITE_OK);
	f.store->ops->append(f.store, &step);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_full);
	ck_assert(!f.last_fatal);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 10);
	ck_assert_int_eq(sqlite_run(s->db, "PRAGMA max_page_count = 100000"), SQLITE_OK);
	f.store->ops->append(f.store, &step);
	fixture_append(&f, 1, 11);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 11);
	free(big);
}
END_TEST

START_TEST(a_failed_commit_leaves_the_chain_as_it_was)
{
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct steps_read r = { 0 };

	fill(1, 1, 5);
	/* The next record's number is taken: the insert fails, as it might for any reason. */
	ck_assert_int_eq(
	    sqlite_run(s->db, "INSERT INTO journal VALUES(6, 1, 0, 0, 0, 0, 0, 0, 0, x'')"),
	    SQLITE_OK);
	fixture_append(&f, 1, 6);
	fixture_append(&f, 2, 1);
	fixture_start_commit(&f);
	fixture_append(&f, 1, 7);
	fixture_await(&f, 2);
	ck_assert_int_eq(f.last_error, ERROR_storage_failed);
	ck_assert_int_eq(sqlite_run(s->db, "DELETE FROM journal WHERE lsn = 6"), SQLITE_OK);
	fixture_append(&f, 1, 6);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 6);
	ck_assert_int_eq(fixture_read(&f, 2, 0, &r), OK);
	ck_assert_uint_eq(r.n, 0);
}
END_TEST

START_TEST(a_second_owner_is_refused_at_once)
{
	struct loop *loop = loop_new();
	char message[256] = "";
	uint64_t before_ms = clock_now_ms();

	fill(1, 1, 1);
	ck_assert_ptr_null(store_open(f.spec, loop, message));
	ck_assert_uint_lt(clock_now_ms() - before_ms, 1000);
	ck_assert_ptr_nonnull(strstr(message, "another process"));
	loop_free(loop);
}
END_TEST

START_TEST(a_newer_or_foreign_database_is_refused)
{
	struct loop *loop = loop_new();
	char message[256] = "";

	fill(1, 1, 1);
	tamper("PRAGMA user_version = 99");
	ck_assert_ptr_null(store_open(f.spec, loop, message));
	ck_assert_ptr_nonnull(strstr(message, "version 99"));
	tamper("PRAGMA user_version = 1; PRAGMA application_id = 5");
	ck_assert_ptr_null(store_open(f.spec, loop, message));
	ck_assert_ptr_nonnull(strstr(message, "another program"));
	loop_free(loop);
}
END_TEST

static enum error
read_snapshot(unsigned session, struct json_out *bytes, uint64_t *ordinal)
{
	struct uuid id = fixture_id(session);

	json_out_clear(bytes);
	return f.store->ops->snapshot(f.store, &id, UINT64_MAX, bytes, ordinal);
}

START_TEST(a_big_snapshot_is_written_in_parts_and_seen_when_it_is_whole)
{
	enum { SIZE = 3 * SQLITE_PART_BYTES + 17 };
	struct uuid id = fixture_id(1);
	struct json_out bytes = { 0 };
	char *big = malloc(SIZE);
	uint64_t ordinal;

	for (size_t i = 0; i < SIZE; i++)
		big[i] = (char)(i * 7);
	fill(1, 1, 5);
	f.store->ops->put_snapshot(f.store, &id, 5, 10, (struct span){ big, SIZE }, NULL);
	ck_assert_int_eq(fixture_commit(&f), OK);
	f.store->ops->tend(f.store, true);
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 0);
	/* The process ends between two parts: what was written is no snapshot. */
	fixture_reopen(&f);
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 0);
	f.store->ops->put_snapshot(f.store, &id, 5, 10, (struct span){ big, SIZE }, NULL);
	while (read_snapshot(1, &bytes, &ordinal) == OK && ordinal == 0)
		fixture_idle(&f, 1);
	ck_assert_uint_eq(bytes.n, SIZE);
	ck_assert_mem_eq(bytes.bytes, big, SIZE);
	json_out_fini(&bytes);
	free(big);
}
END_TEST

START_TEST(of_the_snapshots_of_a_session_that_wait_only_the_newest_is_kept)
{
	enum { SIZE = 3 * SQLITE_PART_BYTES };
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct uuid one = fixture_id(1), other = fixture_id(2);
	struct json_out bytes = { 0 };
	char *big = calloc(1, SIZE);
	uint64_t ordinal;
	size_t n = 0;

	fill(1, 1, 9);
	fill(2, 1, 9);
	f.store->ops->put_snapshot(f.store, &one, 1, 2, (struct span){ big, SIZE }, NULL);
	f.store->ops->put_snapshot(f.store, &other, 1, 2, SPAN("the other's"), NULL);
	for (uint64_t i = 2; i < 9; i++)
		f.store->ops->put_snapshot(
		    f.store, &one, i, 2 * i, (struct span){ big, SIZE }, NULL);
	/* One that may be half written, the other's, and the newest. */
	LIST_EACH(at, &s->snapshots)
	n++;
	ck_assert_uint_eq(n, 3);
	while (!list_is_empty(&s->snapshots))
		fixture_idle(&f, 1);
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 8);
	ck_assert_int_eq(read_snapshot(2, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 1);
	json_out_fini(&bytes);
	free(big);
}
END_TEST

static int64_t
count(const char *sql)
{
	sqlite3_stmt *q;
	int64_t n;

	ck_assert_int_eq(
	    sqlite3_prepare_v2(sqlite_store_of(f.store)->db, sql, -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

START_TEST(how_a_session_began_is_read_without_what_followed)
{
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct steps_read r = { .stop_after = 1 }, all = { 0 };

	fill(1, 1, 60);
	sqlite3_stmt_status(s->statements[Q_STEP_LINK], SQLITE_STMTSTATUS_RUN, true);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_int_eq(
	    sqlite3_stmt_status(s->statements[Q_STEP_LINK], SQLITE_STMTSTATUS_RUN, true), 1);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &all), OK);
	ck_assert_uint_eq(all.n, 60);
	/* Files from before do not say where that is. */
	ck_assert_int_eq(sqlite_run(s->db, "DELETE FROM marks WHERE ordinal = 1"), SQLITE_OK);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 1);
}
END_TEST

START_TEST(what_a_snapshot_that_found_no_room_left_behind_goes_with_the_next)
{
	enum { SIZE = 3 * SQLITE_PART_BYTES };
	static const char left[] = "SELECT count(*) FROM snapshot_parts WHERE id / 65536 NOT IN "
				   "(SELECT id FROM snapshots)";
	struct sqlite_store *s = sqlite_store_of(f.store);
	struct uuid id = fixture_id(1);
	char *big = calloc(1, SIZE);

	fill(1, 1, 5);
	/* Room for one part of the three. */
	ck_assert_int_eq(sqlite_run(s->db, "PRAGMA max_page_count = 200"), SQLITE_OK);
	f.store->ops->put_snapshot(f.store, &id, 5, 10, (struct span){ big, SIZE }, NULL);
	while (!list_is_empty(&s->snapshots))
		fixture_idle(&f, 1);
	fixture_idle(&f, 100);
	ck_assert_int_eq(count(left), 1);
	ck_assert_int_eq(sqlite_run(s->db, "PRAGMA max_page_count = 100000"), SQLITE_OK);
	f.store->ops->put_snapshot(f.store, &id, 5, 10, (struct span){ big, SIZE }, NULL);
	while (!list_is_empty(&s->snapshots))
		fixture_idle(&f, 1);
	fixture_idle(&f, 100);
	ck_assert_int_eq(count(left), 0);
	ck_assert_int_eq(count("SELECT count(*) FROM snapshots"), 1);
	free(big);
}
END_TEST

START_TEST(a_damaged_snapshot_is_passed_over_and_old_ones_go)
{
	struct uuid id = fixture_id(1);
	struct json_out bytes = { 0 };
	uint64_t ordinal;

	fill(1, 1, 50);
	for (uint64_t at = 10; at <= 50; at += 10) {
		f.store->ops->put_snapshot(f.store, &id, at, 2 * at, SPAN("as it was"), NULL);
		fixture_commit(&f);
		fixture_idle(&f, 5);
	}
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 50);
	tamper("UPDATE snapshot_parts SET bytes = x'00' WHERE id / 65536 = (SELECT max(id) FROM "
	       "snapshots)");
	fixture_reopen(&f);
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 40);
	ck_assert(span_equal(json_out_span(&bytes), SPAN("as it was")));
	tamper("UPDATE snapshot_parts SET bytes = x'00'");
	fixture_reopen(&f);
	ck_assert_int_eq(read_snapshot(1, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 0);
	json_out_fini(&bytes);
}
END_TEST

START_TEST(a_backup_is_a_database_of_its_own)
{
	char message[256], backup[128];
	struct steps_read r = { 0 };

	fill(1, 1, 70);
	snprintf(backup, sizeof backup, "%s.backup", f.path);
	ck_assert_int_eq(f.store->ops->backup(f.store, backup, message), OK);
	ck_assert_int_ne(f.store->ops->backup(f.store, backup, message), OK);
	fixture_append(&f, 1, 71);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_close(&f);
	ck_assert_int_eq(rename(backup, f.path), 0);
	fixture_reopen(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 70);
}
END_TEST

START_TEST(the_log_is_brought_home_when_there_is_nothing_to_do)
{
	struct sqlite_store *s = sqlite_store_of(f.store);
	int left = -1;
	sqlite3_stmt *q;

	fill(1, 1, 2000);
	clock_set(clock_now_ms() + 60000, clock_wall_us());
	fixture_idle(&f, 50);
	clock_set(0, 0);
	pthread_mutex_lock(&s->db_lock);
	sqlite3_prepare_v2(
	    s->db, "SELECT value FROM meta WHERE name = 'scanned_lsn'", -1, &q, NULL);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	left = 2000 - sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	pthread_mutex_unlock(&s->db_lock);
	ck_assert_int_eq(left, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store_sqlite");
	TCase *durable = tcase_create("store_sqlite");

	suite_add_tcase(suite, store_laws("sqlite"));
	tcase_add_checked_fixture(durable, set_up, tear_down);
	tcase_set_timeout(durable, 120);
	tcase_add_test(durable, all_is_there_after_a_clean_stop);
	tcase_add_test(durable, nothing_acknowledged_is_lost_when_the_process_is_killed);
	tcase_add_test(durable, a_changed_record_damages_its_session_and_no_other);
	tcase_add_test(durable, every_kind_of_broken_chain_is_found);
	tcase_add_test(durable, a_broken_chain_in_the_unread_tail_is_found_at_the_start);
	tcase_add_test(durable, a_full_disk_fails_the_commit_and_passes_when_there_is_space_again);
	tcase_add_test(durable, a_failed_commit_leaves_the_chain_as_it_was);
	tcase_add_test(durable, a_second_owner_is_refused_at_once);
	tcase_add_test(durable, a_newer_or_foreign_database_is_refused);
	tcase_add_test(durable, a_big_snapshot_is_written_in_parts_and_seen_when_it_is_whole);
	tcase_add_test(durable, of_the_snapshots_of_a_session_that_wait_only_the_newest_is_kept);
	tcase_add_test(durable, what_a_snapshot_that_found_no_room_left_behind_goes_with_the_next);
	tcase_add_test(durable, how_a_session_began_is_read_without_what_followed);
	tcase_add_test(durable, a_damaged_snapshot_is_passed_over_and_old_ones_go);
	tcase_add_test(durable, a_backup_is_a_database_of_its_own);
	tcase_add_test(durable, the_log_is_brought_home_when_there_is_nothing_to_do);
	suite_add_tcase(suite, durable);
	return run_suite(suite);
}
