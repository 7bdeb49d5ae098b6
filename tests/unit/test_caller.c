/* Who asks, in both forms. */

#include "proto/caller.h"

#include "common/limits.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct refusal why;
static struct json_out text;

static void
set_up(void)
{
	arena_init(&arena);
	why = (struct refusal){ 0 };
}

static void
tear_down(void)
{
	json_out_fini(&text);
	arena_fini(&arena);
	refusal_fini(&why);
}

static const struct caller ann = { .actor = { "ann \"the\" \xc3\xa4",
				       sizeof "ann \"the\" \xc3\xa4" - 1 },
	.client = { "c1", sizeof "c1" - 1 },
	.gateway = { "g", sizeof "g" - 1 },
	.key = { "k", sizeof "k" - 1 },
	.traceparent = { "00-1-2-01", sizeof "00-1-2-01" - 1 },
	.minimal = true,
	.key_is_command_id = true,
	.deadline_ms = 5000 };

static void
check_that_it_comes_back(const struct caller *in)
{
	struct caller out;

	ck_assert_int_eq(caller_get(json_out_span(&text), &arena, &out, &why), OK);
	ck_assert(span_equal(in->actor, out.actor));
	ck_assert(span_equal(in->client, out.client));
	ck_assert(span_equal(in->gateway, out.gateway));
	ck_assert(span_equal(in->key, out.key));
	ck_assert(span_equal(in->traceparent, out.traceparent));
	ck_assert_int_eq(in->minimal, out.minimal);
	ck_assert_int_eq(in->key_is_command_id, out.key_is_command_id);
	ck_assert_int_eq(out.deadline_ms, in->deadline_ms);
}

START_TEST(a_caller_comes_back_as_it_was_put)
{
	caller_put(&ann, &text);
	ck_assert(!caller_is_packed(json_out_span(&text)));
	check_that_it_comes_back(&ann);
}
END_TEST

START_TEST(a_packed_caller_comes_back_as_it_was_put)
{
	const struct caller callers[] = { { .minimal = false }, { .deadline_ms = UINT32_MAX },
		{ .minimal = true }, { .key = SPAN("only a key"), .key_is_command_id = true } };

	caller_pack(&ann, &text);
	ck_assert(caller_is_packed(json_out_span(&text)));
	check_that_it_comes_back(&ann);
	for (size_t i = 0; i < sizeof callers / sizeof *callers; i++) {
		json_out_clear(&text);
		caller_pack(&callers[i], &text);
		ck_assert(caller_is_packed(json_out_span(&text)));
		check_that_it_comes_back(&callers[i]);
	}
}
END_TEST

/* What is too long to be packed travels as JSON, and is refused there by its name. */
START_TEST(what_cannot_be_packed_is_put_as_json)
{
	static char longest[UINT8_MAX + 2];
	struct caller c = { .deadline_ms = (int64_t)UINT32_MAX + 1 }, out;

	caller_pack(&c, &text);
	ck_assert(!caller_is_packed(json_out_span(&text)));
	check_that_it_comes_back(&c);
	memset(longest, 'x', sizeof longest - 1);
	json_out_clear(&text);
	c = (struct caller){ .actor = span_of(longest) };
	caller_pack(&c, &text);
	ck_assert(!caller_is_packed(json_out_span(&text)));
	ck_assert_int_eq(
	    caller_get(json_out_span(&text), &arena, &out, &why), ERROR_invalid_request);
	ck_assert_str_eq(why.field, "actor");
}
END_TEST

/* Each copy is as long as what it holds, so that a sanitizer sees what reads beyond it. */
START_TEST(a_damaged_packed_caller_is_refused)
{
	struct caller out;

	caller_pack(&ann, &text);
	for (size_t n = 1; n <= text.n + 1; n++) {
		char *exact = xcalloc(1, n);
		enum error expected = n == text.n ? OK : ERROR_invalid_request;

		memcpy(exact, text.bytes, n < text.n ? n : text.n);
		ck_assert_int_eq(
		    caller_get((struct span){ exact, n }, &arena, &out, &why), expected);
		free(exact);
	}
}
END_TEST

START_TEST(packed_texts_are_utf8_without_nul_and_keep_their_limits)
{
	const struct span actors[] = { SPAN("a\0b"), SPAN("\xff"), SPAN("\xc3"),
		SPAN("\xed\xa0\x80"), SPAN("\xc0\xaf"), SPAN("12345678\0"), SPAN("1234567\0z"),
		SPAN("12345678xyz\xffzyx12345678") };
	static char longest[LIMIT_KEY_BYTES + 1];
	struct caller c = { 0 }, out;

	for (size_t i = 0; i < sizeof actors / sizeof *actors; i++) {
		c.actor = actors[i];
		json_out_clear(&text);
		caller_pack(&c, &text);
		ck_assert_int_eq(
		    caller_get(json_out_span(&text), &arena, &out, &why), ERROR_invalid_request);
	}
	memset(longest, 'x', LIMIT_KEY_BYTES);
	c = (struct caller){ .key = { longest, LIMIT_KEY_BYTES },
		.actor = { longest, LIMIT_ACTOR_BYTES } };
	json_out_clear(&text);
	caller_pack(&c, &text);
	check_that_it_comes_back(&c);
	c.actor.n++;
	json_out_clear(&text);
	caller_pack(&c, &text);
	ck_assert_int_eq(
	    caller_get(json_out_span(&text), &arena, &out, &why), ERROR_invalid_request);
}
END_TEST

START_TEST(an_empty_caller_is_valid_and_a_wrong_one_is_named)
{
	struct caller out;
	char written[LIMIT_KEY_BYTES + 32];

	ck_assert_int_eq(caller_get(SPAN(""), &arena, &out, &why), OK);
	ck_assert_int_eq(caller_get(SPAN("{}"), &arena, &out, &why), OK);
	ck_assert_int_eq(
	    caller_get(SPAN("{\"actor\":null,\"other\":[1]}"), &arena, &out, &why), OK);
	ck_assert_int_eq(caller_get(SPAN("[]"), &arena, &out, &why), ERROR_invalid_request);
	ck_assert_int_eq(
	    caller_get(SPAN("{\"actor\":5}"), &arena, &out, &why), ERROR_invalid_request);
	ck_assert_str_eq(why.field, "actor");
	ck_assert_int_eq(
	    caller_get(SPAN("{\"deadline_ms\":\"x\"}"), &arena, &out, &why), ERROR_invalid_request);
	ck_assert_str_eq(why.field, "deadline_ms");
	snprintf(written, sizeof written, "{\"key\":\"%0*d\"}", LIMIT_KEY_BYTES, 1);
	ck_assert_int_eq(caller_get(span_of(written), &arena, &out, &why), OK);
	snprintf(written, sizeof written, "{\"key\":\"%0*d\"}", LIMIT_KEY_BYTES + 1, 1);
	ck_assert_int_eq(caller_get(span_of(written), &arena, &out, &why), ERROR_invalid_request);
	ck_assert_str_eq(why.field, "key");
}
END_TEST

START_TEST(an_id_is_read_in_small_letters_and_any_other_key_as_it_is)
{
	static const char small[] = "0a1b2c3d-4e5f-4a6b-8c7d-9e8f0a1b2c3d";
	struct caller in = { .key_is_command_id = true }, out;
	char key[] = "0a1b2c3d-4e5f-4a6b-8c7d-9e8f0a1b2c3d";

	for (size_t i = 0; i <= UUID_TEXT; i++) {
		memcpy(key, small, sizeof key);
		if (i < UUID_TEXT && key[i] >= 'a')
			key[i] -= 'a' - 'A';
		in.key = span_of(key);
		json_out_clear(&text);
		i % 2 ? caller_put(&in, &text) : caller_pack(&in, &text);
		ck_assert_int_eq(caller_get(json_out_span(&text), &arena, &out, &why), OK);
		ck_assert(span_is(out.key, small));
	}
	key[0] = 'A';
	in.key_is_command_id = false;
	json_out_clear(&text);
	caller_put(&in, &text);
	check_that_it_comes_back(&in);
	in = (struct caller){ .key = SPAN("NO-UUID"), .key_is_command_id = true };
	json_out_clear(&text);
	caller_put(&in, &text);
	check_that_it_comes_back(&in);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("caller");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_caller_comes_back_as_it_was_put);
	tcase_add_test(tc, a_packed_caller_comes_back_as_it_was_put);
	tcase_add_test(tc, what_cannot_be_packed_is_put_as_json);
	tcase_add_test(tc, a_damaged_packed_caller_is_refused);
	tcase_add_test(tc, packed_texts_are_utf8_without_nul_and_keep_their_limits);
	tcase_add_test(tc, an_empty_caller_is_valid_and_a_wrong_one_is_named);
	tcase_add_test(tc, an_id_is_read_in_small_letters_and_any_other_key_as_it_is);
	return run_tests(tc);
}
