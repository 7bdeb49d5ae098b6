/* store_memory and store_fail, which wraps it. */
#include "store_fixture.h"

#include <string.h>

static bool
no_row(void *context, const struct store_session *row)
{
	(void)context;
	(void)row;
	return true;
}

static bool
no_project(void *context, const struct store_project *project)
{
	(void)context;
	(void)project;
	return true;
}

START_TEST(a_failed_commit_takes_what_was_appended_since_with_it)
{
	struct steps_read r = { 0 };
	struct store_fixture f;

	fixture_open(&f, "fail:commit:2");
	fixture_append(&f, 1, 1);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_append(&f, 1, 2);
	fixture_start_commit(&f);
	fixture_append(&f, 1, 3); /* into the batch that is open meanwhile */
	fixture_await(&f, 2);
	ck_assert_int_eq(f.last_error, ERROR_storage_failed);
	ck_assert(!f.last_fatal);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_read(&f, 1, 0, &r);
	ck_assert_uint_eq(r.n, 1);
	fixture_append(&f, 1, 2);
	ck_assert_int_eq(fixture_commit(&f), OK);
	fixture_read(&f, 1, 0, &r);
	ck_assert_uint_eq(r.n, 2);
	fixture_remove(&f);
}
END_TEST

START_TEST(a_commit_behind_a_failed_one_fails_too)
{
	struct steps_read r = { 0 };
	struct store_fixture f;

	fixture_open(&f, "fail:full:1");
	fixture_append(&f, 1, 1);
	fixture_start_commit(&f);
	fixture_append(&f, 1, 2);
	fixture_start_commit(&f);
	fixture_await(&f, 2);
	ck_assert_int_eq(f.last_error, ERROR_storage_full);
	fixture_read(&f, 1, 0, &r);
	ck_assert_uint_eq(r.n, 0);
	fixture_remove(&f);
}
END_TEST

START_TEST(a_failed_flush_is_fatal)
{
	struct store_fixture f;

	fixture_open(&f, "fail:fsync");
	fixture_append(&f, 1, 1);
	ck_assert_int_eq(fixture_commit(&f), ERROR_storage_failed);
	ck_assert(f.last_fatal);
	fixture_remove(&f);
}
END_TEST

START_TEST(a_plus_sign_lets_all_later_calls_fail)
{
	struct store_fixture f;

	fixture_open(&f, "fail:append:3+");
	for (uint64_t i = 1; i <= 6; i++) {
		fixture_append(&f, 1, i);
		ck_assert_int_eq(fixture_commit(&f), i < 3 ? OK : ERROR_storage_failed);
	}
	fixture_remove(&f);
}
END_TEST

START_TEST(every_operation_that_is_appended_can_fail)
{
	static const char *const specs[] = { "fail:append", "fail:put_snapshot", "fail:put_session",
		"fail:put_project", "fail:drop_project" };
	struct uuid id = fixture_id(1);
	struct store_project project = {
		.id = id, .name = "p", .template_id = "t", .bytes = SPAN("x")
	};
	struct store_fixture f;

	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		fixture_open(&f, specs[i]);
		fixture_append(&f, 1, 1);
		f.store->ops->put_snapshot(f.store, &id, 1, 2, SPAN("x"), NULL);
		fixture_put_session(&f, 1);
		f.store->ops->put_project(f.store, &project);
		f.store->ops->drop_project(f.store, &id);
		ck_assert_msg(fixture_commit(&f) == ERROR_storage_failed, "%s", specs[i]);
		ck_assert_int_eq(fixture_commit(&f), OK);
		fixture_remove(&f);
	}
}
END_TEST

START_TEST(every_way_of_reading_can_fail_once)
{
	struct uuid id = fixture_id(1);
	struct json_out bytes = { 0 };
	struct steps_read r = { 0 };
	struct store_fixture f;
	uint64_t ordinal;

	fixture_open(&f, "fail:sessions");
	ck_assert_int_eq(f.store->ops->sessions(f.store, no_row, NULL), ERROR_storage_failed);
	ck_assert_int_eq(f.store->ops->sessions(f.store, no_row, NULL), OK);
	fixture_remove(&f);
	fixture_open(&f, "fail:snapshot:1");
	ck_assert_int_eq(
	    f.store->ops->snapshot(f.store, &id, 9, &bytes, &ordinal), ERROR_storage_failed);
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, 9, &bytes, &ordinal), OK);
	fixture_remove(&f);
	fixture_open(&f, "fail:steps:1");
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), ERROR_storage_failed);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	fixture_remove(&f);
	fixture_open(&f, "fail:damage:1");
	ck_assert_int_eq(fixture_read_by_seq(&f, 1, 0, &r), ERROR_session_damaged);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	fixture_remove(&f);
	fixture_open(&f, "fail:projects:1");
	ck_assert_int_eq(f.store->ops->projects(f.store, no_project, NULL), ERROR_storage_failed);
	fixture_remove(&f);
	fixture_open(&f, "fail:project:1");
	ck_assert_int_eq(
	    f.store->ops->project(f.store, &id, no_project, NULL), ERROR_storage_failed);
	fixture_remove(&f);
}
END_TEST

START_TEST(a_wrong_name_is_refused_with_a_message)
{
	static const char *const wrong[] = { "", "memory:x", "fail", "fail:", "fail:nothing",
		"fail:commit:0", "fail:commit:x", "fail:commit:1x", "fail:commit:", "memor",
		"postgres:x", "sqlite:/nowhere/at/all" };
	struct loop *loop = loop_new();

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char message[256] = "";

		ck_assert_msg(store_open(wrong[i], loop, message) == NULL, "%s", wrong[i]);
		ck_assert_msg(message[0] != '\0', "%s", wrong[i]);
	}
	loop_free(loop);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store_memory");
	TCase *fail = tcase_create("store_memory");

	suite_add_tcase(suite, store_laws("memory"));
	tcase_add_test(fail, a_failed_commit_takes_what_was_appended_since_with_it);
	tcase_add_test(fail, a_commit_behind_a_failed_one_fails_too);
	tcase_add_test(fail, a_failed_flush_is_fatal);
	tcase_add_test(fail, a_plus_sign_lets_all_later_calls_fail);
	tcase_add_test(fail, every_operation_that_is_appended_can_fail);
	tcase_add_test(fail, every_way_of_reading_can_fail_once);
	tcase_add_test(fail, a_wrong_name_is_refused_with_a_message);
	suite_add_tcase(suite, fail);
	return run_suite(suite);
}
