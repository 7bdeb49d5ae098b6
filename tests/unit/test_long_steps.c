/* Long steps kept from page to page: whose they are, how much of them, and for how long. */

#include "graphd/long_steps.h"

#include "common/limits.h"
#include "graph_fixture.h"
#include "run_tests.h"

enum { NODES = 1500, MOST = 1024 * 1024 };

static struct long_steps *steps;

static void
set_up(void)
{
	steps = long_steps_new(MOST);
}

static void
tear_down(void)
{
	long_steps_free(steps);
}

/* A session's only step, behind the seq. */
static struct long_step *
make(uint64_t after_seq, uint64_t n_nodes)
{
	struct session *s = new_session();
	struct json_out bytes = { 0 };
	struct long_step *l;
	struct step *step;

	s->seq = after_seq;
	begin_as(s, "ann", STEP_DO, COMMAND_load_graph);
	for (uint64_t i = 1; i <= n_nodes; i++) {
		struct edit e = add_edit(i, i - i % 100, UINT32_MAX, "A node of some length");

		if (i % 100 == 0)
			e.after.parent = id_of(0);
		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	step = session_end(s, (struct span){ NULL, 0 });
	step_encode(step, &bytes);
	l = long_step_new(json_out_span(&bytes));
	json_out_fini(&bytes);
	free_step(step);
	session_free(s);
	return l;
}

static struct long_step *
find(uint64_t session, uint64_t seq)
{
	struct uuid id = id_of(session);

	return long_steps_find(steps, &id, seq);
}

static void
keep(uint64_t session, struct long_step *l, uint64_t now_ms)
{
	struct uuid id = id_of(session);

	long_steps_keep(steps, &id, l, now_ms);
}

START_TEST(a_kept_step_is_found_by_session_and_seq)
{
	struct long_step *first = make(0, NODES), *second = make(NODES + 1, NODES);

	keep(1, first, 0);
	keep(1, second, 0);
	ck_assert_ptr_eq(find(1, 1), first);
	ck_assert_ptr_eq(find(1, NODES + 1), first);
	ck_assert_ptr_eq(find(1, NODES + 2), second);
	ck_assert_ptr_null(find(1, 2 * NODES + 3));
	ck_assert_ptr_null(find(2, 1));
}
END_TEST

START_TEST(the_one_not_read_for_longest_gives_way)
{
	struct long_step *l = make(0, NODES);
	size_t each = long_step_bytes(l), most = MOST / each;

	keep(1, l, 1);
	for (uint64_t i = 2; i <= most; i++)
		keep(i, make(0, NODES), i);
	ck_assert_uint_eq(long_steps_bytes(steps), most * each);
	keep(1, find(1, 1), most + 1);
	keep(most + 1, make(0, NODES), most + 1);
	ck_assert_uint_eq(long_steps_bytes(steps), most * each);
	ck_assert_ptr_null(find(2, 1));
	ck_assert_ptr_nonnull(find(1, 1));
	ck_assert_ptr_nonnull(find(3, 1));
	ck_assert_ptr_nonnull(find(most + 1, 1));
}
END_TEST

START_TEST(one_that_is_too_big_is_not_kept_and_takes_nobodys_place)
{
	keep(1, make(0, NODES), 0);
	keep(2, make(0, MOST / 50), 0);
	ck_assert_ptr_null(find(2, 1));
	ck_assert_ptr_nonnull(find(1, 1));
	ck_assert_uint_le(long_steps_bytes(steps), MOST);
}
END_TEST

static bool
pass(void *context, const struct step_event *e)
{
	(void)context;
	(void)e;
	return false;
}

START_TEST(what_paths_need_counts_too)
{
	struct long_step *l = make(0, NODES);
	size_t before;

	keep(1, l, 0);
	before = long_steps_bytes(steps);
	long_step_events(l, 0, true, pass, NULL);
	keep(1, l, 0);
	ck_assert_uint_ge(long_steps_bytes(steps) - before, NODES * 2 * UUID_BYTES);
	ck_assert_uint_eq(long_steps_bytes(steps), long_step_bytes(l));
}
END_TEST

START_TEST(they_go_when_nobody_has_read_them_for_a_while)
{
	ck_assert_uint_eq(long_steps_due_ms(steps), UINT64_MAX);
	keep(1, make(0, NODES), 100);
	keep(2, make(0, NODES), 200);
	keep(1, find(1, 1), 300);
	ck_assert_uint_eq(long_steps_due_ms(steps), 200 + LIMIT_LONG_STEP_MS);
	long_steps_expire(steps, 199 + LIMIT_LONG_STEP_MS);
	ck_assert_ptr_nonnull(find(2, 1));
	long_steps_expire(steps, 200 + LIMIT_LONG_STEP_MS);
	ck_assert_ptr_null(find(2, 1));
	ck_assert_ptr_nonnull(find(1, 1));
	long_steps_expire(steps, 300 + LIMIT_LONG_STEP_MS);
	ck_assert_uint_eq(long_steps_bytes(steps), 0);
	ck_assert_uint_eq(long_steps_due_ms(steps), UINT64_MAX);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("long_steps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_kept_step_is_found_by_session_and_seq);
	tcase_add_test(tc, the_one_not_read_for_longest_gives_way);
	tcase_add_test(tc, one_that_is_too_big_is_not_kept_and_takes_nobodys_place);
	tcase_add_test(tc, what_paths_need_counts_too);
	tcase_add_test(tc, they_go_when_nobody_has_read_them_for_a_while);
	return run_tests(tc);
}
