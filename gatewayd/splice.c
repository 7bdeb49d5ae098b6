#include "gatewayd/splice.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server's frames as they pass by (RFC 6455 section 5.2): unmasked, a head of 2, 4 or 10 bytes.
 */
struct frame_walk {
	uint64_t left; /* of the payload */
	uint8_t head[10];
	uint8_t n; /* of the head */
};

/* Bytes that were read here and are owed to the other side. */
struct side {
	struct loop_io io;
	int fd; /* -1: closed */
	struct splice *splice;
	char *bytes; /* owned; NULL when nothing is owed */
	size_t at, n;
	bool is_leaving; /* its peer sends nothing more: what it sent before is still to be read */
	bool is_broken;	 /* nor does it take anything; the loop does not watch it any more */
	bool has_ended;	 /* nothing more is read */
	bool is_shut;	 /* nothing more is written */
};

struct splice {
	struct link link;
	struct splices *all;
	struct side client, home;
	struct frame_walk frames;
	struct loop_timer timer; /* once one side is leaving */
	bool is_leaving;	 /* to be told to go, before the next frame of its home */
	bool is_told;
};

struct splices {
	struct loop *loop;
	struct link open, leaving;
	size_t n;
};

static bool
is_between(const struct frame_walk *f)
{
	return f->n == 0 && f->left == 0;
}

static void
take_head_byte(struct frame_walk *f, uint8_t byte)
{
	uint8_t length, size_bytes;

	f->head[f->n++] = byte;
	if (f->n < 2)
		return;
	length = f->head[1] & 0x7f;
	size_bytes = length == 127 ? 10 : length == 126 ? 4 : 2;
	if (f->n < size_bytes)
		return;
	f->left = size_bytes == 2 ? length : 0;
	for (uint8_t i = 2; i < size_bytes; i++)
		f->left = f->left << 8 | f->head[i];
	f->n = 0;
}

/* How many of the bytes were passed: all of them, or those before the next frame begins. */
static size_t
walk(struct frame_walk *f, struct span bytes, bool to_next_frame)
{
	size_t at = 0;

	while (at < bytes.n && !(to_next_frame && is_between(f))) {
		size_t skipped = f->left < bytes.n - at ? (size_t)f->left : bytes.n - at;

		f->left -= skipped;
		at += skipped;
		if (skipped == 0)
			take_head_byte(f, (uint8_t)bytes.p[at++]);
	}
	return at;
}

static void
close_side(struct side *side)
{
	loop_remove(side->splice->all->loop, &side->io);
	if (side->fd >= 0)
		close(side->fd);
	side->fd = -1;
}

static void
splice_free(struct splice *s)
{
	close_side(&s->client);
	close_side(&s->home);
	free(s->client.bytes);
	free(s->home.bytes);
	loop_cancel_timer(s->all->loop, &s->timer);
	list_remove(&s->link);
	s->all->n--;
	free(s);
}

static void
timer_due(struct loop_timer *t)
{
	splice_free(OWNER_OF(t, struct splice, timer));
}

static struct side *
other(struct side *side)
{
	struct splice *s = side->splice;

	return side == &s->client ? &s->home : &s->client;
}

/* For an answer to the end, or for some of what is owed to be taken. */
static void
wait_a_moment(struct splice *s)
{
	uint32_t ms = s->client.n + s->home.n > 0 ? LIMIT_STALLED_MS : LIMIT_CLOSE_MS;

	loop_set_timer(s->all->loop, &s->timer, clock_now_ms() + ms);
}

static void
side_leaves(struct side *side)
{
	if (side->is_leaving)
		return;
	side->is_leaving = true;
	wait_a_moment(side->splice);
}

static void
end_side(struct side *side)
{
	side->has_ended = true;
	side_leaves(side);
}

static void
drop_owed(struct side *from)
{
	free(from->bytes);
	from->bytes = NULL;
	from->at = from->n = 0;
}

static void
stop_writing(struct side *to)
{
	to->is_shut = true;
	drop_owed(other(to));
}

/* An error, or the end in both directions, is reported for as long as the loop watches. */
static void
break_side(struct side *side)
{
	side->is_broken = true;
	loop_remove(side->splice->all->loop, &side->io);
	stop_writing(side);
	side_leaves(side);
}

static void
write_owed(struct side *from)
{
	struct side *to = other(from);

	while (from->n > 0) {
		ssize_t n = send(to->fd, from->bytes + from->at, from->n, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			break_side(to);
			return;
		}
		from->at += (size_t)n;
		from->n -= (size_t)n;
		if (from->is_leaving)
			wait_a_moment(from->splice);
	}
	drop_owed(from);
	if (from->has_ended && !to->is_shut) {
		shutdown(to->fd, SHUT_WR);
		to->is_shut = true;
	}
}

static void
owe(struct side *from, struct span bytes)
{
	if (bytes.n == 0 || other(from)->is_shut)
		return;
	from->bytes = xrealloc(from->bytes, from->at + from->n + bytes.n, 1);
	memcpy(from->bytes + from->at + from->n, bytes.p, bytes.n);
	from->n += bytes.n;
	if (from->is_leaving)
		wait_a_moment(from->splice);
}

static void
say_goodbye(struct splice *s)
{
	/* A close frame, two bytes: 1012, service restart. */
	static const char frame[] = { (char)0x88, 2, 0x03, (char)0xf4 };

	s->is_told = true;
	owe(&s->home, (struct span){ frame, sizeof(frame) });
	end_side(&s->home);
	/* Its session ends at home; what the client still says is dropped. */
	stop_writing(&s->home);
	close_side(&s->home);
}

static void
take(struct side *from, struct span bytes)
{
	struct splice *s = from->splice;

	if (from == &s->client) {
		owe(from, bytes);
		return;
	}
	bytes.n = walk(&s->frames, bytes, s->is_leaving);
	owe(from, bytes);
	if (s->is_leaving && is_between(&s->frames))
		say_goodbye(s);
}

static bool
may_read(const struct side *side)
{
	return !side->has_ended && side->n == 0;
}

static void
read_some(struct side *from)
{
	char bytes[LIMIT_TURN_READ_BYTES];
	ssize_t n = recv(from->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && !from->is_broken && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		take(from, (struct span){ bytes, (size_t)n });
	else
		end_side(from);
	write_owed(from);
}

/* What came before a side broke off is read whenever the other one has taken the last. */
static void
read_remains(struct side *side)
{
	while (side->is_broken && may_read(side))
		read_some(side);
}

static void
watch(struct side *side)
{
	if (side->io.fd >= 0)
		loop_change(side->splice->all->loop, &side->io,
		    (may_read(side) ? EPOLLIN : 0u) | (other(side)->n > 0 ? EPOLLOUT : 0u) |
			(side->is_leaving ? 0u : EPOLLRDHUP));
}

/* Frees it when nothing is left to be done. */
static void
settle(struct splice *s)
{
	read_remains(&s->client);
	read_remains(&s->home);
	if (s->client.has_ended && s->home.has_ended && s->client.n == 0 && s->home.n == 0) {
		splice_free(s);
		return;
	}
	watch(&s->client);
	watch(&s->home);
}

static void
side_ready(struct loop_io *io, uint32_t events)
{
	struct side *side = OWNER_OF(io, struct side, io);

	if (events & (EPOLLERR | EPOLLHUP))
		break_side(side);
	else if (events & EPOLLRDHUP)
		side_leaves(side);
	if (events & EPOLLIN && may_read(side))
		read_some(side);
	if (events & EPOLLOUT)
		write_owed(other(side));
	settle(side->splice);
}

static void
side_open(struct splice *s, struct side *side, int fd)
{
	side->splice = s;
	side->fd = fd;
	side->io.ready = side_ready;
	loop_add(s->all->loop, &side->io, fd, EPOLLIN | EPOLLRDHUP);
}

void
splice_open(
    struct splices *all, int client, int home, struct span from_client, struct span from_home)
{
	struct splice *s = xcalloc(1, sizeof(*s));

	s->all = all;
	s->timer.due = timer_due;
	all->n++;
	list_append(&all->open, &s->link);
	side_open(s, &s->client, client);
	side_open(s, &s->home, home);
	take(&s->client, from_client);
	take(&s->home, from_home);
	write_owed(&s->client);
	write_owed(&s->home);
	settle(s);
}

bool
splices_end_one(struct splices *all)
{
	struct link *first = list_take(&all->open);
	struct splice *s;

	if (!first)
		return false;
	s = LIST_OF(first, struct splice, link);
	list_append(&all->leaving, &s->link);
	s->is_leaving = true;
	if (!s->home.has_ended && is_between(&s->frames)) {
		say_goodbye(s);
		write_owed(&s->home);
	}
	settle(s);
	return true;
}

struct splices *
splices_new(struct loop *loop)
{
	struct splices *all = xcalloc(1, sizeof(*all));

	all->loop = loop;
	list_init(&all->open);
	list_init(&all->leaving);
	return all;
}

void
splices_free(struct splices *all)
{
	if (!all)
		return;
	while (!list_is_empty(&all->open))
		splice_free(LIST_OF(all->open.next, struct splice, link));
	while (!list_is_empty(&all->leaving))
		splice_free(LIST_OF(all->leaving.next, struct splice, link));
	free(all);
}

size_t
splices_count(const struct splices *all)
{
	return all->n;
}
