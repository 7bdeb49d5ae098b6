#include "graphd/codec.h"

#include "common/limits.h"
#include "run_tests.h"

#include <stdlib.h>

static struct reader
reader_of_out(const struct json_out *out)
{
	return reader_of(json_out_span(out));
}

START_TEST(numbers_come_back)
{
	for (int shift = 0; shift < 64; shift++) {
		uint64_t number = UINT64_MAX >> shift;
		struct json_out out = { 0 };
		struct reader r;
		code_number(&out, number);
		code_fixed(&out, number);
		r = reader_of_out(&out);
		ck_assert_uint_eq(read_number(&r), number);
		ck_assert_uint_eq(read_fixed(&r), number);
		ck_assert(reader_is_done(&r));
		json_out_fini(&out);
	}
}
END_TEST

START_TEST(numbers_of_more_than_64_bits_are_bad)
{
	struct reader r = reader_of(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));

	ck_assert_uint_eq(read_number(&r), 0);
	ck_assert(r.bad);
	r = reader_of(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01"));
	read_number(&r);
	ck_assert(r.bad);
	r = reader_of(SPAN("\x05"));
	ck_assert_uint_eq(read_bounded(&r, 4), 0);
	ck_assert(r.bad);
}
END_TEST

START_TEST(bad_stays_bad)
{
	struct reader r = reader_of(SPAN(""));

	read_id(&r);
	ck_assert(r.bad);
	r.end += 100;
	ck_assert_uint_eq(read_number(&r), 0);
	ck_assert_uint_eq(read_fixed(&r), 0);
	ck_assert_ptr_null(read_text(&r));
	ck_assert(!reader_is_done(&r));
}
END_TEST

START_TEST(texts_come_back_and_absent_ones_too)
{
	struct json_out out = { 0 };
	struct reader r;
	char *text;

	code_text(&out, "hello");
	code_text(&out, "");
	code_text(&out, NULL);
	r = reader_of_out(&out);
	text = read_text(&r);
	ck_assert_str_eq(text, "hello");
	free(text);
	text = read_some_text(&r);
	ck_assert_str_eq(text, "");
	free(text);
	ck_assert_ptr_null(read_text(&r));
	ck_assert(reader_is_done(&r));
	json_out_fini(&out);
}
END_TEST

START_TEST(texts_that_cannot_be_are_bad)
{
	struct reader r = reader_of(SPAN("\x04"
					 "a\0b"));

	ck_assert_ptr_null(read_text(&r));
	ck_assert(r.bad);
	r = reader_of(SPAN("\x09short"));
	ck_assert_ptr_null(read_text(&r));
	ck_assert(r.bad);
	r = reader_of(SPAN("\0"));
	ck_assert_ptr_null(read_some_text(&r));
	ck_assert(r.bad);
}
END_TEST

START_TEST(a_count_that_the_rest_cannot_hold_is_bad)
{
	struct reader r = reader_of(SPAN("\x03"
					 "123456"));

	ck_assert_uint_eq(read_count(&r, 2), 3);
	ck_assert(!r.bad);
	r = reader_of(SPAN("\x04"
			   "123456"));
	ck_assert_uint_eq(read_count(&r, 2), 0);
	ck_assert(r.bad);
}
END_TEST

START_TEST(a_content_with_too_many_properties_is_bad)
{
	struct json_out out = { 0 };
	struct content c = { .type = (char *)"t", .name = (char *)"n" };
	struct content *read;
	struct reader r;

	code_content(&out, &c);
	out.n--; /* the number of properties */
	code_number(&out, LIMIT_PROPERTIES + 1);
	for (int i = 0; i < 2 * (LIMIT_PROPERTIES + 1); i++)
		code_text(&out, "x");
	r = reader_of_out(&out);
	read = read_content(&r);
	ck_assert(r.bad);
	content_free(read);
	json_out_fini(&out);
}
END_TEST

static struct uuid
id_of(uint8_t n)
{
	return (struct uuid){ { [15] = n } };
}

/* Reads it so and expects nothing behind it. */
static struct edit
read_so(const struct json_out *out, bool brief)
{
	struct reader r = reader_of_out(out);
	struct edit e;

	r.brief = brief;
	read_edit(&r, &e);
	ck_assert(reader_is_done(&r));
	return e;
}

START_TEST(a_brief_reading_passes_over_all_but_places_and_what_counts)
{
	struct property property = { (char *)"p", (char *)"[1]" };
	struct content content = { .type = (char *)"t",
		.name = (char *)"n",
		.extra = (char *)"",
		.properties = &property,
		.n_properties = 1 };
	const struct edit edits[] = {
		{ .kind = EDIT_ADD, .after = { id_of(1), id_of(2), 3 }, .content = &content },
		{ .kind = EDIT_REMOVE, .before = { id_of(1), id_of(0), 0 }, .content = &content },
		{ .kind = EDIT_MOVE,
		    .before = { id_of(1), id_of(2), 3 },
		    .after.parent = id_of(4) },
		{ .kind = EDIT_PROPERTY, .key = (char *)"k", .value_after = (char *)"2" },
		{ .kind = EDIT_META, .value_before = (char *)"{}", .value_after = (char *)"{ }" },
		{ .kind = EDIT_MARK, .mark = MARK_SAVED, .value_after = (char *)"\"revision\":1" },
	};

	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		struct json_out out = { 0 };
		struct edit whole, brief;

		code_edit(&out, &edits[i]);
		whole = read_so(&out, false);
		brief = read_so(&out, true);
		ck_assert_int_eq(brief.kind, whole.kind);
		ck_assert_int_eq(brief.mark, whole.mark);
		ck_assert(uuid_equal(&brief.before.parent, &whole.before.parent));
		ck_assert(uuid_equal(&brief.after.parent, &whole.after.parent));
		ck_assert_ptr_null(brief.content);
		ck_assert_ptr_null(brief.key);
		ck_assert(!brief.value_after == (brief.kind != EDIT_META));
		edit_fini(&whole);
		edit_fini(&brief);
		json_out_fini(&out);
	}
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("codec");

	tcase_add_test(tests, numbers_come_back);
	tcase_add_test(tests, numbers_of_more_than_64_bits_are_bad);
	tcase_add_test(tests, bad_stays_bad);
	tcase_add_test(tests, texts_come_back_and_absent_ones_too);
	tcase_add_test(tests, texts_that_cannot_be_are_bad);
	tcase_add_test(tests, a_count_that_the_rest_cannot_hold_is_bad);
	tcase_add_test(tests, a_content_with_too_many_properties_is_bad);
	tcase_add_test(tests, a_brief_reading_passes_over_all_but_places_and_what_counts);
	return run_tests(tests);
}
