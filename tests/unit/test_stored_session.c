/* Which snapshot a session is read from, and which are passed over. */

#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/stored_session.h"
#include "run_tests.h"
#include "store_fixture.h"

static struct store_fixture f;
static struct store_session row;

static void
set_up(void)
{
	fixture_open(&f, "memory");
	row = (struct store_session){ .id = fixture_id(1), .log_id = fixture_id(1001) };
}

static void
tear_down(void)
{
	fixture_remove(&f);
}

/* A snapshot that the store keeps for session 1 and that step: of the session and step it is of. */
static void
put_snapshot(uint64_t ordinal, unsigned of, uint64_t of_ordinal)
{
	struct uuid id = fixture_id(of), log_id = fixture_id(of + 1000);
	struct session *s = session_new(&id, &log_id, 5);
	struct json_out bytes = { 0 };

	s->ordinal = of_ordinal;
	s->seq = 2 * of_ordinal;
	session_snapshot(s, &bytes);
	f.store->ops->put_snapshot(
	    f.store, &row.id, ordinal, 2 * ordinal, json_out_span(&bytes), NULL);
	ck_assert_int_eq(fixture_commit(&f), OK);
	json_out_fini(&bytes);
	session_free(s);
}

static void
check(uint64_t not_after, uint64_t ordinal)
{
	struct session *s;

	ck_assert_int_eq(stored_session(f.store, &row, not_after, &s), OK);
	ck_assert(uuid_equal(&s->id, &row.id));
	ck_assert_uint_eq(s->ordinal, ordinal);
	ck_assert_uint_eq(s->snapshot_ordinal, ordinal);
	session_free(s);
}

START_TEST(the_newest_that_is_not_after_a_step_is_taken)
{
	check(UINT64_MAX, 0);
	put_snapshot(10, 1, 10);
	put_snapshot(20, 1, 20);
	check(UINT64_MAX, 20);
	check(19, 10);
	check(9, 0);
	check(0, 0);
}
END_TEST

START_TEST(one_of_another_session_or_step_is_passed_over)
{
	put_snapshot(10, 1, 10);
	put_snapshot(20, 2, 20);
	put_snapshot(30, 1, 300);
	put_snapshot(40, 1, 4);
	check(UINT64_MAX, 10);
	put_snapshot(50, 1, 50);
	check(UINT64_MAX, 50);
}
END_TEST

START_TEST(one_that_is_no_snapshot_is_passed_over)
{
	put_snapshot(10, 1, 10);
	f.store->ops->put_snapshot(f.store, &row.id, 20, 40, SPAN("of a form to come"), NULL);
	ck_assert_int_eq(fixture_commit(&f), OK);
	check(UINT64_MAX, 10);
	check(9, 0);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("stored_session");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_newest_that_is_not_after_a_step_is_taken);
	tcase_add_test(tc, one_of_another_session_or_step_is_passed_over);
	tcase_add_test(tc, one_that_is_no_snapshot_is_passed_over);
	return run_tests(tc);
}
