#include "common/loop.h"

#include "common/clock.h"
#include "run_tests.h"

#include <string.h>
#include <zmq.h>

static struct loop *loop;

static void
set_up(void)
{
	loop = loop_new();
}

static void
tear_down(void)
{
	loop_free(loop);
}

/* A PAIR over inproc; ready() takes at most budget messages, answers each if told to. */
struct pair {
	struct loop_zmq z;
	void *context, *ours, *peer;
	int budget, taken, calls;
	bool answers, leaves;
};

static bool
pair_ready(struct loop_zmq *z)
{
	struct pair *p = (struct pair *)z;
	char c;

	p->calls++;
	if (p->leaves) {
		loop_remove_zmq(loop, z);
		memset(z, 0xee, sizeof(*z)); /* as if freed */
		return true;
	}
	for (int i = 0; i < p->budget; i++) {
		if (zmq_recv(p->ours, &c, 1, ZMQ_DONTWAIT) < 0)
			return false;
		p->taken++;
		if (p->answers)
			zmq_send(p->ours, &c, 1, 0);
	}
	return true;
}

static void
pair_open(struct pair *p, int budget)
{
	*p = (struct pair){ .z.ready = pair_ready, .budget = budget };
	p->context = zmq_ctx_new();
	p->ours = zmq_socket(p->context, ZMQ_PAIR);
	p->peer = zmq_socket(p->context, ZMQ_PAIR);
	ck_assert_int_eq(zmq_bind(p->ours, "inproc://pair"), 0);
	ck_assert_int_eq(zmq_connect(p->peer, "inproc://pair"), 0);
}

static void
pair_close(struct pair *p)
{
	zmq_close(p->ours);
	zmq_close(p->peer);
	zmq_ctx_term(p->context);
}

static void
send_many(struct pair *p, int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(zmq_send(p->peer, "x", 1, ZMQ_DONTWAIT), 1);
}

START_TEST(messages_sent_before_the_socket_was_added_are_heard)
{
	struct pair p;

	pair_open(&p, 100);
	send_many(&p, 5);
	loop_add_zmq(loop, &p.z, p.ours);
	loop_turn(loop, -1);
	ck_assert_int_eq(p.taken, 5);
	loop_remove_zmq(loop, &p.z);
	pair_close(&p);
}
END_TEST

/* Every turn may wait for ever: a wake-up that is lost shows as a time-out of the test. */
START_TEST(no_message_is_forgotten_when_the_budget_ends_a_turn_early)
{
	struct pair p;

	pair_open(&p, 2);
	p.z.tells = _i;
	loop_add_zmq(loop, &p.z, p.ours);
	loop_turn(loop, 0);
	send_many(&p, 7);
	while (p.taken < 7) {
		int before = p.calls;
		loop_turn(loop, -1);
		ck_assert_int_le(p.calls, before + 1);
	}
	pair_close(&p);
}
END_TEST

static struct pair *hook_pair;

static void
swallow_wake_up(struct loop_hook *h)
{
	(void)h;
	/* The peer writes, then our own send processes the command that would have woken us. */
	if (hook_pair) {
		send_many(hook_pair, 1);
		zmq_send(hook_pair->ours, "y", 1, ZMQ_DONTWAIT);
		hook_pair->z.used = true;
	}
	hook_pair = NULL;
}

START_TEST(a_send_at_the_turn_end_that_swallows_the_wake_up_does_no_harm)
{
	struct pair p;
	struct loop_hook hook = { .run = swallow_wake_up };

	pair_open(&p, 10);
	p.answers = true;
	p.z.tells = _i;
	loop_add_zmq(loop, &p.z, p.ours);
	loop_at_turn_end(loop, &hook);
	for (int round = 1; round <= 50; round++) {
		hook_pair = &p;
		loop_turn(loop, 0);
		while (p.taken < round)
			loop_turn(loop, -1);
	}
	loop_remove_zmq(loop, &p.z);
	pair_close(&p);
}
END_TEST

static bool fired;

static void
timer_due(struct loop_timer *t)
{
	(void)t;
	fired = true;
}

/* One that nobody but ready() uses: each message must wake the loop by the descriptor alone. */
START_TEST(a_socket_that_tells_hears_every_message)
{
	struct pair p;

	pair_open(&p, 3);
	p.z.tells = true;
	loop_add_zmq(loop, &p.z, p.ours);
	for (int round = 0; round < 200; round++) {
		int wanted = p.taken + 1 + round % 7;

		send_many(&p, 1 + round % 7);
		while (p.taken < wanted)
			loop_turn(loop, -1);
	}
	pair_close(&p);
}
END_TEST

START_TEST(an_idle_socket_lets_the_loop_sleep)
{
	struct pair p;
	struct loop_timer timer = { .due = timer_due };
	int turns = 0;

	pair_open(&p, 10);
	loop_add_zmq(loop, &p.z, p.ours);
	send_many(&p, 3);
	loop_set_timer(loop, &timer, clock_now_ms() + 50);
	for (; !fired; turns++)
		loop_turn(loop, -1);
	ck_assert_int_eq(p.taken, 3);
	ck_assert_int_le(turns, 10);
	pair_close(&p);
}
END_TEST

START_TEST(a_zmq_socket_may_remove_itself_while_others_go_on)
{
	struct pair p, q;
	struct loop_zmq untouched;

	pair_open(&p, 10);
	pair_open(&q, 10);
	p.leaves = true;
	loop_add_zmq(loop, &q.z, q.ours);
	loop_add_zmq(loop, &p.z, p.ours);
	send_many(&p, 1);
	send_many(&q, 1);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.taken, 1);
	memset(&untouched, 0xee, sizeof(untouched));
	ck_assert_msg(memcmp(&p.z, &untouched, sizeof(untouched)) == 0, "written to after removal");
	loop_remove_zmq(loop, &q.z);
	loop_remove_zmq(loop, &q.z);
	pair_close(&p);
	pair_close(&q);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("loop_zmq");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, messages_sent_before_the_socket_was_added_are_heard);
	tcase_add_loop_test(c, no_message_is_forgotten_when_the_budget_ends_a_turn_early, 0, 2);
	tcase_add_loop_test(c, a_send_at_the_turn_end_that_swallows_the_wake_up_does_no_harm, 0, 2);
	tcase_add_test(c, a_socket_that_tells_hears_every_message);
	tcase_add_test(c, an_idle_socket_lets_the_loop_sleep);
	tcase_add_test(c, a_zmq_socket_may_remove_itself_while_others_go_on);
	return run_tests(c);
}
