#include "common/mem.h"

#include "run_tests.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED_BY_CLANG 1
#endif
#endif

START_TEST(no_bytes_at_all_are_no_failure)
{
	void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0, 8);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(c);
	free(a);
	free(b);
	free(c);
}
END_TEST

START_TEST(realloc_keeps_the_bytes)
{
	char *p = xmalloc(4);

	memcpy(p, "abc", 4);
	p = xrealloc(p, 1000, 16);
	ck_assert_str_eq(p, "abc");
	free(p);
}
END_TEST

START_TEST(an_overflowing_size_ends_the_process)
{
	/* The runner expects exit status 1. */
	free(xrealloc(NULL, SIZE_MAX / 2, 3));
}
END_TEST

/* The sanitizer's allocator ends the process in its own way. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED_BY_CLANG)
#define REAL_ALLOCATOR 1
START_TEST(a_request_beyond_all_memory_ends_the_process)
{
	volatile size_t too_much = SIZE_MAX / 4;

	free(xmalloc(too_much));
}
END_TEST
#endif

START_TEST(copies_end_with_a_nul_and_absent_stays_absent)
{
	char *a = xstrdup("word"), *b = xspandup((struct span){ "wordy", 4 }),
	     *c = xspandup(SPAN(""));

	ck_assert_str_eq(a, "word");
	ck_assert_str_eq(b, "word");
	ck_assert_str_eq(c, "");
	ck_assert_ptr_null(xspandup((struct span){ 0 }));
	free(a);
	free(b);
	free(c);
}
END_TEST

START_TEST(what_an_arena_gives_is_aligned_and_does_not_overlap)
{
	enum { TAKEN = 2000 };
	static unsigned char *taken[TAKEN];
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < TAKEN; i++) {
		size_t n = i % 97 == 0 ? 5000 : i % 61;
		taken[i] = arena_take(&a, n);
		ck_assert_uint_eq((uintptr_t)taken[i] % alignof(max_align_t), 0);
		memset(taken[i], (int)(i & 0xff), n);
	}
	for (size_t i = 0; i < TAKEN; i++)
		for (size_t j = 0, n = i % 97 == 0 ? 5000 : i % 61; j < n; j++)
			ck_assert_uint_eq(taken[i][j], i & 0xff);
	arena_fini(&a);
}
END_TEST

START_TEST(an_arena_is_used_again_after_a_reset)
{
	struct arena a;
	void *first;

	arena_init(&a);
	first = arena_take(&a, 100);
	arena_take(&a, 100000);
	arena_take(&a, 2000);
	arena_reset(&a);
	/* The usual block was kept, so a small request allocates nothing. */
	ck_assert_ptr_eq(arena_take(&a, 100), first);
	ck_assert_str_eq(arena_text(&a, (struct span){ "wordy", 4 }), "word");
	ck_assert_str_eq(arena_text(&a, (struct span){ 0 }), "");
	arena_fini(&a);
	ck_assert_ptr_null(a.head);
	arena_reset(&a);
	arena_fini(&a);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("mem");

	tcase_add_test(c, no_bytes_at_all_are_no_failure);
	tcase_add_test(c, realloc_keeps_the_bytes);
	tcase_add_exit_test(c, an_overflowing_size_ends_the_process, 1);
#ifdef REAL_ALLOCATOR
	tcase_add_exit_test(c, a_request_beyond_all_memory_ends_the_process, 1);
#endif
	tcase_add_test(c, copies_end_with_a_nul_and_absent_stays_absent);
	tcase_add_test(c, what_an_arena_gives_is_aligned_and_does_not_overlap);
	tcase_add_test(c, an_arena_is_used_again_after_a_reset);
	return run_tests(c);
}
