/* Idempotency beyond the answers that a session holds: they are read back from its journal. */

#include "session_fixture.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/old_keys.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = LIMIT_KEYS + 100 };

static const char *
rename_under(const char *key, const char *name)
{
	d->caller.key = span_of(key);
	d->caller.minimal = true;
	return ask(d, COMMAND_update_property, &s,
	    "{'node_id':'%s','property_id':'name','value':'%s'}", text_of(&root), name);
}

/* Under k0, k1 and so on. */
static void
rename_many(int from, int to)
{
	char key[16], name[16];

	for (int i = from; i < to; i++) {
		snprintf(key, sizeof key, "k%d", i);
		snprintf(name, sizeof name, "n%d", i);
		rename_under(key, name);
		ck_assert_int_eq(d->error, OK);
		forget_heard(d);
	}
}

START_TEST(a_key_that_was_pushed_out_still_has_the_first_answer)
{
	char *first = xstrdup(rename_under("k0", "n0"));
	uint64_t seq;

	rename_many(1, MANY);
	seq = session_of(d, &s)->seq;
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(old_keys_count(session_of(d, &s)->old_keys), MANY - LIMIT_KEYS);
		ck_assert_ptr_null(session_key_find(session_of(d, &s), SPAN("k0")));
		ck_assert_str_eq(rename_under("k0", "n0"), first);
		ck_assert_int_eq(d->error, OK);
		ck_assert_uint_eq(d->n_heard, 0);
		rename_under("k0", "another");
		ck_assert_int_eq(d->error, ERROR_idempotency_mismatch);
		ck_assert_uint_eq(session_of(d, &s)->seq, seq);
		i == 0 ? domain_unload(d) : domain_restart(d);
	}
	rename_under("never used", "n0");
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(session_of(d, &s)->seq, seq + 2);
	free(first);
}
END_TEST

START_TEST(it_is_shown_with_the_graph_if_that_is_asked_for)
{
	rename_many(0, MANY);
	rename_under("k5", "n5");
	d->caller.minimal = false;
	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'name','value':'n5'}",
	    text_of(&root));
	ck_assert_int_eq(d->error, OK);
	ck_assert(at(d->body, "graph.roots.0.id").p);
}
END_TEST

/* The memory store, with what is to happen when it is read. */
static struct store_ops ops;

static enum error
fail_steps(struct store *store, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	(void)store;
	(void)session;
	(void)after_ordinal;
	(void)fn;
	(void)context;
	return ERROR_session_damaged;
}

START_TEST(where_it_cannot_be_read_nothing_is_done_again)
{
	const struct store_ops *before = d->store->ops;
	uint64_t seq;

	rename_many(0, MANY);
	seq = session_of(d, &s)->seq;
	ops = *before;
	ops.steps = fail_steps;
	d->store->ops = &ops;
	rename_under("k0", "n0");
	ck_assert_int_eq(d->error, ERROR_session_damaged);
	ck_assert_uint_eq(session_of(d, &s)->seq, seq);
	/* Those that are held, and new ones, need not be read. */
	rename_under("k5000", "n5000");
	ck_assert_int_eq(d->error, OK);
	rename_under("never used", "x");
	ck_assert_int_eq(d->error, OK);
	d->store->ops = before;
}
END_TEST

static bool busy;

static bool
is_busy(struct store *store)
{
	(void)store;
	return busy;
}

START_TEST(it_waits_for_a_busy_store_and_does_not_keep_others_waiting)
{
	const struct store_ops *before = d->store->ops;
	struct request request = { .command = COMMAND_update_property, .session = s };
	struct outcome out;
	char args[256];

	rename_many(0, MANY);
	snprintf(args, sizeof args,
	    "{\"node_id\":\"%s\",\"property_id\":\"name\",\"value\":\"n0\"}", text_of(&root));
	ops = *before;
	ops.is_busy = is_busy;
	d->store->ops = &ops;
	request.args = span_of(args);
	request.caller.key = SPAN("k0");
	for (int i = 0; i < 2; i++) {
		busy = i == 0;
		outcome_init(&out);
		dispatch(d->dispatcher, &request, &out);
		ck_assert_int_eq(out.awaits_store, busy);
		ck_assert_int_eq(out.body.n > 0, !busy);
		ck_assert_ptr_null(out.step);
		outcome_fini(&out);
	}
	d->store->ops = before;
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("keys_old");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_key_that_was_pushed_out_still_has_the_first_answer);
	tcase_add_test(tc, it_is_shown_with_the_graph_if_that_is_asked_for);
	tcase_add_test(tc, where_it_cannot_be_read_nothing_is_done_again);
	tcase_add_test(tc, it_waits_for_a_busy_store_and_does_not_keep_others_waiting);
	return run_tests(tc);
}
