#include "graphd/snapshot.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static struct session *
lived_session_of(uint64_t seed, int steps, size_t weight_limit)
{
	static const char *const actors[] = { "ann", "bob" };
	struct session *s = new_session();
	struct dice d = dice_of(seed);
	enum error err;

	s->history.weight_limit = weight_limit;
	for (int i = 0; i < steps; i++) {
		const char *actor = actors[roll(&d, 2)];
		if (roll(&d, 4))
			free_step(random_step(s, &d, actor));
		else if (roll(&d, 3))
			free_step(undo_as(s, actor, roll(&d, 2) ? actor : NULL, &err));
		else
			free_step(redo_as(s, actor, roll(&d, 2) ? actor : NULL, &err));
		session_settled(s, s->ordinal);
	}
	session_key_add(s, SPAN("k1"), 5, OK, 1, SPAN("{\"a\":1}"));
	session_key_add(s, SPAN("refused"), 6, ERROR_not_found, 0, SPAN("{}"));
	return s;
}

static struct session *
lived_session(uint64_t seed, int steps)
{
	return lived_session_of(seed, steps, LIMIT_UNDO_BYTES);
}

static struct session *
restored(const struct session *s)
{
	struct json_out bytes = { 0 };
	struct session *again;

	session_snapshot(s, &bytes);
	again = session_restore(json_out_span(&bytes));
	ck_assert_ptr_nonnull(again);
	ck_assert_ptr_null(graph_verify(again->graph));
	json_out_fini(&bytes);
	return again;
}

/* All that can be taken back or done again, in both alike. */
static void
go_through(struct step *take(struct session *, const char *, const char *, enum error *),
    struct session *s, struct session *again)
{
	struct step *a, *b;
	enum error x, y;

	do {
		a = take(s, "ann", NULL, &x);
		b = take(again, "ann", NULL, &y);
		ck_assert_int_eq(x, y);
		ck_assert(!a == !b);
		assert_same_sessions(s, again);
		free_step(a);
		free_step(b);
	} while (a && !x);
}

START_TEST(a_restored_session_is_the_same_and_goes_on_the_same)
{
	struct session *s = lived_session((uint64_t)_i + 1, 200), *again = restored(s);

	printf("seed %d\n", _i + 1);
	assert_same_sessions(s, again);
	ck_assert_int_eq(session_is_dirty(s), session_is_dirty(again));
	ck_assert(uuid_equal(&s->meta.project_id, &again->meta.project_id));
	go_through(undo_as, s, again);
	go_through(redo_as, s, again);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(a_session_at_the_limit_of_weight_goes_on_the_same)
{
	struct session *s = lived_session_of((uint64_t)_i + 1, 200, 4000), *again = restored(s);

	printf("seed %d\n", _i + 1);
	again->history.weight_limit = s->history.weight_limit;
	assert_same_sessions(s, again);
	ck_assert_uint_eq(s->history.weight, again->history.weight);
	go_through(undo_as, s, again);
	go_through(redo_as, s, again);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(answers_are_kept_and_refusals_are_not)
{
	struct session *s = lived_session(1, 5), *again = restored(s);

	ck_assert(span_is(session_key_find(again, SPAN("k1"))->reply, "{\"a\":1}"));
	ck_assert_uint_eq(session_key_find(again, SPAN("k1"))->request_hash, 5);
	ck_assert_ptr_null(session_key_find(again, SPAN("refused")));
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(an_empty_and_a_closed_session_come_back)
{
	struct session *s = new_session(), *again;

	again = restored(s);
	assert_same_sessions(s, again);
	ck_assert(!session_is_dirty(again));
	session_free(again);
	s->closed = true;
	again = restored(s);
	ck_assert(again->closed);
	session_free(again);
	session_free(s);
}
END_TEST

START_TEST(a_chain_of_the_greatest_depth_comes_back)
{
	struct session *s = new_session(), *again;

	for (uint64_t i = 1; i <= LIMIT_DEPTH + 1; i++)
		free_step(do_edit(s, "ann", add_edit(i, i - 1, 0, "link")));
	free_step(do_edit(s, "ann", add_edit(1000, 3, UINT32_MAX, "up again")));
	free_step(do_edit(s, "ann", add_edit(1001, LIMIT_DEPTH, UINT32_MAX, "deep again")));
	again = restored(s);
	assert_same_sessions(s, again);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(slices_give_the_same_bytes_as_the_whole)
{
	struct session *s = lived_session(9, 300);
	struct json_out whole = { 0 }, sliced = { 0 };
	struct snapshot_writer w;
	size_t slices = 1, limit = 64 << _i;

	session_snapshot(s, &whole);
	snapshot_init(&w, s);
	while (!snapshot_write(&w, &sliced, limit))
		slices++;
	ck_assert_uint_gt(slices, 1);
	ck_assert_uint_eq(whole.n, sliced.n);
	ck_assert(memcmp(whole.bytes, sliced.bytes, whole.n) == 0);
	json_out_fini(&whole);
	json_out_fini(&sliced);
	session_free(s);
}
END_TEST

/* Of all that stands in a snapshot this alone changes while it is written. */
START_TEST(the_first_slice_says_when_the_session_was_last_used)
{
	struct session *s = lived_session(3, 50), *again;
	struct json_out bytes = { 0 };
	struct snapshot_writer w;

	s->active_us = 5000;
	snapshot_init(&w, s);
	ck_assert(!snapshot_write(&w, &bytes, 0));
	s->active_us = 6000;
	while (!snapshot_write(&w, &bytes, 100))
		;
	again = session_restore(json_out_span(&bytes));
	ck_assert_ptr_nonnull(again);
	ck_assert_uint_eq(again->active_us, 5000);
	json_out_fini(&bytes);
	session_free(s);
	session_free(again);
}
END_TEST

START_TEST(damaged_bytes_are_refused_or_read_but_never_harm)
{
	struct session *s = lived_session(3, 12), *again;
	struct json_out bytes = { 0 };
	struct dice d = dice_of(4);

	session_snapshot(s, &bytes);
	for (size_t n = 0; n < bytes.n; n++)
		ck_assert_ptr_null(session_restore((struct span){ bytes.bytes, n }));
	for (int i = 0; i < 5000; i++) {
		size_t at = roll(&d, (uint32_t)bytes.n);
		char kept = bytes.bytes[at];
		bytes.bytes[at] = (char)roll(&d, 256);
		again = session_restore(json_out_span(&bytes));
		if (again)
			ck_assert_ptr_null(graph_verify(again->graph));
		session_free(again);
		bytes.bytes[at] = kept;
	}
	json_out_fini(&bytes);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("snapshot");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_restored_session_is_the_same_and_goes_on_the_same, 0, 20);
	tcase_add_loop_test(tests, a_session_at_the_limit_of_weight_goes_on_the_same, 0, 20);
	tcase_add_test(tests, answers_are_kept_and_refusals_are_not);
	tcase_add_test(tests, an_empty_and_a_closed_session_come_back);
	tcase_add_test(tests, a_chain_of_the_greatest_depth_comes_back);
	tcase_add_loop_test(tests, slices_give_the_same_bytes_as_the_whole, 0, 6);
	tcase_add_test(tests, the_first_slice_says_when_the_session_was_last_used);
	tcase_add_test(tests, damaged_bytes_are_refused_or_read_but_never_harm);
	return run_tests(tests);
}
