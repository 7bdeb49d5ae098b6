#include "gatewayd/splice.h"

#include "common/clock.h"
#include "common/limits.h"
#include "run_tests.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct splices *splices;
static int client, home; /* the far ends */
static uint64_t now_ms;

static void
open_one(struct span from_client, struct span from_home)
{
	int a[2], b[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
	client = a[1];
	home = b[1];
	splice_open(splices, a[0], b[0], from_client, from_home);
}

static void
set_up(void)
{
	now_ms = 1000;
	clock_set(now_ms, 0);
	loop = loop_new();
	splices = splices_new(loop);
	client = home = -1;
}

static void
tear_down(void)
{
	splices_free(splices);
	loop_free(loop);
	if (client >= 0)
		close(client);
	if (home >= 0)
		close(home);
}

static void
turns(void)
{
	for (int i = 0; i < 6; i++)
		loop_turn(loop, 0);
}

static void
say(int fd, struct span bytes)
{
	ck_assert_int_eq(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
	turns();
}

/* What has come; -1: the end, -2: nothing. */
static char heard[4096];

static ssize_t
hear(int fd)
{
	ssize_t n = recv(fd, heard, sizeof(heard), MSG_DONTWAIT);

	if (n < 0)
		return -2;
	return n ? n : -1;
}

#define ck_assert_heard(fd, text) \
	do { \
		ck_assert_int_eq(hear(fd), (ssize_t)sizeof(text) - 1); \
		ck_assert_mem_eq(heard, text, sizeof(text) - 1); \
	} while (0)

START_TEST(bytes_go_both_ways_and_those_read_before_go_first)
{
	open_one(SPAN("early "),
	    SPAN("\x81\x01"
		 "a"));
	turns();
	ck_assert_heard(home, "early ");
	ck_assert_heard(client,
	    "\x81\x01"
	    "a");
	say(client, SPAN("more"));
	ck_assert_heard(home, "more");
	say(home,
	    SPAN("\x81\x01"
		 "b"));
	ck_assert_heard(client,
	    "\x81\x01"
	    "b");
	ck_assert_uint_eq(splices_count(splices), 1);
}
END_TEST

/* Writes until the way is full, and lets the loop move what it can. */
static size_t
fill(int fd)
{
	static char block[8192];
	size_t total = 0;
	int idle = 0;

	while (idle < 3) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		turns();
		idle = n > 0 ? 0 : idle + 1;
		total += n > 0 ? (size_t)n : 0;
		ck_assert_uint_lt(total, 64u << 20);
	}
	return total;
}

START_TEST(a_side_that_does_not_read_stops_the_other_and_nothing_is_lost)
{
	size_t sent, got = 0;
	ssize_t n;

	open_one((struct span){ 0 }, (struct span){ 0 });
	sent = fill(client);
	ck_assert_uint_gt(sent, 0);
	/* The other way is free all the time. */
	say(home, SPAN("\x81\x00"));
	ck_assert_heard(client, "\x81\x00");
	while ((n = hear(home)) > 0) {
		got += (size_t)n;
		turns();
	}
	ck_assert_uint_eq(got, sent);
}
END_TEST

START_TEST(an_end_is_passed_on_behind_what_came_before_it)
{
	open_one((struct span){ 0 }, (struct span){ 0 });
	ck_assert_int_eq(send(client, "last", 4, MSG_NOSIGNAL), 4);
	shutdown(client, SHUT_WR);
	turns();
	ck_assert_heard(home, "last");
	ck_assert_int_eq(hear(home), -1);
	say(home, SPAN("\x88\x00"));
	ck_assert_heard(client, "\x88\x00");
	close(home);
	home = -1;
	turns();
	ck_assert_int_eq(hear(client), -1);
	ck_assert_uint_eq(splices_count(splices), 0);
}
END_TEST

START_TEST(a_side_that_never_ends_is_not_awaited_for_long)
{
	open_one((struct span){ 0 }, (struct span){ 0 });
	shutdown(home, SHUT_WR);
	turns();
	ck_assert_int_eq(hear(client), -1);
	ck_assert_uint_eq(splices_count(splices), 1);
	clock_set(now_ms += LIMIT_CLOSE_MS - 1, 0);
	turns();
	ck_assert_uint_eq(splices_count(splices), 1);
	clock_set(now_ms += 2, 0);
	turns();
	ck_assert_uint_eq(splices_count(splices), 0);
}
END_TEST

/* Everything that still comes, until nothing does or the end. */
static size_t
hear_all(int fd, ssize_t *end)
{
	size_t total = 0;

	while ((turns(), *end = hear(fd)) > 0)
		total += (size_t)*end;
	return total;
}

START_TEST(what_a_side_sent_before_it_broke_off_is_passed_on)
{
	for (int i = 0; i < 2; i++) {
		int *gone = i ? &client : &home, *left = i ? &home : &client;
		size_t sent;
		ssize_t end;

		open_one((struct span){ 0 }, (struct span){ 0 });
		sent = fill(*gone);
		/* Closed with bytes that it has not read: an error, and not only an end. */
		say(*left, SPAN("\x81\x01z"));
		close(*gone);
		turns();
		ck_assert_uint_eq(hear_all(*left, &end), sent);
		ck_assert_int_eq(end, -1);
		close(*left);
		turns();
		ck_assert_uint_eq(splices_count(splices), 0);
	}
	client = home = -1;
}
END_TEST

START_TEST(what_nobody_can_be_given_any_more_is_dropped)
{
	ssize_t end;

	open_one((struct span){ 0 }, (struct span){ 0 });
	fill(client);
	ck_assert_int_eq(send(home, "\x88\x00", 2, MSG_NOSIGNAL), 2);
	close(home);
	home = -1;
	turns();
	for (int i = 0; i < 100; i++)
		say(client, SPAN("more"));
	ck_assert_uint_eq(hear_all(client, &end), 2);
	ck_assert_int_eq(end, -1);
	say(client, SPAN("more"));
	close(client);
	client = -1;
	turns();
	ck_assert_uint_eq(splices_count(splices), 0);
}
END_TEST

START_TEST(a_client_that_takes_nothing_is_not_kept_when_its_home_has_gone)
{
	for (int i = 0; i < 2; i++) {
		open_one((struct span){ 0 }, (struct span){ 0 });
		fill(home);
		if (i == 0)
			shutdown(home, SHUT_WR);
		else
			close(home);
		turns();
		/* As long as it takes something it may have the rest. */
		clock_set(now_ms += LIMIT_STALLED_MS - 1, 0);
		turns();
		ck_assert_uint_eq(splices_count(splices), 1);
		/* Enough for more to be written, and not all. */
		for (int k = 0; k < 40; k++)
			ck_assert_int_gt(hear(client), 0);
		for (int k = 0; k < 10; k++)
			turns();
		clock_set(now_ms += LIMIT_STALLED_MS - 1, 0);
		turns();
		ck_assert_uint_eq(splices_count(splices), 1);
		clock_set(now_ms += LIMIT_STALLED_MS + 1, 0);
		turns();
		ck_assert_uint_eq(splices_count(splices), 0);
		close(client);
		if (i == 0)
			close(home);
	}
	client = home = -1;
}
END_TEST

START_TEST(an_idle_client_that_is_sent_away_hears_1012_at_once)
{
	open_one((struct span){ 0 }, (struct span){ 0 });
	ck_assert(splices_end_one(splices));
	ck_assert(!splices_end_one(splices));
	turns();
	ck_assert_heard(client, "\x88\x02\x03\xf4");
	ck_assert_int_eq(hear(home), -1);
	say(client, SPAN("\x88\x80mask"));
	close(client);
	client = -1;
	turns();
	ck_assert_uint_eq(splices_count(splices), 0);
}
END_TEST

START_TEST(one_in_the_middle_of_a_frame_hears_it_to_its_end_first)
{
	/* Heads of 2, 4 and 10 bytes, cut everywhere. */
	static const char small[] = "\x81\x03"
				    "abc";
	static char middle[4 + 300] = "\x81\x7e\x01\x2c";
	static char big[10 + 70000] = "\x82\x7f\0\0\0\0\0\1\x11\x70";
	const struct span frames[] = { { small, 5 }, { middle, sizeof(middle) },
		{ big, sizeof(big) } };

	for (size_t i = 0; i < 3; i++)
		for (size_t cut = 1; cut < frames[i].n; cut += cut < 12 ? 1 : frames[i].n / 3) {
			struct span f = frames[i];
			size_t total = 0;
			ssize_t n;

			open_one((struct span){ 0 }, (struct span){ f.p, cut });
			ck_assert(splices_end_one(splices));
			turns();
			/* The next frame must not be seen: it is another session's time. */
			ck_assert_int_eq(
			    send(home, f.p + cut, f.n - cut, MSG_NOSIGNAL), (ssize_t)(f.n - cut));
			send(home, "\x81\x01z", 3, MSG_NOSIGNAL);
			while ((turns(), n = hear(client)) > 0)
				total += (size_t)n;
			ck_assert_int_eq(n, -1);
			ck_assert_uint_eq(total, f.n + 4);
			close(client);
			close(home);
			turns();
			ck_assert_uint_eq(splices_count(splices), 0);
		}
	client = home = -1;
}
END_TEST

START_TEST(all_are_closed_with_their_owner)
{
	open_one((struct span){ 0 }, (struct span){ 0 });
	splices_free(splices);
	splices = NULL;
	ck_assert_int_eq(hear(client), -1);
	ck_assert_int_eq(hear(home), -1);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("splice");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, bytes_go_both_ways_and_those_read_before_go_first);
	tcase_add_test(tests, a_side_that_does_not_read_stops_the_other_and_nothing_is_lost);
	tcase_add_test(tests, an_end_is_passed_on_behind_what_came_before_it);
	tcase_add_test(tests, a_side_that_never_ends_is_not_awaited_for_long);
	tcase_add_test(tests, what_a_side_sent_before_it_broke_off_is_passed_on);
	tcase_add_test(tests, what_nobody_can_be_given_any_more_is_dropped);
	tcase_add_test(tests, a_client_that_takes_nothing_is_not_kept_when_its_home_has_gone);
	tcase_add_test(tests, an_idle_client_that_is_sent_away_hears_1012_at_once);
	tcase_add_test(tests, one_in_the_middle_of_a_frame_hears_it_to_its_end_first);
	tcase_add_test(tests, all_are_closed_with_their_owner);
	return run_tests(tests);
}
