/*
 * Bytes from a WebSocket peer: whatever they are and however they are cut, the connection ends in
 * good order or goes on; text that is handed up is valid UTF-8 and within the bound.
 */

#include "common/utf8.h"
#include "gatewayd/ws.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_LIMIT = 2000, PIECES = 64 };

static struct loop *loop;
static struct ws_server *server;
static bool is_open;

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

static void
on_message(struct ws *w, struct span bytes, bool is_binary)
{
	struct shared_bytes *echo;

	demand(is_open && bytes.n <= MESSAGE_LIMIT);
	for (size_t i = 0, n; !is_binary && i < bytes.n; i += n) {
		n = utf8_sequence(bytes.p + i, bytes.n - i);
		demand(n > 0);
	}
	echo = shared_bytes_new(is_binary ? SHARED_BINARY : SHARED_TEXT, bytes);
	ws_send(w, echo);
	shared_bytes_unref(echo);
	if (bytes.n == 3) {
		ws_close(w, 1000, "three");
		is_open = false;
	}
}

static void
on_closed(struct ws *w, enum ws_end why)
{
	(void)w;
	(void)why;
	demand(is_open);
	is_open = false;
}

static void
start(void)
{
	static const struct ws_settings settings = {
		.message_bytes = MESSAGE_LIMIT,
		.owed_bytes = 10000,
		.close_ms = 1000,
		.message = on_message,
		.closed = on_closed,
	};

	loop = loop_new();
	server = ws_server_new(loop, &settings);
}

static void
drain(int peer)
{
	char bytes[4096];

	while (recv(peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

/* The first byte says how many bytes come with the upgrade, the second how long the pieces are. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	size_t extra, piece;

	if (!loop)
		start();
	if (size < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
		return 0;
	extra = data[0] < size - 2 ? data[0] : size - 2;
	piece = data[1] ? data[1] : size;
	data += 2;
	size -= 2;
	is_open = true;
	ws_open(server, ends[0], (struct span){ (const char *)data, extra }, NULL);
	for (size_t at = extra, n; at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		if (send(ends[1], data + at, n, MSG_NOSIGNAL) <= 0)
			break;
		loop_turn(loop, 0);
		drain(ends[1]);
	}
	loop_turn(loop, 0);
	close(ends[1]);
	for (int i = 0; i < PIECES && ws_server_count(server); i++)
		loop_turn(loop, 0);
	demand(ws_server_count(server) == 0 && !is_open);
	return 0;
}
