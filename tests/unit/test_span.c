#include "common/span.h"

#include "run_tests.h"

START_TEST(a_span_is_a_text_only_as_a_whole)
{
	ck_assert(span_is(SPAN("ab"), "ab"));
	ck_assert(!span_is(SPAN("ab"), "abc"));
	ck_assert(!span_is(SPAN("abc"), "ab"));
	ck_assert(span_is(SPAN(""), ""));
	ck_assert(!span_is((struct span){ 0 }, ""));
	ck_assert(span_equal((struct span){ 0 }, SPAN("")));
	ck_assert(!span_equal(SPAN("ab"), SPAN("ac")));
	ck_assert_ptr_null(span_of(NULL).p);
}
END_TEST

static const struct {
	const char *text;
	uint64_t most, value;
} numbers[] = {
	{ "0", 0, 0 },
	{ "7", 7, 7 },
	{ "000000000000000000000042", 42, 42 },
	{ "65535", UINT16_MAX, 65535 },
	{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
};

START_TEST(digits_are_a_number_up_to_the_most)
{
	uint64_t value = 1;

	ck_assert(span_number(span_of(numbers[_i].text), numbers[_i].most, &value));
	ck_assert_uint_eq(value, numbers[_i].value);
}
END_TEST

static const struct {
	const char *text;
	uint64_t most;
} others[] = {
	{ NULL, 9 },
	{ "", 9 },
	{ "-1", 9 },
	{ "+1", 9 },
	{ " 1", 9 },
	{ "1 ", 9 },
	{ "0x1", 9 },
	{ "1\xb2", 99 },
	{ "8", 7 },
	{ "1", 0 },
	{ "65536", UINT16_MAX },
	{ "70000", UINT16_MAX },
	{ "18446744073709551616", UINT64_MAX },
	{ "99999999999999999999", UINT64_MAX },
};

START_TEST(anything_else_is_none_and_changes_nothing)
{
	uint64_t value = 5;

	ck_assert(!span_number(span_of(others[_i].text), others[_i].most, &value));
	ck_assert_uint_eq(value, 5);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("span");

	tcase_add_test(t, a_span_is_a_text_only_as_a_whole);
	tcase_add_loop_test(
	    t, digits_are_a_number_up_to_the_most, 0, (int)(sizeof(numbers) / sizeof(*numbers)));
	tcase_add_loop_test(t, anything_else_is_none_and_changes_nothing, 0,
	    (int)(sizeof(others) / sizeof(*others)));
	return run_tests(t);
}
