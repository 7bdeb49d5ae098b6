#pragma once
/* The two ends of a WebSocket: ours under test, and a peer that writes raw frames and reads raw
 * bytes. */

#include "common/clock.h"
#include "common/mem.h"
#include "gatewayd/ws.h"
#include "run_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SEEN_BYTES = 256 * 1024,
	MESSAGE_LIMIT = 1000,
	OWED_LIMIT = 100000,
	PING_MS = 1000,
	PONG_MS = 500,
	CLOSE_MS = 2000
};
enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80 };

static struct loop *loop;
static struct ws_server *server;
static struct ws *ws;
static int peer; /* -1: closed */
static uint64_t now_ms;
/* What our end's owner saw: "text:hello|binary:…|closed 1" */
static char told[SEEN_BYTES];
static size_t n_told;
static unsigned n_progress;
/* What the peer has read and not looked at. */
static unsigned char seen[SEEN_BYTES];
static size_t n_seen;
static bool peer_saw_end;
/* The owner's behaviour. */
static bool owner_echoes, owner_closes;

static inline void
tell(const char *what, struct span bytes)
{
	ck_assert_uint_lt(n_told + bytes.n + 32, SEEN_BYTES);
	n_told += (size_t)snprintf(told + n_told, 32, "%s%s", n_told ? "|" : "", what);
	memcpy(told + n_told, bytes.p, bytes.n);
	n_told += bytes.n;
	told[n_told] = '\0';
}

static inline void
on_message(struct ws *w, struct span bytes, bool is_binary)
{
	ck_assert_ptr_eq(ws_user(w), &server);
	tell(is_binary ? "binary:" : "text:", bytes);
	if (owner_echoes) {
		struct shared_bytes *b =
		    shared_bytes_new(is_binary ? SHARED_BINARY : SHARED_TEXT, bytes);

		ws_send(w, b);
		shared_bytes_unref(b);
	}
	if (owner_closes)
		ws_close(w, 4000, "enough");
}

static inline void
on_closed(struct ws *w, enum ws_end why)
{
	static const char *const names[] = { [WS_PEER_CLOSED] = "peer closed",
		[WS_BROKEN] = "broken",
		[WS_TIMED_OUT] = "timed out" };

	ck_assert_ptr_eq(w, ws);
	tell(names[why], SPAN(""));
	ws = NULL;
}

static inline void
on_progress(struct ws *w)
{
	(void)w;
	n_progress++;
}

static inline void
peer_read(void)
{
	while (!peer_saw_end) {
		ssize_t n = recv(peer, seen + n_seen, SEEN_BYTES - n_seen, MSG_DONTWAIT);

		if (n < 0)
			return;
		peer_saw_end = n == 0;
		n_seen += (size_t)n;
	}
}

/* Until nothing moves any more. */
static inline void
turns(void)
{
	for (int i = 0; i < 4; i++)
		loop_turn(loop, 0);
}

static inline void
pass(uint64_t ms)
{
	for (uint64_t step; ms; ms -= step) {
		step = ms < 100 ? ms : 100;
		now_ms += step;
		clock_set(now_ms, 0);
		turns();
	}
}

static inline void
open_with(struct span extra)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	peer = ends[1];
	ws = ws_open(server, ends[0], extra, &server);
}

static inline void
ws_setup(void)
{
	static const struct ws_settings settings = {
		.message_bytes = MESSAGE_LIMIT,
		.owed_bytes = OWED_LIMIT,
		.ping_ms = PING_MS,
		.pong_ms = PONG_MS,
		.close_ms = CLOSE_MS,
		.message = on_message,
		.closed = on_closed,
		.progress = on_progress,
	};

	now_ms = 5000;
	clock_set(now_ms, 0);
	n_told = n_seen = n_progress = 0;
	told[0] = '\0';
	owner_echoes = owner_closes = peer_saw_end = false;
	loop = loop_new();
	server = ws_server_new(loop, &settings);
	open_with((struct span){ 0 });
}

static inline void
ws_teardown(void)
{
	ws_server_free(server);
	loop_free(loop);
	if (peer >= 0)
		close(peer);
	clock_set(0, 0);
}

/* A masked frame; head: FIN, RSV and opcode. Returns its length. */
static inline size_t
make_frame(unsigned char *out, unsigned head, struct span payload)
{
	static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	size_t n = 0;

	out[n++] = (unsigned char)head;
	if (payload.n < 126) {
		out[n++] = (unsigned char)(0x80 | payload.n);
	} else {
		out[n++] = 0x80 | 126;
		out[n++] = (unsigned char)(payload.n >> 8);
		out[n++] = (unsigned char)payload.n;
	}
	memcpy(out + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < payload.n; i++)
		out[n++] = (unsigned char)payload.p[i] ^ mask[i % 4];
	return n;
}

static inline void
peer_write(const void *bytes, size_t n)
{
	ck_assert_int_eq(send(peer, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void
peer_send(unsigned head, const char *payload, size_t n)
{
	static unsigned char frame[70000];

	peer_write(frame, make_frame(frame, head, (struct span){ payload, n }));
}

#define peer_says(head, literal) peer_send((head), (literal), sizeof(literal) - 1)

/* The next of our frames; *payload points into seen. False when there is none. */
static inline bool
next_frame(unsigned *head, struct span *payload)
{
	static size_t used;
	size_t n, at = 2;

	/* What the last call gave is dropped only now. */
	memmove(seen, seen + used, n_seen - used);
	n_seen -= used;
	used = 0;
	peer_read();
	if (n_seen < 2)
		return false;
	*head = seen[0];
	n = seen[1];
	ck_assert_uint_lt(n, 128); /* the server does not mask */
	if (n == 126) {
		n = (size_t)seen[2] << 8 | seen[3];
		at = 4;
	} else if (n == 127) {
		n = (size_t)seen[7] << 16 | (size_t)seen[8] << 8 | seen[9];
		at = 10;
	}
	if (n_seen < at + n)
		return false;
	*payload = (struct span){ (char *)seen + at, n };
	used = at + n;
	if (*head == (FIN | CLOSE))
		used = n_seen; /* nothing may stand behind it */
	return true;
}

/* The close frame's code; 0 when it has none; -1 when there is no close frame. Other frames before
 * it are passed over. */
static inline int
close_code(void)
{
	unsigned head;
	struct span payload;

	while (next_frame(&head, &payload)) {
		if (head != (FIN | CLOSE))
			continue;
		if (payload.n < 2)
			return payload.n == 0 ? 0 : -2;
		return (unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1];
	}
	return -1;
}
