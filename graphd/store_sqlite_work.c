/* Works on their way to the writer and back, in the loop's thread. */

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/owner.h"
#include "graphd/store_sqlite_heads.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	FEW_CHANGES = 2 * LIMIT_ROW_REQUESTS, /* steps, and rows of sessions */
	FEW_BYTES = 256 * 1024,
};

/* No more than a gateway's message brings, and nothing else to be written: handing it over to the
 * thread and back costs some 60 us of its callers' waiting. */
static bool
is_little(const struct sqlite_store *s, const struct work *w)
{
	return w->kind == WORK_COMMIT && s->under_way == 1 && w->commit->changes.n <= FEW_CHANGES &&
	    w->commit->changes.bytes <= FEW_BYTES;
}

void
sqlite_hand_over(struct sqlite_store *s, struct work *w)
{
	w->epoch = s->epoch;
	s->under_way++;
	s->n_tidying += w->kind == WORK_TIDY;
	if (is_little(s, w) && sqlite_write_now(s, w))
		return;
	pthread_mutex_lock(&s->lock);
	list_append(&s->todo, &w->link);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

struct work *
sqlite_work_new(enum work_kind kind, struct commit *commit)
{
	struct work *w = xcalloc(1, sizeof *w);

	w->kind = kind;
	w->commit = commit;
	return w;
}

void
sqlite_snapshot_job_free(struct snapshot_job *j)
{
	list_remove(&j->link);
	free(j->bytes);
	free(j);
}

/* A snapshot that cannot be written is given up: it only saves time. */
static void
part_is_back(struct sqlite_store *s, const struct work *w)
{
	struct snapshot_job *j = w->part;

	s->part_under_way = false;
	j->done += SQLITE_PART_BYTES;
	s->next_snapshot += !w->error && j->done >= j->n;
	if (w->error || j->done >= j->n)
		sqlite_snapshot_job_free(j);
}

static void
commit_is_back(struct sqlite_store *s, const struct work *w)
{
	struct commit *commit = w->commit;

	if (!w->error) {
		sqlite_heads_committed(s, w);
	} else {
		/* What was appended since rests on what was lost. */
		changes_clear(&s->open);
		sqlite_heads_revert(s);
		s->epoch++;
	}
	if (commit->done)
		commit->done(commit->context, w->error, w->fatal);
}

static void
tidy_is_back(struct sqlite_store *s, const struct work *w)
{
	s->n_tidying--;
	if (w->error)
		sqlite_heads_redirty(s);
	else
		sqlite_heads_committed(s, w);
}

static void
settle(struct sqlite_store *s)
{
	struct link now;

	list_init(&now);
	pthread_mutex_lock(&s->lock);
	for (struct link *l; (l = list_take(&s->finished));)
		list_append(&now, l);
	pthread_mutex_unlock(&s->lock);
	for (struct link *l; (l = list_take(&now));) {
		struct work *w = LIST_OF(l, struct work, link);

		s->under_way--;
		switch (w->kind) {
		case WORK_COMMIT:
			commit_is_back(s, w);
			break;
		case WORK_PART:
			part_is_back(s, w);
			break;
		case WORK_TIDY:
			tidy_is_back(s, w);
			break;
		}
		commit_free(w->commit);
		free(w);
	}
}

static void
on_back(struct loop_io *io, uint32_t events)
{
	struct sqlite_store *s = OWNER_OF(io, struct sqlite_store, back);
	eventfd_t count;

	(void)events;
	if (eventfd_read(io->fd, &count) == 0)
		settle(s);
}

/* The thread must not take signals that the loop waits for. */
static void
start_thread(struct sqlite_store *s)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&s->thread, NULL, sqlite_writer, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		log_fatal("store", "pthread_create: %s", strerror(err));
}

void
sqlite_start_writer(struct sqlite_store *s)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		log_fatal("store", "eventfd: %s", strerror(errno));
	list_init(&s->todo);
	list_init(&s->finished);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->db_lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->epoch = 1;
	s->back.ready = on_back;
	loop_add(s->loop, &s->back, fd, EPOLLIN);
	start_thread(s);
}

void
sqlite_write_rest(struct sqlite_store *s)
{
	sqlite_writer(s);
	settle(s);
}

void
sqlite_stop_writer(struct sqlite_store *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	settle(s);
	/* What done() may have committed in answer. */
	sqlite_write_rest(s);
}

void
sqlite_writer_fini(struct sqlite_store *s)
{
	int fd = s->back.fd;

	loop_remove(s->loop, &s->back);
	close(fd);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->db_lock);
	pthread_cond_destroy(&s->wake);
}
