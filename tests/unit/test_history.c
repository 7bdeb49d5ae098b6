#include "graphd/history.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/session.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 50, STEPS = 400, MAX_BACK = 12, LIGHT = 4000 };

static const char *const actors[] = { "ann", "bob" };

/* What a graph was at one moment. */
struct moment {
	char hash[33];
	char *bytes;
	size_t n;
};

static struct moment
moment_of(const struct session *s)
{
	struct moment m;
	const char *broken = graph_verify(s->graph);

	ck_assert_msg(!broken, "%s", broken);
	graph_hash(s->graph, m.hash);
	m.bytes = dump(s->graph, &m.n);
	return m;
}

/* Compares with how it is now, and forgets it. */
static void
assert_is_now(struct moment *then, const struct session *s)
{
	struct moment now = moment_of(s);

	ck_assert_str_eq(then->hash, now.hash);
	ck_assert_uint_eq(then->n, now.n);
	ck_assert(memcmp(then->bytes, now.bytes, now.n) == 0);
	free(now.bytes);
	free(then->bytes);
}

/* n undos in random scopes, then as many redos in the same: each redo gives what the undo left. */
static void
go_back_and_forth(struct session *s, struct dice *d, bool mine)
{
	struct moment before[MAX_BACK];
	const char *scopes[MAX_BACK];
	int n = 0, wanted = 1 + (int)roll(d, MAX_BACK);

	for (; n < wanted; n++) {
		enum error err;
		struct step *step;
		scopes[n] = mine && roll(d, 2) ? actors[roll(d, 2)] : NULL;
		before[n] = moment_of(s);
		step = undo_as(s, actors[roll(d, 2)], scopes[n], &err);
		ck_assert(mine ? err == OK || err == ERROR_undo_conflict : err == OK);
		if (!step) {
			assert_is_now(&before[n], s);
			break;
		}
		free_step(step);
	}
	while (n-- > 0) {
		enum error err;
		struct step *step = redo_as(s, "ann", scopes[n], &err);
		ck_assert_int_eq(err, OK);
		ck_assert_ptr_nonnull(step);
		free_step(step);
		assert_is_now(&before[n], s);
	}
}

/* A single undo or redo that stays; with others' work in between it may be refused. */
static void
one_undo_or_redo(struct session *s, struct dice *d, bool mine)
{
	const char *scope = mine && roll(d, 2) ? actors[roll(d, 2)] : NULL;
	struct moment before = moment_of(s);
	enum error err;
	struct step *step =
	    roll(d, 2) ? undo_as(s, "ann", scope, &err) : redo_as(s, "bob", scope, &err);

	ck_assert(mine ? err == OK || err == ERROR_undo_conflict : err == OK);
	if (step) {
		free(before.bytes);
		free_step(step);
	} else {
		assert_is_now(&before, s);
	}
}

static void
live_through(struct session *s, struct dice *d, bool mine)
{
	for (int i = 0; i < STEPS; i++) {
		uint32_t choice = roll(d, 20);
		if (choice < 14)
			free_step(random_step(s, d, actors[roll(d, 2)]));
		else if (choice < 18)
			one_undo_or_redo(s, d, mine);
		else
			go_back_and_forth(s, d, mine);
		if (roll(d, 4) == 0)
			session_settled(s, s->ordinal);
	}
}

static size_t
undo_to_the_start(struct session *s, struct moment *before)
{
	size_t n = 0;

	for (;; n++) {
		enum error err;
		struct step *step;
		before[n] = moment_of(s);
		step = undo_as(s, "ann", NULL, &err);
		if (!step) {
			free(before[n].bytes);
			return n;
		}
		free_step(step);
	}
}

static void
redo_to_the_end(struct session *s, struct moment *before, size_t n)
{
	while (n-- > 0) {
		enum error err;
		struct step *step = redo_as(s, "bob", NULL, &err);
		ck_assert_int_eq(err, OK);
		ck_assert_ptr_nonnull(step);
		free_step(step);
		assert_is_now(&before[n], s);
	}
}

static void
run_seed(uint64_t seed, bool mine, size_t weight_limit)
{
	struct moment *before = xcalloc(LIMIT_UNDO_DEPTH + 1, sizeof(*before));
	struct session *s = new_session();
	struct dice d = dice_of(seed);
	size_t n;

	printf("seed %lu\n", (unsigned long)seed);
	s->history.weight_limit = weight_limit;
	live_through(s, &d, mine);
	n = undo_to_the_start(s, before);
	if (!mine && weight_limit == LIMIT_UNDO_BYTES) {
		ck_assert_uint_eq(s->history.n_undo, 0);
		ck_assert_uint_eq(graph_count(s->graph), 0);
	}
	redo_to_the_end(s, before, n);
	session_free(s);
	free(before);
}

START_TEST(undo_to_the_start_and_redo_to_the_end_give_every_state_again)
{
	run_seed((uint64_t)_i + 1, false, LIMIT_UNDO_BYTES);
}
END_TEST

START_TEST(the_same_holds_when_each_takes_back_their_own)
{
	run_seed((uint64_t)_i + 1001, true, LIMIT_UNDO_BYTES);
}
END_TEST

START_TEST(the_same_holds_where_entries_go_for_their_weight)
{
	run_seed((uint64_t)_i + 2001, _i % 2, LIGHT);
}
END_TEST

START_TEST(the_oldest_entry_goes_beyond_the_limit)
{
	struct session *s = new_session();
	enum error err;
	size_t n = 0;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	for (int i = 0; i < LIMIT_UNDO_DEPTH; i++)
		free_step(do_edit(s, "ann", set_edit(1, "a", i % 2 ? "1" : "2")));
	ck_assert_uint_eq(s->history.n_undo, LIMIT_UNDO_DEPTH);
	for (struct step *step; (step = undo_as(s, "ann", NULL, &err)); n++)
		free_step(step);
	ck_assert_uint_eq(n, LIMIT_UNDO_DEPTH);
	ck_assert_uint_eq(graph_count(s->graph), 1);
	session_free(s);
}
END_TEST

START_TEST(a_new_command_clears_redo_for_all_and_leaves_others_their_own)
{
	struct session *s = new_session();
	enum error err;
	struct step *step;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "ann's")));
	free_step(do_edit(s, "bob", add_edit(2, 0, 0, "bob's")));
	free_step(undo_as(s, "ann", NULL, &err));
	free_step(undo_as(s, "ann", NULL, &err));
	ck_assert_uint_eq(s->history.n_redo, 2);
	free_step(do_edit(s, "ann", add_edit(3, 0, 0, "new")));
	ck_assert_uint_eq(s->history.n_redo, 1);
	ck_assert(!session_can_redo(s));
	ck_assert_ptr_null(redo_as(s, "ann", NULL, &err));
	ck_assert_ptr_null(redo_as(s, "ann", "ann", &err));
	step = redo_as(s, "bob", "bob", &err);
	ck_assert_ptr_nonnull(step);
	ck_assert_int_eq(step->kind, STEP_REDO);
	ck_assert_str_eq(step->scope_owner, "bob");
	free_step(step);
	ck_assert_uint_eq(graph_count(s->graph), 2);
	session_free(s);
}
END_TEST

START_TEST(mine_takes_the_newest_of_the_actor_and_nothing_else)
{
	struct session *s = new_session();
	struct history_entry *entry;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	free_step(do_edit(s, NULL, add_edit(2, 0, 0, "x")));
	free_step(do_edit(s, "bob", add_edit(3, 0, 0, "x")));
	entry = history_undo_next(&s->history, "ann");
	ck_assert_str_eq(entry->actor, "ann");
	ck_assert_str_eq(history_undo_next(&s->history, "")->actor, "");
	ck_assert_str_eq(history_undo_next(&s->history, NULL)->actor, "bob");
	ck_assert_ptr_null(history_undo_next(&s->history, "eve"));
	ck_assert_ptr_null(history_redo_next(&s->history, NULL));
	session_free(s);
}
END_TEST

START_TEST(a_step_that_only_marks_is_nothing_to_undo)
{
	struct session *s = new_session();

	begin_as(s, "ann", STEP_DO, COMMAND_reset_dirty);
	ck_assert_int_eq(
	    session_edit(s, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_CLEAN }), OK);
	free_step(session_end(s, (struct span){ NULL, 0 }));
	ck_assert(!session_can_undo(s));
	session_free(s);
}
END_TEST

START_TEST(no_undo_crosses_a_mark_that_changes_the_graph)
{
	struct session *s = new_session();
	struct edit e = add_edit(2, 0, 0, "loaded");

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	begin_as(s, "ann", STEP_MARK, COMMAND_open_project);
	ck_assert_int_eq(session_edit(s, &e), OK);
	free_step(session_end(s, (struct span){ NULL, 0 }));
	ck_assert(!session_can_undo(s));
	ck_assert_uint_eq(graph_count(s->graph), 2);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("history");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(
	    tests, undo_to_the_start_and_redo_to_the_end_give_every_state_again, 0, SEEDS);
	tcase_add_loop_test(tests, the_same_holds_when_each_takes_back_their_own, 0, SEEDS);
	tcase_add_loop_test(tests, the_same_holds_where_entries_go_for_their_weight, 0, SEEDS);
	tcase_add_test(tests, the_oldest_entry_goes_beyond_the_limit);
	tcase_add_test(tests, a_new_command_clears_redo_for_all_and_leaves_others_their_own);
	tcase_add_test(tests, mine_takes_the_newest_of_the_actor_and_nothing_else);
	tcase_add_test(tests, a_step_that_only_marks_is_nothing_to_undo);
	tcase_add_test(tests, no_undo_crosses_a_mark_that_changes_the_graph);
	return run_tests(tests);
}
