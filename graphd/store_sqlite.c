#include "graphd/store_sqlite_heads.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>

enum {
	TAIL_RECORDS =
	    16384, /* to be read at the next start; beyond it rows are brought up to date, */
	ROWS_PER_COMMIT = 64, /* so many at a time, which costs a commit about 0.1 ms */
	PART_EVERY_MS = 20,   /* a snapshot's parts leave room for commits */
	IDLE_MS = 200,	      /* since the last commit, before the log is brought home */
	LOOK_EVERY_MS = 1000, /* whether the files are where they were, and can be read */
};

static struct store *
sqlite_open(const char *path, struct loop *loop, char message[256])
{
	struct sqlite_store *s = xcalloc(1, sizeof *s);

	s->store.ops = &store_sqlite_ops;
	s->loop = loop;
	if (!sqlite_open_file(s, path, message) || !sqlite_heads_load(s, message)) {
		sqlite_heads_fini(s);
		sqlite_close_file(s);
		free(s);
		return NULL;
	}
	changes_init(&s->open);
	list_init(&s->snapshots);
	sqlite_start_writer(s);
	return &s->store;
}

/*
 * Something could not be read. That hurts whoever asked for it, and others can be served: unless
 * the whole disk is gone, which a write shows.
 */
static struct work *
probe_work(void)
{
	struct changes none;
	struct work *w;

	changes_init(&none);
	w = sqlite_work_new(WORK_TIDY, commit_new(&none, NULL, NULL));
	w->checkpoint = w->probe = true;
	return w;
}

/* Brings all rows up to date and the log home, so that a start has nothing to read behind. Nothing
 * is pending then. */
static struct work *
tidy_work(struct sqlite_store *s)
{
	struct changes rows;
	struct work *w;

	changes_init(&rows);
	w = sqlite_work_new(WORK_TIDY, NULL);
	s->in_round = false;
	w->scanned_lsn = sqlite_heads_flush(s, &rows, SIZE_MAX);
	if (w->scanned_lsn == s->scanned_lsn)
		w->scanned_lsn = 0;
	w->commit = commit_new(&rows, NULL, NULL);
	w->checkpoint = true;
	return w;
}

static bool
sqlite_close(struct store *store)
{
	struct sqlite_store *s = sqlite_store_of(store);
	bool good;

	sqlite_backup_slice(store, NULL, 0, NULL, NULL);
	sqlite_stop_writer(s);
	changes_clear(&s->open);
	sqlite_heads_revert(s);
	sqlite_hand_over(s, tidy_work(s));
	sqlite_write_rest(s);
	while (!list_is_empty(&s->snapshots))
		sqlite_snapshot_job_free(LIST_OF(s->snapshots.next, struct snapshot_job, link));
	changes_clear(&s->open);
	sqlite_heads_fini(s);
	good = !s->fatal;
	sqlite_close_file(s);
	sqlite_writer_fini(s);
	free(s);
	return good;
}

/* A session's row goes before its first record, which says only its number. */
static void
sqlite_append(struct store *store, const struct store_step *step)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct head *h = sqlite_head_get(s, &step->session);

	if (!h->pending_written)
		sqlite_head_put_row(&s->open, h);
	sqlite_head_append(s, changes_add_step(&s->open, step));
}

/* One that has to wait longer than its session needs for the next is of no use any more. The first
 * in line may be half written. */
static void
drop_waiting(struct sqlite_store *s, int64_t session_ref)
{
	struct link *first = s->snapshots.next;

	for (struct link *at = s->snapshots.prev; at != first && at != &s->snapshots;) {
		struct snapshot_job *j = LIST_OF(at, struct snapshot_job, link);

		at = at->prev;
		if (j->session_ref == session_ref)
			sqlite_snapshot_job_free(j);
	}
}

static void
sqlite_put_snapshot(struct store *store, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span bytes, char *taken)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct head *h = sqlite_head_find(s, session);
	struct snapshot_job *j;

	if (!h || !bytes.n) {
		free(taken);
		return;
	}
	drop_waiting(s, h->ref);
	j = xcalloc(1, sizeof *j);
	j->session_ref = h->ref;
	j->ordinal = ordinal;
	j->seq = seq;
	j->checksum = sqlite_bytes_checksum(bytes);
	j->bytes = taken ? taken : xspandup(bytes);
	j->n = bytes.n;
	list_append(&s->snapshots, &j->link);
}

static void
sqlite_put_session(struct store *store, const struct store_session *session)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct head *h = sqlite_head_get(s, &session->id);

	h->pending_row = *session;
	sqlite_head_put_row(&s->open, h);
}

static void
sqlite_put_project(struct store *store, const struct store_project *project)
{
	changes_add_project(&sqlite_store_of(store)->open, project);
}

static void
sqlite_drop_project(struct store *store, const struct uuid *id)
{
	changes_add_drop_project(&sqlite_store_of(store)->open, id);
}

static void
sqlite_commit(struct store *store, store_done_fn *done, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct work *w = sqlite_work_new(WORK_COMMIT, NULL);

	/* Rows that are being written by themselves may yet fail by themselves. */
	if (s->n_tidying == 0 && s->next_lsn - s->scanned_lsn > TAIL_RECORDS)
		w->scanned_lsn = sqlite_heads_flush(s, &s->open, ROWS_PER_COMMIT);
	w->commit = commit_new(&s->open, done, context);
	s->last_commit_ms = clock_now_ms();
	sqlite_hand_over(s, w);
}

static void
write_next_part(struct sqlite_store *s, uint64_t now_ms)
{
	struct work *w = sqlite_work_new(WORK_PART, NULL);

	w->part = LIST_OF(s->snapshots.next, struct snapshot_job, link);
	/* The number of one that was given up is used again, and what that left behind is cleared.
	 */
	w->part->id = s->next_snapshot;
	s->part_under_way = true;
	s->last_part_ms = now_ms;
	sqlite_hand_over(s, w);
}

/* What is written to a file that was moved away or removed is lost, so an idle server shall not be
 * taken for a sound one either. */
static void
look_after_files(struct sqlite_store *s, uint64_t now_ms)
{
	if (now_ms < s->last_look_ms + LOOK_EVERY_MS)
		return;
	s->last_look_ms = now_ms;
	if (!s->fatal && !sqlite_is_in_place(s))
		s->fatal = true;
	if (atomic_exchange(&s->suspect, false) && !s->fatal)
		sqlite_hand_over(s, probe_work());
}

static bool
sqlite_tend(struct store *store, bool idle)
{
	struct sqlite_store *s = sqlite_store_of(store);
	uint64_t now_ms = clock_now_ms();

	look_after_files(s, now_ms);
	if (s->fatal)
		return false;
	if (!list_is_empty(&s->snapshots) && !s->part_under_way &&
	    (idle || now_ms >= s->last_part_ms + PART_EVERY_MS))
		write_next_part(s, now_ms);
	if (!idle || s->under_way > 0 || s->open.n > 0 || now_ms < s->last_commit_ms + IDLE_MS)
		return true;
	if (!list_is_empty(&s->behind) || s->next_lsn - 1 > s->scanned_lsn)
		sqlite_hand_over(s, tidy_work(s));
	return true;
}

static uint64_t
sqlite_first_seq(struct store *store, const struct uuid *session)
{
	const struct head *h = sqlite_head_find(sqlite_store_of(store), session);

	return h ? h->cut.seq + 1 : 1;
}

static bool
sqlite_is_busy(struct store *store)
{
	struct sqlite_store *s = sqlite_store_of(store);

	if (pthread_mutex_trylock(&s->db_lock) != 0)
		return true;
	pthread_mutex_unlock(&s->db_lock);
	return false;
}

const struct store_ops store_sqlite_ops = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.append = sqlite_append,
	.put_snapshot = sqlite_put_snapshot,
	.put_session = sqlite_put_session,
	.put_project = sqlite_put_project,
	.drop_project = sqlite_drop_project,
	.commit = sqlite_commit,
	.sessions = sqlite_read_sessions,
	.snapshot = sqlite_read_snapshot,
	.steps = sqlite_read_steps,
	.steps_by_seq = sqlite_read_steps_by_seq,
	.first_seq = sqlite_first_seq,
	.projects = sqlite_read_projects,
	.project = sqlite_read_project,
	.is_busy = sqlite_is_busy,
	.aside = sqlite_aside,
	.tend = sqlite_tend,
	.backup = sqlite_backup,
	.backup_slice = sqlite_backup_slice,
	.verify = sqlite_verify,
	.cut = sqlite_cut,
	.kept = sqlite_kept,
	.know_ended = sqlite_know_ended,
	.drop_ended = sqlite_drop_ended,
};
