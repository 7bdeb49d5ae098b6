#include "graphd/edit.h"

#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/codec.h"
#include "run_tests.h"

static struct content *
full_content(void)
{
	struct content *c = content_of("part", "a name");

	c->icon_id = xstrdup("wrench");
	c->indicator_id = xstrdup("filled");
	c->indicator_set = xstrdup("status");
	c->extra = xstrdup("\"x\":1");
	content_add(c, "a", "1");
	content_add(c, "b", "\"2\"");
	return c;
}

static void
assert_same_content(const struct content *a, const struct content *b)
{
	struct json_out x = { 0 }, y = { 0 };

	code_content(&x, a);
	code_content(&y, b);
	ck_assert(span_equal(json_out_span(&x), json_out_span(&y)));
	json_out_fini(&x);
	json_out_fini(&y);
}

START_TEST(copies_are_equal_and_their_own)
{
	struct content *c = full_content(), *copy = content_copy(c), *packed = content_pack(c);

	assert_same_content(c, copy);
	assert_same_content(c, packed);
	ck_assert(!copy->packed);
	ck_assert(packed->packed);
	copy->properties[0].value[0] = '7';
	ck_assert_str_eq(c->properties[0].value, "1");
	content_free(c);
	ck_assert_str_eq(packed->name, "a name");
	content_free(copy);
	copy = content_copy(packed);
	content_free(packed);
	ck_assert_str_eq(copy->indicator_set, "status");
	content_free(copy);
	content_free(NULL);
}
END_TEST

START_TEST(absent_texts_stay_absent)
{
	struct content *c = content_of("t", ""), *packed = content_pack(c);

	ck_assert_ptr_null(packed->icon_id);
	ck_assert_ptr_null(packed->extra);
	ck_assert_str_eq(packed->name, "");
	ck_assert_uint_eq(packed->n_properties, 0);
	content_free(c);
	content_free(packed);
}
END_TEST

START_TEST(inverting_turns_everything_round)
{
	struct edit e = add_edit(1, 2, 3, "x");

	edit_invert(&e);
	ck_assert_int_eq(e.kind, EDIT_REMOVE);
	ck_assert_uint_eq(e.before.index, 3);
	ck_assert_ptr_nonnull(e.content);
	edit_invert(&e);
	ck_assert_int_eq(e.kind, EDIT_ADD);
	ck_assert_uint_eq(e.after.index, 3);
	edit_fini(&e);
	e = set_edit(1, "k", "1");
	e.name_after = xstrdup("n");
	edit_invert(&e);
	ck_assert_ptr_null(e.value_after);
	ck_assert_str_eq(e.value_before, "1");
	ck_assert_str_eq(e.name_before, "n");
	edit_fini(&e);
	e = mark_edit(MARK_SAVED);
	e.value_after = xstrdup("\"revision\":1");
	edit_invert(&e);
	ck_assert_ptr_nonnull(e.value_after);
	edit_fini(&e);
}
END_TEST

START_TEST(any_edit_and_its_inverse_leave_a_graph_as_it_was)
{
	struct session *s = new_session();
	struct dice d = dice_of((uint64_t)_i + 1);

	for (int i = 0; i < 200; i++) {
		char before[33], after[33];
		struct step *step;
		graph_hash(s->graph, before);
		step = random_step(s, &d, "ann");
		if (!step)
			continue;
		for (size_t j = step->n_edits; j-- > 0;) {
			struct edit e;
			edit_copy(&e, &step->edits[j], true);
			edit_invert(&e);
			ck_assert_int_eq(graph_apply(s->graph, &e), OK);
			edit_fini(&e);
		}
		graph_hash(s->graph, after);
		ck_assert_str_eq(before, after);
		for (size_t j = 0; j < step->n_edits; j++) {
			struct edit e;
			edit_copy(&e, &step->edits[j], true);
			ck_assert_int_eq(graph_apply(s->graph, &e), OK);
			ck_assert(uuid_equal(&e.after.previous, &step->edits[j].after.previous));
			ck_assert_uint_eq(e.after.index, step->edits[j].after.index);
			edit_fini(&e);
		}
		ck_assert_ptr_null(graph_verify(s->graph));
		free_step(step);
	}
	session_free(s);
}
END_TEST

START_TEST(added_content_is_copied_only_when_asked_for)
{
	struct edit e = add_edit(1, 0, 0, "x"), copy;

	edit_copy(&copy, &e, false);
	ck_assert_ptr_null(copy.content);
	edit_fini(&copy);
	edit_copy(&copy, &e, true);
	ck_assert_str_eq(copy.content->name, "x");
	edit_fini(&copy);
	edit_invert(&e);
	edit_copy(&copy, &e, false);
	ck_assert_str_eq(copy.content->name, "x");
	edit_fini(&copy);
	edit_fini(&e);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("edit");

	tcase_add_test(tests, copies_are_equal_and_their_own);
	tcase_add_test(tests, absent_texts_stay_absent);
	tcase_add_test(tests, inverting_turns_everything_round);
	tcase_add_loop_test(tests, any_edit_and_its_inverse_leave_a_graph_as_it_was, 0, 20);
	tcase_add_test(tests, added_content_is_copied_only_when_asked_for);
	return run_tests(tests);
}
