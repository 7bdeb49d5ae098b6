/* The answers that a session remembers: so many, and so many bytes. */

#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "graph_fixture.h"
#include "graphd/old_keys.h"
#include "graphd/session.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { BIG = 1024 * 1024, FIT = LIMIT_KEYS_BYTES / BIG - 1 }; /* the keys take some as well */

START_TEST(the_oldest_answer_is_forgotten_beyond_the_limit)
{
	struct session *s = new_session();
	char key[32];

	for (int i = 0; i <= LIMIT_KEYS; i++) {
		snprintf(key, sizeof(key), "%d", i);
		session_key_add(s, span_of(key), (uint64_t)i, ERROR_not_found, 0, SPAN("{}"));
	}
	ck_assert_uint_eq(s->keys->n, LIMIT_KEYS);
	ck_assert_ptr_null(session_key_find(s, SPAN("0")));
	ck_assert_uint_eq(session_key_find(s, SPAN("1"))->request_hash, 1);
	ck_assert_int_eq(session_key_find(s, SPAN("1"))->error, ERROR_not_found);
	/* The same key again replaces the answer. */
	session_key_add(s, SPAN("1"), 5, OK, 3, SPAN("{\"a\":1}"));
	ck_assert_uint_eq(s->keys->n, LIMIT_KEYS);
	ck_assert(span_is(session_key_find(s, SPAN("1"))->reply, "{\"a\":1}"));
	session_free(s);
}
END_TEST

START_TEST(an_answer_that_was_pushed_out_comes_back_with_the_step_taken_back)
{
	struct session *s = new_session();
	struct step *step;
	char key[32];

	for (int i = 0; i < LIMIT_KEYS; i++) {
		snprintf(key, sizeof(key), "%d", i);
		session_key_add(s, span_of(key), 1, OK, 1, SPAN("{}"));
	}
	s->ordinal = 1;
	step = do_edit(s, "ann", add_edit(1, 0, 0, "x"));
	session_key_add(s, SPAN("new"), 1, OK, step->ordinal, SPAN("{}"));
	ck_assert_ptr_null(session_key_find(s, SPAN("0")));
	session_revert(s, step);
	ck_assert_ptr_null(session_key_find(s, SPAN("new")));
	ck_assert_ptr_nonnull(session_key_find(s, SPAN("0")));
	/* It is the oldest again. */
	session_key_add(s, SPAN("other"), 1, ERROR_not_found, 0, SPAN("{}"));
	ck_assert_ptr_null(session_key_find(s, SPAN("0")));
	ck_assert_ptr_nonnull(session_key_find(s, SPAN("1")));
	free_step(step);
	session_free(s);
}
END_TEST

/* Remembers an answer of that length under the number; ordinal 0: a refusal. */
static void
remember(struct session *s, int number, uint64_t ordinal, size_t n)
{
	char *reply = xmalloc(n), key[32];

	memset(reply, 'r', n);
	snprintf(key, sizeof(key), "%d", number);
	session_key_add(
	    s, span_of(key), 1, ordinal ? OK : ERROR_not_found, ordinal, (struct span){ reply, n });
	free(reply);
}

static bool
knows(const struct session *s, int number)
{
	char key[32];

	snprintf(key, sizeof(key), "%d", number);
	return session_key_find(s, span_of(key)) != NULL;
}

static size_t
bytes_kept(const struct session *s)
{
	size_t n = 0;

	LIST_EACH(l, &s->keys_by_age)
	{
		const struct key_entry *entry = LIST_OF(l, struct key_entry, age);
		n += entry->key.n + entry->reply.n;
	}
	ck_assert_uint_eq(n, s->keys_bytes);
	return n;
}

START_TEST(the_oldest_answers_are_forgotten_when_all_are_too_long)
{
	struct session *s = new_session();

	for (int i = 0; i <= FIT; i++)
		remember(s, i, i % 2 ? 1 : 0, BIG);
	ck_assert(!knows(s, 0));
	ck_assert(knows(s, 1));
	ck_assert_uint_eq(s->keys->n, FIT);
	ck_assert_uint_le(bytes_kept(s), LIMIT_KEYS_BYTES);
	/* In the place of one under the same key no other has to go. */
	remember(s, 1, 1, BIG);
	ck_assert_uint_eq(s->keys->n, FIT);
	ck_assert(knows(s, 2));
	/* Several go for one that is long, and the newest is kept however long it is. */
	remember(s, 100, 1, 3 * BIG);
	ck_assert(!knows(s, 4));
	ck_assert(knows(s, 5));
	remember(s, 101, 1, LIMIT_KEYS_BYTES + 1);
	ck_assert_uint_eq(s->keys->n, 1);
	ck_assert(knows(s, 101));
	remember(s, 102, 1, 10);
	ck_assert_uint_eq(s->keys->n, 1);
	ck_assert_uint_eq(bytes_kept(s), 13);
	session_free(s);
}
END_TEST

/* As many answers as fit, and the step whose answer pushes some of them out. */
static struct step *
fill_and_edit(struct session *s)
{
	for (int i = 0; i < FIT; i++)
		remember(s, i, 1, BIG);
	s->ordinal = 1;
	return do_edit(s, "ann", add_edit(1, 0, 0, "x"));
}

START_TEST(all_that_one_long_answer_pushed_out_come_back_in_their_order)
{
	struct session *s = new_session();
	struct step *step;

	step = fill_and_edit(s);
	remember(s, 100, step->ordinal, 4 * BIG);
	ck_assert(!knows(s, 3));
	ck_assert(knows(s, 4));
	session_revert(s, step);
	ck_assert(!knows(s, 100));
	ck_assert_uint_eq(s->keys->n, FIT);
	ck_assert_uint_eq(bytes_kept(s), s->keys_bytes);
	for (int i = 0; i < FIT; i++) {
		ck_assert(knows(s, i));
		remember(s, 200 + i, 1, BIG);
		ck_assert(!knows(s, i));
	}
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(a_session_read_back_remembers_as_much)
{
	struct session *s = new_session(), *again;
	struct json_out bytes = { 0 };

	for (int i = 0; i < FIT + 5; i++)
		remember(s, i, 1, BIG);
	session_snapshot(s, &bytes);
	again = session_restore(json_out_span(&bytes));
	assert_same_sessions(s, again);
	ck_assert_uint_eq(bytes_kept(again), bytes_kept(s));
	remember(again, 100, 1, BIG);
	ck_assert(!knows(again, 5));
	ck_assert(knows(again, 6));
	json_out_fini(&bytes);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(a_session_read_back_knows_where_older_answers_are)
{
	struct session *s = new_session(), *again;
	struct json_out bytes = { 0 };

	for (int i = 0; i < FIT + 5; i++)
		remember(s, i, (uint64_t)i + 1, BIG);
	session_snapshot(s, &bytes);
	again = session_restore(json_out_span(&bytes));
	ck_assert_uint_eq(old_keys_count(again->old_keys), 5);
	for (int i = 0; i < 5; i++) {
		char key[32];

		snprintf(key, sizeof(key), "%d", i);
		ck_assert_uint_eq(
		    old_keys_find(again->old_keys, span_of(key), UINT64_MAX), (uint64_t)i + 1);
	}
	/* Those that are remembered no more and were refusals are nowhere. */
	remember(again, 100, 0, BIG);
	for (int i = 0; i < FIT; i++)
		remember(again, 200 + i, 50 + (uint64_t)i, BIG);
	ck_assert(!knows(again, 100));
	ck_assert_uint_eq(old_keys_find(again->old_keys, SPAN("100"), UINT64_MAX), 0);
	json_out_fini(&bytes);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(what_was_pushed_out_by_a_step_under_way_is_at_hand_until_that_is_durable)
{
	struct session *s = new_session();
	struct step *step;

	step = fill_and_edit(s);
	remember(s, 100, step->ordinal, BIG);
	ck_assert(!knows(s, 0));
	ck_assert_uint_eq(old_keys_find(s->old_keys, SPAN("0"), UINT64_MAX), 1);
	ck_assert_ptr_nonnull(session_key_displaced(s, SPAN("0")));
	session_settled(s, step->ordinal);
	ck_assert_ptr_null(session_key_displaced(s, SPAN("0")));
	free_step(step);
	/* One that is pushed out itself goes with its step, when that is taken back. */
	step = do_edit(s, "ann", add_edit(2, 0, 0, "y"));
	remember(s, 101, step->ordinal, BIG);
	remember(s, 102, step->ordinal, LIMIT_KEYS_BYTES);
	ck_assert_uint_eq(old_keys_find(s->old_keys, SPAN("101"), UINT64_MAX), step->ordinal);
	session_revert(s, step);
	ck_assert_uint_eq(old_keys_find(s->old_keys, SPAN("101"), UINT64_MAX), 0);
	ck_assert_uint_eq(old_keys_find(s->old_keys, SPAN("0"), UINT64_MAX), 1);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(answers_without_a_step_leave_and_come_with_their_bytes)
{
	struct session *s = new_session();
	struct link answers;

	list_init(&answers);
	remember(s, 1, 0, 100);
	remember(s, 2, 1, 50);
	session_unstored_take(s, &answers);
	ck_assert_uint_eq(bytes_kept(s), 51);
	session_unstored_give(s, &answers);
	ck_assert_uint_eq(bytes_kept(s), 152);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("session_keys");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_oldest_answer_is_forgotten_beyond_the_limit);
	tcase_add_test(tests, an_answer_that_was_pushed_out_comes_back_with_the_step_taken_back);
	tcase_add_test(tests, the_oldest_answers_are_forgotten_when_all_are_too_long);
	tcase_add_test(tests, all_that_one_long_answer_pushed_out_come_back_in_their_order);
	tcase_add_test(tests, a_session_read_back_remembers_as_much);
	tcase_add_test(tests, a_session_read_back_knows_where_older_answers_are);
	tcase_add_test(
	    tests, what_was_pushed_out_by_a_step_under_way_is_at_hand_until_that_is_durable);
	tcase_add_test(tests, answers_without_a_step_leave_and_come_with_their_bytes);
	return run_tests(tests);
}
