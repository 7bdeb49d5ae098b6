#include "gatewayd/burst.h"

#include "common/log.h"
#include "common/mem.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NOT_TRIED, HAS_RING, NO_RING };
/* With MSG_DONTWAIT the kernel answers at once instead of waiting for room by itself. */
enum { SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT };

struct burst {
	int state;
	struct io_uring ring;
};

struct burst *
burst_new(enum burst_way way)
{
	struct burst *b = xcalloc(1, sizeof *b);

	b->state = way == BURST_BEST ? NOT_TRIED : NO_RING;
	return b;
}

void
burst_free(struct burst *b)
{
	if (b->state == HAS_RING)
		io_uring_queue_exit(&b->ring);
	free(b);
}

bool
burst_has_ring(const struct burst *b)
{
	return b->state == HAS_RING;
}

/* A filter may allow the making of a ring and not its use, and the first kernels that have rings
 * know no sends: then it is not the descriptor that is found wrong. Returns 0 or a negative errno.
 */
static int
try_ring(struct io_uring *ring)
{
	struct io_uring_cqe *answer;
	int n;

	io_uring_prep_send(io_uring_get_sqe(ring), -1, "", 0, SEND_FLAGS);
	n = io_uring_submit_and_wait(ring, 1);
	if (n < 0)
		return n;
	if (io_uring_peek_cqe(ring, &answer) != 0)
		return -ENODATA;
	n = answer->res;
	io_uring_cqe_seen(ring, answer);
	return n == -EBADF ? 0 : -EOPNOTSUPP;
}

static void
open_ring(struct burst *b)
{
	int failed = io_uring_queue_init(BURST_SENDS, &b->ring, 0);

	if (!failed) {
		failed = try_ring(&b->ring);
		if (failed)
			io_uring_queue_exit(&b->ring);
	}
	b->state = failed ? NO_RING : HAS_RING;
	if (failed)
		log_info(
		    "burst", "no io_uring (%s): each send is a system call", strerror(-failed));
}

static void
send_one(struct burst_send *s)
{
	ssize_t sent = send(s->fd, s->bytes.p, s->bytes.n, SEND_FLAGS);

	s->result = sent < 0 ? -errno : (int)sent;
}

static void
submit(struct burst *b, struct burst_send *sends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct io_uring_sqe *place = io_uring_get_sqe(&b->ring);

		assert(place);
		io_uring_prep_send(
		    place, sends[i].fd, sends[i].bytes.p, sends[i].bytes.n, SEND_FLAGS);
		io_uring_sqe_set_data(place, &sends[i]);
	}
}

/* Returns how many have been answered. */
static size_t
collect(struct burst *b)
{
	struct io_uring_cqe *answer;
	unsigned at, n = 0;

	io_uring_for_each_cqe(&b->ring, at, answer)
	{
		struct burst_send *s = io_uring_cqe_get_data(answer);

		s->result = answer->res;
		n++;
	}
	io_uring_cq_advance(&b->ring, n);
	return n;
}

void
burst_send(struct burst *b, struct burst_send *sends, size_t n)
{
	assert(n <= BURST_SENDS);
	if (b->state == NOT_TRIED && n > 1)
		open_ring(b);
	if (b->state != HAS_RING || n == 1) {
		for (size_t i = 0; i < n; i++)
			send_one(&sends[i]);
		return;
	}
	submit(b, sends, n);
	/* A signal or a moment without memory may leave some for another call. */
	for (size_t answered = 0; answered < n; answered += collect(b)) {
		int done = io_uring_submit_and_wait(&b->ring, 1);

		assert(done >= 0 || done == -EINTR || done == -EAGAIN || done == -EBUSY);
	}
}
