#include "graphd/errands.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/owner.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *
run_current(void *arg)
{
	struct errands *r = arg;

	r->current->run(r->current, &r->ends);
	eventfd_write(r->finished.fd, 1);
	return NULL;
}

static void
start_next(struct errands *r)
{
	struct link *next = list_take(&r->waiting);

	if (!next)
		return;
	r->current = LIST_OF(next, struct errand, link);
	thread_run(&r->thread, run_current, r);
}

/* The thread has said its last word. */
static struct errand *
take_current(struct errands *r)
{
	struct errand *current = r->current;

	thread_join(&r->thread);
	r->current = NULL;
	r->n--;
	return current;
}

static void
on_finished(struct loop_io *io, uint32_t events)
{
	struct errands *r = OWNER_OF(io, struct errands, finished);
	struct errand *ran;
	eventfd_t count;

	(void)events;
	if (eventfd_read(io->fd, &count) != 0 || !r->current)
		return;
	ran = take_current(r);
	start_next(r);
	r->done(r->context, ran);
}

void
errands_init(struct errands *r, struct loop *loop,
    void (*done)(void *context, struct errand *taken), void *context)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		log_fatal("errands", "eventfd: %s", strerror(errno));
	memset(r, 0, sizeof *r);
	r->loop = loop;
	r->done = done;
	r->context = context;
	list_init(&r->waiting);
	r->finished.ready = on_finished;
	loop_add(loop, &r->finished, fd, EPOLLIN);
}

void
errands_stop(struct errands *r, void (*fn)(struct errand *taken))
{
	r->ends = true;
	if (r->current)
		fn(take_current(r));
	for (struct link *l; (l = list_take(&r->waiting));)
		fn(LIST_OF(l, struct errand, link));
}

void
errands_fini(struct errands *r, void (*fn)(struct errand *taken))
{
	int fd = r->finished.fd;

	errands_stop(r, fn);
	loop_remove(r->loop, &r->finished);
	close(fd);
}

bool
errands_add(struct errands *r, struct errand *errand)
{
	if (r->ends || r->n >= LIMIT_ERRANDS)
		return false;
	r->n++;
	list_append(&r->waiting, &errand->link);
	if (!r->current)
		start_next(r);
	return true;
}
