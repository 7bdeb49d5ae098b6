/* Parents in the course of a step, asked in any order. */

#include "graphd/lineage.h"

#include "graph_fixture.h"
#include "run_tests.h"

#include <stdlib.h>

static struct lineage *lineage;

static void
set_up(void)
{
	lineage = lineage_new();
}

static void
tear_down(void)
{
	lineage_free(lineage);
}

static void
note(enum edit_kind kind, uint64_t node, uint64_t before, uint64_t after)
{
	struct edit e = { .kind = kind, .node = id_of(node) };

	e.before.parent = id_of(before);
	e.after.parent = id_of(after);
	lineage_note(lineage, &e);
}

static void
ck_parent(uint64_t node, size_t n_edits, uint64_t parent)
{
	struct uuid id = id_of(node), expected = id_of(parent);
	struct uuid found = lineage_parent(lineage, &id, n_edits);

	ck_assert_msg(uuid_equal(&found, &expected), "node %d behind %zu edits: %d", (int)node,
	    n_edits, found.bytes[15]);
}

START_TEST(a_parent_is_the_one_of_that_moment)
{
	note(EDIT_MOVE, 5, 1, 2);
	note(EDIT_PROPERTY, 5, 0, 0);
	note(EDIT_MOVE, 5, 2, 3);
	note(EDIT_REMOVE, 5, 3, 0);
	note(EDIT_ADD, 5, 0, 4);
	for (int turn = 0; turn < 2; turn++) {
		ck_parent(5, 5, 4);
		ck_parent(5, 0, 1);
		ck_parent(5, 3, 3);
		ck_parent(5, 1, 2);
		ck_parent(5, 4, 3);
		ck_parent(5, 2, 2);
	}
}
END_TEST

START_TEST(what_goes_later_is_known_from_the_beginning_and_what_comes_is_not)
{
	note(EDIT_REMOVE, 9, 8, 0);
	note(EDIT_REMOVE, 8, 7, 0);
	note(EDIT_ADD, 6, 0, 7);
	ck_parent(8, 0, 7);
	ck_parent(9, 3, 8);
	ck_parent(6, 2, 0);
	ck_parent(6, 3, 7);
	ck_parent(77, 3, 0);
}
END_TEST

START_TEST(ancestors_tell_of_those_of_whom_the_edits_do_not)
{
	struct uuid ids[] = { id_of(4), id_of(3), id_of(0), id_of(2), id_of(1) };
	struct step step = { .ancestors = ids, .n_ancestors = 5 };

	note(EDIT_MOVE, 2, 9, 4);
	lineage_note_ancestors(lineage, &step);
	ck_parent(4, 0, 3);
	ck_parent(3, 0, 0);
	ck_parent(1, 1, 0);
	/* What an edit says counts. */
	ck_parent(2, 0, 9);
	ck_parent(2, 1, 4);
}
END_TEST

START_TEST(it_says_what_memory_it_takes)
{
	size_t before = lineage_bytes(lineage);

	for (uint64_t i = 1; i <= 1000; i++)
		note(EDIT_ADD, i, 0, i - 1);
	ck_assert_uint_ge(lineage_bytes(lineage) - before, 1000 * 2 * UUID_BYTES);
	ck_assert_uint_le(lineage_bytes(lineage) - before, 1000 * 100);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("lineage");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_parent_is_the_one_of_that_moment);
	tcase_add_test(tc, what_goes_later_is_known_from_the_beginning_and_what_comes_is_not);
	tcase_add_test(tc, ancestors_tell_of_those_of_whom_the_edits_do_not);
	tcase_add_test(tc, it_says_what_memory_it_takes);
	return run_tests(tc);
}
