/* Where events happened: said right when the command runs, and said the same when it is read back.
 */

#include "graphd/ancestry.h"

#include "common/mem.h"
#include "told_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 64 * 1024 };

/* "property_changed 4 3 1;": the event and its path, by the numbers of id_of(). */
static char *
text_of_step(const struct step *step)
{
	char *text = xmalloc(TEXT_BYTES);
	size_t n = 0;

	text[0] = '\0';
	tell(step, 0, true);
	for (size_t i = 0; i < n_told; i++) {
		n += (size_t)snprintf(
		    text + n, TEXT_BYTES - n, "%s", event_rows[told[i].event].ident);
		for (size_t j = 0; j < told[i].n; j++)
			n += (size_t)snprintf(
			    text + n, TEXT_BYTES - n, " %d", told[i].ids[j].bytes[15]);
		n += (size_t)snprintf(text + n, TEXT_BYTES - n, ";");
	}
	return text;
}

/* Live and from the journal. Takes the step. */
static void
ck_told(struct step *step, const char *expected)
{
	struct step read = read_back(step);
	char *live = text_of_step(step), *past = text_of_step(&read);

	ck_assert_str_eq(live, expected);
	ck_assert_str_eq(past, expected);
	step_fini(&read);
	free_step(step);
	free(live);
	free(past);
}

/* The roots 1 and 2; 4 below 3 below 1. */
static struct session *
four_nodes(void)
{
	struct session *s = new_session();

	free_step(do_edit(s, NULL, add_edit(1, 0, UINT32_MAX, "one")));
	free_step(do_edit(s, NULL, add_edit(2, 0, UINT32_MAX, "two")));
	free_step(do_edit(s, NULL, add_edit(3, 1, UINT32_MAX, "three")));
	free_step(do_edit(s, NULL, add_edit(4, 3, UINT32_MAX, "four")));
	return s;
}

static struct step *
do_edits(struct session *s, const struct edit *edits, size_t n)
{
	begin_as(s, "ann", STEP_DO, COMMAND_batch);
	for (size_t i = 0; i < n; i++) {
		struct edit e = edits[i];
		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	return session_end(s, (struct span){ NULL, 0 });
}

START_TEST(a_node_that_comes_or_goes_or_has_a_property_is_told_with_all_above_it)
{
	struct session *s = four_nodes();

	ck_told(do_edit(s, "ann", add_edit(5, 4, 0, "five")),
	    "node_created 5 4 3 1;command_executed 5 4 3 1;");
	ck_told(do_edit(s, "ann", add_edit(6, 0, 0, "six")), "node_created 6;command_executed 6;");
	ck_told(do_edit(s, "ann", set_edit(4, "a", "1")),
	    "property_changed 4 3 1;command_executed 4 3 1;");
	ck_told(do_edit(s, "ann", unset_edit(4, "a")),
	    "property_deleted 4 3 1;command_executed 4 3 1;");
	ck_told(
	    do_edit(s, "ann", remove_edit(5)), "node_deleted 5 4 3 1;command_executed 5 4 3 1;");
	ck_told(do_edit(s, "ann", remove_edit(6)), "node_deleted 6;command_executed 6;");
	session_free(s);
}
END_TEST

START_TEST(a_move_is_told_where_the_node_was_and_where_it_is)
{
	struct session *s = four_nodes();
	enum error err;

	ck_told(do_edit(s, "ann", move_edit(4, 2, 0)),
	    "node_unlinked 4 3 1;node_linked 4 2;command_executed 4 3 1 2;");
	ck_told(undo_as(s, "ann", NULL, &err),
	    "node_unlinked 4 2;node_linked 4 3 1;command_undo 4 2 3 1;");
	ck_told(redo_as(s, "ann", NULL, &err),
	    "node_unlinked 4 3 1;node_linked 4 2;command_redo 4 3 1 2;");
	ck_told(do_edit(s, "ann", move_edit(4, 1, 0)),
	    "node_unlinked 4 2;node_linked 4 1;command_executed 4 2 1;");
	/* Within a part: what both places have above them is told of both. */
	ck_told(do_edit(s, "ann", move_edit(4, 3, 0)),
	    "node_unlinked 4 1;node_linked 4 3 1;command_executed 4 1 3;");
	ck_told(
	    do_edit(s, "ann", move_edit(4, 0, 0)), "node_unlinked 4 3 1;command_executed 4 3 1;");
	ck_told(do_edit(s, "ann", move_edit(4, 0, UINT32_MAX)), "node_moved 4;command_executed 4;");
	ck_told(do_edit(s, "ann", move_edit(4, 3, 0)), "node_linked 4 3 1;command_executed 4 3 1;");
	free_step(do_edit(s, "ann", add_edit(5, 3, UINT32_MAX, "five")));
	ck_told(do_edit(s, "ann", move_edit(4, 3, UINT32_MAX)),
	    "node_moved 4 3 1;command_executed 4 3 1;");
	session_free(s);
}
END_TEST

START_TEST(a_branch_that_goes_names_itself_and_needs_what_is_above_its_top_alone)
{
	struct session *s = four_nodes();
	const struct edit from_three[] = { remove_edit(4), remove_edit(3) };
	const struct edit from_one[] = { remove_edit(4), remove_edit(3), remove_edit(1) };
	struct step *step = do_edits(s, from_three, 2);
	struct uuid one = id_of(1);
	enum error err;

	ck_assert_uint_eq(step->n_ancestors, 1);
	ck_assert(uuid_equal(step->ancestors, &one));
	ck_told(step, "node_deleted 4 3 1;node_deleted 3 1;command_executed 4 3 1;");
	ck_told(undo_as(s, "ann", NULL, &err),
	    "node_created 3 1;node_created 4 3 1;command_undo 3 1 4;");
	step = do_edits(s, from_one, 3);
	ck_assert_uint_eq(step->n_ancestors, 0);
	ck_told(step, "node_deleted 4 3 1;node_deleted 3 1;node_deleted 1;command_executed 4 3 1;");
	session_free(s);
}
END_TEST

START_TEST(within_a_step_each_event_is_told_where_its_node_is_by_then)
{
	struct session *s = four_nodes();
	const struct edit on_its_way[] = { add_edit(5, 4, 0, "five"), move_edit(5, 2, 0),
		set_edit(5, "a", "1"), remove_edit(5), add_edit(5, 1, 0, "again") };
	const struct edit below_it[] = { set_edit(4, "a", "1"), move_edit(3, 2, 0),
		set_edit(4, "a", "2"), move_edit(2, 1, 0), set_edit(4, "a", "3") };

	ck_told(do_edits(s, on_its_way, 5),
	    "node_created 5 4 3 1;node_unlinked 5 4 3 1;node_linked 5 2;property_changed 5 2;"
	    "node_deleted 5 2;node_created 5 1;command_executed 5 4 3 1 2;");
	ck_told(do_edits(s, below_it, 5),
	    "property_changed 4 3 1;node_unlinked 3 1;node_linked 3 2;property_changed 4 3 2;"
	    "node_linked 2 1;property_changed 4 3 2 1;command_executed 4 3 1 2;");
	session_free(s);
}
END_TEST

START_TEST(what_concerns_the_session_has_no_path)
{
	struct session *s = four_nodes();
	struct edit mark = mark_edit(MARK_SAVED), set = set_edit(4, "a", "1");

	begin_as(s, "ann", STEP_MARK, COMMAND_save_project);
	ck_assert_int_eq(session_edit(s, &mark), OK);
	ck_told(session_end(s, (struct span){ NULL, 0 }), "project_saved;");
	begin_as(s, "ann", STEP_MARK, COMMAND_open_project);
	ck_assert_int_eq(session_edit(s, &set), OK);
	mark = mark_edit(MARK_LOADED);
	ck_assert_int_eq(session_edit(s, &mark), OK);
	ck_told(session_end(s, (struct span){ NULL, 0 }), "property_changed 4 3 1;project_loaded;");
	session_free(s);
}
END_TEST

START_TEST(paths_are_left_out_for_those_who_do_not_want_them)
{
	struct session *s = four_nodes();
	struct step *step = do_edit(s, "ann", set_edit(4, "a", "1"));

	tell(step, 0, false);
	ck_assert_uint_eq(n_told, 2);
	ck_assert_uint_eq(told[0].n + told[1].n, 0);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(the_end_of_a_step_is_told_the_same_when_its_beginning_is_left_out)
{
	struct session *s = four_nodes();
	const struct edit edits[] = { move_edit(4, 2, 0), set_edit(4, "a", "1"), remove_edit(3) };
	struct step *step = do_edits(s, edits, 3);
	struct told last;

	tell(step, 0, true);
	ck_assert_uint_eq(n_told, 5);
	last = told[4];
	for (size_t skipped = 1; skipped < 5; skipped++) {
		tell(step, step->first_seq - 1 + skipped, true);
		ck_assert_uint_eq(n_told, 5 - skipped);
		ck_assert_uint_eq(told[n_told - 1].n, last.n);
		ck_assert_mem_eq(told[n_told - 1].ids, last.ids, last.n * sizeof(*last.ids));
	}
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(a_path_may_be_as_long_as_a_graph_is_deep)
{
	struct session *s = new_session();
	struct step *step;

	for (uint64_t i = 1; i <= LIMIT_DEPTH + 1; i++)
		free_step(do_edit(s, NULL, add_edit(i, i - 1, 0, "n")));
	step = do_edit(s, NULL, set_edit(LIMIT_DEPTH + 1, "a", "1"));
	tell(step, 0, true);
	ck_assert_uint_eq(told[0].n, LIMIT_DEPTH + 1);
	for (uint64_t i = 0; i <= LIMIT_DEPTH; i++) {
		struct uuid id = id_of(LIMIT_DEPTH + 1 - i);
		ck_assert(uuid_equal(&told[0].ids[i], &id));
	}
	free_step(step);
	session_free(s);
}
END_TEST

/* A step about so many roots; gives how long the path of its last event is. */
static size_t
path_of_roots(struct session *s, uint64_t n)
{
	struct step *step;

	begin_as(s, NULL, STEP_DO, COMMAND_batch);
	for (uint64_t i = 1; i <= n; i++) {
		struct edit e = set_edit(i, "a", "1");
		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	step = session_end(s, (struct span){ NULL, 0 });
	tell(step, 0, true);
	ck_assert_uint_eq(told[0].n, 1);
	ck_assert_uint_eq(told[n - 1].n, 1);
	free_step(step);
	return told[n].n;
}

START_TEST(a_command_that_concerns_too_many_nodes_concerns_everybody)
{
	struct session *s = new_session();

	for (uint64_t i = 1; i <= LIMIT_PATH_NODES + 1; i++)
		free_step(do_edit(s, NULL, add_edit(i, 0, UINT32_MAX, "n")));
	ck_assert_uint_eq(path_of_roots(s, LIMIT_PATH_NODES), LIMIT_PATH_NODES);
	ck_assert_uint_eq(path_of_roots(s, LIMIT_PATH_NODES + 1), 0);
	session_free(s);
}
END_TEST

/* As graphd wrote it before steps had ancestors: a property of 2, which is below 1. */
START_TEST(a_step_recorded_without_ancestors_is_read_and_has_no_paths)
{
	static const char recorded[] =
	    "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x5e\x55\x10\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x06\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00\x0c\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x01\x03\x05\x02\x0f\x55\x70\x64\x61\x74\x65\x50\x72\x6f\x70\x65\x72\x74"
	    "\x79\xc3\x84\x3d\x04\x61\x6e\x6e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x01\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x06"
	    "\x6e\x6f\x74\x65\x73\x00\x0b\x22\x61\x73\x20\x66\x6f\x75\x6e\x64\x22\x00\x00\x00";
	struct span bytes = { recorded, sizeof(recorded) - 1 };
	struct json_out again = { 0 };
	struct session *s = new_session();
	struct step step;
	char *text;

	ck_assert(step_decode(bytes, &step));
	ck_assert(!step.has_ancestors);
	ck_assert_str_eq(step.actor, "ann");
	text = text_of_step(&step);
	ck_assert_str_eq(text, "property_changed;command_executed;");
	free(text);
	/* What is not known is not made up when it is written again. */
	step_encode(&step, &again);
	ck_assert_uint_eq(again.n, bytes.n);
	ck_assert_mem_eq(again.bytes, bytes.p, bytes.n);
	json_out_fini(&again);
	/* And it still fits the session it was recorded in. */
	free_step(do_edit(s, NULL, add_edit(1, 0, UINT32_MAX, "one")));
	free_step(do_edit(s, NULL, add_edit(2, 1, UINT32_MAX, "two")));
	ck_assert(session_replay(s, &step));
	session_free(s);
}
END_TEST

START_TEST(damaged_ancestors_do_no_harm)
{
	struct session *s = four_nodes();
	const struct edit edits[] = { set_edit(4, "a", "1"), set_edit(2, "a", "1") };
	struct step *step = do_edits(s, edits, 2);
	char *text;

	/* 4 below 3 below 4. */
	step->ancestors[2] = step->ancestors[0];
	text = text_of_step(step);
	ck_assert_uint_eq(told[0].n, LIMIT_DEPTH + 2);
	free(text);
	step->n_ancestors = 0;
	text = text_of_step(step);
	ck_assert_str_eq(text, "property_changed 4;property_changed 2;command_executed 4 2;");
	free(text);
	step->n_edits = 1;
	text = text_of_step(step);
	ck_assert_str_eq(text, "property_changed;command_executed;");
	free(text);
	step->n_edits = 2;
	free_step(step);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("ancestry");

	tcase_add_test(
	    tests, a_node_that_comes_or_goes_or_has_a_property_is_told_with_all_above_it);
	tcase_add_test(tests, a_move_is_told_where_the_node_was_and_where_it_is);
	tcase_add_test(
	    tests, a_branch_that_goes_names_itself_and_needs_what_is_above_its_top_alone);
	tcase_add_test(tests, within_a_step_each_event_is_told_where_its_node_is_by_then);
	tcase_add_test(tests, what_concerns_the_session_has_no_path);
	tcase_add_test(tests, paths_are_left_out_for_those_who_do_not_want_them);
	tcase_add_test(tests, the_end_of_a_step_is_told_the_same_when_its_beginning_is_left_out);
	tcase_add_test(tests, a_path_may_be_as_long_as_a_graph_is_deep);
	tcase_add_test(tests, a_command_that_concerns_too_many_nodes_concerns_everybody);
	tcase_add_test(tests, a_step_recorded_without_ancestors_is_read_and_has_no_paths);
	tcase_add_test(tests, damaged_ancestors_do_no_harm);
	return run_tests(tests);
}
