#include "graphd/store_sqlite.h"

#include "common/clock.h"
#include "common/log.h"
#include "graphd/failpoint.h"

#include <errno.h>
#include <sys/eventfd.h>

/* A write-ahead log beyond this is brought home after the commit that made it so long: 16 MiB of it
 * take about 10 ms, and the longer it is, the more of its pages are old versions that need not be
 * written at all. */
enum {
	WAL_PAGES = 4096,
	QUICK_US = 500, /* what the last transaction took at most, for one to be written at once */
	LONG_BYTES = 1024 * 1024,
};

static bool
has_something_to_write(const struct work *w)
{
	return w->kind == WORK_PART || w->probe || w->commit->changes.n > 0 || w->scanned_lsn > 0;
}

/* SQLite takes only ENOSPC for lack of room, but a quota is a disk of its own size. Transactions
 * write to the log, checkpoints to the database. */
static enum error
error_of(struct sqlite_store *s, int code, bool in_log, bool *fatal)
{
	if (code == SQLITE_IOERR_WRITE && sqlite_disk_errno(s, in_log) == EDQUOT)
		return ERROR_storage_full;
	return sqlite_error(code, fatal);
}

static void
fail_after(struct sqlite_store *s, struct work *w, int code)
{
	bool told = code == SQLITE_READONLY_DBMOVED;

	w->error = error_of(s, code, true, &w->fatal);
	if (w->error == ERROR_storage_full) {
		told = s->full;
		s->full = true;
	}
	if (!told)
		log_warn("store", "a transaction failed: %s (%d)", sqlite3_errstr(code), code);
	if (w->fatal)
		s->fatal = true;
	/* A snapshot's part or a tidied row is nothing that a later commit rests on. */
	if (w->kind != WORK_COMMIT && !w->fatal)
		return;
	s->failed_epoch = w->epoch;
	s->failed_error = w->error;
}

static void
write_locked(struct sqlite_store *s, struct work *w)
{
	uint64_t began_us;
	int rc;

	if (s->fatal || w->epoch <= s->failed_epoch) {
		w->error = s->fatal ? ERROR_storage_failed : s->failed_error;
		w->fatal = s->fatal;
		return;
	}
	if (!has_something_to_write(w))
		return;
	began_us = clock_now_us();
	rc = sqlite_transaction(s, w);
	s->last_write_us = clock_now_us() - began_us;
	if (rc != SQLITE_OK) {
		fail_after(s, w, rc);
	} else if (s->full) {
		s->full = false;
		log_info("store", "there is room again");
	}
}

static void
give_back(struct sqlite_store *s, struct work *w)
{
	pthread_mutex_lock(&s->lock);
	list_append(&s->finished, &w->link);
	pthread_mutex_unlock(&s->lock);
	eventfd_write(s->back.fd, 1);
}

/* After a failed flush or write nothing is tried again: the pages it was about may be marked clean
 * and yet not be on the disk. Returns whether the log has become long. */
static bool
write_work(struct sqlite_store *s, struct work *w)
{
	bool is_long;

	pthread_mutex_lock(&s->db_lock);
	write_locked(s, w);
	is_long = s->wal_pages >= WAL_PAGES;
	pthread_mutex_unlock(&s->db_lock);
	return is_long;
}

bool
sqlite_write_now(struct sqlite_store *s, struct work *w)
{
	bool does;

	/* The thread has no work, but it may still be at a checkpoint. */
	if (pthread_mutex_trylock(&s->db_lock) != 0)
		return false;
	does = s->last_write_us <= QUICK_US && s->wal_pages < WAL_PAGES;
	if (does)
		write_locked(s, w);
	pthread_mutex_unlock(&s->db_lock);
	if (does)
		give_back(s, w);
	return does;
}

/* A checkpoint that lacks room loses nothing: the log stays as it is. A failed write or flush in it
 * is as bad as any other. */
static void
checkpoint(struct sqlite_store *s)
{
	bool fatal = false;
	int rc = SQLITE_OK;

	pthread_mutex_lock(&s->db_lock);
	if (!s->fatal && s->wal_pages > 0) {
		failpoint("before-checkpoint");
		rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		failpoint("after-checkpoint");
		s->wal_pages = 0;
	}
	if (rc != SQLITE_OK) {
		log_warn("store", "a checkpoint failed: %s (%d)", sqlite3_errstr(rc), rc);
		error_of(s, rc, false, &fatal);
		s->fatal = s->fatal || fatal;
	}
	pthread_mutex_unlock(&s->db_lock);
	if (fatal)
		eventfd_write(s->back.fd, 1);
}

static struct work *
next_work(struct sqlite_store *s)
{
	struct link *l;

	pthread_mutex_lock(&s->lock);
	while (list_is_empty(&s->todo) && !s->stop)
		pthread_cond_wait(&s->wake, &s->lock);
	l = list_take(&s->todo);
	pthread_mutex_unlock(&s->lock);
	return l ? LIST_OF(l, struct work, link) : NULL;
}

void *
sqlite_writer(void *store)
{
	struct sqlite_store *s = store;
	bool wants_checkpoint, is_long, is_put_off = false;
	struct work *w;

	while ((w = next_work(s))) {
		wants_checkpoint = w->checkpoint;
		is_long = w->kind == WORK_COMMIT && w->commit->changes.bytes > LONG_BYTES;
		wants_checkpoint |= write_work(s, w);
		give_back(s, w);
		/* Behind the answer, so that it delays at most the next commit; but behind the next
		 * one where that has waited for a long one already. */
		is_put_off = wants_checkpoint && is_long && !is_put_off;
		if (wants_checkpoint && !is_put_off)
			checkpoint(s);
	}
	return NULL;
}
