/* Requests that gather until the turn is over, and the answers that come with others. */

#include "tests/unit/upstream_fixture.h"

static void
set_up_gathering(void)
{
	set_up();
	upstream_gather(upstream);
}

/* A message as graphd got it: how many requests, and their numbers. */
struct message {
	struct frames frames;
	struct wire_packed heads[LIMIT_ROW_REQUESTS + 1];
	struct span args[LIMIT_ROW_REQUESTS + 1];
	size_t n;
	bool is_row;
};

static void
read_row(struct message *m, struct span left)
{
	struct span head;

	while (left.n > 0) {
		ck_assert_uint_le(m->n, LIMIT_ROW_REQUESTS);
		ck_assert(wire_row_take(&left, &head, &m->args[m->n]));
		ck_assert(wire_packed_get(head, &m->heads[m->n]));
		m->n++;
	}
}

/* The next one that is not Hello. Waits for what is on its way, without a turn of the loop. */
static bool
next_message(struct message *m)
{
	zmq_pollitem_t item = { .socket = fake.router, .events = ZMQ_POLLIN };
	struct span row;

	memset(m, 0, sizeof(*m));
	while (zmq_poll(&item, 1, 200) > 0) {
		ck_assert(frames_recv(&m->frames, fake.router));
		m->is_row = wire_row_get(frames_at(&m->frames, 2), &row);
		if (m->is_row) {
			read_row(m, row);
			return true;
		}
		ck_assert(wire_packed_get(frames_at(&m->frames, 2), &m->heads[0]));
		m->args[0] = frames_at(&m->frames, 3);
		m->n = 1;
		if (!span_is(m->heads[0].command, "Hello"))
			return true;
		frames_fini(&m->frames);
	}
	return false;
}

static void
get_ready(bool takes_rows)
{
	fake.takes_rows = takes_rows;
	RUN_UNTIL_READY(upstream);
	RUN_UNTIL(n_up == 1);
}

static void
expect_none(void)
{
	struct message m;

	ck_assert(!next_message(&m));
}

static void
expect_each_alone(int n)
{
	struct message m;

	for (int i = 0; i < n; i++) {
		ck_assert(next_message(&m));
		ck_assert(!m.is_row);
		frames_fini(&m.frames);
	}
}

static void
answer_all(const struct message *m, const char *status, size_t cut_bytes)
{
	struct json_out row = { 0 };

	for (size_t i = 0; i < m->n; i++) {
		char head[WIRE_ANSWER_HEAD_MAX];
		size_t n = wire_answer_head(m->heads[i].id, status, head);

		wire_row_put((struct span){ head, n }, m->args[i], &row);
	}
	row.n -= cut_bytes;
	frames_send(fake.router, frames_at(&m->frames, 0), true);
	frames_send(fake.router, SPAN(""), true);
	frames_send(fake.router, json_out_span(&row), false);
	json_out_fini(&row);
}

START_TEST(requests_of_a_turn_leave_together_when_it_ends)
{
	struct answer a, b, c;
	struct message m;

	get_ready(true);
	ask(COMMAND_get_dirty, "{\"a\":1}", 0, &a);
	ask(COMMAND_get_tree, "{\"b\":1}", 0, &b);
	ask(COMMAND_get_session, "{\"c\":1}", 0, &c);
	expect_none();
	loop_turn(loop, 0);
	ck_assert(next_message(&m));
	ck_assert_uint_eq(m.n, 3);
	ck_assert(span_is(m.heads[0].command, "GetDirty"));
	ck_assert(span_is(m.heads[2].command, "GetSession"));
	answer_all(&m, "OK", 0);
	RUN_UNTIL(a.n + b.n + c.n == 3);
	ck_assert(span_is(json_out_span(&a.body), "{\"a\":1}"));
	ck_assert(span_is(json_out_span(&b.body), "{\"b\":1}"));
	ck_assert(span_is(json_out_span(&c.body), "{\"c\":1}"));
	frames_fini(&m.frames);
	answer_fini(&a);
	answer_fini(&b);
	answer_fini(&c);
}
END_TEST

static struct answer asked_late;

static void
ask_late(struct loop_hook *hook)
{
	(void)hook;
	if (asked_late.n == 0)
		ask(COMMAND_get_dirty, NULL, 0, &asked_late);
	asked_late.n = 1;
}

/* As sockets do of a kind that is opened for its first client. */
START_TEST(what_is_asked_by_work_that_joined_the_turns_end_later_leaves_with_it)
{
	struct loop_hook late = { .run = ask_late };
	struct message m;

	get_ready(true);
	asked_late.n = 0;
	loop_at_turn_end(loop, &late);
	loop_turn(loop, 0);
	ck_assert(next_message(&m));
	ck_assert(span_is(m.heads[0].command, "GetDirty"));
	frames_fini(&m.frames);
}
END_TEST

START_TEST(as_many_as_make_a_row_leave_at_once)
{
	static struct answer a[LIMIT_ROW_REQUESTS];
	struct message m;

	get_ready(true);
	for (int i = 0; i < LIMIT_ROW_REQUESTS; i++)
		ask(COMMAND_get_dirty, NULL, 0, &a[i]);
	ck_assert(next_message(&m));
	ck_assert_uint_eq(m.n, LIMIT_ROW_REQUESTS);
	frames_fini(&m.frames);
	loop_turn(loop, 0);
	expect_none();
}
END_TEST

START_TEST(one_that_is_too_long_for_a_row_goes_alone_in_its_place)
{
	char *args = xmalloc(LIMIT_ROW_BYTES + 1);
	struct answer a, b, c;
	struct message m;

	memset(args, 'a', LIMIT_ROW_BYTES);
	args[LIMIT_ROW_BYTES] = '\0';
	get_ready(true);
	ask(COMMAND_get_dirty, NULL, 0, &a);
	ask(COMMAND_load_graph, args, 0, &b);
	ask(COMMAND_get_session, NULL, 0, &c);
	loop_turn(loop, 0);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "GetDirty", "LoadGraph", "GetSession" };

		ck_assert(next_message(&m));
		ck_assert_uint_eq(m.n, 1);
		ck_assert_int_eq(m.is_row, i != 1);
		ck_assert(span_is(m.heads[0].command, names[i]));
		frames_fini(&m.frames);
	}
	free(args);
}
END_TEST

START_TEST(a_row_holds_no_more_bytes_than_its_bound)
{
	enum { ARGS = LIMIT_ROW_BYTES / 4 };
	static struct answer a[8];
	char *args = xmalloc(ARGS + 1);
	struct message m;
	size_t n = 0;

	memset(args, 'a', ARGS);
	args[ARGS] = '\0';
	get_ready(true);
	for (int i = 0; i < 8; i++)
		ask(COMMAND_create_node, args, 0, &a[i]);
	loop_turn(loop, 0);
	for (; n < 8; n += m.n) {
		ck_assert(next_message(&m));
		ck_assert(m.is_row && m.n > 1);
		ck_assert_uint_le(frames_at(&m.frames, 2).n, LIMIT_ROW_BYTES);
		frames_fini(&m.frames);
	}
	free(args);
}
END_TEST

START_TEST(a_graphd_that_does_not_take_rows_gets_each_alone)
{
	struct answer a, b;

	get_ready(false);
	ask(COMMAND_get_dirty, NULL, 0, &a);
	ask(COMMAND_get_session, NULL, 0, &b);
	loop_turn(loop, 0);
	expect_each_alone(2);
}
END_TEST

/* A graphd of an earlier version may come where the other was. */
START_TEST(whether_rows_are_taken_is_asked_anew_on_a_new_link)
{
	struct answer a, b;
	struct asked hello;
	char text[128];

	get_ready(true);
	fake_stop();
	RUN_UNTIL(!upstream_is_ready(upstream));
	ask(COMMAND_get_dirty, NULL, 20000, &a);
	ask(COMMAND_get_session, NULL, 20000, &b);
	fake.takes_rows = false;
	fake_start();
	RUN_UNTIL(fake_recv(&hello));
	ck_assert(span_is(asked_at(&hello, ASKED_COMMAND), "Hello"));
	fake_answer(&hello, "OK", fake_greeting(text));
	frames_fini(&hello.frames);
	RUN_UNTIL(upstream_is_ready(upstream));
	expect_each_alone(2);
}
END_TEST

START_TEST(of_answers_that_are_cut_off_those_before_the_cut_arrive)
{
	struct answer a, b;
	struct message m;

	get_ready(true);
	ask(COMMAND_get_dirty, NULL, 300, &a);
	ask(COMMAND_get_session, NULL, 300, &b);
	loop_turn(loop, 0);
	ck_assert(next_message(&m));
	answer_all(&m, "OK", 1);
	RUN_UNTIL(a.n == 1);
	ck_assert_int_eq(a.status, OK);
	RUN_UNTIL(b.n == 1);
	ck_assert_int_eq(b.status, ERROR_backend_unavailable);
	frames_fini(&m.frames);
	answer_fini(&a);
	answer_fini(&b);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("upstream_rows");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up_gathering, tear_down);
	tcase_add_test(t, requests_of_a_turn_leave_together_when_it_ends);
	tcase_add_test(t, what_is_asked_by_work_that_joined_the_turns_end_later_leaves_with_it);
	tcase_add_test(t, as_many_as_make_a_row_leave_at_once);
	tcase_add_test(t, one_that_is_too_long_for_a_row_goes_alone_in_its_place);
	tcase_add_test(t, a_row_holds_no_more_bytes_than_its_bound);
	tcase_add_test(t, a_graphd_that_does_not_take_rows_gets_each_alone);
	tcase_add_test(t, whether_rows_are_taken_is_asked_anew_on_a_new_link);
	tcase_add_test(t, of_answers_that_are_cut_off_those_before_the_cut_arrive);
	return run_tests(t);
}
