#include "common/utf8.h"

#include "run_tests.h"

START_TEST(text_has_to_be_utf_8)
{
	ck_assert(utf8_is_valid(SPAN("")));
	ck_assert(utf8_is_valid(SPAN("4a \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")));
	ck_assert(!utf8_is_valid(SPAN("4\xff")));
	ck_assert(!utf8_is_valid(SPAN("4\xc3")));
	ck_assert(!utf8_is_valid(SPAN("4\xed\xa0\x80")));
	ck_assert(!utf8_is_valid(SPAN("4\xc0\x80")));
}
END_TEST

START_TEST(what_is_shown_holds_no_control_characters)
{
	ck_assert(utf8_is_printable(SPAN("")));
	ck_assert(utf8_is_printable(SPAN("Zo\xc3\xab \"~")));
	ck_assert(!utf8_is_printable(SPAN("a\nb")));
	ck_assert(!utf8_is_printable(SPAN("\x1b[31m")));
	ck_assert(!utf8_is_printable(SPAN("\x7f")));
	ck_assert(!utf8_is_printable(SPAN("\xff")));
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("utf8");

	tcase_add_test(c, text_has_to_be_utf_8);
	tcase_add_test(c, what_is_shown_holds_no_control_characters);
	return run_tests(c);
}
