#include "gatewayd/outbox.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A circular queue; capacity is a power of two. */
struct outbox_ring {
	uint32_t first, n, capacity;
	uint32_t sent_bytes; /* of the first buffer */
	uint32_t queued_bytes;
	struct shared_bytes *items[];
};

enum { RING_FIRST = 4, VECTOR = 64 };

static void
grow(struct outbox *o)
{
	struct outbox_ring *old = o->ring;
	uint32_t capacity = old ? old->capacity * 2 : RING_FIRST;
	struct outbox_ring *ring = xmalloc(sizeof *ring + capacity * sizeof *ring->items);

	*ring = old ? *old : (struct outbox_ring){ 0 };
	ring->first = 0;
	ring->capacity = capacity;
	for (uint32_t i = 0; i < ring->n; i++)
		ring->items[i] = old->items[(old->first + i) & (old->capacity - 1)];
	free(old);
	o->ring = ring;
}

void
outbox_add(struct outbox *o, struct shared_bytes *bytes)
{
	struct outbox_ring *ring;

	/* Of nothing the kernel takes nothing, which would look like no progress. */
	if (shared_bytes_frame(bytes).n == 0)
		return;
	if (!o->ring || o->ring->n == o->ring->capacity)
		grow(o);
	ring = o->ring;
	ring->items[(ring->first + ring->n++) & (ring->capacity - 1)] = shared_bytes_ref(bytes);
	ring->queued_bytes += (uint32_t)shared_bytes_frame(bytes).n;
}

size_t
outbox_bytes(const struct outbox *o)
{
	return o->ring ? o->ring->queued_bytes - o->ring->sent_bytes : 0;
}

static void
drop_first(struct outbox_ring *ring)
{
	struct shared_bytes *bytes = ring->items[ring->first];

	ring->queued_bytes -= (uint32_t)shared_bytes_frame(bytes).n;
	shared_bytes_unref(bytes);
	ring->first = (ring->first + 1) & (ring->capacity - 1);
	ring->n--;
}

/* So many bytes more are with the kernel. */
static void
advance(struct outbox_ring *ring, size_t sent)
{
	sent += ring->sent_bytes;
	ring->sent_bytes = 0;
	while (sent) {
		size_t n = shared_bytes_frame(ring->items[ring->first]).n;

		if (sent < n) {
			ring->sent_bytes = (uint32_t)sent;
			return;
		}
		sent -= n;
		drop_first(ring);
	}
}

static size_t
fill_vector(const struct outbox_ring *ring, struct iovec vector[VECTOR], size_t *total)
{
	size_t skip = ring->sent_bytes;
	size_t n = ring->n < VECTOR ? ring->n : VECTOR;

	*total = 0;
	for (size_t i = 0; i < n; i++) {
		struct span frame =
		    shared_bytes_frame(ring->items[(ring->first + i) & (ring->capacity - 1)]);

		vector[i].iov_base = (void *)(uintptr_t)(frame.p + skip);
		vector[i].iov_len = frame.n - skip;
		*total += frame.n - skip;
		skip = 0;
	}
	return n;
}

/* Of total bytes the kernel took so many, or said this: a negative errno. OUTBOX_EMPTY: it took
 * all. */
static enum outbox_verdict
taken(struct outbox *o, size_t total, ssize_t result)
{
	if (result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR)
		return OUTBOX_WAITING;
	if (result < 0)
		return OUTBOX_BROKEN;
	advance(o->ring, (size_t)result);
	if ((size_t)result < total)
		return OUTBOX_WAITING;
	if (o->ring->n == 0)
		outbox_fini(o);
	return OUTBOX_EMPTY;
}

enum outbox_verdict
outbox_write(struct outbox *o, int fd)
{
	struct iovec vector[VECTOR];
	enum outbox_verdict verdict = OUTBOX_EMPTY;
	size_t total;

	while (o->ring && verdict == OUTBOX_EMPTY) {
		size_t n = fill_vector(o->ring, vector, &total);
		struct msghdr msg = { .msg_iov = vector, .msg_iovlen = n };
		ssize_t sent = n == 1
		    ? send(fd, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL)
		    : sendmsg(fd, &msg, MSG_NOSIGNAL);

		verdict = taken(o, total, sent < 0 ? -errno : sent);
	}
	return verdict;
}

bool
outbox_piece(const struct outbox *o, struct span *piece)
{
	struct iovec vector[VECTOR];
	size_t total;

	if (!o->ring || o->ring->n != 1)
		return false;
	fill_vector(o->ring, vector, &total);
	*piece = (struct span){ vector[0].iov_base, vector[0].iov_len };
	return true;
}

enum outbox_verdict
outbox_sent(struct outbox *o, int fd, struct span piece, int result)
{
	enum outbox_verdict verdict = taken(o, piece.n, result);

	return verdict == OUTBOX_EMPTY ? outbox_write(o, fd) : verdict;
}

size_t
outbox_take(struct outbox *o, char *out, size_t size)
{
	size_t n = 0;

	while (o->ring && o->ring->n && n < size) {
		struct span first = shared_bytes_frame(o->ring->items[o->ring->first]);
		size_t left = first.n - o->ring->sent_bytes;
		size_t piece = left < size - n ? left : size - n;

		memcpy(out + n, first.p + o->ring->sent_bytes, piece);
		n += piece;
		advance(o->ring, piece);
	}
	if (o->ring && o->ring->n == 0)
		outbox_fini(o);
	return n;
}

void
outbox_fini(struct outbox *o)
{
	while (o->ring && o->ring->n)
		drop_first(o->ring);
	free(o->ring);
	*o = (struct outbox){ 0 };
}
