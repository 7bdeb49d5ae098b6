#pragma once
/* A plain WebSocket client between a hub and fake requests. */

#include "fake_http.h"
#include "hub_fixture.h"

#include "gatewayd/transport.h"

#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static struct http_request request;
static int peer = -1;
static char
    got[READ_BYTES]; /* what the WebSocket client has read, frame heads taken out, one line each */

static inline void
setup(void)
{
	hub_setup();
	memset(&request, 0, sizeof request);
	peer = -1;
}

static inline void
teardown(void)
{
	fake_http_leave(&request);
	hub_teardown();
	if (peer >= 0)
		close(peer);
}

static inline void
send_text(const char *text)
{
	unsigned char frame[2 + 2 + 4 + 4096] = { 0x81 };
	size_t n = strlen(text), at = 2;

	frame[1] = (unsigned char)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[at++] = (unsigned char)(n >> 8);
		frame[at++] = (unsigned char)n;
	}
	memset(frame + at, 0, 4); /* a mask of zeros changes nothing */
	memcpy(frame + at + 4, text, n);
	ck_assert_int_eq(send(peer, frame, at + 4 + n, 0), (ssize_t)(at + 4 + n));
	turn();
	turn();
}

/* All frames that are there: text as a line, close as "close <code>". */
static inline const char *
read_frames(void)
{
	static unsigned char bytes[READ_BYTES];
	ssize_t n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
	size_t at = 0, to = 0;

	while (n > 0 && at + 2 <= (size_t)n) {
		unsigned opcode = bytes[at] & 15;
		size_t length = bytes[at + 1];

		at += 2;
		if (length == 126) {
			length = (size_t)bytes[at] << 8 | bytes[at + 1];
			at += 2;
		}
		if (opcode == 8)
			to += (size_t)snprintf(got + to, READ_BYTES - to, "close %d\n",
			    bytes[at] << 8 | bytes[at + 1]);
		else if (opcode == 1)
			to += (size_t)snprintf(
			    got + to, READ_BYTES - to, "%.*s\n", (int)length, (char *)bytes + at);
		at += length;
	}
	got[to] = '\0';
	return got;
}

/* A WebSocket client as far as its 101. */
static inline void
connect_ws(const char *events, enum names names)
{
	struct join j = {
		.session = session, .actor = SPAN("ann"), .events = span_of(events), .names = names
	};
	int ends[2];

	request.protocols = "graph.v0, graph.v1";
	transport_ws_accept(hub, &request, &j);
	ck_assert_int_eq(request.status, 101);
	ck_assert_str_eq(request.subprotocol, "graph.v1");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	peer = ends[1];
	request.taken(request.taken_arg, ends[0], (struct span){ 0 });
	turn();
}

/* What is left of the way in; its client_id. */
static inline const char *
join_in(void)
{
	static char id[UUID_TEXT + 1];
	struct fake_ask *a;

	sync_at(0);
	a = fake_open(&fake, COMMAND_join);
	ck_assert_ptr_nonnull(a);
	snprintf(id, sizeof id, "%s", a->client);
	connected(id, 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"active_clients\":1,\"seq\":0,\"announced\":true}");
	turn();
	return id;
}

static inline const char *
join_ws(const char *events, enum names names)
{
	connect_ws(events, names);
	return join_in();
}
