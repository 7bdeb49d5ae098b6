#include "common/json_out.h"

#include "common/json.h"
#include "dice.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static const struct json_bounds bounds = { 64, 1000000, 1000000, 1000 };
static struct json_out out;

static void
tear_down(void)
{
	json_out_fini(&out);
}

static bool
wrote(const char *expected)
{
	bool same = span_is(json_out_span(&out), expected);

	if (!same)
		printf("wrote %.*s\n", (int)out.n, out.bytes);
	json_out_clear(&out);
	return same;
}

START_TEST(commas_stand_where_they_are_due)
{
	struct uuid nil = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "a");
	json_out_int(&out, -1);
	json_out_key(&out, "b");
	json_out_open(&out, '[');
	json_out_bool(&out, true);
	json_out_bool(&out, false);
	json_out_null(&out);
	json_out_open(&out, '[');
	json_out_close(&out, ']');
	json_out_open(&out, '{');
	json_out_close(&out, '}');
	json_out_string(&out, "{");
	json_out_string(&out, ",");
	json_out_uuid(&out, &nil);
	json_out_close(&out, ']');
	json_out_key_text(&out, SPAN("c\""));
	json_out_raw(&out, SPAN("{\"d\": 1}"));
	json_out_close(&out, '}');
	ck_assert(wrote(
	    "{\"a\":-1,\"b\":[true,false,null,[],{},\"{\",\",\",null],\"c\\\"\":{\"d\": 1}}"));
}
END_TEST

START_TEST(numbers_are_written_in_full)
{
	json_out_open(&out, '[');
	json_out_int(&out, INT64_MIN);
	json_out_int(&out, INT64_MAX);
	json_out_int(&out, 0);
	json_out_uint(&out, UINT64_MAX);
	json_out_uint(&out, 10);
	json_out_close(&out, ']');
	ck_assert(wrote("[-9223372036854775808,9223372036854775807,0,18446744073709551615,10]"));
}
END_TEST

START_TEST(text_is_escaped_as_the_rfc_demands_and_no_further)
{
	json_out_text(&out, SPAN("\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9\xe2\x80\xa8"));
	ck_assert(wrote("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa9\xe2\x80\xa8\""));
	json_out_text(&out, (struct span){ 0 });
	ck_assert(wrote("null"));
	json_out_string(&out, NULL);
	ck_assert(wrote("null"));
	json_out_text(&out, SPAN(""));
	ck_assert(wrote("\"\""));
}
END_TEST

START_TEST(ids_and_times_are_written_as_text)
{
	struct uuid u;

	ck_assert(uuid_parse(SPAN("886313e1-3b8a-5372-9b90-0c9aee199e5d"), &u));
	json_out_uuid(&out, &u);
	ck_assert(wrote("\"886313e1-3b8a-5372-9b90-0c9aee199e5d\""));
	json_out_time(&out, 1769595072000123);
	ck_assert(wrote("\"2026-01-28T10:11:12.000123+00:00\""));
}
END_TEST

START_TEST(json_that_is_there_already_is_taken_over)
{
	json_out_open(&out, '{');
	json_out_members(&out, SPAN(""));
	json_out_members(&out, SPAN("\"a\":1,\"b\":2"));
	json_out_members(&out, SPAN("\"c\":3"));
	json_out_members(&out, (struct span){ 0 });
	json_out_key(&out, "d");
	json_out_raw(&out, (struct span){ 0 });
	json_out_close(&out, '}');
	ck_assert(wrote("{\"a\":1,\"b\":2,\"c\":3,\"d\":null}"));
	json_out_bytes(&out, SPAN("42["));
	json_out_string(&out, "event");
	json_out_bytes(&out, SPAN(""));
	json_out_bytes(&out, SPAN("]"));
	ck_assert(wrote("42[\"event\"]"));
}
END_TEST

START_TEST(minified_json_loses_only_the_space_between_tokens)
{
	json_out_minified(&out, SPAN(" { \"a b\" : [ 1 ,\t\"x \\\" y\\\\\" , \" \" ]\r\n} "));
	ck_assert(wrote("{\"a b\":[1,\"x \\\" y\\\\\",\" \"]}"));
	json_out_minified(&out, (struct span){ 0 });
	ck_assert(wrote("null"));
	json_out_open(&out, '[');
	json_out_minified(&out, SPAN("1"));
	json_out_minified(&out, SPAN(" [ ] "));
	json_out_close(&out, ']');
	ck_assert(wrote("[1,[]]"));
}
END_TEST

START_TEST(the_bytes_can_be_taken_and_the_writer_used_again)
{
	size_t n;
	char *bytes;

	json_out_string(&out, "first");
	bytes = json_out_take(&out, &n);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(memcmp(bytes, "\"first\"", 7), 0);
	free(bytes);
	json_out_int(&out, 2);
	ck_assert(wrote("2"));
}
END_TEST

/* Random text, escaped by the writer and decoded by the reader, is the same text. */
static void
round_trip(size_t n)
{
	static char text[5000];
	struct arena arena;
	struct span value, back;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(1 + random() % 127);
	json_out_clear(&out);
	json_out_open(&out, '{');
	json_out_key_text(&out, (struct span){ text, n < 50 ? n : 50 });
	json_out_text(&out, (struct span){ text, n });
	json_out_close(&out, '}');
	ck_assert_int_eq(json_scan(json_out_span(&out), &bounds, NULL), JSON_OK);
	arena_init(&arena);
	text[n] = '\0';
	if (n < 50) {
		ck_assert(json_find(json_out_span(&out), text, &value));
		back = json_text(&arena, value);
		ck_assert(span_equal(back, (struct span){ text, n }));
	} else {
		struct json_iter i;
		struct span key;
		json_walk(&i, json_out_span(&out));
		ck_assert(json_next(&i, &key, &value));
		ck_assert(span_equal(json_key(&arena, key), (struct span){ text, 50 }));
		ck_assert(span_equal(json_text(&arena, value), (struct span){ text, n }));
	}
	arena_fini(&arena);
}

START_TEST(what_is_written_can_be_read_back)
{
	srandom(random_seed(0));
	for (size_t n = 0; n < 600; n++)
		round_trip(n);
	round_trip(4999);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("json_out");

	tcase_add_checked_fixture(c, NULL, tear_down);
	tcase_add_test(c, commas_stand_where_they_are_due);
	tcase_add_test(c, numbers_are_written_in_full);
	tcase_add_test(c, text_is_escaped_as_the_rfc_demands_and_no_further);
	tcase_add_test(c, ids_and_times_are_written_as_text);
	tcase_add_test(c, json_that_is_there_already_is_taken_over);
	tcase_add_test(c, minified_json_loses_only_the_space_between_tokens);
	tcase_add_test(c, the_bytes_can_be_taken_and_the_writer_used_again);
	tcase_add_test(c, what_is_written_can_be_read_back);
	return run_tests(c);
}
