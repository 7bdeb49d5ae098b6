#include "graphd/graph_texts.h"

#include "graph_fixture.h"
#include "graphd/blueprint.h"
#include "graphd/tree.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static const char yaml[] =
    "id: t\nversion: '1'\nname: T\ndescription: d\nnode_types:\n"
    "- id: task\n  label: Task\n  allowed_children: [task]\n  properties:\n"
    "  - {id: status, label: Status, type: select, indicator_set: status, options: "
    "[{name: Done, indicator_id: filled, bullet: '*'}]}\n";

enum { PLENTY = 1024 * 1024 };

static struct json_out
write_tree(
    const struct graph *g, const struct blueprint *blueprint, size_t slice_bytes, bool keeps_texts)
{
	struct json_out out = { 0 };
	struct tree_writer w;

	json_out_open(&out, '[');
	tree_init(&w, g, blueprint, NULL, -1);
	w.keeps_texts = keeps_texts;
	while (!tree_write(&w, &out, slice_bytes))
		;
	json_out_close(&out, ']');
	return out;
}

static struct json_out
written(const struct graph *g, const struct blueprint *blueprint, size_t slice_bytes)
{
	return write_tree(g, blueprint, slice_bytes, true);
}

/* The same without what is kept. */
static struct json_out
written_anew(const struct graph *g, const struct blueprint *blueprint)
{
	return write_tree(g, blueprint, SIZE_MAX, false);
}

static void
assert_same(struct json_out a, struct json_out b)
{
	ck_assert_msg(span_equal(json_out_span(&a), json_out_span(&b)), "%.*s\nis not\n%.*s",
	    (int)a.n, a.bytes, (int)b.n, b.bytes);
	json_out_fini(&a);
	json_out_fini(&b);
}

/* So many children of one root. */
static struct graph *
graph_of(uint64_t n, struct texts *texts)
{
	struct graph *g = graph_new();

	apply(g, add_edit(1, 0, 0, "top"));
	for (uint64_t i = 2; i <= n; i++)
		apply(g, add_edit(i, 1, UINT32_MAX, "child"));
	graph_texts_join(g, texts);
	return g;
}

static void
write_once(const struct graph *g)
{
	struct json_out out = written(g, NULL, SIZE_MAX);

	json_out_fini(&out);
}

START_TEST(a_graph_that_was_written_is_kept_and_goes_with_the_graph)
{
	struct texts *texts = texts_new(PLENTY);
	struct graph *g = graph_of(3, texts);

	ck_assert_uint_eq(texts_bytes(texts), 0);
	write_once(g);
	ck_assert_uint_gt(texts_bytes(texts), 0);
	for (uint64_t i = 1; i <= 3; i++)
		ck_assert_ptr_nonnull(node_text(find_node(g, i)));
	graph_free(g);
	ck_assert_uint_eq(texts_bytes(texts), 0);
	texts_free(texts);
}
END_TEST

START_TEST(only_what_shows_a_change_is_written_anew)
{
	struct texts *texts = texts_new(PLENTY);
	struct graph *g = graph_of(4, texts);

	write_once(g);
	apply(g, set_edit(2, "a", "1"));
	ck_assert_ptr_null(node_text(find_node(g, 2)));
	ck_assert_ptr_nonnull(node_text(find_node(g, 1)));
	ck_assert_ptr_nonnull(node_text(find_node(g, 3)));
	write_once(g);
	apply(g, move_edit(4, 1, 0));
	ck_assert_ptr_nonnull(node_text(find_node(g, 4)));
	apply(g, move_edit(4, 3, 0));
	ck_assert_ptr_null(node_text(find_node(g, 4)));
	ck_assert_ptr_nonnull(node_text(find_node(g, 3)));
	assert_same(written(g, NULL, SIZE_MAX), written_anew(g, NULL));
	graph_free(g);
	texts_free(texts);
}
END_TEST

START_TEST(another_blueprint_makes_other_texts)
{
	char message[256];
	struct blueprint *b = blueprint_parse(SPAN("t"), span_of(yaml), message);
	struct texts *texts = texts_new(PLENTY);
	struct graph *g = graph_of(1, texts);
	struct json_out out;

	ck_assert_msg(b, "%s", message);
	apply(g, set_edit(1, "status", "\"Done\""));
	write_once(g);
	out = written(g, b, SIZE_MAX);
	json_out_bytes(&out, (struct span){ "", 1 });
	ck_assert_ptr_nonnull(strstr(out.bytes, "\"indicator_id\":\"filled\""));
	json_out_fini(&out);
	assert_same(written(g, NULL, SIZE_MAX), written_anew(g, NULL));
	graph_free(g);
	blueprint_free(b);
	texts_free(texts);
}
END_TEST

START_TEST(the_bound_holds_and_the_graph_not_written_for_longest_gives_way)
{
	enum { NODES = 50 };
	struct texts *texts = texts_new(PLENTY);
	struct graph *old = graph_of(NODES, texts), *young;
	size_t each;

	write_once(old);
	each = texts_bytes(texts);
	graph_free(old);
	texts_free(texts);
	texts = texts_new(each + each / 2);
	old = graph_of(NODES, texts);
	young = graph_of(NODES, texts);
	write_once(old);
	write_once(young);
	ck_assert_uint_eq(texts_bytes(texts), each);
	ck_assert_ptr_null(node_text(find_node(old, 1)));
	for (uint64_t i = 1; i <= NODES; i++)
		ck_assert_ptr_nonnull(node_text(find_node(young, i)));
	assert_same(written(old, NULL, SIZE_MAX), written_anew(old, NULL));
	graph_free(old);
	graph_free(young);
	texts_free(texts);
}
END_TEST

START_TEST(what_finds_no_room_is_written_all_the_same)
{
	struct texts *texts = texts_new(1000);
	struct graph *g = graph_of(50, texts);

	write_once(g);
	ck_assert_uint_gt(texts_bytes(texts), 0);
	ck_assert_uint_le(texts_bytes(texts), 1000);
	ck_assert_ptr_null(node_text(find_node(g, 50)));
	assert_same(written(g, NULL, 100), written_anew(g, NULL));
	graph_free(g);
	texts_free(texts);
}
END_TEST

/* Steps and their taking back, over two graphs that do not have room together. */
START_TEST(after_any_changes_the_kept_texts_are_what_would_be_written_anew)
{
	struct dice d = dice_of(random_seed(0));
	struct texts *texts = texts_new(8 * 1024);
	struct session *both[2] = { new_session(), new_session() };

	graph_texts_join(both[0]->graph, texts);
	graph_texts_join(both[1]->graph, texts);
	for (int i = 0; i < 2000; i++) {
		struct session *s = both[roll(&d, 4) == 0];
		struct step *step = random_step(s, &d, "ann");

		if (step && !roll(&d, 3))
			session_revert(s, step);
		free_step(step);
		session_settled(s, s->ordinal);
		assert_same(written(s->graph, NULL, 200), written_anew(s->graph, NULL));
		ck_assert_uint_le(texts_bytes(texts), 8 * 1024);
	}
	session_free(both[0]);
	session_free(both[1]);
	ck_assert_uint_eq(texts_bytes(texts), 0);
	texts_free(texts);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("graph_texts");

	tcase_add_test(c, a_graph_that_was_written_is_kept_and_goes_with_the_graph);
	tcase_add_test(c, only_what_shows_a_change_is_written_anew);
	tcase_add_test(c, another_blueprint_makes_other_texts);
	tcase_add_test(c, the_bound_holds_and_the_graph_not_written_for_longest_gives_way);
	tcase_add_test(c, what_finds_no_room_is_written_all_the_same);
	tcase_add_test(c, after_any_changes_the_kept_texts_are_what_would_be_written_anew);
	return run_tests(c);
}
