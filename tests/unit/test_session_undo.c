#include "graphd/session.h"

#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <stdlib.h>
#include <time.h>

/* Ann's newest step cannot be undone alone, because of bob's. Names bob's command. */
static void
assert_conflict(struct session *s, const char *in_way_type, const struct uuid *in_way)
{
	struct step_request who = { .type = COMMAND_undo, .actor = SPAN("ann") };
	struct history_entry *entry;
	struct refusal why = { .message = "" };
	char *before = snapshot_text(s), id[UUID_TEXT + 1];

	ck_assert_int_eq(session_undo(s, &who, "ann", &entry, &why), ERROR_undo_conflict);
	uuid_format(in_way, id);
	ck_assert_ptr_nonnull(strstr(why.message, id));
	ck_assert_ptr_nonnull(strstr(why.message, in_way_type));
	ck_assert_ptr_nonnull(memmem(why.details.bytes, why.details.n, id, UUID_TEXT));
	assert_same_snapshots(snapshot_text(s), before);
	refusal_fini(&why);
}

static struct uuid
by_bob(struct session *s, struct edit e)
{
	struct step *step = do_edit(s, "bob", e);
	struct uuid id = step->command_id;

	free_step(step);
	/* Something else of his on top, which is not in the way. */
	free_step(do_edit(s, "bob", set_edit(2, "elsewhere", "1")));
	return id;
}

START_TEST(a_value_that_another_changed_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", set_edit(1, "a", "1")));
	id = by_bob(s, set_edit(1, "a", "2"));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(a_new_node_that_another_changed_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", add_edit(5, 1, 0, "ann's")));
	id = by_bob(s, set_edit(5, "a", "2"));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(a_new_node_that_got_a_child_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", add_edit(5, 1, 0, "ann's")));
	id = by_bob(s, add_edit(6, 5, 0, "bob's"));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(a_node_that_another_moved_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", move_edit(3, 1, 0)));
	id = by_bob(s, move_edit(3, 2, 0));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(a_parent_that_another_removed_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", add_edit(5, 1, 0, "x")));
	free_step(do_edit(s, "ann", remove_edit(5)));
	id = by_bob(s, remove_edit(1));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(places_are_found_again_although_others_moved_about)
{
	struct session *s = session_of_three();
	struct uuid two = id_of(2), removed = id_of(5);
	enum error err;

	free_step(do_edit(s, NULL, move_edit(2, 1, 0)));
	free_step(do_edit(s, NULL, add_edit(5, 1, UINT32_MAX, "behind two")));
	free_step(do_edit(s, "ann", remove_edit(5)));
	for (uint64_t i = 10; i < 20; i++)
		free_step(do_edit(s, "bob", add_edit(i, 1, 0, "in front")));
	free_step(undo_as(s, "ann", "ann", &err));
	ck_assert_int_eq(err, OK);
	ck_assert_ptr_eq(node_next(graph_find(s->graph, &two)), graph_find(s->graph, &removed));
	session_free(s);
}
END_TEST

START_TEST(names_come_back_with_the_property_name)
{
	struct session *s = session_of_three();
	struct edit e = set_edit(1, "name", "\"new\"");
	struct uuid one = id_of(1);
	enum error err;

	e.name_after = xstrdup("new");
	free_step(do_edit(s, "ann", e));
	ck_assert_str_eq(node_content(graph_find(s->graph, &one))->name, "new");
	free_step(undo_as(s, "ann", NULL, &err));
	ck_assert_str_eq(node_content(graph_find(s->graph, &one))->name, "one");
	ck_assert_ptr_null(node_property(graph_find(s->graph, &one), "name"));
	session_free(s);
}
END_TEST

static struct edit
rename_edit(const char *project_name)
{
	return meta_edit(
	    &(struct meta){ .project_id = id_of(9), .project_name = (char *)project_name });
}

START_TEST(a_project_that_another_changed_since_is_a_conflict)
{
	struct session *s = session_of_three();
	struct uuid id;

	free_step(do_edit(s, "ann", rename_edit("ann's")));
	id = by_bob(s, rename_edit("bob's"));
	assert_conflict(s, "UpdateProperty", &id);
	session_free(s);
}
END_TEST

START_TEST(redo_is_cleared_again_by_the_same_actor_when_it_has_something_again)
{
	struct session *s = session_of_three();
	struct step *step;
	enum error err;

	free_step(do_edit(s, "bob", set_edit(1, "a", "1")));
	free_step(undo_as(s, "bob", NULL, &err));
	step = do_edit(s, "ann", set_edit(2, "a", "1"));
	ck_assert(!session_can_redo(s));
	session_revert(s, step);
	ck_assert(session_can_redo(s));
	free_step(step);
	free_step(do_edit(s, "ann", set_edit(2, "a", "2")));
	ck_assert(!session_can_redo(s));
	free_step(undo_as(s, "bob", NULL, &err));
	ck_assert(session_can_redo(s));
	free_step(do_edit(s, "ann", set_edit(2, "a", "3")));
	ck_assert(!session_can_redo(s));
	ck_assert_ptr_null(redo_as(s, "ann", "ann", &err));
	/* Her own, too. */
	free_step(undo_as(s, "ann", NULL, &err));
	step = do_edit(s, "ann", set_edit(2, "a", "4"));
	session_revert(s, step);
	free_step(step);
	ck_assert(session_can_redo(s));
	free_step(do_edit(s, "ann", set_edit(2, "a", "5")));
	ck_assert(!session_can_redo(s));
	ck_assert_ptr_null(history_redo_next(&s->history, "ann"));
	session_free(s);
}
END_TEST

/* Many small steps of another one behind one that made very many nodes: each could be in its way.
 */
START_TEST(one_of_many_edits_is_undone_from_under_many_of_others_in_little_time)
{
	enum { NODES = 100000, STEPS = 500, EDITS = 99 };
	struct session *s = session_of_three();
	struct step_request who = { .type = COMMAND_load_graph, .actor = SPAN("ann") };
	struct history_entry *entry;
	struct refusal why = { .message = "" };
	clock_t began;

	uuid_random(&who.command_id);
	session_begin(s, &who);
	for (unsigned i = 0; i < NODES; i++) {
		struct edit e = add_edit(10 + i, 1, UINT32_MAX, "n");

		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	free_step(session_end(s, (struct span){ 0 }));
	who.actor = SPAN("bob");
	for (unsigned i = 0; i < STEPS; i++) {
		uuid_random(&who.command_id);
		session_begin(s, &who);
		for (unsigned k = 0; k < EDITS; k++) {
			struct edit e = set_edit(2, k % 2 ? "a" : "b", i % 2 ? "1" : "2");

			ck_assert_int_eq(session_edit(s, &e), OK);
		}
		free_step(session_end(s, (struct span){ 0 }));
	}
	who.actor = SPAN("ann");
	who.type = COMMAND_undo;
	began = clock();
	ck_assert_int_eq(session_undo(s, &who, "ann", &entry, &why), OK);
	ck_assert_uint_lt((uint64_t)(clock() - began), 5 * CLOCKS_PER_SEC);
	ck_assert_ptr_nonnull(entry);
	session_abort(s);
	refusal_fini(&why);
	session_free(s);
}
END_TEST

static void
set_often(struct session *s, const char *actor, const char *key, unsigned times)
{
	struct step_request who = { .type = COMMAND_batch, .actor = span_of(actor) };

	uuid_random(&who.command_id);
	session_begin(s, &who);
	for (unsigned i = 0; i < times; i++) {
		struct edit e = set_edit(2, key, i % 2 ? "1" : "2");

		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	free_step(session_end(s, (struct span){ 0 }));
	session_settled(s, UINT64_MAX);
}

/* Of ann's step that set a property so often, from under many of bob's on the same node. */
static clock_t
time_of_undo(unsigned times)
{
	enum { STEPS = 100, EDITS = 1000 };
	struct session *s = session_of_three();
	struct step_request who = { .type = COMMAND_undo, .actor = SPAN("ann") };
	struct history_entry *entry;
	struct refusal why = { .message = "" };
	clock_t took;

	set_often(s, "ann", "hers", times);
	for (unsigned i = 0; i < STEPS; i++)
		set_often(s, "bob", "his", EDITS);
	took = clock();
	ck_assert_int_eq(session_undo(s, &who, "ann", &entry, &why), OK);
	took = clock() - took;
	ck_assert_ptr_nonnull(entry);
	session_abort(s);
	refusal_fini(&why);
	session_free(s);
	return took;
}

START_TEST(a_property_that_was_set_very_often_is_undone_as_quickly_as_one_set_seldom)
{
	clock_t few = time_of_undo(10), many = time_of_undo(1000);

	ck_assert_msg(
	    many < 5 * few + CLOCKS_PER_SEC / 50, "%ld and %ld us", (long)few, (long)many);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("session_undo");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_value_that_another_changed_since_is_a_conflict);
	tcase_add_test(tests, a_new_node_that_another_changed_since_is_a_conflict);
	tcase_add_test(tests, a_new_node_that_got_a_child_since_is_a_conflict);
	tcase_add_test(tests, a_node_that_another_moved_since_is_a_conflict);
	tcase_add_test(tests, a_parent_that_another_removed_since_is_a_conflict);
	tcase_add_test(tests, places_are_found_again_although_others_moved_about);
	tcase_add_test(tests, names_come_back_with_the_property_name);
	tcase_add_test(tests, a_project_that_another_changed_since_is_a_conflict);
	tcase_add_test(tests, one_of_many_edits_is_undone_from_under_many_of_others_in_little_time);
	tcase_add_test(
	    tests, a_property_that_was_set_very_often_is_undone_as_quickly_as_one_set_seldom);
	tcase_add_test(tests, redo_is_cleared_again_by_the_same_actor_when_it_has_something_again);
	return run_tests(tests);
}
