#include "graphd/base64.h"

#include "run_tests.h"

/* RFC 4648 section 10. */
static const char *const vectors[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

START_TEST(the_vectors_of_the_rfc_go_both_ways)
{
	struct json_out text = { 0 }, bytes = { 0 };

	base64_encode(span_of(vectors[_i][0]), &text);
	ck_assert(span_equal(json_out_span(&text), span_of(vectors[_i][1])));
	ck_assert(base64_decode(json_out_span(&text), &bytes));
	ck_assert(span_equal(json_out_span(&bytes), span_of(vectors[_i][0])));
	json_out_fini(&text);
	json_out_fini(&bytes);
}
END_TEST

START_TEST(all_bytes_come_back)
{
	struct json_out text = { 0 }, bytes = { 0 };
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	base64_encode((struct span){ all, sizeof(all) }, &text);
	ck_assert(base64_decode(json_out_span(&text), &bytes));
	ck_assert(span_equal(json_out_span(&bytes), (struct span){ all, sizeof(all) }));
	json_out_fini(&text);
	json_out_fini(&bytes);
}
END_TEST

START_TEST(what_is_not_the_one_encoding_is_refused)
{
	const char *bad[] = { "Z", "Zg",
		"Zg=", "Zg==Zg==", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-v", "=m9v" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct json_out bytes = { 0 };

		ck_assert_msg(!base64_decode(span_of(bad[i]), &bytes), "%s", bad[i]);
		json_out_fini(&bytes);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("base64");

	tcase_add_loop_test(tc, the_vectors_of_the_rfc_go_both_ways, 0, 7);
	tcase_add_test(tc, all_bytes_come_back);
	tcase_add_test(tc, what_is_not_the_one_encoding_is_refused);
	return run_tests(tc);
}
