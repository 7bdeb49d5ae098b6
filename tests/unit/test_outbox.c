#include "gatewayd/outbox.h"

#include "common/mem.h"
#include "dice.h"
#include "run_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int ours, theirs;
static struct outbox out;

static void
setup(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	ours = ends[0];
	theirs = ends[1];
	out = (struct outbox){ 0 };
}

static void
teardown(void)
{
	outbox_fini(&out);
	close(ours);
	if (theirs >= 0)
		close(theirs);
}

static void
add(enum shared_frame frame, const char *text)
{
	struct shared_bytes *bytes = shared_bytes_new(frame, span_of(text));

	outbox_add(&out, bytes);
	shared_bytes_unref(bytes);
}

START_TEST(an_empty_outbox_has_nothing_to_write_and_holds_nothing)
{
	ck_assert_uint_eq(outbox_bytes(&out), 0);
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_EMPTY);
	add(SHARED_PLAIN, "x");
	ck_assert_ptr_nonnull(out.ring);
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_EMPTY);
	ck_assert_ptr_null(out.ring);
}
END_TEST

START_TEST(buffers_leave_in_order_with_their_frame_heads)
{
	char got[64];
	ssize_t n;

	add(SHARED_TEXT, "one");
	add(SHARED_PLAIN, "two");
	add(SHARED_BINARY, "");
	ck_assert_uint_eq(outbox_bytes(&out), 5 + 3 + 2);
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_EMPTY);
	n = recv(theirs, got, sizeof got, 0);
	ck_assert_int_eq(n, 10);
	ck_assert_mem_eq(got, "\x81\x03onetwo\x82\x00", 10);
}
END_TEST

START_TEST(an_empty_buffer_is_nothing_to_write)
{
	add(SHARED_PLAIN, "");
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_EMPTY);
	add(SHARED_PLAIN, "");
	add(SHARED_PLAIN, "x");
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_EMPTY);
	ck_assert_uint_eq(outbox_bytes(&out), 0);
}
END_TEST

START_TEST(one_buffer_may_be_owed_to_many)
{
	struct shared_bytes *bytes = shared_bytes_new(SHARED_PLAIN, SPAN("shared"));
	struct outbox other = { 0 };

	outbox_add(&out, bytes);
	outbox_add(&other, bytes);
	ck_assert_uint_eq(bytes->refs, 3);
	outbox_fini(&other);
	ck_assert_uint_eq(bytes->refs, 2);
	outbox_write(&out, ours);
	ck_assert_uint_eq(bytes->refs, 1);
	shared_bytes_unref(bytes);
}
END_TEST

START_TEST(a_peer_that_is_gone_breaks_it)
{
	close(theirs);
	theirs = -1;
	add(SHARED_PLAIN, "x");
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_BROKEN);
}
END_TEST

START_TEST(what_a_full_socket_does_not_take_stays_owed)
{
	static char big[300000];
	size_t owed;

	memset(big, 'x', sizeof big - 1);
	for (int i = 0; i < 10; i++)
		add(SHARED_PLAIN, big);
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_WAITING);
	owed = outbox_bytes(&out);
	ck_assert_uint_gt(owed, 0);
	ck_assert_uint_lt(owed, 10 * (sizeof big - 1));
	ck_assert_int_eq(outbox_write(&out, ours), OUTBOX_WAITING);
	ck_assert_uint_eq(outbox_bytes(&out), owed);
}
END_TEST

START_TEST(taking_moves_as_much_as_fits)
{
	char got[8];

	add(SHARED_PLAIN, "abc");
	add(SHARED_PLAIN, "defg");
	ck_assert_uint_eq(outbox_take(&out, got, 2), 2);
	ck_assert_mem_eq(got, "ab", 2);
	ck_assert_uint_eq(outbox_bytes(&out), 5);
	ck_assert_uint_eq(outbox_take(&out, got, sizeof got), 5);
	ck_assert_mem_eq(got, "cdefg", 5);
	ck_assert_ptr_null(out.ring);
	ck_assert_uint_eq(outbox_take(&out, got, sizeof got), 0);
}
END_TEST

START_TEST(one_buffer_is_one_piece_and_more_are_none)
{
	struct span piece;

	ck_assert(!outbox_piece(&out, &piece));
	add(SHARED_TEXT, "one");
	ck_assert(outbox_piece(&out, &piece));
	ck_assert_uint_eq(piece.n, 5);
	ck_assert_mem_eq(piece.p, "\x81\x03one", 5);
	add(SHARED_PLAIN, "two");
	ck_assert(!outbox_piece(&out, &piece));
}
END_TEST

START_TEST(what_became_of_a_piece_is_as_if_it_had_been_written)
{
	struct span piece, rest;

	add(SHARED_PLAIN, "abcdef");
	ck_assert(outbox_piece(&out, &piece));
	ck_assert_int_eq(outbox_sent(&out, ours, piece, -EAGAIN), OUTBOX_WAITING);
	ck_assert_uint_eq(outbox_bytes(&out), 6);
	ck_assert_int_eq(outbox_sent(&out, ours, piece, 2), OUTBOX_WAITING);
	ck_assert(outbox_piece(&out, &rest));
	ck_assert(span_is(rest, "cdef"));
	ck_assert_int_eq(outbox_sent(&out, ours, rest, 4), OUTBOX_EMPTY);
	ck_assert_ptr_null(out.ring);
	add(SHARED_PLAIN, "x");
	ck_assert(outbox_piece(&out, &piece));
	ck_assert_int_eq(outbox_sent(&out, ours, piece, -EPIPE), OUTBOX_BROKEN);
}
END_TEST

START_TEST(what_was_added_while_a_piece_was_sent_follows_it)
{
	char got[16];
	struct span piece;

	add(SHARED_PLAIN, "one");
	ck_assert(outbox_piece(&out, &piece));
	add(SHARED_PLAIN, "two");
	ck_assert_int_eq(outbox_sent(&out, ours, piece, 3), OUTBOX_EMPTY);
	ck_assert_int_eq(recv(theirs, got, sizeof got, 0), 3);
	ck_assert_mem_eq(got, "two", 3);
	ck_assert_ptr_null(out.ring);
}
END_TEST

/* What goes in comes out, however it is cut: bytes count up, so any loss, double or swap shows. */
START_TEST(random_adding_and_reading_keeps_every_byte)
{
	unsigned seed = random_seed(_i);
	unsigned char next_in = 0, next_out = 0;
	static unsigned char chunk[40000];
	size_t left_bytes = 2000000, wrong = 0;

	while (left_bytes || outbox_bytes(&out)) {
		size_t n = (size_t)rand_r(&seed) % (rand_r(&seed) % 8 ? 100 : sizeof chunk);
		ssize_t read_bytes;

		n = n < left_bytes ? n : left_bytes;
		left_bytes -= n;
		for (size_t i = 0; i < n; i++)
			chunk[i] = next_in++;
		if (n) {
			struct shared_bytes *bytes =
			    shared_bytes_new(SHARED_PLAIN, (struct span){ (char *)chunk, n });

			outbox_add(&out, bytes);
			shared_bytes_unref(bytes);
		}
		if (rand_r(&seed) % 3 == 0)
			ck_assert_int_ne(outbox_write(&out, ours), OUTBOX_BROKEN);
		read_bytes =
		    recv(theirs, chunk, (size_t)rand_r(&seed) % sizeof chunk, MSG_DONTWAIT);
		for (ssize_t i = 0; i < read_bytes; i++)
			wrong += chunk[i] != next_out++;
	}
	for (ssize_t n; (n = recv(theirs, chunk, sizeof chunk, MSG_DONTWAIT)) > 0;) {
		for (ssize_t i = 0; i < n; i++)
			wrong += chunk[i] != next_out++;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(next_in, next_out);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("outbox");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_empty_outbox_has_nothing_to_write_and_holds_nothing);
	tcase_add_test(t, buffers_leave_in_order_with_their_frame_heads);
	tcase_add_test(t, an_empty_buffer_is_nothing_to_write);
	tcase_add_test(t, one_buffer_may_be_owed_to_many);
	tcase_add_test(t, a_peer_that_is_gone_breaks_it);
	tcase_add_test(t, what_a_full_socket_does_not_take_stays_owed);
	tcase_add_test(t, taking_moves_as_much_as_fits);
	tcase_add_test(t, one_buffer_is_one_piece_and_more_are_none);
	tcase_add_test(t, what_became_of_a_piece_is_as_if_it_had_been_written);
	tcase_add_test(t, what_was_added_while_a_piece_was_sent_follows_it);
	tcase_add_loop_test(t, random_adding_and_reading_keeps_every_byte, 0, 5);
	return run_tests(t);
}
