/* Long answers, and long bodies: how long one peer is waited for, and how much is held for all. */

#include "metric_value.h"
#include "tests/unit/http_fixture.h"

enum {
	LONG_BYTES = 8 * 1024 * 1024, /* more than the kernel holds for a peer */
	HELD_BYTES = 10 * 1024 * 1024,
	TAKE_MS = 400,
	LOOK_MS = 200,
};

static void
handle_more(struct http_request *r)
{
	char *body = xcalloc(1, LONG_BYTES);

	memset(body, 'x', LONG_BYTES);
	http_reply(r, 200, "text/plain", body, LONG_BYTES);
}

static void
set_up_long(void)
{
	answer_ms = TAKE_MS;
	held_bytes = HELD_BYTES;
	keepalive_ms = 60000;
	set_up();
}

/* Who has a narrow end, so that the server cannot be rid of a long answer. */
static int
dial_narrow(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(client_port()),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), bytes = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Reads so much each 20 ms until the server has ended the connection or the time is up. */
static size_t
sip(int fd, size_t size, uint64_t for_ms)
{
	static char dropped[4096];
	uint64_t end_ms = clock_now_ms() + for_ms, next_ms = 0;
	size_t total = 0;

	while (http_connections(http) > 0 && clock_now_ms() < end_ms) {
		if (clock_now_ms() >= next_ms) {
			ssize_t n = recv(fd, dropped, size, 0);
			total += n > 0 ? (size_t)n : 0;
			next_ms = clock_now_ms() + 20;
		}
		loop_turn(loop, 5);
	}
	return total;
}

/* As fast as it comes. */
static size_t
gulp(int fd)
{
	size_t total = 0;

	do {
		memset(&reading, 0, sizeof(reading));
		loop_turn(loop, 1);
		read_some(fd, &reading);
		total += reading.n;
	} while (!reading.is_closed);
	return total;
}

static int64_t
held_of_all(void)
{
	return metric_value("gatewayd_http_held_bytes");
}

static const char ask_long[] = "GET /long HTTP/1.1\r\nHost: x\r\n\r\n";

START_TEST(who_takes_a_long_answer_byte_by_byte_is_cut_off)
{
	int fd = dial_narrow();
	uint64_t began_ms = clock_now_ms();

	say(fd, ask_long);
	RUN_UNTIL(http_connections(http) == 1);
	sip(fd, 1, 20 * TAKE_MS);
	ck_assert_uint_eq(http_connections(http), 0);
	ck_assert_uint_ge(clock_now_ms() - began_ms, TAKE_MS - 5);
	RUN_UNTIL(held_of_all() == 0);
	close(fd);
}
END_TEST

/* In more time than everybody has. */
START_TEST(who_takes_it_at_the_rate_of_a_slow_line_gets_all_of_it)
{
	int fd = dial_narrow();
	size_t taken;

	say(fd, "GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	RUN_UNTIL(http_connections(http) == 1);
	taken = sip(fd, 2000, 3 * TAKE_MS);
	ck_assert_uint_eq(http_connections(http), 1);
	ck_assert_uint_gt(taken + gulp(fd), LONG_BYTES);
	close(fd);
}
END_TEST

/* The first may always be; together they would be too many. */
START_TEST(a_long_answer_beside_others_that_nobody_takes_is_refused)
{
	int slow = dial_narrow(), second = dial(), third = dial();

	say(slow, ask_long);
	RUN_UNTIL(held_of_all() > 0);
	say(second, ask_long);
	ck_assert_int_eq(status_of(hear(second)), 503);
	ck_assert_ptr_nonnull(strstr(reading.text, "OVERLOADED"));
	say(third, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(third)), 200);
	close(slow);
	close(second);
	RUN_UNTIL(held_of_all() == 0);
	second = dial();
	say(second, ask_long);
	RUN_UNTIL(held_of_all() > 0);
	close(second);
	close(third);
}
END_TEST

/* Of two that are half there the second finds no place; the first is not harmed. */
START_TEST(a_long_body_beside_others_that_are_coming_is_refused)
{
	static char part[70000];
	int first, second;

	tear_down();
	held_bytes = BODY_MAX + 10000;
	set_up();
	first = dial();
	second = dial();
	memset(part, 'b', sizeof(part));
	say(first, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70001\r\n\r\n");
	say_bytes(first, part, sizeof(part));
	RUN_UNTIL(held_of_all() > 0);
	say(second, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70001\r\n\r\n");
	say_bytes(second, part, sizeof(part));
	hear_all(second);
	ck_assert_int_eq(status_of(reading.text), 503);
	ck_assert_ptr_nonnull(strstr(reading.text, "Retry-After: 1\r\n"));
	say(first, "e");
	ck_assert_int_eq(status_of(hear(first)), 200);
	RUN_UNTIL(held_of_all() == 0);
	close(first);
	close(second);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("http_long");

	tcase_add_checked_fixture(t, set_up_long, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, who_takes_a_long_answer_byte_by_byte_is_cut_off);
	tcase_add_test(t, who_takes_it_at_the_rate_of_a_slow_line_gets_all_of_it);
	tcase_add_test(t, a_long_answer_beside_others_that_nobody_takes_is_refused);
	tcase_add_test(t, a_long_body_beside_others_that_are_coming_is_refused);
	return run_tests(t);
}
