#include "graphd/names.h"

#include "run_tests.h"

#include <stdio.h>

START_TEST(equal_texts_are_one_text)
{
	struct names names;
	char own[] = "status", *a, *b, *c;

	names_init(&names);
	a = names_take(&names, own);
	b = names_take(&names, "status");
	c = names_take(&names, "other");
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, own);
	ck_assert_ptr_ne(a, c);
	ck_assert_str_eq(a, "status");
	ck_assert_uint_eq(names.table.n, 2);
	names_fini(&names);
}
END_TEST

START_TEST(a_text_goes_with_its_last_user)
{
	struct names names;
	char *a;

	names_init(&names);
	a = names_take(&names, "x");
	names_take(&names, "x");
	names_drop(&names, a);
	ck_assert_uint_eq(names.table.n, 1);
	names_drop(&names, a);
	ck_assert_uint_eq(names.table.n, 0);
	names_fini(&names);
}
END_TEST

START_TEST(many_texts_are_kept_apart)
{
	enum { MANY = 5000 };
	static char *kept[MANY];
	struct names names;
	char text[16];

	names_init(&names);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "key %d", i);
		kept[i] = names_take(&names, text);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "key %d", i);
		ck_assert_str_eq(kept[i], text);
		names_drop(&names, kept[i]);
	}
	ck_assert_uint_eq(names.table.n, 0);
	names_fini(&names);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("names");

	tcase_add_test(tests, equal_texts_are_one_text);
	tcase_add_test(tests, a_text_goes_with_its_last_user);
	tcase_add_test(tests, many_texts_are_kept_apart);
	return run_tests(tests);
}
