#include "graphd/session.h"

#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 50, STEPS = 400, IN_FLIGHT = 6, LIGHT = 4000 };

static const char *const actors[] = { "ann", "bob", NULL };

/* A command, an undo or a redo, whatever comes of it; NULL when nothing did. */
static struct step *
random_happening(struct session *s, struct dice *d)
{
	const char *actor = actors[roll(d, 3)];
	const char *scope = roll(d, 2) ? actors[roll(d, 2)] : NULL;
	uint32_t choice = roll(d, 20);
	enum error err;

	if (choice < 12)
		return random_step(s, d, actor);
	if (choice < 15)
		return undo_as(s, actor, scope, &err);
	if (choice < 18)
		return redo_as(s, actor, scope, &err);
	begin_as(s, actor, STEP_MARK, COMMAND_save_project);
	session_edit(
	    s, &(struct edit){ .kind = EDIT_MARK, .mark = choice < 19 ? MARK_SAVED : MARK_CLEAN });
	return session_end(s, (struct span){ NULL, 0 });
}

/* The dispatcher's part: the answer is remembered under the key. */
static void
remember(struct session *s, struct step *step)
{
	char key[32];

	snprintf(key, sizeof(key), "key %lu", (unsigned long)step->ordinal % 50);
	step->key = xstrdup(key);
	step->request_hash = 7;
	step->reply = xstrdup("{\"success\":true}");
	session_key_add(s, span_of(key), 7, OK, step->ordinal, span_of(step->reply));
}

START_TEST(replaying_the_stored_steps_gives_the_same_session)
{
	struct session *s = new_session(), *again = new_session();
	struct dice d = dice_of((uint64_t)_i + 1);

	printf("seed %d\n", _i + 1);
	if (_i % 2)
		s->history.weight_limit = again->history.weight_limit = LIGHT;
	for (int i = 0; i < STEPS; i++) {
		struct step *step = random_happening(s, &d), stored;
		if (!step)
			continue;
		if (roll(&d, 2))
			remember(s, step);
		stored = read_back(step);
		ck_assert(session_replay(again, &stored));
		free_step(step);
		ck_assert_uint_eq(s->seq, again->seq);
		ck_assert_uint_eq(s->history.weight, again->history.weight);
		ck_assert_int_eq(session_is_dirty(s), session_is_dirty(again));
		session_settled(s, s->ordinal);
	}
	assert_same_sessions(s, again);
	ck_assert(uuid_equal(&s->meta.project_id, &again->meta.project_id));
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(steps_taken_back_newest_first_leave_no_trace)
{
	struct session *s = new_session();
	struct dice d = dice_of((uint64_t)_i + 1);
	struct step *steps[IN_FLIGHT];
	char *before[IN_FLIGHT];
	size_t weight[IN_FLIGHT];

	printf("seed %d\n", _i + 1);
	if (_i % 2)
		s->history.weight_limit = LIGHT;
	for (int i = 0; i < STEPS / 4; i++) {
		size_t n = 0;
		for (uint32_t wanted = roll(&d, IN_FLIGHT); n < wanted; n++) {
			before[n] = snapshot_text(s);
			weight[n] = s->history.weight;
			steps[n] = random_happening(s, &d);
			if (!steps[n]) {
				free(before[n]);
				break;
			}
			remember(s, steps[n]);
		}
		while (n-- > 0) {
			session_revert(s, steps[n]);
			assert_same_snapshots(snapshot_text(s), before[n]);
			ck_assert_uint_eq(s->history.weight, weight[n]);
			ck_assert_ptr_null(graph_verify(s->graph));
			free_step(steps[n]);
		}
		free_step(random_happening(s, &d));
		session_settled(s, s->ordinal - roll(&d, 2) * (s->ordinal > 0));
		session_settled(s, s->ordinal);
	}
	session_free(s);
}
END_TEST

START_TEST(an_aborted_step_never_happened)
{
	struct session *s = new_session();
	char *before;
	struct edit e;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	before = snapshot_text(s);
	begin_as(s, "ann", STEP_DO, COMMAND_batch);
	e = add_edit(2, 1, 0, "y");
	ck_assert_int_eq(session_edit(s, &e), OK);
	e = set_edit(1, "a", "1");
	ck_assert_int_eq(session_edit(s, &e), OK);
	e = move_edit(2, 0, 0);
	ck_assert_int_eq(session_edit(s, &e), OK);
	e = remove_edit(2);
	ck_assert_int_eq(session_edit(s, &e), OK);
	e = remove_edit(9);
	ck_assert_int_eq(session_edit(s, &e), ERROR_node_not_found);
	session_abort(s);
	assert_same_snapshots(snapshot_text(s), before);
	ck_assert_ptr_null(s->open);
	session_free(s);
}
END_TEST

START_TEST(a_step_without_edits_is_kept_when_it_is_told_only)
{
	struct session *s = new_session();
	struct step *step;

	begin_as(s, "ann", STEP_MARK, COMMAND_link_node);
	ck_assert_ptr_null(session_end(s, SPAN("{}")));
	ck_assert_uint_eq(s->ordinal, 0);
	ck_assert_uint_eq(s->seq, 0);
	begin_as(s, "ann", STEP_DO, COMMAND_link_node);
	step = session_end(s, SPAN("{}"));
	ck_assert_uint_eq(s->ordinal, 1);
	ck_assert_uint_eq(s->seq, 1);
	ck_assert(!session_can_undo(s));
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(a_step_is_complete_and_numbered)
{
	struct session *s = new_session();
	struct step *step = do_edit(s, "ann", add_edit(1, 0, UINT32_MAX, "first"));

	ck_assert_uint_eq(step->ordinal, 1);
	ck_assert_uint_eq(step->first_seq, 1);
	ck_assert_uint_eq(step->last_seq, 2);
	ck_assert_uint_eq(s->seq, 2);
	ck_assert_str_eq(step->edits[0].content->name, "first");
	ck_assert_uint_eq(step->edits[0].after.index, 0);
	free_step(step);
	step = do_edit(s, "ann", set_edit(1, "a", "1"));
	ck_assert_uint_eq(step->first_seq, 3);
	ck_assert_ptr_null(step->edits[0].value_before);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(saving_makes_clean_and_undo_gives_the_clean_state_back)
{
	struct session *s = new_session();
	enum error err;

	ck_assert(!session_is_dirty(s));
	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	ck_assert(session_is_dirty(s));
	begin_as(s, "ann", STEP_MARK, COMMAND_save_project);
	session_edit(s, &(struct edit){ .kind = EDIT_MARK, .mark = MARK_SAVED });
	free_step(session_end(s, (struct span){ NULL, 0 }));
	ck_assert(!session_is_dirty(s));
	ck_assert(session_can_undo(s));
	free_step(do_edit(s, "ann", set_edit(1, "a", "1")));
	ck_assert(session_is_dirty(s));
	free_step(undo_as(s, "ann", NULL, &err));
	ck_assert(!session_is_dirty(s));
	session_free(s);
}
END_TEST

START_TEST(closing_is_a_step_and_can_be_taken_back)
{
	struct session *s = new_session();
	struct step *step;

	free_step(do_edit(s, "ann", add_edit(1, 0, 0, "x")));
	begin_as(s, NULL, STEP_MARK, COMMAND_end_session);
	session_edit(s,
	    &(struct edit){ .kind = EDIT_MARK,
		.mark = MARK_CLOSED,
		.value_after = xstrdup("\"reason\":\"deleted\"") });
	step = session_end(s, (struct span){ NULL, 0 });
	ck_assert(s->closed);
	ck_assert(!session_can_undo(s));
	session_revert(s, step);
	ck_assert(!s->closed);
	ck_assert(session_can_undo(s));
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(meta_follows_its_edits_and_their_undo)
{
	struct session *s = new_session();
	struct meta meta = { .project_id = id_of(77),
		.project_name = (char *)"A \"car\"",
		.template_id = (char *)"restomod",
		.strict = true,
		.extra = (char *)"\"x\":[1]" };
	struct json_out text = { 0 };
	struct edit e = { .kind = EDIT_META };
	struct meta read;
	enum error err;

	meta_write(&text, &meta);
	ck_assert(meta_read(json_out_span(&text), &read));
	ck_assert_str_eq(read.project_name, "A \"car\"");
	ck_assert_str_eq(read.extra, "\"x\":[1]");
	meta_fini(&read);
	e.value_after = xspandup(json_out_span(&text));
	free_step(do_edit(s, "ann", e));
	ck_assert(uuid_equal(&s->meta.project_id, &meta.project_id));
	ck_assert_str_eq(s->meta.template_id, "restomod");
	ck_assert(s->meta.strict);
	free_step(undo_as(s, "ann", NULL, &err));
	ck_assert(uuid_is_nil(&s->meta.project_id));
	ck_assert_ptr_null(s->meta.template_id);
	free_step(redo_as(s, "ann", NULL, &err));
	ck_assert_str_eq(s->meta.project_name, "A \"car\"");
	ck_assert(!meta_read(SPAN("[1]"), &read));
	ck_assert(!meta_read(SPAN("{"), &read));
	json_out_fini(&text);
	session_free(s);
}
END_TEST

START_TEST(a_stored_step_whose_content_is_another_is_refused)
{
	struct session *s = new_session(), *again = new_session();
	struct step *step = do_edit(s, "ann", add_edit(1, 0, 0, "x")), stored;

	step->edits[0].content_hash++;
	stored = read_back(step);
	ck_assert(!session_replay(again, &stored));
	free_step(step);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(a_stored_step_that_does_not_fit_is_refused)
{
	struct session *s = session_of_three(), *again = new_session();
	struct step *step = do_edit(s, "ann", set_edit(1, "a", "1")), stored = read_back(step);

	/* Not the next one. */
	ck_assert(!session_replay(again, &stored));
	/* The next one, but of another graph. */
	again->ordinal = step->ordinal - 1;
	again->seq = step->first_seq - 1;
	stored = read_back(step);
	ck_assert(!session_replay(again, &stored));
	free_step(step);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(deleting_and_restoring_100000_nodes_is_one_step_each)
{
	struct session *s = new_session();
	struct uuid top = id_of(1);
	const struct node *n, *next;
	char before[33], after[33];
	enum error err;

	begin_as(s, "ann", STEP_DO, COMMAND_load_graph);
	for (uint64_t i = 1; i <= 100000; i++) {
		struct edit e = add_edit(i, i == 1 ? 0 : i / 10 + 1, UINT32_MAX, "node");
		if (i > 1 && i / 10 + 1 >= i)
			e.after.parent = top;
		if (session_edit(s, &e))
			ck_abort();
	}
	free_step(session_end(s, (struct span){ NULL, 0 }));
	graph_hash(s->graph, before);
	begin_as(s, "ann", STEP_DO, COMMAND_delete_node);
	for (n = graph_deepest_first(graph_find(s->graph, &top)); n; n = next) {
		struct edit e = { .kind = EDIT_REMOVE, .node = *node_id(n) };
		next = graph_walk_up(n, graph_find(s->graph, &top));
		if (session_edit(s, &e))
			ck_abort();
	}
	free_step(session_end(s, (struct span){ NULL, 0 }));
	ck_assert_uint_eq(graph_count(s->graph), 0);
	free_step(undo_as(s, "ann", NULL, &err));
	graph_hash(s->graph, after);
	ck_assert_str_eq(before, after);
	ck_assert_ptr_null(graph_verify(s->graph));
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("session");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, replaying_the_stored_steps_gives_the_same_session, 0, SEEDS);
	tcase_add_loop_test(tests, steps_taken_back_newest_first_leave_no_trace, 0, SEEDS);
	tcase_add_test(tests, an_aborted_step_never_happened);
	tcase_add_test(tests, a_step_without_edits_is_kept_when_it_is_told_only);
	tcase_add_test(tests, a_step_is_complete_and_numbered);
	tcase_add_test(tests, saving_makes_clean_and_undo_gives_the_clean_state_back);
	tcase_add_test(tests, closing_is_a_step_and_can_be_taken_back);
	tcase_add_test(tests, meta_follows_its_edits_and_their_undo);
	tcase_add_test(tests, a_stored_step_whose_content_is_another_is_refused);
	tcase_add_test(tests, a_stored_step_that_does_not_fit_is_refused);
	tcase_add_test(tests, deleting_and_restoring_100000_nodes_is_one_step_each);
	return run_tests(tests);
}
