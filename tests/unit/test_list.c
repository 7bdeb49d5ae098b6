#include "common/list.h"

#include "run_tests.h"

struct item {
	int number;
	struct link in_list;
};

static void
fill(struct link *list, struct item items[3])
{
	list_init(list);
	for (int i = 0; i < 3; i++) {
		items[i] = (struct item){ .number = i };
		list_append(list, &items[i].in_list);
	}
}

static int
numbers(const struct link *list)
{
	int all = 0;

	LIST_EACH(at, list)
	all = all * 10 + LIST_OF(at, struct item, in_list)->number + 1;
	return all;
}

START_TEST(links_stay_in_the_order_they_were_appended)
{
	struct link list;
	struct item items[3];

	list_init(&list);
	ck_assert(list_is_empty(&list));
	fill(&list, items);
	ck_assert(!list_is_empty(&list));
	ck_assert_int_eq(numbers(&list), 123);
}
END_TEST

START_TEST(any_link_can_be_removed_and_appended_again)
{
	struct link list;
	struct item items[3];

	fill(&list, items);
	list_remove(&items[1].in_list);
	ck_assert_int_eq(numbers(&list), 13);
	ck_assert(!link_is_in_list(&items[1].in_list));
	list_append(&list, &items[1].in_list);
	ck_assert_int_eq(numbers(&list), 132);
	list_remove(&items[0].in_list);
	list_remove(&items[1].in_list);
	list_remove(&items[2].in_list);
	ck_assert(list_is_empty(&list));
}
END_TEST

START_TEST(removing_what_is_in_no_list_does_nothing)
{
	struct link zeroed = { 0 };

	list_remove(&zeroed);
	ck_assert(!link_is_in_list(&zeroed));
}
END_TEST

START_TEST(take_gives_the_first_link_until_none_is_left)
{
	struct link list, *taken;
	struct item items[3];

	fill(&list, items);
	for (int i = 0; i < 3; i++) {
		taken = list_take(&list);
		ck_assert_ptr_eq(taken, &items[i].in_list);
		ck_assert(!link_is_in_list(taken));
	}
	ck_assert_ptr_null(list_take(&list));
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("list");

	tcase_add_test(c, links_stay_in_the_order_they_were_appended);
	tcase_add_test(c, any_link_can_be_removed_and_appended_again);
	tcase_add_test(c, removing_what_is_in_no_list_does_nothing);
	tcase_add_test(c, take_gives_the_first_link_until_none_is_left);
	return run_tests(c);
}
