/* What graphctl asks of a store: looking at everything, and folding what is old. */
#include "sqlite_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The fixture's steps have two events each. */
static enum error
cut_and_keep(unsigned session, uint64_t ordinal, struct span snapshot, uint64_t kept)
{
	struct uuid id = fixture_id(session);

	return f.store->ops->cut(f.store, &id, ordinal, 2 * ordinal, snapshot, kept);
}

static enum error
cut(unsigned session, uint64_t ordinal, struct span snapshot)
{
	return cut_and_keep(session, ordinal, snapshot, 0);
}

static void
check_steps(unsigned session, uint64_t after, uint64_t first, uint64_t last)
{
	struct steps_read r = { 0 };

	ck_assert_int_eq(fixture_read(&f, session, after, &r), OK);
	ck_assert_uint_eq(r.n, last - first + 1);
	ck_assert_uint_eq(r.first, first);
	ck_assert_uint_eq(r.last, last);
}

struct flaws {
	unsigned n;
	struct store_flaw last;
	char text[256];
};

static void
note_flaw(void *context, const struct store_flaw *flaw)
{
	struct flaws *flaws = context;

	flaws->n++;
	flaws->last = *flaw;
	snprintf(flaws->text, sizeof flaws->text, "%s", flaw->text);
}

static void
tamper_and_reopen(const char *sql)
{
	ck_assert_int_gt(tamper(sql), 0);
	fixture_reopen(&f);
}

static struct flaws
verify(void)
{
	struct flaws flaws = { 0 };

	f.store->ops->verify(f.store, note_flaw, &flaws);
	return flaws;
}

START_TEST(a_sound_store_has_no_flaws)
{
	fill(1, 1, 200);
	fill(2, 1, 3);
	ck_assert_uint_eq(verify().n, 0);
	fixture_reopen(&f);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

START_TEST(a_changed_record_is_named_by_session_and_step)
{
	struct uuid second = fixture_id(2);
	struct flaws flaws;

	fill(1, 1, 5);
	fill(2, 1, 5);
	tamper_and_reopen("UPDATE journal SET bytes = CAST(bytes || x'00' AS BLOB) WHERE lsn = 8");
	flaws = verify();
	ck_assert_uint_eq(flaws.n, 1);
	ck_assert(uuid_equal(&flaws.last.session, &second));
	ck_assert_uint_eq(flaws.last.ordinal, 3);
	ck_assert_uint_eq(flaws.last.first_seq, 5);
	ck_assert_ptr_nonnull(strstr(flaws.text, "checksum of record 8"));
}
END_TEST

START_TEST(a_missing_record_breaks_the_chain_behind_it)
{
	struct flaws flaws;

	fill(1, 1, 9);
	tamper_and_reopen("DELETE FROM journal WHERE ordinal = 4");
	flaws = verify();
	ck_assert_uint_eq(flaws.n, 1);
	ck_assert_uint_eq(flaws.last.ordinal, 5);
	ck_assert_ptr_nonnull(strstr(flaws.text, "does not continue"));
}
END_TEST

START_TEST(a_missing_end_is_seen_by_the_row)
{
	struct flaws flaws;

	fill(1, 1, 9);
	tamper_and_reopen("DELETE FROM journal WHERE ordinal = 9");
	flaws = verify();
	ck_assert_uint_eq(flaws.n, 1);
	ck_assert_ptr_nonnull(strstr(flaws.text, "its records end with step 8"));
}
END_TEST

START_TEST(what_is_cut_off_is_gone_and_the_rest_is_read_as_before)
{
	struct uuid id = fixture_id(1);
	struct steps_read r = { 0 };

	fill(1, 1, 300);
	fill(2, 1, 10);
	ck_assert_uint_eq(f.store->ops->first_seq(f.store, &id), 1);
	ck_assert_int_eq(cut(1, 150, SPAN("folded")), OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(f.store->ops->first_seq(f.store, &id), 301);
		check_steps(1, 0, 151, 300);
		check_steps(1, 150, 151, 300);
		check_steps(1, 299, 300, 300);
		check_steps(2, 0, 1, 10);
		memset(&r, 0, sizeof r);
		ck_assert_int_eq(fixture_read_by_seq(&f, 1, 0, &r), OK);
		ck_assert_uint_eq(r.first, 151);
		memset(&r, 0, sizeof r);
		ck_assert_int_eq(fixture_read_by_seq(&f, 1, 500, &r), OK);
		ck_assert_uint_eq(r.first, 251);
		ck_assert_uint_eq(verify().n, 0);
		fixture_reopen(&f);
	}
}
END_TEST

START_TEST(the_snapshot_of_the_cut_stays_while_newer_ones_come_and_go)
{
	struct uuid id = fixture_id(1);
	struct json_out bytes = { 0 };
	uint64_t ordinal;

	fill(1, 1, 20);
	ck_assert_int_eq(cut(1, 10, SPAN("folded")), OK);
	for (uint64_t i = 21; i <= 30; i++) {
		fill(1, i, i);
		f.store->ops->put_snapshot(f.store, &id, i, 2 * i, SPAN("later"), NULL);
		ck_assert_int_eq(fixture_commit(&f), OK);
		fixture_idle(&f, 20);
	}
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, 20, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 10);
	ck_assert(span_is(json_out_span(&bytes), "folded"));
	json_out_fini(&bytes);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

START_TEST(a_cut_can_be_moved_on_but_not_back)
{
	struct uuid id = fixture_id(1);

	fill(1, 1, 100);
	ck_assert_int_eq(cut(1, 40, SPAN("forty")), OK);
	ck_assert_int_eq(cut(1, 30, SPAN("thirty")), OK);
	ck_assert_uint_eq(f.store->ops->first_seq(f.store, &id), 81);
	ck_assert_int_eq(cut(1, 100, SPAN("all")), OK);
	ck_assert_uint_eq(f.store->ops->first_seq(f.store, &id), 201);
	fill(1, 101, 103);
	fixture_reopen(&f);
	check_steps(1, 0, 101, 103);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

/* As a kill leaves it: no row says where its session's records end. */
static void
forget_ends(void)
{
	tamper("UPDATE sessions SET lsn = 0, checksum = 0, ordinal = 0, seq = 0");
	tamper_and_reopen("UPDATE meta SET value = 0");
}

START_TEST(a_cut_is_no_damage_where_the_rows_were_behind)
{
	fill(1, 1, 100);
	fill(2, 1, 100);
	for (int i = 0; i < 2; i++) {
		forget_ends();
		/* All of the last session goes, and with it the last record there is. */
		ck_assert_int_eq(cut(1, 40 + (uint64_t)i, SPAN("forty")), OK);
		ck_assert_int_eq(cut(2, 100, SPAN("all")), OK);
		forget_ends();
		check_steps(1, 0, 41 + (uint64_t)i, 100);
		ck_assert_uint_eq(verify().n, 0);
	}
	/* What comes then is read again, too. */
	fill(2, 101, 103);
	forget_ends();
	check_steps(2, 0, 101, 103);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

/* Rows that a statement passed by on its way through a whole table. */
static int
count_scanned(unsigned type, void *context, void *statement, void *time_ns)
{
	(void)type;
	(void)time_ns;
	*(int *)context += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
	return 0;
}

/* Or to compact many sessions would take the square of their number. */
START_TEST(a_cut_looks_only_at_rows_of_its_own_session)
{
	sqlite3 *db = sqlite_store_of(f.store)->db;
	int n_scanned = 0;

	for (unsigned i = 1; i <= 20; i++) {
		fill(i, 1, 10);
		ck_assert_int_eq(cut(i, 5, SPAN("five")), OK);
	}
	sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count_scanned, &n_scanned);
	ck_assert_int_eq(cut(10, 8, SPAN("eight")), OK);
	sqlite3_trace_v2(db, 0, NULL, NULL);
	ck_assert_int_eq(n_scanned, 0);
}
END_TEST

START_TEST(a_snapshot_of_many_parts_comes_back_whole)
{
	struct uuid id = fixture_id(1);
	size_t n = 3 * SQLITE_PART_BYTES + 17;
	char *text = malloc(n);
	struct json_out bytes = { 0 };
	uint64_t ordinal;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	fill(1, 1, 5);
	ck_assert_int_eq(cut(1, 4, (struct span){ text, n }), OK);
	fixture_reopen(&f);
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, UINT64_MAX, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 4);
	ck_assert(span_equal(json_out_span(&bytes), (struct span){ text, n }));
	json_out_fini(&bytes);
	free(text);
}
END_TEST

static bool
note_ordinal(void *context, const struct store_step *step)
{
	*(uint64_t *)context = step->ordinal;
	return true;
}

static uint64_t
kept(unsigned session, enum error expected)
{
	struct uuid id = fixture_id(session);
	uint64_t ordinal = 0;

	ck_assert_int_eq(f.store->ops->kept(f.store, &id, note_ordinal, &ordinal), expected);
	return ordinal;
}

START_TEST(one_of_the_steps_that_go_can_be_kept)
{
	fill(1, 1, 100);
	fill(2, 1, 10);
	ck_assert_uint_eq(kept(1, OK), 0);
	ck_assert_int_eq(cut_and_keep(1, 40, SPAN("forty"), 3), OK);
	ck_assert_int_eq(cut_and_keep(1, 60, SPAN("sixty"), 3), OK);
	ck_assert_int_eq(cut(2, 5, SPAN("five")), OK);
	/* It is there by itself, and is none of those that are left. */
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(kept(1, OK), 3);
		ck_assert_uint_eq(kept(2, OK), 0);
		ck_assert_uint_eq(kept(3, OK), 0);
		check_steps(1, 0, 61, 100);
		ck_assert_uint_eq(verify().n, 0);
		fixture_reopen(&f);
	}
	tamper_and_reopen("UPDATE kept SET time_us = time_us + 1");
	ck_assert_uint_eq(kept(1, ERROR_session_damaged), 0);
	ck_assert_uint_eq(verify().n, 1);
	ck_assert_str_eq(verify().text, "the checksum of the step that was kept is wrong");
	tamper_and_reopen("UPDATE kept SET ordinal = 61");
	ck_assert_str_eq(verify().text, "a step was kept that was not folded");
	ck_assert_int_eq(cut(1, 70, SPAN("seventy")), OK);
	ck_assert_uint_eq(kept(1, OK), 0);
}
END_TEST

START_TEST(a_cut_that_does_not_fit_changes_nothing)
{
	struct uuid id = fixture_id(1);

	fill(1, 1, 10);
	/* The seq is not that of the step. */
	ck_assert_int_eq(
	    f.store->ops->cut(f.store, &id, 5, 9, SPAN("x"), 0), ERROR_session_damaged);
	/* There is no such step. */
	ck_assert_int_eq(
	    f.store->ops->cut(f.store, &id, 11, 22, SPAN("x"), 0), ERROR_session_damaged);
	check_steps(1, 0, 1, 10);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

START_TEST(a_wrong_link_does_not_lead_a_cut_into_another_session)
{
	fill(1, 1, 10);
	fill(2, 1, 10);
	tamper_and_reopen("UPDATE journal SET previous = 3 WHERE session = 2 AND ordinal = 4");
	ck_assert_int_eq(cut(2, 8, SPAN("eight")), ERROR_session_damaged);
	check_steps(1, 0, 1, 10);
	ck_assert_int_eq(cut(1, 5, SPAN("five")), OK);
	check_steps(1, 0, 6, 10);
}
END_TEST

static bool
keep(void *context, const struct store_step *step)
{
	json_out_bytes(context, step->bytes);
	return true;
}

START_TEST(a_step_without_events_is_read_back)
{
	struct uuid id = fixture_id(1);
	struct store_step step = {
		.session = id, .ordinal = 1, .first_seq = 1, .bytes = SPAN("mark")
	};
	struct json_out seen = { 0 };

	fixture_put_session(&f, 1);
	f.store->ops->append(f.store, &step);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert_int_eq(f.store->ops->steps(f.store, &id, 0, keep, &seen), OK);
	ck_assert(span_is(json_out_span(&seen), "mark"));
	json_out_fini(&seen);
}
END_TEST

/* Becomes the store's own file. */
static void
take_copy(const char *path)
{
	fixture_close(&f);
	ck_assert_int_eq(rename(path, f.path), 0);
	fixture_reopen(&f);
}

START_TEST(a_copy_in_slices_holds_what_was_written_meanwhile)
{
	char path[128], message[256] = "";
	uint64_t last = 20000;
	unsigned slices = 0;
	bool more = true;

	snprintf(path, sizeof path, "%s.backup", f.path);
	fill(1, 1, last);
	while (more) {
		ck_assert_msg(f.store->ops->backup_slice(f.store, path, 0, &more, message) == OK,
		    "%s", message);
		slices++;
		if (!more)
			break;
		last++;
		fill(1, last, last);
		fixture_idle(&f, 2);
	}
	ck_assert_uint_gt(slices, 2);
	take_copy(path);
	check_steps(1, 0, 1, last);
	ck_assert_uint_eq(verify().n, 0);
}
END_TEST

START_TEST(only_one_copy_is_made_at_a_time_and_one_given_up_leaves_nothing)
{
	char path[128], other[128], message[256] = "";
	bool more = false;

	snprintf(path, sizeof path, "%s.backup", f.path);
	snprintf(other, sizeof other, "%s.other", f.path);
	fill(1, 1, 5000);
	ck_assert_int_eq(f.store->ops->backup_slice(f.store, path, 0, &more, message), OK);
	ck_assert(more);
	ck_assert_int_eq(
	    f.store->ops->backup_slice(f.store, other, 0, &more, message), ERROR_overloaded);
	f.store->ops->backup_slice(f.store, NULL, 0, NULL, NULL);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(f.store->ops->backup_slice(f.store, other, 1000, &more, message), OK);
	ck_assert(!more);
	take_copy(other);
	check_steps(1, 0, 1, 5000);
}
END_TEST

START_TEST(a_copy_that_cannot_be_written_is_an_error)
{
	char message[256] = "";
	bool more;

	fill(1, 1, 10);
	ck_assert_int_eq(
	    f.store->ops->backup_slice(f.store, "/no/such/directory/x.db", 0, &more, message),
	    ERROR_storage_failed);
	ck_assert_uint_gt(strlen(message), 0);
	fill(1, 11, 12);
	check_steps(1, 0, 1, 12);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("store_tools");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_sound_store_has_no_flaws);
	tcase_add_test(tc, a_changed_record_is_named_by_session_and_step);
	tcase_add_test(tc, a_missing_record_breaks_the_chain_behind_it);
	tcase_add_test(tc, a_missing_end_is_seen_by_the_row);
	tcase_add_test(tc, what_is_cut_off_is_gone_and_the_rest_is_read_as_before);
	tcase_add_test(tc, the_snapshot_of_the_cut_stays_while_newer_ones_come_and_go);
	tcase_add_test(tc, a_cut_can_be_moved_on_but_not_back);
	tcase_add_test(tc, a_cut_is_no_damage_where_the_rows_were_behind);
	tcase_add_test(tc, a_cut_looks_only_at_rows_of_its_own_session);
	tcase_add_test(tc, a_snapshot_of_many_parts_comes_back_whole);
	tcase_add_test(tc, one_of_the_steps_that_go_can_be_kept);
	tcase_add_test(tc, a_cut_that_does_not_fit_changes_nothing);
	tcase_add_test(tc, a_wrong_link_does_not_lead_a_cut_into_another_session);
	tcase_add_test(tc, a_step_without_events_is_read_back);
	tcase_add_test(tc, a_copy_in_slices_holds_what_was_written_meanwhile);
	tcase_add_test(tc, only_one_copy_is_made_at_a_time_and_one_given_up_leaves_nothing);
	tcase_add_test(tc, a_copy_that_cannot_be_written_is_an_error);
	return run_tests(tc);
}
