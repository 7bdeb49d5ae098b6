#include "common/loop.h"

#include "common/clock.h"
#include "dice.h"
#include "run_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	clock_set(0, 0);
}

/* A pipe whose reading end is watched. */
struct watch {
	struct loop_io io;
	int ends[2], heard;
	uint32_t events;
	struct watch *removes; /* what ready() removes */
	bool frees_it;
};

static int n_freeing;
static struct watch *survivor;

static void
watch_ready(struct loop_io *io, uint32_t events)
{
	struct watch *w = (struct watch *)io;

	w->heard++;
	w->events = events;
	if (w->removes) {
		loop_remove(loop, &w->removes->io);
		if (w->frees_it) {
			free(w->removes);
			n_freeing++;
			survivor = w;
		}
		w->removes = NULL;
	}
}

static void
watch(struct watch *w, bool written)
{
	*w = (struct watch){ .io.ready = watch_ready };
	ck_assert_int_eq(pipe2(w->ends, O_NONBLOCK | O_CLOEXEC), 0);
	if (written)
		ck_assert_int_eq((int)write(w->ends[1], "x", 1), 1);
	loop_add(loop, &w->io, w->ends[0], EPOLLIN);
}

START_TEST(a_readable_descriptor_is_reported_each_turn_until_it_is_read)
{
	struct watch w;
	char c;

	watch(&w, false);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 0);
	ck_assert_int_eq((int)write(w.ends[1], "x", 1), 1);
	loop_turn(loop, -1);
	loop_turn(loop, -1);
	ck_assert_int_eq(w.heard, 2);
	ck_assert_uint_eq(w.events, EPOLLIN);
	ck_assert_int_eq((int)read(w.ends[0], &c, 1), 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 2);
}
END_TEST

START_TEST(events_can_be_changed_and_edges_asked_for_again)
{
	struct watch w;

	watch(&w, true);
	loop_change(loop, &w.io, 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 0);
	loop_change(loop, &w.io, EPOLLIN | EPOLLET);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 1);
	loop_change(loop, &w.io, EPOLLIN | EPOLLET);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 2);
}
END_TEST

START_TEST(a_removed_source_hears_no_more_and_removing_twice_is_harmless)
{
	struct watch w;

	watch(&w, true);
	loop_remove(loop, &w.io);
	loop_remove(loop, &w.io);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 0);
	loop_add(loop, &w.io, w.ends[0], EPOLLIN);
	w.removes = &w;
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.heard, 1);
}
END_TEST

/* Each of two ready sources removes and frees the other: whichever comes first is the only one. */
START_TEST(an_event_fetched_for_a_source_that_is_freed_in_the_same_turn_is_dropped)
{
	struct watch *both[2] = { malloc(sizeof(struct watch)), malloc(sizeof(struct watch)) };

	for (int i = 0; i < 2; i++) {
		watch(both[i], true);
		both[i]->frees_it = true;
	}
	both[0]->removes = both[1];
	both[1]->removes = both[0];
	n_freeing = 0;
	loop_turn(loop, 0);
	/* Hearing the second as well would be a use after free, and count. */
	ck_assert_int_eq(n_freeing, 1);
	loop_remove(loop, &survivor->io);
	free(survivor);
}
END_TEST

struct alarm {
	struct loop_timer timer;
	int number;
	uint64_t again_at; /* set again from within, once */
	struct alarm *cancels;
};

static int fired[1000], n_fired;

static void
alarm_due(struct loop_timer *t)
{
	struct alarm *a = (struct alarm *)t;

	fired[n_fired++] = a->number;
	if (a->again_at)
		loop_set_timer(loop, t, a->again_at);
	if (a->cancels)
		loop_cancel_timer(loop, &a->cancels->timer);
}

static struct alarm
alarm_of(int number)
{
	return (struct alarm){ .timer.due = alarm_due, .number = number };
}

START_TEST(timers_fire_once_in_order_and_not_early)
{
	struct alarm a = alarm_of(1), b = alarm_of(2), c = alarm_of(3);

	clock_set(1000, 1);
	loop_set_timer(loop, &a.timer, 1020);
	loop_set_timer(loop, &b.timer, 1010);
	loop_set_timer(loop, &c.timer, 1030);
	loop_set_timer(loop, &c.timer, 1005); /* moved */
	clock_set(1004, 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(n_fired, 0);
	clock_set(1010, 1);
	loop_turn(loop, -1);
	ck_assert_int_eq(n_fired, 2);
	ck_assert_int_eq(fired[0], 3);
	ck_assert_int_eq(fired[1], 2);
	loop_cancel_timer(loop, &a.timer);
	loop_cancel_timer(loop, &a.timer);
	clock_set(2000, 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(n_fired, 2);
}
END_TEST

START_TEST(a_timer_may_cancel_another_that_is_due_in_the_same_turn)
{
	struct alarm a = alarm_of(1), b = alarm_of(2);

	clock_set(1000, 1);
	a.cancels = &b;
	loop_set_timer(loop, &a.timer, 900);
	loop_set_timer(loop, &b.timer, 950);
	loop_turn(loop, -1);
	loop_turn(loop, 0);
	ck_assert_int_eq(n_fired, 1);
	ck_assert_int_eq(fired[0], 1);
}
END_TEST

START_TEST(a_timer_that_sets_itself_to_the_past_does_not_hold_up_the_turn)
{
	struct alarm a = alarm_of(1);

	clock_set(1000, 1);
	a.again_at = 500;
	loop_set_timer(loop, &a.timer, 900);
	loop_turn(loop, -1);
	ck_assert_int_eq(n_fired, 1);
	loop_turn(loop, -1);
	ck_assert_int_eq(n_fired, 2);
}
END_TEST

/* A model of the heap: an array of expected times. */
START_TEST(random_timers_fire_in_the_order_of_their_times)
{
	enum { TIMERS = 500 };
	static struct alarm alarms[TIMERS];
	int armed = 0;
	uint64_t last = 0;

	srandom(random_seed(0));
	clock_set(1, 1);
	for (int i = 0; i < TIMERS; i++)
		alarms[i] = alarm_of(i);
	for (int i = 0; i < 5000; i++) {
		struct alarm *a = &alarms[random() % TIMERS];
		if (random() % 3)
			loop_set_timer(loop, &a->timer, 2 + (uint64_t)random() % 1000);
		else
			loop_cancel_timer(loop, &a->timer);
	}
	for (int i = 0; i < TIMERS; i++)
		armed += alarms[i].timer.slot != 0;
	clock_set(5000, 1);
	loop_turn(loop, -1);
	ck_assert_int_eq(n_fired, armed);
	for (int i = 0; i < n_fired; i++) {
		ck_assert_uint_ge(alarms[fired[i]].timer.at_ms, last);
		last = alarms[fired[i]].timer.at_ms;
		ck_assert_uint_eq(alarms[fired[i]].timer.slot, 0);
	}
}
END_TEST

START_TEST(the_loop_sleeps_until_a_timer_is_due)
{
	struct alarm a = alarm_of(1);
	uint64_t at_ms = clock_now_ms() + 30;

	loop_set_timer(loop, &a.timer, at_ms);
	while (n_fired == 0)
		loop_turn(loop, -1);
	ck_assert_uint_ge(clock_now_ms(), at_ms);
}
END_TEST

static char order[16];

static void
hook_a(struct loop_hook *h)
{
	(void)h;
	strcat(order, "a");
}

static void
hook_b(struct loop_hook *h)
{
	(void)h;
	strcat(order, "b");
	if (strlen(order) >= 6)
		loop_stop(loop);
	else
		loop_again(loop);
}

static void
hook_c(struct loop_hook *h)
{
	(void)h;
	strcat(order, "c");
}

START_TEST(a_wait_can_be_bounded_more_finely_than_by_timers)
{
	struct alarm a = alarm_of(1);
	uint64_t began_us = clock_now_us();

	loop_set_timer(loop, &a.timer, clock_now_ms() + 60000);
	loop_return_in(loop, 300);
	loop_return_in(loop, 50000);
	loop_turn(loop, -1);
	ck_assert_uint_ge(clock_now_us() - began_us, 300);
	ck_assert_uint_lt(clock_now_us() - began_us, 50000);
	loop_cancel_timer(loop, &a.timer);
}
END_TEST

START_TEST(a_turn_can_end_after_more_than_a_second_too)
{
	struct alarm a = alarm_of(1);
	uint64_t began_us = clock_now_us();

	loop_set_timer(loop, &a.timer, clock_now_ms() + 60000);
	loop_return_in(loop, 1100000);
	loop_turn(loop, -1);
	ck_assert_uint_ge(clock_now_us() - began_us, 1100000);
	ck_assert_uint_lt(clock_now_us() - began_us, 10000000);
	loop_cancel_timer(loop, &a.timer);
}
END_TEST

/* As a kernel before 5.11, or a container's filter that is older than the call. */
static void
forbid(unsigned call, int err)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(rules) / sizeof(*rules), rules };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(where_the_finer_wait_is_not_to_be_had_a_coarse_one_does)
{
	uint64_t began_us = clock_now_us();

	forbid(SYS_epoll_pwait2, _i ? EPERM : ENOSYS);
	for (int i = 0; i < 3; i++) {
		loop_return_in(loop, 300);
		loop_turn(loop, -1);
	}
	ck_assert_uint_ge(clock_now_us() - began_us, 3 * 300);
	ck_assert_uint_lt(clock_now_us() - began_us, 1000000);
}
END_TEST

START_TEST(turn_ends_run_in_their_order_and_the_loop_runs_until_stopped)
{
	struct loop_hook a = { .run = hook_a }, b = { .run = hook_b }, c = { .run = hook_c };

	loop_last_at_turn_end(loop, &c);
	loop_at_turn_end(loop, &b);
	loop_first_at_turn_end(loop, &a);
	/* Nothing else wakes this loop: without loop_again() it would sleep for good. */
	loop_again(loop);
	loop_run(loop);
	ck_assert_str_eq(order, "abcabcabc");
}
END_TEST

static int signals_heard[65];

static void
hear_signal(void *arg, int signal)
{
	ck_assert_ptr_eq(arg, signals_heard);
	signals_heard[signal]++;
}

START_TEST(signals_arrive_in_a_turn)
{
	loop_signal(loop, SIGUSR1, hear_signal, signals_heard);
	loop_signal(loop, SIGTERM, hear_signal, signals_heard);
	raise(SIGTERM);
	raise(SIGUSR1);
	ck_assert_int_eq(signals_heard[SIGTERM], 0);
	loop_turn(loop, -1);
	ck_assert_int_eq(signals_heard[SIGTERM], 1);
	ck_assert_int_eq(signals_heard[SIGUSR1], 1);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("loop");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_readable_descriptor_is_reported_each_turn_until_it_is_read);
	tcase_add_test(c, events_can_be_changed_and_edges_asked_for_again);
	tcase_add_test(c, a_removed_source_hears_no_more_and_removing_twice_is_harmless);
	tcase_add_test(c, an_event_fetched_for_a_source_that_is_freed_in_the_same_turn_is_dropped);
	tcase_add_test(c, timers_fire_once_in_order_and_not_early);
	tcase_add_test(c, a_timer_may_cancel_another_that_is_due_in_the_same_turn);
	tcase_add_test(c, a_timer_that_sets_itself_to_the_past_does_not_hold_up_the_turn);
	tcase_add_test(c, random_timers_fire_in_the_order_of_their_times);
	tcase_add_test(c, the_loop_sleeps_until_a_timer_is_due);
	tcase_add_test(c, a_wait_can_be_bounded_more_finely_than_by_timers);
	tcase_add_test(c, a_turn_can_end_after_more_than_a_second_too);
	tcase_add_loop_test(c, where_the_finer_wait_is_not_to_be_had_a_coarse_one_does, 0, 2);
	tcase_add_test(c, turn_ends_run_in_their_order_and_the_loop_runs_until_stopped);
	tcase_add_test(c, signals_arrive_in_a_turn);
	return run_tests(c);
}
