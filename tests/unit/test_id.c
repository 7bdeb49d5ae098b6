#include "common/id.h"

#include "run_tests.h"

static const char *
text_of(const struct uuid *u, char out[UUID_TEXT + 1])
{
	uuid_format(u, out);
	return out;
}

START_TEST(random_ids_differ_and_say_version_4)
{
	enum { IDS = 1000 }; /* several blocks of random bytes */
	static struct uuid ids[IDS];

	for (size_t i = 0; i < IDS; i++) {
		uuid_random(&ids[i]);
		ck_assert_uint_eq(ids[i].bytes[6] >> 4, 4);
		ck_assert_uint_eq(ids[i].bytes[8] >> 6, 2);
		ck_assert(!uuid_is_nil(&ids[i]));
		for (size_t j = 0; j < i; j++)
			ck_assert(!uuid_equal(&ids[i], &ids[j]));
	}
}
END_TEST

START_TEST(names_become_the_ids_that_others_compute_too)
{
	struct uuid u;
	char text[UUID_TEXT + 1];

	/* The examples are those of Python's uuid.uuid5() and hashlib.sha1(). */
	uuid_of_name(SPAN("python.org"), &u);
	ck_assert_str_eq(text_of(&u, text), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
	uuid_of_sha1(SPAN("abc"), &u);
	ck_assert_str_eq(text_of(&u, text), "a9993e36-4706-816a-ba3e-25717850c26c");
	uuid_of_sha1(SPAN(""), &u);
	ck_assert_str_eq(text_of(&u, text), "da39a3ee-5e6b-4b0d-3255-bfef95601890");
}
END_TEST

START_TEST(an_id_that_is_written_and_read_is_the_same)
{
	struct uuid u, back;
	char text[UUID_TEXT + 1];

	for (int i = 0; i < 100; i++) {
		uuid_random(&u);
		uuid_format(&u, text);
		ck_assert_uint_eq(strlen(text), UUID_TEXT);
		ck_assert(uuid_parse(span_of(text), &back));
		ck_assert(uuid_equal(&u, &back));
	}
	ck_assert(uuid_parse(SPAN("886313E1-3B8A-5372-9b90-0C9AEE199E5D"), &u));
	ck_assert_str_eq(text_of(&u, text), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
}
END_TEST

START_TEST(what_is_not_quite_an_id_is_refused)
{
	static const char *const wrong[] = {
		"",
		"886313e1-3b8a-5372-9b90-0c9aee199e5",
		"886313e1-3b8a-5372-9b90-0c9aee199e5d0",
		"886313e13b8a53729b900c9aee199e5d",
		"886313e1-3b8a-5372-9b900-c9aee199e5d",
		"886313e1 3b8a 5372 9b90 0c9aee199e5d",
		"g86313e1-3b8a-5372-9b90-0c9aee199e5d",
		"886313e1-3b8a-5372-9b90-0c9aee199e5:",
		"{86313e1-3b8a-5372-9b90-0c9aee199e5}",
		"00000000-0000-0000-0000-000000000000",
	};
	struct uuid before, u;

	uuid_random(&before);
	u = before;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(!uuid_parse(span_of(wrong[i]), &u), "accepted: %s", wrong[i]);
	ck_assert(!uuid_parse((struct span){ 0 }, &u));
	ck_assert_msg(uuid_equal(&u, &before), "a refused text changed the id");
}
END_TEST

START_TEST(random_bytes_fill_exactly_what_was_asked_for)
{
	unsigned char bytes[300];
	size_t nonzero = 0;

	memset(bytes, 0, sizeof(bytes));
	random_bytes(bytes, 298);
	for (size_t i = 0; i < 298; i++)
		nonzero += bytes[i] != 0;
	ck_assert_uint_gt(nonzero, 250);
	ck_assert_uint_eq(bytes[298], 0);
	ck_assert_uint_eq(bytes[299], 0);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("id");

	tcase_add_test(c, random_ids_differ_and_say_version_4);
	tcase_add_test(c, names_become_the_ids_that_others_compute_too);
	tcase_add_test(c, an_id_that_is_written_and_read_is_the_same);
	tcase_add_test(c, what_is_not_quite_an_id_is_refused);
	tcase_add_test(c, random_bytes_fill_exactly_what_was_asked_for);
	return run_tests(c);
}
