/* Connections that cannot be accepted just now: they wait, cost nothing, and are served later. */

#include "tests/unit/http_fixture.h"

#include <sys/resource.h>

enum { LOOK_MS = 300 };

static int taken_fd;

static void
taken(void *arg, int fd, struct span extra)
{
	(void)arg;
	(void)extra;
	taken_fd = fd;
}

static void
handle_more(struct http_request *r)
{
	taken_fd = -2;
	http_upgrade(r, NULL, taken, NULL);
}

/* New ones are had only when one of those that are open now is closed. */
static void
take_descriptors_away(void)
{
	struct rlimit limit;
	int lowest = dup(0);

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
give_descriptors_back(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* How often the loop comes round meanwhile. */
static int
turns_in(uint64_t ms)
{
	uint64_t end_ms = clock_now_ms() + ms;
	int n = 0;

	for (; clock_now_ms() < end_ms; n++)
		loop_turn(loop, 50);
	return n;
}

START_TEST(without_descriptors_connections_wait_and_the_loop_sleeps)
{
	int fd = dial();

	take_descriptors_away();
	ck_assert_int_lt(turns_in(LOOK_MS), 50);
	ck_assert_uint_eq(http_connections(http), 0);
	give_descriptors_back();
	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	close(fd);
}
END_TEST

START_TEST(who_waits_is_served_when_another_has_gone_though_nothing_else_happens)
{
	int first = dial(), fd;

	say(first, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(first);
	fd = dial();
	take_descriptors_away();
	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	turns_in(LOOK_MS);
	ck_assert_uint_eq(http_connections(http), 1);
	close(first);
	ck_assert_int_eq(status_of(hear(fd)), 200);
	give_descriptors_back();
	close(fd);
}
END_TEST

START_TEST(beyond_all_limits_connections_wait_until_one_has_ended)
{
	enum { MOST = 100 + 256 };
	static int fds[MOST + 1];

	for (int i = 0; i <= MOST; i++) {
		fds[i] = dial();
		loop_turn(loop, 0);
	}
	RUN_UNTIL(http_connections(http) == MOST);
	ck_assert_int_lt(turns_in(LOOK_MS / 3), 50);
	ck_assert_uint_eq(http_connections(http), MOST);
	for (int i = 0; i < MOST; i++)
		close(fds[i]);
	say(fds[MOST], "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fds[MOST])), 200);
	close(fds[MOST]);
}
END_TEST

START_TEST(who_waits_when_it_stops_listening_is_turned_away)
{
	int fd = dial();

	take_descriptors_away();
	turns_in(LOOK_MS / 3);
	http_stop_listening(http);
	give_descriptors_back();
	turns_in(LOOK_MS / 3);
	hear_all(fd);
	ck_assert_str_eq(reading.text, "");
	close(fd);
}
END_TEST

static const char upgrade[] = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
			      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

START_TEST(a_websocket_for_which_there_is_no_descriptor_is_refused_before_it_is_one)
{
	int fd = dial();

	RUN_UNTIL(http_connections(http) == 1);
	take_descriptors_away();
	say(fd, upgrade);
	ck_assert_int_eq(status_of(hear(fd)), 503);
	give_descriptors_back();
	RUN_UNTIL(taken_fd == -1);
	close(fd);
	fd = dial();
	say(fd, upgrade);
	RUN_UNTIL(taken_fd >= 0);
	close(taken_fd);
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("http_listen");

	tcase_set_timeout(t, 60);
	/* No other time ends a connection or wakes the server. */
	head_ms = keepalive_ms = 60000;
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, without_descriptors_connections_wait_and_the_loop_sleeps);
	tcase_add_test(t, who_waits_is_served_when_another_has_gone_though_nothing_else_happens);
	tcase_add_test(t, beyond_all_limits_connections_wait_until_one_has_ended);
	tcase_add_test(t, who_waits_when_it_stops_listening_is_turned_away);
	tcase_add_test(t, a_websocket_for_which_there_is_no_descriptor_is_refused_before_it_is_one);
	return run_tests(t);
}
