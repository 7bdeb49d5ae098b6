#include "common/frames.h"

#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Nothing waits, the peer is gone, the process is ending: all else but a lack of memory would be a
 * mistake of ours. */
static void
check_failure(int err)
{
	if (err == ENOMEM)
		log_fatal("memory", "the system has none left for a message");
	assert(err == EAGAIN || err == ETERM || err == EHOSTUNREACH);
}

static bool
recv_frame(zmq_msg_t *msg, void *socket)
{
	int got;

	zmq_msg_init(msg);
	do
		got = zmq_msg_recv(msg, socket, ZMQ_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got >= 0)
		return true;
	check_failure(errno);
	zmq_msg_close(msg);
	return false;
}

/* Reads what is left of a message that is too long; it must not be taken for the next one. */
static void
drop_rest(void *socket)
{
	zmq_msg_t msg;
	bool more = true;

	while (more && recv_frame(&msg, socket)) {
		more = zmq_msg_more(&msg);
		zmq_msg_close(&msg);
	}
}

bool
frames_recv(struct frames *f, void *socket)
{
	bool more;

	f->n = 0;
	f->too_long = false;
	do {
		if (f->n == FRAMES_MAX) {
			f->too_long = true;
			drop_rest(socket);
			return true;
		}
		/* ZeroMQ hands over whole messages: behind the first frame the others are there. */
		if (!recv_frame(&f->msg[f->n], socket)) {
			frames_fini(f);
			return false;
		}
		f->at[f->n] =
		    (struct span){ zmq_msg_data(&f->msg[f->n]), zmq_msg_size(&f->msg[f->n]) };
		more = zmq_msg_more(&f->msg[f->n++]);
	} while (more);
	return true;
}

void
frames_fini(struct frames *f)
{
	for (size_t i = 0; i < f->n; i++)
		zmq_msg_close(&f->msg[i]);
	f->n = 0;
}

static int
flags(bool more)
{
	return more ? ZMQ_DONTWAIT | ZMQ_SNDMORE : ZMQ_DONTWAIT;
}

bool
frames_send(void *socket, struct span bytes, bool more)
{
	int sent;

	do
		sent = zmq_send(socket, bytes.p, bytes.n, flags(more));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		check_failure(errno);
	return sent >= 0;
}

static void
free_bytes(void *bytes, void *hint)
{
	(void)hint;
	free(bytes);
}

bool
frames_send_owned(void *socket, char *bytes, size_t n, bool more)
{
	zmq_msg_t msg;
	int sent;

	if (zmq_msg_init_data(&msg, bytes, n, free_bytes, NULL) != 0)
		log_fatal("memory", "the system has none left for a message of %zu bytes", n);
	do
		sent = zmq_msg_send(&msg, socket, flags(more));
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		check_failure(errno);
		zmq_msg_close(&msg); /* calls free_bytes() */
	}
	return sent >= 0;
}
