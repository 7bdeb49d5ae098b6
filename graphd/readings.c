#include "graphd/readings.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/owner.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *
read_current(void *arg)
{
	struct readings *r = arg;

	r->current->run(r->current, &r->ends);
	eventfd_write(r->finished.fd, 1);
	return NULL;
}

static void
start_next(struct readings *r)
{
	struct link *next = list_take(&r->waiting);

	if (!next)
		return;
	r->current = LIST_OF(next, struct reading, link);
	thread_run(&r->thread, read_current, r);
}

/* The thread has said its last word. */
static struct reading *
take_current(struct readings *r)
{
	struct reading *current = r->current;

	thread_join(&r->thread);
	r->current = NULL;
	r->n--;
	return current;
}

static void
on_finished(struct loop_io *io, uint32_t events)
{
	struct readings *r = OWNER_OF(io, struct readings, finished);
	struct reading *read;
	eventfd_t count;

	(void)events;
	if (eventfd_read(io->fd, &count) != 0 || !r->current)
		return;
	read = take_current(r);
	start_next(r);
	r->done(r->context, read);
}

void
readings_init(struct readings *r, struct loop *loop,
    void (*done)(void *context, struct reading *taken), void *context)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		log_fatal("readings", "eventfd: %s", strerror(errno));
	memset(r, 0, sizeof *r);
	r->loop = loop;
	r->done = done;
	r->context = context;
	list_init(&r->waiting);
	r->finished.ready = on_finished;
	loop_add(loop, &r->finished, fd, EPOLLIN);
}

void
readings_fini(struct readings *r, void (*fn)(struct reading *taken))
{
	int fd = r->finished.fd;

	r->ends = true;
	if (r->current)
		fn(take_current(r));
	for (struct link *l; (l = list_take(&r->waiting));)
		fn(LIST_OF(l, struct reading, link));
	loop_remove(r->loop, &r->finished);
	close(fd);
}

bool
readings_add(struct readings *r, struct reading *reading)
{
	if (r->n >= LIMIT_READINGS)
		return false;
	r->n++;
	list_append(&r->waiting, &reading->link);
	if (!r->current)
		start_next(r);
	return true;
}
