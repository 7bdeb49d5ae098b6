#pragma once
/*
 * A client that speaks raw bytes, for fixtures that have a loop, RUN_UNTIL and client_port(). The
 * server runs in the same thread, so nothing here waits without turning its loop.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int
dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(client_port()),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static inline void
say_bytes(int fd, const char *bytes, size_t n)
{
	uint64_t end_ms = clock_now_ms() + PATIENCE_MS;

	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return; /* the server has had enough */
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		ck_assert(clock_now_ms() < end_ms);
		loop_turn(loop, 0);
	}
}

static inline void
say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

struct reading {
	char text[300000];
	size_t n;
	bool is_closed, is_reset;
};

static inline void
read_some(int fd, struct reading *r)
{
	ssize_t n = recv(fd, r->text + r->n, sizeof(r->text) - 1 - r->n, 0);

	if (n > 0)
		r->n += (size_t)n;
	r->is_closed = n == 0 || (n < 0 && errno != EAGAIN);
	r->is_reset = n < 0 && errno == ECONNRESET;
	r->text[r->n] = '\0';
}

/* One whole answer with Content-Length, or what comes until the end. */
static inline bool
is_whole(struct reading *r)
{
	char *end = strstr(r->text, "\r\n\r\n"), *length = strstr(r->text, "Content-Length: ");

	if (r->is_closed)
		return true;
	return end && length &&
	    r->n >= (size_t)(end + 4 - r->text) + strtoul(length + 16, NULL, 10);
}

static struct reading reading;

static inline const char *
hear(int fd)
{
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), is_whole(&reading)));
	return reading.text;
}

/* Everything until the server closes. */
static inline const char *
hear_all(int fd)
{
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), reading.is_closed));
	return reading.text;
}

static inline int
status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static inline size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}
