/* Events read back a page at a time from behind a long step: what was heard, for one reading of the
 * journal, whoever reads and whatever happens meanwhile. */

#include "session_fixture.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/dispatcher.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 3000, PAGE = 100 };

static struct store_ops counting;
static const struct store_ops *plain;
static size_t n_readings;

static struct heard *heard; /* the durable events of the long step */
static size_t n_heard;
static uint64_t before_seq; /* what they stand behind */

static enum error
count_reading(struct store *store, const struct uuid *session, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	n_readings++;
	return plain->steps_by_seq(store, session, after_seq, fn, context);
}

static void
load(void)
{
	struct json_out args = { 0 };
	char node[128];

	json_out_bytes(&args, SPAN("{\"graph\":{\"nodes\":["));
	for (int i = 0; i < NODES; i++) {
		int n = snprintf(node, sizeof node,
		    "%s{\"id\":\"n%d\",\"type\":\"phase\",\"name\":\"N%d\"", i ? "," : "", i, i);

		json_out_bytes(&args, (struct span){ node, (size_t)n });
		n = snprintf(node, sizeof node, i ? ",\"parent_id\":\"n%d\"}" : "}", (i - 1) / 10);
		json_out_bytes(&args, (struct span){ node, (size_t)n });
	}
	json_out_bytes(&args, SPAN("]}}"));
	before_seq = session_of(d, &s)->seq;
	ask_exactly(d, COMMAND_load_graph, &s, json_out_span(&args));
	ck_assert_msg(d->error == OK, "%s", d->body);
	json_out_fini(&args);
}

/* The list of what was heard last is taken over; the first of it is command:executing. */
static void
take_heard(void)
{
	heard = d->heard;
	n_heard = d->n_heard;
	d->heard = NULL;
	d->n_heard = 0;
	ck_assert_int_eq(heard[0].event, EVENT_command_executing);
	ck_assert_uint_gt(n_heard, NODES + 2);
}

static void
set_up_long(void)
{
	set_up();
	load();
	take_heard();
	plain = d->store->ops;
	counting = *plain;
	counting.steps_by_seq = count_reading;
	d->store->ops = &counting;
	n_readings = 0;
}

static void
tear_down_long(void)
{
	forget_heard(d);
	free(d->heard);
	d->heard = heard;
	d->n_heard = n_heard;
	d->store->ops = plain;
	tear_down();
}

static void
ck_path(struct span list, const struct heard *h)
{
	struct json_iter it;
	struct span key, value;
	size_t n = 0;

	json_walk(&it, list);
	for (; json_next(&it, &key, &value); n++) {
		struct uuid id;

		ck_assert_uint_lt(n, h->n_path);
		ck_assert(uuid_parse((struct span){ value.p + 1, value.n - 2 }, &id));
		ck_assert(uuid_equal(&id, &h->path[n]));
	}
	ck_assert_uint_eq(n, h->n_path);
}

static void
ck_event(struct span item, uint64_t seq, bool with_paths)
{
	const struct heard *h = &heard[seq - before_seq];
	struct span value;
	int64_t n;

	ck_assert(json_find(item, "seq", &value) && json_integer(value, &n));
	ck_assert_uint_eq((uint64_t)n, seq);
	ck_assert_uint_eq(h->seq, seq);
	ck_assert(json_find(item, "data", &value) && span_is(value, h->body));
	if (json_find(item, "path", &value))
		ck_path(value, h);
	else
		ck_assert(!with_paths || h->n_path == 0);
}

/* One page of what the long step holds. Returns the last seq in it. */
static uint64_t
read_page(uint64_t since, bool with_paths)
{
	struct json_iter it;
	struct span key, item;
	uint64_t seq = since;

	ask(d, COMMAND_list_events, &s, "{'since':%llu,'limit':%d,'paths':%s}",
	    (unsigned long long)since, PAGE, with_paths ? "true" : "false");
	ck_assert_int_eq(d->error, OK);
	json_walk(&it, at(d->body, "events"));
	while (json_next(&it, &key, &item))
		if (++seq < before_seq + n_heard)
			ck_event(item, seq, with_paths);
	return seq;
}

static void
read_all(bool with_paths)
{
	uint64_t seq = before_seq, last = before_seq + n_heard - 1;

	while (seq < last)
		seq = read_page(seq, with_paths);
	ck_assert_uint_eq(seq, last);
	ck_assert(at_is(d->body, "more", "false"));
}

START_TEST(all_pages_cost_one_reading)
{
	read_all(false);
	ck_assert_uint_le(n_readings, 2); /* the last page looks for what comes behind */
	read_all(true);
	ck_assert_uint_le(n_readings, 3);
}
END_TEST

START_TEST(readers_at_different_places_share_it)
{
	uint64_t last = before_seq + n_heard - 1, ahead = before_seq + n_heard / 2;

	for (uint64_t behind = before_seq; behind < ahead && ahead < last;) {
		behind = read_page(behind, false);
		ahead = read_page(ahead, true);
		/* One who reads a single page of the beginning. */
		read_page(before_seq + behind % 7, behind % 2);
	}
	ck_assert_uint_le(n_readings, 2);
	n_readings = 0;
	for (uint64_t seq = last - PAGE - 1; seq > before_seq + PAGE; seq -= PAGE)
		read_page(seq, false);
	ck_assert_uint_eq(n_readings, 0);
}
END_TEST

START_TEST(a_page_that_begins_before_the_step_goes_on_in_it)
{
	uint64_t seq = 0;

	while (seq < before_seq + 3 * PAGE) {
		ask(d, COMMAND_list_events, &s, "{'since':%llu,'limit':%d}",
		    (unsigned long long)seq, PAGE);
		ck_assert_int_eq(int_at(d->body, "events.0.seq"), (int64_t)seq + 1);
		seq += PAGE;
	}
	ck_assert_uint_eq(n_readings, 1);
}
END_TEST

START_TEST(what_happens_meanwhile_comes_behind_it)
{
	uint64_t seq = read_page(before_seq, false), last = before_seq + n_heard - 1;

	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_int_eq(d->error, OK);
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	while (seq < last)
		seq = read_page(seq, false);
	/* The undo is a long step too, and told behind the first one without a gap. */
	while (seq < session_of(d, &s)->seq) {
		ask(d, COMMAND_list_events, &s, "{'since':%llu,'limit':1000}",
		    (unsigned long long)seq);
		ck_assert_int_eq(int_at(d->body, "events.0.seq"), (int64_t)seq + 1);
		seq += 1000;
	}
	ask(d, COMMAND_list_events, &s, "{'since':%llu}",
	    (unsigned long long)session_of(d, &s)->seq - 3);
	ck_assert(at_is(d->body, "events.0.event", "\"command:undo\""));
	ck_assert(at_is(d->body, "events.1.event", "\"graph:node-created\""));
}
END_TEST

START_TEST(a_session_that_ends_meanwhile_is_gone_and_others_are_not)
{
	struct uuid first = s, other;

	read_page(before_seq, false);
	other = start(d, "restomod");
	ask(d, COMMAND_end_session, &first, "{}");
	ck_assert_int_eq(d->error, OK);
	ask(d, COMMAND_list_events, &first, "{'since':%llu,'limit':10}",
	    (unsigned long long)before_seq + PAGE);
	ck_assert_int_eq(d->error, ERROR_invalid_session);
	ask(d, COMMAND_list_events, &other, "{'since':0}");
	ck_assert_int_eq(int_at(d->body, "events.0.seq"), 1);
}
END_TEST

START_TEST(at_rest_nothing_of_it_is_kept)
{
	struct long_steps *kept = d->dispatcher->long_steps;
	uint64_t due_ms;

	ck_assert_uint_eq(long_steps_bytes(kept), 0);
	read_page(before_seq, true);
	ck_assert_uint_gt(long_steps_bytes(kept), LONG_STEP_BYTES);
	due_ms = dispatch_expires_ms(d->dispatcher);
	ck_assert_uint_le(due_ms, d->now_ms + LIMIT_LONG_STEP_MS);
	dispatch_expire(d->dispatcher, due_ms - 1, d->now_us, take_outcome, d);
	ck_assert_uint_gt(long_steps_bytes(kept), 0);
	dispatch_expire(d->dispatcher, due_ms, d->now_us, take_outcome, d);
	ck_assert_uint_eq(long_steps_bytes(kept), 0);
	ck_assert_uint_gt(dispatch_expires_ms(d->dispatcher), due_ms);
	read_all(false);
}
END_TEST

/* As with a step that is too big to be kept. */
START_TEST(without_room_for_it_each_page_reads_the_journal_and_is_the_same)
{
	struct dispatcher *dispatcher = d->dispatcher;

	long_steps_free(dispatcher->long_steps);
	dispatcher->long_steps = long_steps_new(LONG_STEP_BYTES);
	read_all(true);
	ck_assert_uint_ge(n_readings, n_heard / PAGE);
	ck_assert_uint_eq(long_steps_bytes(dispatcher->long_steps), 0);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("past");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up_long, tear_down_long);
	tcase_add_test(tc, all_pages_cost_one_reading);
	tcase_add_test(tc, readers_at_different_places_share_it);
	tcase_add_test(tc, a_page_that_begins_before_the_step_goes_on_in_it);
	tcase_add_test(tc, what_happens_meanwhile_comes_behind_it);
	tcase_add_test(tc, a_session_that_ends_meanwhile_is_gone_and_others_are_not);
	tcase_add_test(tc, at_rest_nothing_of_it_is_kept);
	tcase_add_test(tc, without_room_for_it_each_page_reads_the_journal_and_is_the_same);
	return run_tests(tc);
}
