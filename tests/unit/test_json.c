#include "common/json.h"

#include "arena_fixture.h"

#include <stdlib.h>

START_TEST(white_space_around_a_value_is_trimmed)
{
	ck_assert(span_is(json_trim(SPAN(" \t\r\n{ } \n")), "{ }"));
	ck_assert(span_is(json_trim(SPAN("1")), "1"));
	ck_assert_uint_eq(json_trim(SPAN(" \n ")).n, 0);
}
END_TEST

START_TEST(the_type_shows_in_the_text)
{
	static const struct {
		const char *text;
		enum json_type type;
		const char *name;
	} rows[] = {
		{ "null", JSON_NULL, "null" },
		{ "true", JSON_BOOL, "boolean" },
		{ "false", JSON_BOOL, "boolean" },
		{ "0", JSON_INTEGER, "number" },
		{ "-12", JSON_INTEGER, "number" },
		{ "1.0", JSON_REAL, "number" },
		{ "1e3", JSON_REAL, "number" },
		{ "-1E3", JSON_REAL, "number" },
		{ "\"1.0\"", JSON_STRING, "text" },
		{ "[1.5]", JSON_ARRAY, "array" },
		{ "{\"e\":1}", JSON_OBJECT, "object" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert_int_eq(json_type(span_of(rows[i].text)), rows[i].type);
		ck_assert_str_eq(json_type_name(rows[i].type), rows[i].name);
	}
}
END_TEST

START_TEST(a_walk_over_an_object_gives_names_and_values_as_written)
{
	struct json_iter i;
	struct span key, value;
	static const char *const expected[][2] = {
		{ "a", "1" },
		{ "b\\u0062", "\"x\\\"}],\\\\\"" },
		{ "", "[1, {\"c\": \"]\"}]" },
		{ "d", "{ \"e\" : { } }" },
		{ "f", "null" },
	};

	json_walk(&i,
	    SPAN("{ \"a\" :1,\"b\\u0062\":\"x\\\"}],\\\\\"\n,\"\": [1, {\"c\": \"]\"}] ,"
		 "\"d\":{ \"e\" : { } },\"f\":null }"));
	for (size_t n = 0; n < 5; n++) {
		ck_assert(json_next(&i, &key, &value));
		ck_assert(span_is(key, expected[n][0]));
		ck_assert(span_is(value, expected[n][1]));
	}
	ck_assert(!json_next(&i, &key, &value));
	ck_assert(!json_next(&i, &key, &value));
	ck_assert_ptr_null(value.p);
}
END_TEST

START_TEST(a_walk_over_an_array_gives_values_without_names)
{
	struct json_iter i;
	struct span key, value;
	static const char *const expected[] = { "true", "-1.5e3", "\"\"", "[]", "{}", "[[1],[2]]" };

	json_walk(&i, SPAN("[true ,-1.5e3,\"\",[] ,{},\n[[1],[2]]]"));
	for (size_t n = 0; n < 6; n++) {
		ck_assert(json_next(&i, &key, &value));
		ck_assert_ptr_null(key.p);
		ck_assert(span_is(value, expected[n]));
	}
	ck_assert(!json_next(&i, &key, &value));
}
END_TEST

START_TEST(empty_containers_and_scalars_have_no_members)
{
	static const char *const rows[] = { "{}", "[]", "{ }", "[ \n]", "1", "\"[1]\"", "null",
		"" };
	struct json_iter i;
	struct span key, value;

	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		json_walk(&i, span_of(rows[n]));
		ck_assert(!json_next(&i, &key, &value));
	}
	json_walk(&i, (struct span){ 0 });
	ck_assert(!json_next(&i, &key, &value));
}
END_TEST

START_TEST(members_are_found_by_their_exact_name_however_it_is_written)
{
	struct span object =
	    SPAN("{\"ab\":1,\"AB\":2,\"\\u0061\\n\":3,\"abc\":{\"x\":4},\"\\ud83d\\ude00\":5}");
	struct span value;

	ck_assert(json_find(object, "ab", &value) && span_is(value, "1"));
	ck_assert(json_find(object, "AB", &value) && span_is(value, "2"));
	ck_assert(json_find(object, "a\n", &value) && span_is(value, "3"));
	ck_assert(json_find(object, "abc", &value) && span_is(value, "{\"x\":4}"));
	ck_assert(json_find(object, "\xf0\x9f\x98\x80", &value) && span_is(value, "5"));
	ck_assert(!json_find(object, "x", &value));
	ck_assert_ptr_null(value.p);
	ck_assert(!json_find(object, "a", &value));
	ck_assert(!json_find(object, "\xf0\x9f\x98", &value));
	ck_assert(!json_find(SPAN("[\"ab\"]"), "ab", &value));
	ck_assert(!json_find(SPAN("3"), "ab", &value));
}
END_TEST

START_TEST(text_is_decoded_and_borrowed_where_it_can_be)
{
	struct span plain = SPAN("\"plain\""), text;

	text = json_text(&arena, plain);
	ck_assert(span_is(text, "plain"));
	ck_assert_ptr_eq(text.p, plain.p + 1);
	text = json_text(&arena, SPAN("\"\""));
	ck_assert(text.p && text.n == 0);
	text = json_text(
	    &arena, SPAN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00!\""));
	ck_assert(span_is(text, "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"));
	ck_assert(span_is(json_key(&arena, SPAN("\\u0061b")), "ab"));
	ck_assert(span_is(json_key(&arena, SPAN("ab")), "ab"));
	ck_assert_ptr_null(json_key(&arena, (struct span){ 0 }).p);
	ck_assert_ptr_null(json_text(&arena, SPAN("12")).p);
}
END_TEST

START_TEST(integers_are_numbers_without_a_fraction_up_to_2_to_the_53)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "7", 7 },
		{ "-12", -12 },
		{ "1.0", 1 },
		{ "1e3", 1000 },
		{ "1.50e1", 15 },
		{ "1500e-2", 15 },
		{ "-0.001e3", -1 },
		{ "0e-99999999999999", 0 },
		{ "0.0000000000000000000000001e25", 1 },
		{ "10000000000000000000000000e-25", 1 },
		{ "9007199254740992", 9007199254740992 },
		{ "-9007199254740992", -9007199254740992 },
		{ "9007199254740991.000", 9007199254740991 },
	};
	static const char *const wrong[] = { "1.5", "1e-1", "15e-2", "9007199254740993", "1e16",
		"1e999999", "-9007199254740993", "12345678901234567890e-10", "0.1", "", "\"1\"",
		"null", "true", "[1]", "1x", "1 " };
	int64_t out;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert_msg(json_integer(span_of(rows[i].text), &out), "%s", rows[i].text);
		ck_assert_int_eq(out, rows[i].value);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(!json_integer(span_of(wrong[i]), &out), "%s", wrong[i]);
	ck_assert(!json_integer((struct span){ 0 }, &out));
}
END_TEST

START_TEST(members_of_another_type_count_as_absent_where_a_text_or_an_integer_is_looked_for)
{
	struct span object = SPAN("{\"text\":\"a\\nb\",\"empty\":\"\",\"n\":7,\"real\":1.5}");
	int64_t n = 3;

	ck_assert(span_is(json_find_text(&arena, object, "text"), "a\nb"));
	ck_assert_ptr_nonnull(json_find_text(&arena, object, "empty").p);
	ck_assert_ptr_null(json_find_text(&arena, object, "n").p);
	ck_assert_ptr_null(json_find_text(&arena, object, "absent").p);
	ck_assert_ptr_null(json_find_text(&arena, SPAN("[1]"), "text").p);
	ck_assert(!json_find_integer(object, "text", &n));
	ck_assert(!json_find_integer(object, "real", &n));
	ck_assert(!json_find_integer(object, "absent", &n));
	ck_assert_int_eq(n, 3);
	ck_assert(json_find_integer(object, "n", &n));
	ck_assert_int_eq(n, 7);
}
END_TEST

static bool
is_within(struct span part, struct span text)
{
	return part.n == 0 ||
	    (part.p >= text.p && part.n <= text.n && (size_t)(part.p - text.p) <= text.n - part.n);
}

/* Looks at everything there is in a text, whatever it is. */
static void
look_through(struct span value, unsigned depth)
{
	struct json_iter i;
	struct span key, member;
	int64_t n;

	json_find_text(&arena, value, "a\n");
	json_find_integer(value, "b", &n);
	json_text(&arena, value);
	json_integer(value, &n);
	for (json_walk(&i, value); json_next(&i, &key, &member);) {
		ck_assert(is_within(key, value) && is_within(member, value));
		json_key(&arena, key);
		if (depth > 0)
			look_through(member, depth - 1);
	}
}

/* As what is no graphd may send it. The sanitizers see who reads beyond the end. */
START_TEST(damaged_text_is_walked_to_its_end_and_no_further)
{
	const struct span whole =
	    SPAN("{\"a\\n\":\"x\\ud83d\\ude00\",\"b\":[1.5e3,{\"\\u0061\":null}],\"c\":{}}");
	static const char odd[] = "\\\"{}[],:u0\0\xff";

	for (size_t n = 0; n <= whole.n; n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t k = 0; k < sizeof(odd); k++) {
				char *text = xspandup((struct span){ whole.p, n });
				char *exact = xmalloc(n);

				text[at] = odd[k];
				memcpy(exact, text, n);
				look_through((struct span){ exact, n }, 3);
				free(exact);
				free(text);
			}
		}
	}
}
END_TEST

START_TEST(an_escape_that_is_none_is_not_taken_for_the_end_of_a_name)
{
	struct span value;

	ck_assert(!json_find(SPAN("{\"ab\\x\":1}"), "ab", &value));
	ck_assert(!json_find(SPAN("{\"ab\\u0000\":1}"), "ab", &value));
	ck_assert(!json_find(SPAN("{\"ab\\u12\":1}"), "ab", &value));
	ck_assert(!json_find(SPAN("{\"ab\0\\n\":1}"), "ab", &value));
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("json");

	tcase_add_checked_fixture(c, arena_setup, arena_teardown);
	tcase_add_test(c, white_space_around_a_value_is_trimmed);
	tcase_add_test(c, the_type_shows_in_the_text);
	tcase_add_test(c, a_walk_over_an_object_gives_names_and_values_as_written);
	tcase_add_test(c, a_walk_over_an_array_gives_values_without_names);
	tcase_add_test(c, empty_containers_and_scalars_have_no_members);
	tcase_add_test(c, members_are_found_by_their_exact_name_however_it_is_written);
	tcase_add_test(c, text_is_decoded_and_borrowed_where_it_can_be);
	tcase_add_test(
	    c, members_of_another_type_count_as_absent_where_a_text_or_an_integer_is_looked_for);
	tcase_add_test(c, damaged_text_is_walked_to_its_end_and_no_further);
	tcase_add_test(c, an_escape_that_is_none_is_not_taken_for_the_end_of_a_name);
	tcase_add_test(c, integers_are_numbers_without_a_fraction_up_to_2_to_the_53);
	return run_tests(c);
}
