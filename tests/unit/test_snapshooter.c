#include "memory_server.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "graphd/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char session[64], root[64];

static void
open_project(void)
{
	open_memory();
	make_project(&f, session, root);
}

static void
rename_root(int times)
{
	char args[200];

	for (int i = 0; i < times; i++) {
		struct answer a;

		snprintf(args, sizeof args,
		    "{\"node_id\":\"%s\",\"property_id\":\"name\",\"value\":\"%d\"}", root, i);
		a = client_ask(&f, "UpdateProperty", session, MINIMAL, args);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
	}
}

/* The ordinal that the newest stored snapshot covers; 0: there is none. */
static uint64_t
snapshot_ordinal(struct json_out *bytes)
{
	struct uuid id;
	uint64_t ordinal;

	ck_assert(uuid_parse(span_of(session), &id));
	json_out_clear(bytes);
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, UINT64_MAX, bytes, &ordinal), OK);
	return ordinal;
}

static uint64_t
await_snapshot(struct json_out *bytes)
{
	uint64_t ordinal, until_ms = clock_now_ms() + 10000;

	while ((ordinal = snapshot_ordinal(bytes)) == 0 && clock_now_ms() < until_ms)
		loop_turn(f.loop, 5);
	return ordinal;
}

START_TEST(a_session_is_written_down_when_enough_steps_have_gathered_and_not_before)
{
	struct json_out bytes = { 0 };
	struct session *restored;

	/* What can be undone weighs as much as the steps do, up to a thousand of them. */
	rename_root(3500);
	for (int i = 0; i < 20; i++)
		loop_turn(f.loop, 1);
	ck_assert_uint_eq(snapshot_ordinal(&bytes), 0);
	rename_root(1500);
	ck_assert_uint_ge(await_snapshot(&bytes), 4000);
	restored = session_restore(json_out_span(&bytes));
	ck_assert_ptr_nonnull(restored);
	ck_assert_uint_eq(graph_count(restored->graph), 1);
	session_free(restored);
	json_out_fini(&bytes);
}
END_TEST

/* What can be undone of them is as long as the steps, so each snapshot is longer than the last. */
START_TEST(long_texts_are_not_written_down_again_with_each_step)
{
	enum { STEPS = 100, TEXT_BYTES = 60000 };
	static char args[TEXT_BYTES + 200];
	struct json_out bytes = { 0 };
	uint64_t last = 0;
	int n = 0;

	for (int i = 0; i < STEPS; i++) {
		int at = snprintf(args, sizeof args,
		    "{\"node_id\":\"%s\",\"property_id\":\"notes\",\"value\":\"", root);
		struct answer a;

		memset(args + at, 'a' + i % 26, TEXT_BYTES);
		snprintf(args + at + TEXT_BYTES, sizeof args - TEXT_BYTES - (size_t)at, "\"}");
		a = client_ask(&f, "UpdateProperty", session, MINIMAL, args);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
		for (int turns = 0; turns < 3; turns++)
			loop_turn(f.loop, 1);
		n += snapshot_ordinal(&bytes) != last;
		last = snapshot_ordinal(&bytes);
	}
	ck_assert_int_ge(n, 1);
	ck_assert_int_lt(n, 10);
	json_out_fini(&bytes);
}
END_TEST

enum { NODES = 5000 };

static void
load_big(void)
{
	char *args = malloc((size_t)NODES * 2200), *at = args, text[2001];
	struct answer a;

	memset(text, 'x', 2000);
	text[2000] = '\0';
	at += sprintf(at, "{\"graph\":{\"roots\":[");
	for (int i = 0; i < NODES; i++)
		at += sprintf(at,
		    "%s{\"id\":\"00000000-0000-4000-8000-%012d\",\"type\":\"task\",\"name\":\"n\","
		    "\"properties\":{\"notes\":\"%s\"}}",
		    i ? "," : "", i + 1, text);
	sprintf(at, "]}}");
	a = client_ask(&f, "LoadGraph", session, MINIMAL, args);
	ck_assert_msg(strcmp(a.status, "OK") == 0, "%.300s", a.body);
	answer_fini(&a);
	free(args);
}

START_TEST(a_big_session_is_written_down_beside_the_loop_and_goes_on_in_order)
{
	struct json_out bytes = { 0 };
	struct session *restored;
	struct answer a;
	char args[200];

	load_big();
	/* Sent without waiting: some of them come while the thread reads, and wait for it. */
	for (int i = 1; i <= 300; i++) {
		snprintf(args, sizeof args, "{\"node_id\":\"00000000-0000-4000-8000-%012d\"}", i);
		client_send(&f.asker, "DeleteNode", session, MINIMAL, args);
		loop_turn(f.loop, 0);
	}
	for (int i = 1; i <= 300; i++) {
		a = client_await(&f, &f.asker);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
	}
	ck_assert_uint_gt(await_snapshot(&bytes), 0);
	restored = session_restore(json_out_span(&bytes));
	ck_assert_ptr_nonnull(restored);
	ck_assert_ptr_null(graph_verify(restored->graph));
	ck_assert_uint_ge(graph_count(restored->graph), NODES - 300);
	session_free(restored);
	json_out_fini(&bytes);
}
END_TEST

START_TEST(an_end_of_the_server_waits_for_the_thread)
{
	load_big();
	/* One idle turn begins the snapshot; what it reads is freed right after. */
	loop_turn(f.loop, 0);
	loop_turn(f.loop, 0);
}
END_TEST

int
main(void)
{
	TCase *taken = tcase_create("snapshooter");

	tcase_add_checked_fixture(taken, open_project, close_it);
	tcase_set_timeout(taken, 60);
	tcase_add_test(
	    taken, a_session_is_written_down_when_enough_steps_have_gathered_and_not_before);
	tcase_add_test(taken, long_texts_are_not_written_down_again_with_each_step);
	tcase_add_test(taken, a_big_session_is_written_down_beside_the_loop_and_goes_on_in_order);
	tcase_add_test(taken, an_end_of_the_server_waits_for_the_thread);
	return run_tests(taken);
}
