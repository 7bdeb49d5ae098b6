/* Warnings in a reply, and how many of them there may be. */

#include "graphd/warnings.h"

#include "common/limits.h"
#include "run_tests.h"

#include <string.h>

static struct json_out out;

static void
tear_down(void)
{
	json_out_fini(&out);
}

START_TEST(a_warning_tells_what_it_is_about_and_which_rule_was_broken)
{
	static const char wanted[] =
	    "{\"node_id\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\",\"property_id\":\"p\","
	    "\"rule\":\"type\",\"message\":\"No \\\"number\\\".\"},"
	    "{\"rule\":\"unknown_template\",\"message\":\"None.\"}";
	struct uuid node;

	uuid_parse(SPAN("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &node);
	warnings_add(&out, &node, "p", "type", "No \"number\".");
	warnings_add(&out, NULL, NULL, "unknown_template", "None.");
	ck_assert(span_is(json_out_span(&out), wanted));
}
END_TEST

START_TEST(behind_the_limit_one_says_that_there_were_more)
{
	size_t n;

	warnings_add(&out, NULL, NULL, "rule", "Words.");
	while (out.n <= LIMIT_WARNINGS_BYTES) {
		ck_assert(!memmem(out.bytes, out.n, "more_warnings", 13));
		warnings_add(&out, NULL, NULL, "rule", "Words.");
	}
	ck_assert_ptr_nonnull(memmem(out.bytes, out.n, "more_warnings", 13));
	n = out.n;
	warnings_add(&out, NULL, NULL, "rule", "Words.");
	ck_assert_uint_eq(out.n, n);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("warnings");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, a_warning_tells_what_it_is_about_and_which_rule_was_broken);
	tcase_add_test(tc, behind_the_limit_one_says_that_there_were_more);
	return run_tests(tc);
}
