/*
 * bare PORT: what the machine and the load generator allow. An epoll loop that takes each post for
 * a command, makes of it an event as long as this project's, and writes what a turn brought to
 * every WebSocket of the room with one send(2). It keeps nothing, checks nothing, answers before
 * anything is anywhere, and drops who does not read: a yardstick for scripts/bench --peers, not a
 * server.
 */

#include "common/log.h"
#include "common/mem.h"
#include "common/table.h"
#include "tests/bench/load_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TURN_EVENTS = 512,
	REQUEST_BYTES = 4096, /* a longer one ends its connection */
	ROOM_BYTES = 1 << 20, /* of frames for one turn; posts above that are answered with 503 */
	FRAME_BYTES = 1024,
	FRAME_HEAD_BYTES = 4, /* RFC 6455 5.2: text, whole, 16 bits of length, not masked */
};

struct room {
	struct span name; /* owned */
	int *members;	  /* sockets */
	size_t n_members, capacity;
	char *frames; /* of this turn */
	size_t n_bytes;
};

struct connection {
	int fd;
	struct room *room; /* NULL: it speaks HTTP */
	size_t n;
	char bytes[REQUEST_BYTES + 1]; /* a request that is not whole yet, as text */
};

struct bare {
	int epoll, listener;
	struct table rooms;
	struct room *due[TURN_EVENTS]; /* rooms with frames of this turn */
	size_t n_due;
};

static struct room *
room_of(struct bare *b, struct span name)
{
	struct room *room = table_find(&b->rooms, &name);

	if (!room) {
		room = xcalloc(1, sizeof *room);
		room->name = (struct span){ xspandup(name), name.n };
		room->frames = xmalloc(ROOM_BYTES);
		table_add(&b->rooms, room);
	}
	return room;
}

static void
room_add(struct room *room, int fd)
{
	if (room->n_members == room->capacity) {
		room->capacity = room->capacity * 2 + 8;
		room->members = xrealloc(room->members, room->capacity, sizeof *room->members);
	}
	room->members[room->n_members++] = fd;
}

static void
room_remove(struct room *room, int fd)
{
	for (size_t i = 0; i < room->n_members; i++)
		if (room->members[i] == fd) {
			room->members[i] = room->members[--room->n_members];
			return;
		}
}

/* Who cannot take all of it at once is shut down, and found closed in a later turn. */
static void
room_write(struct room *room)
{
	for (size_t i = 0; i < room->n_members; i++)
		if (send(room->members[i], room->frames, room->n_bytes, MSG_NOSIGNAL) !=
		    (ssize_t)room->n_bytes)
			shutdown(room->members[i], SHUT_RDWR);
	room->n_bytes = 0;
}

/* The text of a member of the command, without escapes; absent: {NULL, 0}. */
static struct span
text_of(const char *body, const char *start)
{
	const char *at = strstr(body, start), *end = at ? strchr(at + strlen(start), '"') : NULL;

	return end ? (struct span){ at + strlen(start), (size_t)(end - at) - strlen(start) }
		   : (struct span){ 0 };
}

/* All that an event of this project says, with what it says of this one. Returns its bytes. */
static size_t
write_event(char *to, struct span session, struct span node, struct span value)
{
	int n = snprintf(to, FRAME_BYTES,
	    "42/graph,[\"graph:property-changed\",{\"session_id\":\"%.*s\","
	    "\"project_id\":\"00000000-0000-0000-0000-000000000000\","
	    "\"timestamp\":\"2026-01-01T00:00:00.000000+00:00\",\"seq\":1000000,"
	    "\"command_id\":\"00000000-0000-0000-0000-000000000000\",\"node_id\":\"%.*s\","
	    "\"property_id\":\"notes\",\"property_name\":\"notes\",\"new_value\":\"%.*s\","
	    "\"old_value\":\"T0000000000000000000\",\"index\":0}]",
	    (int)session.n, session.p, (int)node.n, node.p, (int)value.n, value.p);

	return n > 0 && n < FRAME_BYTES ? (size_t)n : 0;
}

/* False: it is no command that becomes an event, or there are too many. */
static bool
post(struct bare *b, const char *body)
{
	struct span session = text_of(body, "\"session_id\":\"");
	struct span node = text_of(body, "\"node_id\":\"");
	struct span value = text_of(body, "\"value\":\"");
	struct room *room = session.p && node.p && value.p ? room_of(b, session) : NULL;
	char *at;
	size_t n;

	if (!room || ROOM_BYTES - room->n_bytes < FRAME_HEAD_BYTES + FRAME_BYTES)
		return false;
	at = room->frames + room->n_bytes;
	n = write_event(at + FRAME_HEAD_BYTES, session, node, value);
	if (n == 0)
		return false;
	memcpy(at, (char[]){ (char)0x81, 126, (char)(n >> 8), (char)n }, FRAME_HEAD_BYTES);
	if (room->n_bytes == 0)
		b->due[b->n_due++] = room;
	room->n_bytes += FRAME_HEAD_BYTES + n;
	return true;
}

static void
answer(struct connection *c, struct span text)
{
	/* What a client does not take at once it misses; it then waits for good, which shows. */
	if (send(c->fd, text.p, text.n, MSG_NOSIGNAL) < 0)
		shutdown(c->fd, SHUT_RDWR);
}

/* A request whose head is whole. Returns false while its body is not. */
static bool
take_request(struct bare *b, struct connection *c, char *body)
{
	const char *length = strcasestr(c->bytes, "content-length:");
	size_t n_body = length && length < body ? strtoul(length + 15, NULL, 10) : 0;

	if (c->n - (size_t)(body - c->bytes) < n_body)
		return false;
	c->n = 0;
	if (strncmp(c->bytes, "GET /", 5) == 0) {
		c->room = room_of(b, (struct span){ c->bytes + 5, strcspn(c->bytes + 5, " ") });
		room_add(c->room, c->fd);
		answer(c,
		    SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\n\r\n"));
	} else if (post(b, body))
		answer(c,
		    SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			 "Content-Length: 16\r\n\r\n{\"success\":true}"));
	else
		answer(c, SPAN("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
	return true;
}

static void
end_connection(struct connection *c)
{
	if (c->room)
		room_remove(c->room, c->fd);
	close(c->fd);
	free(c);
}

static void
read_connection(struct bare *b, struct connection *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->n, REQUEST_BYTES - c->n, 0);
	char *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end_connection(c);
		return;
	}
	/* What a member says is not listened to. */
	if (c->room)
		return;
	c->n += (size_t)n;
	c->bytes[c->n] = '\0';
	end = strstr(c->bytes, "\r\n\r\n");
	if (!(end && take_request(b, c, end + 4)) && c->n == REQUEST_BYTES)
		end_connection(c);
}

static void
watch(struct bare *b, int fd, struct connection *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		log_fatal("bare", "epoll_ctl: %s", strerror(errno));
}

static void
take_connections(struct bare *b)
{
	struct connection *c;
	int fd, on = 1;

	while ((fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c = xmalloc(sizeof *c);
		c->fd = fd;
		c->room = NULL;
		c->n = 0;
		watch(b, fd, c);
	}
}

static void
turn(struct bare *b)
{
	struct epoll_event events[TURN_EVENTS];
	int n = epoll_wait(b->epoll, events, TURN_EVENTS, -1);

	for (int i = 0; i < n; i++)
		if (events[i].data.ptr)
			read_connection(b, events[i].data.ptr);
		else
			take_connections(b);
	for (size_t i = 0; i < b->n_due; i++)
		room_write(b->due[i]);
	b->n_due = 0;
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, SOMAXCONN) < 0)
		log_fatal("bare", "port %u: %s", port, strerror(errno));
	return fd;
}

int
main(int argc, char **argv)
{
	struct bare b = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

	if (argc != 2) {
		fputs("usage: bare PORT\n", stderr);
		return 2;
	}
	net_lift_limits();
	table_init(&b.rooms, offsetof(struct room, name), 0);
	b.listener = listen_on((uint16_t)atoi(argv[1]));
	watch(&b, b.listener, NULL);
	for (;;)
		turn(&b);
}
