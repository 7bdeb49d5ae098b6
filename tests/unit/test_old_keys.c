/* Keys whose answers are read back from the journal: which step may have had one. */

#include "common/limits.h"
#include "graphd/codec.h"
#include "graphd/old_keys.h"
#include "run_tests.h"

#include <stdio.h>

static struct old_keys *keys;

static void
add(uint64_t number, uint64_t ordinal)
{
	char key[32];

	snprintf(key, sizeof key, "key %llu", (unsigned long long)number);
	old_keys_add(&keys, span_of(key), ordinal);
}

static uint64_t
find(uint64_t number)
{
	char key[32];

	snprintf(key, sizeof key, "key %llu", (unsigned long long)number);
	return old_keys_find(keys, span_of(key), UINT64_MAX);
}

/* Of a million keys some look alike by chance: those are found by looking on. */
static bool
leads_to(uint64_t number, uint64_t ordinal)
{
	char key[32];
	uint64_t at;

	snprintf(key, sizeof key, "key %llu", (unsigned long long)number);
	for (at = find(number); at > ordinal; at = old_keys_find(keys, span_of(key), at))
		;
	return at == ordinal;
}

static void
tear_down(void)
{
	old_keys_free(keys);
	keys = NULL;
}

START_TEST(each_key_leads_to_its_step_and_others_to_none)
{
	ck_assert_uint_eq(find(1), 0);
	ck_assert_uint_eq(old_keys_count(keys), 0);
	for (uint64_t i = 1; i <= 5000; i++)
		add(i, 3 * i);
	ck_assert_uint_eq(old_keys_count(keys), 5000);
	for (uint64_t i = 1; i <= 5000; i++)
		ck_assert(leads_to(i, 3 * i));
	ck_assert_uint_eq(find(5001), 0);
}
END_TEST

START_TEST(the_newest_of_the_same_is_found_first_and_then_the_one_before)
{
	add(7, 1);
	add(8, 2);
	add(7, 5);
	ck_assert_uint_eq(find(7), 5);
	ck_assert_uint_eq(old_keys_find(keys, SPAN("key 7"), 5), 1);
	ck_assert_uint_eq(old_keys_find(keys, SPAN("key 7"), 1), 0);
}
END_TEST

START_TEST(the_oldest_go_beyond_the_limit)
{
	enum { MORE = 1000 };
	unsigned alike = 0;

	for (uint64_t i = 1; i <= LIMIT_OLD_KEYS + MORE; i++)
		add(i, i);
	ck_assert_uint_eq(old_keys_count(keys), LIMIT_OLD_KEYS);
	for (uint64_t i = 1; i <= MORE; i++)
		ck_assert(!leads_to(i, i));
	for (uint64_t i = MORE + 1; i <= LIMIT_OLD_KEYS + MORE; i++)
		ck_assert(leads_to(i, i));
	/* One in 4,000 looks like one of them. */
	for (uint64_t i = 0; i < 100000; i++)
		alike += find(1000000000 + i) != 0;
	ck_assert_uint_lt(alike, 200);
}
END_TEST

START_TEST(steps_that_were_taken_back_are_found_no_more_and_come_again)
{
	for (uint64_t i = 1; i <= 1000; i++)
		add(i, i);
	old_keys_take_back(keys, 901);
	ck_assert_uint_eq(old_keys_count(keys), 900);
	for (uint64_t i = 1; i <= 1000; i++)
		ck_assert(leads_to(i, i) == (i <= 900));
	/* Under the same numbers, with other keys. */
	for (uint64_t i = 901; i <= 1000; i++)
		add(i + 5000, i);
	for (uint64_t i = 901; i <= 1000; i++)
		ck_assert(leads_to(i + 5000, i) && !leads_to(i, i));
	/* One that was added before is not added twice. */
	add(1, 1);
	ck_assert_uint_eq(old_keys_count(keys), 1000);
	old_keys_take_back(keys, 0);
	ck_assert_uint_eq(old_keys_count(keys), 0);
	ck_assert_uint_eq(find(1), 0);
	old_keys_take_back(NULL, 1);
}
END_TEST

START_TEST(what_was_written_down_comes_back_and_what_was_cut_off_does_not)
{
	struct json_out bytes = { 0 };
	struct old_keys *again;
	struct reader r;

	for (uint64_t i = 1; i <= 700; i++)
		add(i, 1000000 * i);
	old_keys_code(&bytes, keys);
	r = reader_of(json_out_span(&bytes));
	again = old_keys_read(&r);
	ck_assert(reader_is_done(&r));
	tear_down();
	keys = again;
	for (uint64_t i = 1; i <= 700; i++)
		ck_assert(leads_to(i, 1000000 * i));
	for (size_t n = 0; n < bytes.n; n++) {
		r = reader_of((struct span){ bytes.bytes, n });
		ck_assert_ptr_null(old_keys_read(&r));
		ck_assert(!reader_is_done(&r));
	}
	/* Of each byte that is another one nothing worse comes than other keys. */
	for (size_t n = 0; n < bytes.n; n++) {
		bytes.bytes[n] ^= 0x55;
		r = reader_of(json_out_span(&bytes));
		old_keys_free(old_keys_read(&r));
		bytes.bytes[n] ^= 0x55;
	}
	json_out_fini(&bytes);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("old_keys");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_key_leads_to_its_step_and_others_to_none);
	tcase_add_test(tc, the_newest_of_the_same_is_found_first_and_then_the_one_before);
	tcase_add_test(tc, the_oldest_go_beyond_the_limit);
	tcase_add_test(tc, steps_that_were_taken_back_are_found_no_more_and_come_again);
	tcase_add_test(tc, what_was_written_down_comes_back_and_what_was_cut_off_does_not);
	return run_tests(tc);
}
