#include "graphd/yaml_tree.h"
#include "import_fixture.h"

#include <time.h>

static char *
convert(const char *yaml)
{
	char message[256] = "";
	struct json_out json = { 0 };
	char *text;

	ck_assert_msg(import_yaml_to_json(span_of(yaml), &json, message), "%s: %s", yaml, message);
	text = xspandup(json_out_span(&json));
	json_out_fini(&json);
	return text;
}

static void
expect(const char *yaml, const char *json)
{
	char *text = convert(yaml);

	ck_assert_str_eq(text, json);
	free(text);
}

static void
expect_refused(const char *yaml, const char *words)
{
	char message[256] = "";
	struct json_out json = { 0 };

	ck_assert_msg(!import_yaml_to_json(span_of(yaml), &json, message), "%s was taken", yaml);
	ck_assert_msg(strstr(message, words) != NULL, "\"%s\" lacks \"%s\"", message, words);
	json_out_fini(&json);
}

enum { SCALARS = 44 };

START_TEST(plain_scalars_follow_the_core_schema)
{
	static const struct {
		const char *yaml, *json;
	} cases[SCALARS] = {
		{ "null", "null" },
		{ "~", "null" },
		{ "Null", "null" },
		{ "", "null" },
		{ "nULL", "\"nULL\"" },
		{ "true", "true" },
		{ "False", "false" },
		{ "TRUE", "true" },
		{ "tRUE", "\"tRUE\"" },
		{ "yes", "\"yes\"" },
		{ "off", "\"off\"" },
		{ "0", "0" },
		{ "-7", "-7" },
		{ "+12", "12" },
		{ "007", "7" },
		{ "0x1F", "31" },
		{ "0o17", "15" },
		{ "0x", "\"0x\"" },
		{ "0x0x1", "\"0x0x1\"" },
		{ "0o8", "\"0o8\"" },
		{ "9007199254740991", "9007199254740991" },
		{ "9007199254740992", "9007199254740992" },
		{ "9007199254740993", "\"9007199254740993\"" },
		{ "-9007199254740992", "-9007199254740992" },
		{ "99999999999999999999", "\"99999999999999999999\"" },
		{ "1.5", "1.5" },
		{ ".5", "0.5" },
		{ "5.", "5.0" },
		{ "-00.25", "-0.25" },
		{ "+1.0", "1.0" },
		{ "1.5e3", "1.5e3" },
		{ "1e2", "1.0e2" },
		{ "1e", "\"1e\"" },
		{ "1e+", "\"1e+\"" },
		{ ".", "\".\"" },
		{ "e5", "\"e5\"" },
		{ "1e400", "\"1e400\"" },
		{ ".inf", "\".inf\"" },
		{ ".nan", "\".nan\"" },
		{ "1_000", "\"1_000\"" },
		{ "1.2.3", "\"1.2.3\"" },
		{ "2024-01-31", "\"2024-01-31\"" },
		{ "12:30", "\"12:30\"" },
		{ "a b", "\"a b\"" },
	};

	expect(cases[_i].yaml, cases[_i].json);
}
END_TEST

START_TEST(quoted_and_tagged_scalars_are_texts)
{
	expect("'12'", "\"12\"");
	expect("\"true\"", "\"true\"");
	expect("!!str 12", "\"12\"");
	expect("! 12", "\"12\"");
	expect("!!int 12", "12");
	expect("|\n  1\n", "\"1\\n\"");
	expect("\"\\u00e4\\x01\"", "\"\xc3\xa4\\u0001\"");
}
END_TEST

START_TEST(collections_keep_their_order)
{
	expect("b: 1\na: [1, two, {c: ~}]\n5: []\ntrue: {}\n",
	    "{\"b\":1,\"a\":[1,\"two\",{\"c\":null}],\"5\":[],\"true\":{}}");
	expect("- - 1\n  - 2\n-\n- x: y\n", "[[1,2],null,{\"x\":\"y\"}]");
	expect("[[], {}, [{}]]", "[[],{},[{}]]");
}
END_TEST

START_TEST(aliases_are_written_out)
{
	expect("a: &x {k: [1]}\nb: *x\nc: [*x, *x]\n",
	    "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":[{\"k\":[1]},{\"k\":[1]}]}");
	expect("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
}
END_TEST

START_TEST(what_is_not_plain_yaml_is_refused_with_its_line)
{
	expect_refused("a: 1\nb: [1\n", "line ");
	expect_refused("a: 1\na: 2\n", "line 2: the key a stands twice");
	expect_refused("x: 1\n--- \ny: 2\n", "line 2: a second document");
	expect_refused("a: *x\n", "line 1: the alias x stands for nothing");
	expect_refused("a: &x [*x]\n", "line 1: the alias x contains itself");
	expect_refused("? [1]\n: 2\n", "line 1: a key must be");
	expect_refused("a: &k 1\n? *k\n: 2\n", "line 2: a key must be");
	expect_refused("a: &b {x: 1}\nc: {<<: *b}\n", "line 2: merge keys");
	expect_refused("a: !!python/object:os.system x\n", "line 1: a tag");
	expect_refused("a: !!set {x}\n", "line 1: a tag");
	expect_refused("a: \"\\0\"\n", "line 1: a text with a zero byte");
	expect_refused("a: \xff\n", "line 1: this is not YAML");
}
END_TEST

START_TEST(a_repeated_key_is_found_in_a_large_mapping)
{
	struct json_out yaml = { 0 }, json = { 0 };
	char line[32], message[256] = "";

	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "k%d: %d\n", i, i);
		json_out_bytes(&yaml, span_of(line));
	}
	ck_assert(import_yaml_to_json(json_out_span(&yaml), &json, message));
	json_out_bytes(&yaml, span_of("k500: 1\n"));
	ck_assert(!import_yaml_to_json(json_out_span(&yaml), &json, message));
	ck_assert_str_eq(message, "line 1001: the key k500 stands twice");
	json_out_fini(&yaml);
	json_out_fini(&json);
}
END_TEST

static struct json_out
repeat(const char *before, const char *text, size_t n, const char *after)
{
	struct json_out out = { 0 };

	json_out_bytes(&out, span_of(before));
	for (size_t i = 0; i < n; i++)
		json_out_bytes(&out, span_of(text));
	json_out_bytes(&out, span_of(after));
	return out;
}

START_TEST(depth_is_bounded_aliases_included)
{
	const struct yaml_bounds bounds = { .bytes = 4096, .depth = 4, .values = 100 };
	char message[256] = "";
	struct arena arena;

	arena_init(&arena);
	ck_assert(yaml_read(&arena, SPAN("[[[[1]]]]"), &bounds, message));
	ck_assert(!yaml_read(&arena, SPAN("[[[[[1]]]]]"), &bounds, message));
	ck_assert_str_eq(message, "line 1: more than 4 levels");
	ck_assert(yaml_read(&arena, SPAN("[&x [[1]], [*x]]"), &bounds, message));
	ck_assert(!yaml_read(&arena, SPAN("[&x [[1]], [[*x]]]"), &bounds, message));
	ck_assert(!yaml_read(&arena, SPAN("a: &a [[1]]\nb: &b [*a]\nc: [*b]\n"), &bounds, message));
	arena_fini(&arena);
}
END_TEST

START_TEST(values_and_bytes_are_bounded_aliases_included)
{
	const struct yaml_bounds bounds = { .bytes = 64, .depth = 9, .values = 10 };
	char message[256] = "";
	struct arena arena;

	arena_init(&arena);
	ck_assert(yaml_read(&arena, SPAN("[1,2,3,4,5,6,7,8,9]"), &bounds, message));
	ck_assert(!yaml_read(&arena, SPAN("[1,2,3,4,5,6,7,8,9,10]"), &bounds, message));
	ck_assert_str_eq(message, "line 1: more than 10 values");
	ck_assert(yaml_read(&arena, SPAN("[&x [1,2,3], *x, 1]"), &bounds, message));
	ck_assert(!yaml_read(&arena, SPAN("[&x [1,2,3], *x, 1, 2]"), &bounds, message));
	ck_assert(!yaml_read(
	    &arena, SPAN("[&x 012345678901234567890123456789, *x, *x]"), &bounds, message));
	ck_assert_str_eq(message, "line 1: more than 64 bytes");
	arena_fini(&arena);
}
END_TEST

START_TEST(ten_lines_of_aliases_do_not_become_a_billion_values)
{
	struct json_out bomb = { 0 }, json = { 0 };
	char message[256] = "", line[128];

	json_out_bytes(&bomb, span_of("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"));
	for (int i = 1; i < 10; i++) {
		int p = i - 1;
		snprintf(line, sizeof(line),
		    "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, p, p, p,
		    p, p, p, p, p);
		json_out_bytes(&bomb, span_of(line));
	}
	ck_assert(!import_yaml_to_json(json_out_span(&bomb), &json, message));
	ck_assert_ptr_nonnull(strstr(message, "more than"));
	ck_assert_uint_eq(json.n, 0);
	json_out_fini(&bomb);
	json_out_fini(&json);
}
END_TEST

START_TEST(the_result_keeps_to_the_bounds_of_json)
{
	struct json_out yaml = repeat("", "k", LIMIT_JSON_KEY_BYTES + 1, ": 1\n"), json = { 0 };
	struct json_out deep = repeat("", "[", LIMIT_JSON_IMPORT_DEPTH + 1, "");
	char message[256] = "";

	ck_assert(!import_yaml_to_json(json_out_span(&yaml), &json, message));
	ck_assert_ptr_nonnull(strstr(message, "JSON_KEY"));
	json_out_clear(&json);
	ck_assert(!import_yaml_to_json(json_out_span(&deep), &json, message));
	json_out_fini(&yaml);
	json_out_fini(&deep);
	json_out_fini(&json);
}
END_TEST

/* So many values at the bottom of so many brackets. */
static bool
is_taken(int levels, int values)
{
	char message[256] = "";
	struct json_out yaml = { 0 }, json = { 0 };
	bool taken;

	for (int i = 0; i < levels; i++)
		json_out_bytes(&yaml, SPAN("["));
	for (int i = 0; i < values; i++)
		json_out_bytes(&yaml, SPAN("a,"));
	for (int i = 0; i < levels; i++)
		json_out_bytes(&yaml, SPAN("]"));
	taken = import_yaml_to_json(json_out_span(&yaml), &json, message);
	ck_assert_msg(taken || strstr(message, "brackets"), "%s", message);
	json_out_fini(&yaml);
	json_out_fini(&json);
	return taken;
}

START_TEST(many_values_within_many_brackets_are_refused)
{
	clock_t began = clock();

	ck_assert(is_taken(500, 1000));
	ck_assert(is_taken(1, 1000000));
	ck_assert(!is_taken(500, 4000000));
	ck_assert_uint_lt((uint64_t)(clock() - began), 8 * CLOCKS_PER_SEC);
}
END_TEST

START_TEST(a_text_is_found_by_key_and_through_aliases)
{
	const struct yaml_bounds bounds = { .bytes = 4096, .depth = 4, .values = 100 };
	char message[256] = "";
	struct arena arena;
	struct yaml_node *root;

	arena_init(&arena);
	root = yaml_read(&arena, SPAN("a: &x one\nb: *x\nc:\nd: ''\n"), &bounds, message);
	ck_assert(span_is(yaml_find(root, "b")->text, "one"));
	ck_assert_ptr_null(yaml_find(root, "z"));
	ck_assert_ptr_null(yaml_find(yaml_find(root, "a"), "a"));
	ck_assert(yaml_is_null(yaml_find(root, "c")));
	ck_assert(!yaml_is_null(yaml_find(root, "d")));
	ck_assert(yaml_is_null(NULL));
	ck_assert_uint_eq(yaml_find(root, "d")->line, 4);
	ck_assert(yaml_is_null(yaml_read(&arena, (struct span){ 0 }, &bounds, message)));
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("yaml_json");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, plain_scalars_follow_the_core_schema, 0, SCALARS);
	tcase_add_test(c, quoted_and_tagged_scalars_are_texts);
	tcase_add_test(c, collections_keep_their_order);
	tcase_add_test(c, aliases_are_written_out);
	tcase_add_test(c, what_is_not_plain_yaml_is_refused_with_its_line);
	tcase_add_test(c, a_repeated_key_is_found_in_a_large_mapping);
	tcase_add_test(c, depth_is_bounded_aliases_included);
	tcase_add_test(c, values_and_bytes_are_bounded_aliases_included);
	tcase_add_test(c, ten_lines_of_aliases_do_not_become_a_billion_values);
	tcase_add_test(c, the_result_keeps_to_the_bounds_of_json);
	tcase_add_test(c, many_values_within_many_brackets_are_refused);
	tcase_add_test(c, a_text_is_found_by_key_and_through_aliases);
	return run_tests(c);
}
