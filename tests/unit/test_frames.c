#include "common/frames.h"

#include "common/mem.h"
#include "run_tests.h"

#include <stdio.h>

static void *context, *ours, *peer;

static void
set_up(void)
{
	context = zmq_ctx_new();
	ours = zmq_socket(context, ZMQ_PAIR);
	peer = zmq_socket(context, ZMQ_PAIR);
	ck_assert_int_eq(zmq_bind(ours, "inproc://frames"), 0);
	ck_assert_int_eq(zmq_connect(peer, "inproc://frames"), 0);
}

static void
tear_down(void)
{
	zmq_close(ours);
	zmq_close(peer);
	zmq_ctx_term(context);
}

static void
send_numbered(size_t n)
{
	char text[16];

	for (size_t i = 0; i < n; i++) {
		int length = snprintf(text, sizeof(text), "frame %zu", i);
		ck_assert(frames_send(peer, (struct span){ text, (size_t)length }, i + 1 < n));
	}
}

START_TEST(a_message_comes_back_frame_by_frame)
{
	struct frames f;

	ck_assert(!frames_recv(&f, ours));
	ck_assert_uint_eq(f.n, 0);
	ck_assert(frames_send(peer, SPAN("one"), true));
	ck_assert(frames_send(peer, (struct span){ 0 }, true));
	ck_assert(frames_send_owned(peer, xstrdup("three"), 5, false));
	ck_assert(frames_recv(&f, ours));
	ck_assert_uint_eq(f.n, 3);
	ck_assert(span_is(frames_at(&f, 0), "one"));
	ck_assert_uint_eq(frames_at(&f, 1).n, 0);
	ck_assert(span_is(frames_at(&f, 2), "three"));
	ck_assert_ptr_null(frames_at(&f, 3).p);
	ck_assert(!f.too_long);
	frames_fini(&f);
	ck_assert_ptr_null(frames_at(&f, 0).p);
	ck_assert(!frames_recv(&f, ours));
}
END_TEST

START_TEST(a_message_at_the_limit_is_whole_and_one_beyond_is_reported)
{
	struct frames f;

	for (size_t n = FRAMES_MAX - 1; n <= FRAMES_MAX + 3; n++) {
		send_numbered(n);
		ck_assert(frames_send(peer, SPAN("next"), false));
		ck_assert(frames_recv(&f, ours));
		ck_assert_uint_eq(f.n, n < FRAMES_MAX ? n : FRAMES_MAX);
		ck_assert_int_eq(f.too_long, n > FRAMES_MAX);
		ck_assert(span_is(frames_at(&f, 62), "frame 62"));
		frames_fini(&f);
		/* The rest was dropped: what comes now is the next message. */
		ck_assert(frames_recv(&f, ours));
		ck_assert_uint_eq(f.n, 1);
		ck_assert(span_is(frames_at(&f, 0), "next"));
		frames_fini(&f);
	}
}
END_TEST

START_TEST(a_full_queue_refuses_and_frees_what_it_was_given)
{
	int one = 1, zero = 0;
	void *a = zmq_socket(context, ZMQ_PAIR), *b = zmq_socket(context, ZMQ_PAIR);
	size_t sent = 0;

	zmq_setsockopt(a, ZMQ_SNDHWM, &one, sizeof(one));
	zmq_setsockopt(b, ZMQ_RCVHWM, &one, sizeof(one));
	zmq_setsockopt(a, ZMQ_LINGER, &zero, sizeof(zero));
	ck_assert_int_eq(zmq_bind(a, "inproc://full"), 0);
	ck_assert_int_eq(zmq_connect(b, "inproc://full"), 0);
	/* A leak would be reported by the sanitizer. */
	while (sent < 100 && frames_send_owned(a, xstrdup("x"), 1, false))
		sent++;
	ck_assert_uint_lt(sent, 100);
	ck_assert(!frames_send(a, SPAN("x"), false));
	zmq_close(a);
	zmq_close(b);
}
END_TEST

START_TEST(an_unknown_peer_of_a_router_is_noticed_at_the_first_frame)
{
	void *router = zmq_socket(context, ZMQ_ROUTER);
	int one = 1;

	zmq_setsockopt(router, ZMQ_ROUTER_MANDATORY, &one, sizeof(one));
	ck_assert_int_eq(zmq_bind(router, "inproc://router"), 0);
	ck_assert(!frames_send(router, SPAN("nobody"), true));
	zmq_close(router);
}
END_TEST

START_TEST(a_context_that_is_ending_gives_nothing)
{
	struct frames f;

	send_numbered(1);
	zmq_ctx_shutdown(context);
	ck_assert(!frames_recv(&f, ours));
	ck_assert(!frames_send(ours, SPAN("x"), false));
	ck_assert(!frames_send_owned(ours, xstrdup("x"), 1, false));
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("frames");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_message_comes_back_frame_by_frame);
	tcase_add_test(c, a_message_at_the_limit_is_whole_and_one_beyond_is_reported);
	tcase_add_test(c, a_full_queue_refuses_and_frees_what_it_was_given);
	tcase_add_test(c, an_unknown_peer_of_a_router_is_noticed_at_the_first_frame);
	tcase_add_test(c, a_context_that_is_ending_gives_nothing);
	return run_tests(c);
}
