#include "graphd/tree.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/blueprint.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static const char phases[] =
    "id: t\nversion: '1'\nname: T\ndescription: d\nnode_types:\n"
    "- id: task\n  label: Task\n  allowed_children: [task]\n  properties:\n"
    "  - {id: status, label: Status, type: select, indicator_set: status, options: "
    "[{name: Done, indicator_id: filled, bullet: '*'}]}\n";

static void
assert_text(const struct json_out *out, const char *text)
{
	ck_assert_msg(
	    span_is(json_out_span(out), text), "%.*s\nis not\n%s", (int)out->n, out->bytes, text);
}

static char *
whole(const struct graph *g, uint64_t within, int64_t depth)
{
	struct uuid id = id_of(within);
	struct json_out out = { 0 };
	struct tree_writer w;
	size_t n;

	json_out_open(&out, '[');
	tree_init(&w, g, NULL, within ? graph_find(g, &id) : NULL, depth);
	ck_assert(tree_write(&w, &out, SIZE_MAX));
	json_out_close(&out, ']');
	json_out_bytes(&out, (struct span){ "", 1 });
	return json_out_take(&out, &n);
}

#define ID(n) "\"00000000-0000-0000-0000-00000000000" n "\""
#define HEAD(n, name) "{\"id\":" ID(n) ",\"blueprint_type_id\":\"task\",\"name\":\"" name "\""
#define NONE ",\"indicator_id\":null,\"indicator_set\":null,\"icon_id\":null"

START_TEST(a_tree_has_the_shape_of_the_contract)
{
	struct graph *g = graph_new();
	char *text;

	apply(g, add_edit(1, 0, 0, "one"));
	apply(g, add_edit(2, 1, 0, "tw\"o"));
	apply(g, set_edit(2, "a", "[1]"));
	apply(g, set_edit(2, "b", "\"x\""));
	text = whole(g, 0, -1);
	ck_assert_str_eq(text,
	    "[" HEAD("1", "one") ",\"properties\":{},\"children\":[" HEAD(
		"2", "tw\\\"o") ",\"properties\":{\"a\":[1],\"b\":\"x\"},\"children\":[],"
				"\"parent_id\":" ID("1") NONE "}],\"parent_id\":null" NONE "}]");
	free(text);
	graph_free(g);
}
END_TEST

START_TEST(what_was_imported_is_written_again)
{
	struct graph *g = graph_new();
	struct edit e = add_edit(1, 0, 0, "x");
	char *text;

	e.content->indicator_id = xstrdup("partial");
	e.content->indicator_set = xstrdup("status");
	e.content->icon_id = xstrdup("car");
	e.content->extra = xstrdup("\"created_at\":\"today\"");
	apply(g, e);
	text = whole(g, 0, -1);
	ck_assert_ptr_nonnull(strstr(text,
	    "\"indicator_id\":\"partial\",\"indicator_set\":\"status\",\"icon_id\":\"car\","
	    "\"created_at\":\"today\"}]"));
	free(text);
	graph_free(g);
}
END_TEST

START_TEST(the_indicator_of_a_chosen_option_is_found)
{
	char message[256];
	struct blueprint *b = blueprint_parse(SPAN("t"), span_of(phases), message);
	struct graph *g = graph_new();
	struct json_out out = { 0 };

	ck_assert_msg(b, "%s", message);
	apply(g, add_edit(1, 0, 0, "x"));
	apply(g, set_edit(1, "status", "\"Done\""));
	tree_write_node(&out, graph_first_root(g), b);
	assert_text(&out,
	    HEAD("1",
		"x") ",\"properties\":{\"status\":\"Done\"},\"children\":[],"
		     "\"parent_id\":null,\"indicator_id\":\"filled\",\"indicator_set\":\"status\","
		     "\"icon_id\":null,\"indicator\":{\"indicator_set\":\"status\","
		     "\"indicator_id\":\"filled\",\"bullet\":\"*\"}}");
	json_out_fini(&out);
	blueprint_free(b);
	graph_free(g);
}
END_TEST

/* 1 (2 (4, 5), 3), 6 */
static struct graph *
small_forest(void)
{
	static const int nodes[][2] = { { 1, 0 }, { 2, 1 }, { 3, 1 }, { 4, 2 }, { 5, 2 },
		{ 6, 0 } };
	struct graph *g = graph_new();

	for (size_t i = 0; i < 6; i++)
		apply(g, add_edit((uint64_t)nodes[i][0], (uint64_t)nodes[i][1], UINT32_MAX, "x"));
	return g;
}

/* How many nodes the text holds. */
static size_t
count(const char *text)
{
	size_t n = 0;

	for (; (text = strstr(text, "\"icon_id\"")); text++)
		n++;
	return n;
}

START_TEST(a_part_ends_where_it_is_told)
{
	struct graph *g = small_forest();
	static const struct {
		uint64_t within;
		int64_t depth;
		size_t nodes;
	} parts[] = { { 0, -1, 6 }, { 0, 0, 2 }, { 0, 1, 4 }, { 0, 2, 6 }, { 2, -1, 3 },
		{ 1, -1, 5 }, { 1, 1, 3 }, { 2, 0, 1 }, { 6, -1, 1 }, { 5, -1, 1 } };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		char *text = whole(g, parts[i].within, parts[i].depth);
		const struct json_bounds bounds = { 32, 1000, 1000, 100 };
		ck_assert_int_eq(json_scan(span_of(text), &bounds, NULL), JSON_OK);
		ck_assert_uint_eq(count(text), parts[i].nodes);
		free(text);
	}
	graph_free(g);
}
END_TEST

START_TEST(an_empty_graph_writes_nothing)
{
	struct graph *g = graph_new();
	char *text = whole(g, 0, -1);

	ck_assert_str_eq(text, "[]");
	free(text);
	graph_free(g);
}
END_TEST

START_TEST(slices_give_the_same_text_as_the_whole)
{
	struct session *s = new_session();
	struct dice d = dice_of((uint64_t)_i + 1);
	struct json_out all = { 0 }, sliced = { 0 };
	struct tree_writer w;

	for (int i = 0; i < 60; i++)
		free_step(random_step(s, &d, "ann"));
	tree_init(&w, s->graph, NULL, NULL, -1);
	ck_assert(tree_write(&w, &all, SIZE_MAX));
	tree_init(&w, s->graph, NULL, NULL, -1);
	while (!tree_write(&w, &sliced, 1 + roll(&d, 500)))
		;
	ck_assert(span_equal(json_out_span(&all), json_out_span(&sliced)));
	json_out_fini(&all);
	json_out_fini(&sliced);
	session_free(s);
}
END_TEST

START_TEST(a_chain_of_the_greatest_depth_is_written)
{
	struct graph *g = graph_new();
	char *text;

	for (uint64_t i = 1; i <= LIMIT_DEPTH + 1; i++)
		apply(g, add_edit(i, i - 1, 0, "x"));
	text = whole(g, 0, -1);
	ck_assert_uint_eq(count(text), LIMIT_DEPTH + 1);
	free(text);
	graph_free(g);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("tree");

	tcase_add_test(tests, a_tree_has_the_shape_of_the_contract);
	tcase_add_test(tests, what_was_imported_is_written_again);
	tcase_add_test(tests, the_indicator_of_a_chosen_option_is_found);
	tcase_add_test(tests, a_part_ends_where_it_is_told);
	tcase_add_test(tests, an_empty_graph_writes_nothing);
	tcase_add_loop_test(tests, slices_give_the_same_text_as_the_whole, 0, 10);
	tcase_add_test(tests, a_chain_of_the_greatest_depth_is_written);
	return run_tests(tests);
}
