/* What a session keeps for undo and redo is bounded by its weight, in whatever way it came to be.
 */

#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/session.h"
#include "run_tests.h"

#include <stdlib.h>

enum { LIGHT = 4000 };

/* The value of a property: JSON of so many bytes. */
static struct edit
heavy_edit(size_t n, char c)
{
	struct edit e = { .kind = EDIT_PROPERTY, .node = id_of(1), .key = xstrdup("a") };

	e.value_after = xmalloc(n + 1);
	memset(e.value_after, c, n);
	e.value_after[0] = e.value_after[n - 1] = '"';
	e.value_after[n] = '\0';
	return e;
}

static size_t
undo_all(struct session *s)
{
	enum error err;
	size_t n = 0;

	for (struct step *step; (step = undo_as(s, "ann", NULL, &err)); n++)
		free_step(step);
	ck_assert_int_eq(err, OK);
	return n;
}

/* Nothing more goes when what is kept at the limit is read back. */
static void
assert_comes_back(const struct session *s)
{
	struct json_out bytes = { 0 };
	struct session *again;

	session_snapshot(s, &bytes);
	again = session_restore(json_out_span(&bytes));
	ck_assert_uint_eq(again->history.weight, s->history.weight);
	assert_same_sessions(s, again);
	json_out_fini(&bytes);
	session_free(again);
}

START_TEST(the_oldest_entries_go_when_all_weigh_too_much)
{
	struct session *s = new_session();
	enum error err;
	size_t n;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	for (int i = 0; i < 150; i++) {
		free_step(do_edit(s, "ann", heavy_edit(LIMIT_VALUE_BYTES, (char)('a' + i % 26))));
		session_settled(s, s->ordinal);
	}
	n = s->history.n_undo;
	ck_assert_uint_le(s->history.weight, LIMIT_UNDO_BYTES);
	ck_assert_uint_gt(s->history.weight, LIMIT_UNDO_BYTES - 2 * LIMIT_VALUE_BYTES - 1024);
	ck_assert_uint_lt(n, 130);
	assert_comes_back(s);
	for (int i = 0; i < 20; i++)
		free_step(undo_as(s, "ann", NULL, &err));
	assert_comes_back(s);
	for (int i = 0; i < 20; i++)
		free_step(redo_as(s, "ann", NULL, &err));
	session_settled(s, s->ordinal);
	ck_assert_uint_eq(undo_all(s), n);
	ck_assert_uint_eq(s->history.n_redo, n);
	ck_assert(!session_can_undo(s));
	ck_assert_uint_eq(graph_count(s->graph), 1);
	session_free(s);
}
END_TEST

START_TEST(the_newest_entry_stays_however_heavy_it_is)
{
	struct session *s = new_session();
	char before[33], after[33];
	enum error err;

	s->history.weight_limit = LIGHT;
	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	free_step(do_edit(s, "ann", set_edit(1, "a", "1")));
	ck_assert_uint_eq(s->history.n_undo, 2);
	free_step(do_edit(s, "ann", heavy_edit(2 * LIGHT, 'h')));
	graph_hash(s->graph, before);
	ck_assert_uint_eq(s->history.n_undo, 1);
	ck_assert_uint_eq(undo_all(s), 1);
	ck_assert(session_can_redo(s));
	free_step(redo_as(s, "ann", NULL, &err));
	graph_hash(s->graph, after);
	ck_assert_str_eq(after, before);
	ck_assert(session_can_undo(s));
	/* It goes with the next one. */
	free_step(do_edit(s, "ann", add_edit(2, 0, 0, "y")));
	ck_assert_uint_eq(s->history.n_undo, 1);
	ck_assert_uint_lt(s->history.weight, LIGHT);
	ck_assert_uint_eq(undo_all(s), 1);
	session_free(s);
}
END_TEST

START_TEST(undos_that_make_entries_heavy_leave_as_many_redos)
{
	struct session *s = new_session();
	char before[33], after[33];
	enum error err;
	size_t n;

	/* A node that was added weighs little until it is taken away. */
	s->history.weight_limit = LIGHT;
	for (uint64_t i = 1; i <= 8; i++) {
		struct edit e = add_edit(i, 0, 0, "x");
		e.content->extra = xmalloc(1001);
		memset(e.content->extra, ' ', 1000);
		e.content->extra[1000] = '\0';
		free_step(do_edit(s, "ann", e));
	}
	ck_assert_uint_eq(s->history.n_undo, 8);
	graph_hash(s->graph, before);
	n = undo_all(s);
	ck_assert_uint_ge(n, 3);
	ck_assert_uint_lt(n, 8);
	ck_assert_uint_eq(s->history.n_redo, n);
	for (; n > 0; n--)
		free_step(redo_as(s, "ann", NULL, &err));
	graph_hash(s->graph, after);
	ck_assert_str_eq(after, before);
	session_free(s);
}
END_TEST

START_TEST(others_undone_work_goes_for_its_weight_when_it_is_the_oldest)
{
	struct session *s = new_session();
	enum error err;

	s->history.weight_limit = LIGHT;
	free_step(do_edit(s, "eve", add_edit(1, 0, 0, "x")));
	free_step(do_edit(s, "bob", heavy_edit(LIGHT / 2, 'h')));
	free_step(undo_as(s, "bob", "bob", &err));
	free_step(do_edit(s, "ann", add_edit(2, 0, 0, "y")));
	ck_assert_ptr_nonnull(history_redo_next(&s->history, "bob"));
	free_step(do_edit(s, "ann", heavy_edit(LIGHT / 2, 'i')));
	ck_assert_ptr_null(history_redo_next(&s->history, "bob"));
	ck_assert_uint_eq(s->history.n_undo, 2);
	ck_assert_uint_eq(undo_all(s), 2);
	session_free(s);
}
END_TEST

START_TEST(what_went_for_its_weight_comes_back_with_the_step_taken_back)
{
	struct session *s = new_session();
	struct step *step;
	size_t weight;
	char *before;

	s->history.weight_limit = LIGHT;
	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	for (int i = 0; i < 5; i++)
		free_step(do_edit(s, "ann", set_edit(1, "a", i % 2 ? "1" : "2")));
	before = snapshot_text(s);
	weight = s->history.weight;
	step = do_edit(s, "ann", heavy_edit(2 * LIGHT, 'h'));
	ck_assert_uint_eq(s->history.n_undo, 1);
	session_revert(s, step);
	assert_same_snapshots(snapshot_text(s), before);
	ck_assert_uint_eq(s->history.weight, weight);
	ck_assert_uint_eq(undo_all(s), 6);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(a_history_that_weighs_too_much_is_cut_when_it_is_read_back)
{
	struct session *s = new_session(), *more = new_session(), *again;
	struct json_out bytes = { 0 };

	more->history.weight_limit = SIZE_MAX;
	for (int i = 0; i < 140; i++) {
		for (int j = 0; j < 2; j++) {
			struct session *each = j ? s : more;
			free_step(do_edit(each, "ann",
			    i ? heavy_edit(LIMIT_VALUE_BYTES, (char)('a' + i % 26))
			      : add_edit(1, 0, 0, "x")));
			session_settled(each, each->ordinal);
		}
	}
	ck_assert_uint_eq(more->history.n_undo, 140);
	session_snapshot(more, &bytes);
	again = session_restore(json_out_span(&bytes));
	ck_assert_uint_lt(again->history.n_undo, 140);
	assert_same_sessions(s, again);
	json_out_fini(&bytes);
	session_free(s);
	session_free(more);
	session_free(again);
}
END_TEST

/* Gives the step to a session that keeps less. */
static void
follow(struct session *less, struct step *step)
{
	struct step stored;

	ck_assert_ptr_nonnull(step);
	stored = read_back(step);
	ck_assert(session_replay(less, &stored));
	free_step(step);
}

START_TEST(an_undo_from_when_more_was_kept_is_replayed)
{
	struct session *s = new_session(), *less = new_session();
	struct step *step;
	enum error err;

	less->history.weight_limit = 1;
	follow(less, do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	follow(less, do_edit(s, "ann", add_edit(2, 0, 0, "y")));
	ck_assert_uint_eq(less->history.n_undo, 1);
	follow(less, undo_as(s, "bob", NULL, &err));
	follow(less, undo_as(s, "bob", NULL, &err));
	follow(less, redo_as(s, "bob", NULL, &err));
	follow(less, redo_as(s, "bob", NULL, &err));
	follow(less, undo_as(s, "bob", NULL, &err));
	ck_assert_uint_eq(graph_count(less->graph), 1);
	step = redo_as(less, "bob", NULL, &err);
	ck_assert_str_eq(step->scope_owner, "ann");
	ck_assert_int_eq(step->type, COMMAND_update_property);
	free_step(step);
	ck_assert_uint_eq(graph_count(less->graph), 2);
	session_free(s);
	session_free(less);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("history_weight");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_oldest_entries_go_when_all_weigh_too_much);
	tcase_add_test(tests, the_newest_entry_stays_however_heavy_it_is);
	tcase_add_test(tests, undos_that_make_entries_heavy_leave_as_many_redos);
	tcase_add_test(tests, others_undone_work_goes_for_its_weight_when_it_is_the_oldest);
	tcase_add_test(tests, what_went_for_its_weight_comes_back_with_the_step_taken_back);
	tcase_add_test(tests, a_history_that_weighs_too_much_is_cut_when_it_is_read_back);
	tcase_add_test(tests, an_undo_from_when_more_was_kept_is_replayed);
	return run_tests(tests);
}
