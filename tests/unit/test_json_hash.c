#include "common/json.h"

#include "arena_fixture.h"

static bool
is_same(const char *a, const char *b)
{
	return json_hash_is_same(json_hash(&arena, span_of(a)), json_hash(&arena, span_of(b)));
}

START_TEST(how_a_value_is_written_does_not_count)
{
	static const char *const rows[][2] = {
		{ "\"caf\\u00e9 \\/\"", "\"caf\xc3\xa9 /\"" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
		{ "1", "1.0" },
		{ "100", "1e2" },
		{ "0", "-0.0" },
		{ "0.1",
		    "0.1000000000000000055511151231257827021181583404541015625000000000000000000" },
		{ "[1,[2]]", "[ 1.0 , [ 2e0 ] ]" },
		{ "{\"a\":1,\"b\":[{}]}", "{ \"b\" : [ { } ], \"\\u0061\" : 1 }" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(is_same(rows[i][0], rows[i][1]), "%s", rows[i][0]);
}
END_TEST

START_TEST(no_two_of_different_values_have_the_same_hash)
{
	static const char *const values[] = { "null", "true", "false", "0", "1", "-1", "1.5",
		"9007199254740991", "9007199254740992", "\"\"", "\"1\"", "\"null\"", "\"a\"",
		"\"A\"", "[]", "[[]]", "[1]", "[1,2]", "[2,1]", "[1,[2]]", "[\"1\"]", "[{}]", "{}",
		"{\"a\":1}", "{\"a\":\"1\"}", "{\"b\":1}", "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}",
		"{\"a\":{\"b\":1}}", "[\"a\",1]", "[{\"a\":1}]" };
	size_t n = sizeof(values) / sizeof(*values);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			ck_assert_msg(is_same(values[i], values[k]) == (i == k), "%s and %s",
			    values[i], values[k]);
}
END_TEST

START_TEST(a_text_is_the_string_of_it)
{
	ck_assert(
	    json_hash_is_same(json_hash_text(SPAN("a\"b")), json_hash(&arena, SPAN("\"a\\\"b\""))));
	ck_assert(json_hash_is_same(json_hash_text(SPAN("")), json_hash(&arena, SPAN("\"\""))));
	ck_assert(!json_hash_is_same(json_hash_text(SPAN("1")), json_hash(&arena, SPAN("1"))));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("json_hash");

	tcase_add_checked_fixture(tc, arena_setup, arena_teardown);
	tcase_add_test(tc, how_a_value_is_written_does_not_count);
	tcase_add_test(tc, no_two_of_different_values_have_the_same_hash);
	tcase_add_test(tc, a_text_is_the_string_of_it);
	return run_tests(tc);
}
