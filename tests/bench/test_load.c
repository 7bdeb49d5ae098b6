/* The load generator's own parts: what measures must be right itself. */

#include "tests/bench/load_answer.h"
#include "tests/bench/load_frame.h"
#include "tests/bench/load_histogram.h"
#include "tests/bench/load_room.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct histogram histogram;

START_TEST(a_quantile_is_right_to_within_one_percent)
{
	histogram = (struct histogram){ 0 };
	for (uint64_t ns = 1; ns <= 1000000; ns++)
		histogram_add(&histogram, ns);
	for (int q = 1; q <= 100; q++) {
		double exact = q * 10000.0;
		double given = (double)histogram_quantile_ns(&histogram, q / 100.0);

		ck_assert_msg(given > exact * 0.99 && given < exact * 1.01, "%d %%: %f", q, given);
	}
	ck_assert_uint_eq(histogram.max_ns, 1000000);
}
END_TEST

START_TEST(a_quantile_is_never_above_the_greatest_value)
{
	histogram = (struct histogram){ 0 };
	ck_assert_uint_eq(histogram_quantile_ns(&histogram, 0.5), 0);
	histogram_add(&histogram, 1025);
	ck_assert_uint_eq(histogram_quantile_ns(&histogram, 0.999), 1025);
	histogram_add(&histogram, UINT64_MAX);
	ck_assert_uint_ge(histogram_quantile_ns(&histogram, 1), UINT64_C(1) << 40);
}
END_TEST

/* Reads the answers in two parts cut at each place, then byte by byte. */
static void
check_answer(const char *text, unsigned status, bool closes, uint64_t body_bytes)
{
	size_t n = strlen(text);

	for (size_t cut = 0; cut <= n; cut++) {
		struct answer a = { 0 };
		size_t done = answer_read(&a, (struct span){ text, cut });

		ck_assert_uint_le(done, cut);
		done += answer_read(&a, (struct span){ text + done, n - done });
		ck_assert_uint_eq(done, n);
		ck_assert_int_eq(a.state, ANSWER_DONE);
		ck_assert_uint_eq(a.status, status);
		ck_assert_int_eq(a.closes, closes);
		ck_assert_uint_eq(a.body_bytes, body_bytes);
	}
}

START_TEST(an_answer_ends_where_its_length_says)
{
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, false, 5);
	check_answer("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", 204, true, 0);
}
END_TEST

START_TEST(an_answer_in_chunks_ends_behind_its_trailer)
{
	/* The line end behind each chunk is counted with it. */
	check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
	    200, false, 3 + 10 + 4);
}
END_TEST

START_TEST(bytes_behind_an_answer_are_left_for_the_next)
{
	struct answer a = { 0 };
	struct span two = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 ");

	ck_assert_uint_eq(answer_read(&a, two), two.n - 9);
	ck_assert_int_eq(a.state, ANSWER_DONE);
}
END_TEST

START_TEST(what_is_not_http_is_broken)
{
	struct answer a = { 0 };

	answer_read(&a, SPAN("SSH-2.0 something that is no answer\r\n\r\n"));
	ck_assert_int_eq(a.state, ANSWER_BROKEN);
}
END_TEST

static const size_t payload_sizes[] = { 0, 1, 125, 126, 127, 65535 };

START_TEST(a_frame_is_read_only_as_a_whole)
{
	static char out[FRAME_HEAD_BYTES + FRAME_PAYLOAD_BYTES], text[FRAME_PAYLOAD_BYTES];
	size_t n = payload_sizes[_i], head, whole;
	unsigned opcode = 0;
	struct span payload;

	memset(text, 'x', sizeof text);
	whole = frame_write(out, FRAME_TEXT, (struct span){ text, n });
	ck_assert_int_ne(out[1] & 0x80, 0);
	/* As a server writes it: without the mask's bit and its four bytes. */
	head = whole - 4 - n;
	out[1] &= 0x7f;
	memmove(out + head, out + head + 4, n);
	whole -= 4;
	for (size_t part = 0; part < whole; part += part < 200 ? 1 : 997)
		ck_assert_uint_eq(frame_read((struct span){ out, part }, &opcode, &payload), 0);
	ck_assert_uint_eq(frame_read((struct span){ out, whole }, &opcode, &payload), whole);
	ck_assert_uint_eq(opcode, FRAME_TEXT);
	ck_assert(span_equal(payload, (struct span){ text, n }));
}
END_TEST

START_TEST(a_stamp_comes_back_as_it_was_written)
{
	char text[STAMP_DIGITS + 1] = "";
	uint64_t values[] = { 0, 1, 999, 4300000000000, 9223372036854775807 }, read;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		stamp_write(text, values[i]);
		ck_assert_uint_eq(strlen(text), STAMP_DIGITS);
		ck_assert(stamp_read(text, &read));
		ck_assert_uint_eq(read, values[i]);
	}
	text[3] = '"';
	ck_assert(!stamp_read(text, &read));
}
END_TEST

static void
read_rooms(struct rooms *rooms, const char *lines, size_t n)
{
	char path[] = "/tmp/test_load.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	close(fd);
	rooms_read(rooms, path, n);
	unlink(path);
}

START_TEST(a_request_holds_its_rooms_values_and_a_stamp)
{
	struct rooms rooms;
	const struct room *room;
	struct span request;

	read_rooms(&rooms, "s1\tn1\ns2\tn2\n", 2);
	rooms_make_requests(&rooms, "/to/{session}", "X: y", "{\"{node}\":\"T{stamp}\"}");
	room = &rooms.rooms[1];
	request = room->request;
	ck_assert_ptr_nonnull(memmem(request.p, request.n, "POST /to/s2 HTTP/1.1\r\n", 22));
	ck_assert_ptr_nonnull(memmem(request.p, request.n, "\r\nX: y\r\n", 8));
	ck_assert_ptr_nonnull(memmem(request.p, request.n, "Content-Length: 29\r\n", 20));
	ck_assert_ptr_nonnull(memmem(request.p, request.n, "{\"n2\":\"T0", 9));
	ck_assert_int_eq(request.p[room->stamp_at - 1], 'T');
	ck_assert_uint_eq(room->stamp_at + STAMP_DIGITS + 2, request.n);
	rooms_fini(&rooms);
}
END_TEST

START_TEST(a_request_without_a_stamp_has_no_place_for_one)
{
	struct rooms rooms;

	read_rooms(&rooms, "s1 n1", 1);
	rooms_make_requests(&rooms, "/", NULL, "{}");
	ck_assert_uint_eq(rooms.rooms[0].stamp_at, SIZE_MAX);
	rooms_fini(&rooms);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("load");

	tcase_add_test(tc, a_quantile_is_right_to_within_one_percent);
	tcase_add_test(tc, a_quantile_is_never_above_the_greatest_value);
	tcase_add_test(tc, an_answer_ends_where_its_length_says);
	tcase_add_test(tc, an_answer_in_chunks_ends_behind_its_trailer);
	tcase_add_test(tc, bytes_behind_an_answer_are_left_for_the_next);
	tcase_add_test(tc, what_is_not_http_is_broken);
	tcase_add_loop_test(
	    tc, a_frame_is_read_only_as_a_whole, 0, sizeof payload_sizes / sizeof *payload_sizes);
	tcase_add_test(tc, a_stamp_comes_back_as_it_was_written);
	tcase_add_test(tc, a_request_holds_its_rooms_values_and_a_stamp);
	tcase_add_test(tc, a_request_without_a_stamp_has_no_place_for_one);
	return run_tests(tc);
}
