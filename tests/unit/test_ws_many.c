/* Many WebSockets of one server, more than are written in one turn: what is said to each
 * arrives whole and in order, while some read late, answer each other and go. */

#include "gatewayd/ws.h"

#include "common/clock.h"
#include "dice.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 562, ROUNDS = 400, TRIES = 100, OWED_LIMIT = 1 << 20, DIGITS = 10, PAD = 900 };

/* One end each; what the other end owes it is counted up, so that a loss, a double or a swap shows.
 */
struct peer {
	struct ws *ws; /* NULL: gone */
	int fd;
	unsigned said, heard;
	size_t n;
	char got[64 * 1024];
};

static struct loop *loop;
static struct ws_server *server;
static struct peer peers[PEERS];
static unsigned seed, n_messages;

static const unsigned char hi[] = { 0x81, 0x82, 0, 0, 0, 0, 'h', 'i' };

static size_t
draw(size_t below)
{
	return (size_t)rand_r(&seed) % below;
}

/* A frame with the next number for this peer, sometimes a long one. */
static void
say(struct peer *p)
{
	char text[16 + PAD];
	int n;
	struct shared_bytes *b;

	if (!p->ws)
		return;
	n = snprintf(text, sizeof text, "%0*u%*s", DIGITS, p->said++, draw(4) ? 0 : PAD, "");
	b = shared_bytes_new(SHARED_TEXT, (struct span){ text, (size_t)n });
	ws_send(p->ws, b);
	shared_bytes_unref(b);
}

/* Whoever speaks is heard by three others, who may be about to be written just then. */
static void
on_message(struct ws *w, struct span bytes, bool is_binary)
{
	(void)w, (void)bytes, (void)is_binary;
	n_messages++;
	for (int i = 0; i < 3; i++)
		say(&peers[draw(PEERS)]);
}

static void
on_closed(struct ws *w, enum ws_end why)
{
	struct peer *p = ws_user(w);

	(void)why;
	p->ws = NULL;
}

static void
on_progress(struct ws *w)
{
	(void)w;
	if (draw(50) == 0)
		say(&peers[draw(PEERS)]);
}

/* All whole frames: each must hold the next number. */
static void
look(struct peer *p)
{
	char number[DIGITS + 1] = "";
	size_t at = 0;

	for (;;) {
		const unsigned char *head = (unsigned char *)p->got + at;
		size_t n, skip = 2;

		if (p->n - at < 4)
			break;
		ck_assert_uint_eq(head[0], 0x81);
		n = head[1];
		if (n == 126) {
			n = (size_t)head[2] << 8 | head[3];
			skip = 4;
		}
		if (p->n - at < skip + n)
			break;
		memcpy(number, p->got + at + skip, DIGITS);
		ck_assert_uint_eq((unsigned)atoi(number), p->heard);
		p->heard++;
		at += skip + n;
	}
	memmove(p->got, p->got + at, p->n - at);
	p->n -= at;
}

static void
listen_to(struct peer *p, size_t bytes)
{
	size_t room = sizeof p->got - p->n;
	ssize_t n = recv(p->fd, p->got + p->n, bytes < room ? bytes : room, MSG_DONTWAIT);

	if (n > 0)
		p->n += (size_t)n;
	look(p);
}

static void
speak(const struct peer *p)
{
	send(p->fd, hi, sizeof hi, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What came with the upgrade is read when the turn ends, between the writes. */
static void
come(struct peer *p, struct span extra)
{
	int ends[2], few_bytes = 8 * 1024;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	*p = (struct peer){ .fd = ends[1] };
	p->ws = ws_open(server, ends[0], extra, p);
	/* So that some are full now and then. */
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &few_bytes, sizeof few_bytes);
}

/* Now and then one goes; another comes in its place and speaks at once. */
static void
come_and_go(void)
{
	struct peer *p = &peers[draw(PEERS)];

	if (p->fd >= 0 && draw(20) == 0) {
		close(p->fd);
		p->fd = -1;
	} else if (p->fd < 0 && !p->ws) {
		come(p, (struct span){ (const char *)hi, sizeof hi });
	}
}

static void
setup(void)
{
	static const struct ws_settings settings = {
		.message_bytes = 1000,
		.owed_bytes = OWED_LIMIT,
		.close_ms = 1000,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	loop = loop_new();
	server = ws_server_new(loop, &settings);
	for (size_t i = 0; i < PEERS; i++) {
		int ends[2], few_bytes = 8 * 1024;

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		peers[i] = (struct peer){ .fd = ends[1] };
		peers[i].ws = ws_open(server, ends[0], (struct span){ 0 }, &peers[i]);
		/* So that some are full now and then. */
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &few_bytes, sizeof few_bytes);
	}
}

static void
teardown(void)
{
	if (server)
		ws_server_free(server);
	loop_free(loop);
	for (size_t i = 0; i < PEERS; i++) {
		if (peers[i].fd >= 0)
			close(peers[i].fd);
	}
}

START_TEST(what_is_said_to_each_arrives_whole_and_in_order)
{
	unsigned heard = 0;

	seed = random_seed(_i);
	for (int round = 0; round < ROUNDS; round++) {
		/* As a room is told: all, or some. */
		size_t step = 1 + draw(3);

		for (size_t i = draw(step); i < PEERS; i += step)
			say(&peers[i]);
		for (size_t i = draw(20); i < PEERS; i += 1 + draw(40))
			speak(&peers[i]);
		for (int i = 0; i < 50; i++)
			come_and_go();
		loop_turn(loop, 0);
		for (size_t i = draw(3); i < PEERS; i += 1 + draw(3)) {
			if (peers[i].fd >= 0)
				listen_to(&peers[i], 1 + draw(8000));
		}
	}
	for (int i = 0; i < 2000; i++) {
		loop_turn(loop, 0);
		for (size_t k = 0; k < PEERS; k++) {
			if (peers[k].fd >= 0)
				listen_to(&peers[k], 60000);
		}
	}
	for (size_t i = 0; i < PEERS; i++) {
		if (peers[i].fd < 0)
			continue;
		ck_assert_ptr_nonnull(peers[i].ws);
		ck_assert_uint_eq(peers[i].heard, peers[i].said);
		ck_assert_uint_eq(ws_owed(peers[i].ws), 0);
		heard += peers[i].heard;
	}
	ck_assert_uint_gt(heard, PEERS * ROUNDS / 4);
}
END_TEST

static size_t
count_owed(void)
{
	size_t n = 0;

	for (size_t i = 0; i < PEERS; i++)
		n += ws_owed(peers[i].ws) > 0;
	return n;
}

/* All are told something; returns whether the one who then speaks is heard before all of it is
 * written. A turn that was held up before it wrote may write for longer, even all. */
static bool
is_heard_in_between(void)
{
	bool is_in_between;

	n_messages = 0;
	for (size_t i = 0; i < PEERS; i++)
		say(&peers[i]);
	loop_turn(loop, 0);
	speak(&peers[0]);
	loop_turn(loop, 0);
	is_in_between = n_messages == 1 && count_owed() > 3;
	while (count_owed() > 0) {
		loop_turn(loop, 0);
		for (size_t i = 0; i < PEERS; i++)
			listen_to(&peers[i], 60000);
	}
	return is_in_between;
}

START_TEST(who_speaks_is_heard_while_many_are_written_to)
{
	int left = TRIES;

	seed = random_seed(_i);
	while (left > 0 && !is_heard_in_between())
		left--;
	ck_assert_int_gt(left, 0);
}
END_TEST

/* The last frame of a peer that was told nothing else. */
static bool
was_told_why(const struct peer *p)
{
	unsigned char got[64];

	return recv(p->fd, got, sizeof got, MSG_DONTWAIT) == 9 && got[0] == 0x88 &&
	    memcmp(got + 2,
		"\x03\xf4"
		"drain",
		7) == 0;
}

START_TEST(whoever_is_closed_learns_why_even_when_the_loop_has_no_turn_left)
{
	for (size_t i = 0; i < PEERS; i++)
		ws_close(peers[i].ws, WS_CODE_RESTART, "drain");
	ws_server_free(server);
	server = NULL;
	for (size_t i = 0; i < PEERS; i++)
		ck_assert(was_told_why(&peers[i]));
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("ws_many");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_is_said_to_each_arrives_whole_and_in_order, 0, 3);
	tcase_add_test(t, whoever_is_closed_learns_why_even_when_the_loop_has_no_turn_left);
	tcase_add_test(t, who_speaks_is_heard_while_many_are_written_to);
	return run_tests(t);
}
