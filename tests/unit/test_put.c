#include "graphd/put.h"

#include "run_tests.h"

static void
assert_same(struct json_out *a, struct json_out *b)
{
	ck_assert(span_equal(json_out_span(a), json_out_span(b)));
	json_out_fini(a);
	json_out_fini(b);
}

START_TEST(texts_are_written_as_json_out_writes_them)
{
	char text[] = "before ? behind ?";

	for (int c = 1; c < 256; c++) {
		struct json_out a = { 0 }, b = { 0 };
		text[7] = text[16] = (char)c;
		put_text(&a, text);
		json_out_string(&b, text);
		assert_same(&a, &b);
	}
}
END_TEST

START_TEST(numbers_are_written_as_json_out_writes_them)
{
	static const uint64_t numbers[] = { 0, 9, 10, 99, 12345, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct json_out a = { 0 }, b = { 0 };
		put_uint(&a, numbers[i]);
		json_out_uint(&b, numbers[i]);
		assert_same(&a, &b);
	}
}
END_TEST

START_TEST(ids_are_written_as_json_out_writes_them)
{
	struct uuid id = { { 0 } };

	for (int i = 0; i < 300; i++) {
		struct json_out a = { 0 }, b = { 0 };
		put_uuid(&a, &id);
		json_out_uuid(&b, &id);
		assert_same(&a, &b);
		uuid_random(&id);
	}
}
END_TEST

START_TEST(what_is_absent_is_null)
{
	struct json_out out = { 0 };

	put_text(&out, NULL);
	put_json(&out, NULL);
	put_json(&out, "[1]");
	ck_assert(span_is(json_out_span(&out), "nullnull[1]"));
	json_out_fini(&out);
}
END_TEST

START_TEST(the_buffer_grows_as_it_must)
{
	struct json_out out = { 0 };
	static char big[10000];

	put_byte(&out, 'a');
	put_bytes(&out, big, sizeof(big));
	put_literal(&out, "end");
	ck_assert_uint_eq(out.n, sizeof(big) + 4);
	ck_assert_uint_ge(out.capacity, out.n);
	ck_assert_int_eq(out.bytes[0], 'a');
	ck_assert_int_eq(memcmp(out.bytes + out.n - 3, "end", 3), 0);
	json_out_fini(&out);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("put");

	tcase_add_test(tests, texts_are_written_as_json_out_writes_them);
	tcase_add_test(tests, numbers_are_written_as_json_out_writes_them);
	tcase_add_test(tests, ids_are_written_as_json_out_writes_them);
	tcase_add_test(tests, what_is_absent_is_null);
	tcase_add_test(tests, the_buffer_grows_as_it_must);
	return run_tests(tests);
}
