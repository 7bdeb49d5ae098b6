#pragma once
/*
 * The durable store, for its own files: store_sqlite.c (life, the open batch, upkeep),
 * store_sqlite_work.c (works to the writer and back), store_sqlite_write.c and
 * store_sqlite_write_rows.c (the writer's thread), store_sqlite_schema.c (opening the file),
 * store_sqlite_read.c and store_sqlite_read_rows.c (reading back), store_sqlite_aside.c (the same
 * in another thread), store_sqlite_cut.c, store_sqlite_ended.c and store_sqlite_verify.c (what
 * graphctl asks for), store_sqlite_heads.h (where each session's chain ends), store_sqlite_place.c
 * (whether the files may be used, and are still where they were). docs/decisions/0003-journal.md
 * says why it is so.
 *
 * One connection in one process, under one mutex that the writer holds for a whole transaction:
 * what is read is therefore committed.
 */

#include "common/loop.h"
#include "common/table.h"
#include "graphd/changes.h"
#include "graphd/store_backends.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
	SQLITE_MARK_EVERY = 64, /* every so many steps of a session its place in the journal is
				   noted, and that of the first */
	SQLITE_PART_BYTES = 512 * 1024, /* of a snapshot, written in one transaction */
	SQLITE_SNAPSHOTS_KEPT = 2,
	SQLITE_SNAPSHOT_PARTS = 65536, /* a part's id is that of its snapshot times this, and its
					  place */
	MESSAGE_PATH_BYTES = 160,      /* so much of a path goes into a message */
};

/* Which file was found under a path. */
struct file_place {
	const char *path; /* SQLite's */
	dev_t device;
	ino_t inode;
};

/* A snapshot on its way to disk. */
struct snapshot_job {
	struct link link;
	int64_t id, session_ref;
	uint64_t ordinal, seq, checksum;
	char *bytes; /* owned */
	size_t n, done;
};

/* A copy that is being made in slices; path NULL: none is. */
struct online_copy {
	char *path; /* owned */
	sqlite3 *db;
	sqlite3_backup *backup;
	uint64_t last_ms; /* of the last slice */
};

struct head;

enum work_kind { WORK_COMMIT, WORK_PART, WORK_TIDY };

/* What the writer is given. */
struct work {
	struct link link;
	enum work_kind kind;
	struct commit *commit;	   /* owned; COMMIT: the changes; TIDY: session rows */
	int64_t scanned_lsn;	   /* all rows are up to date until there; 0: not to be written */
	struct snapshot_job *part; /* PART: borrowed from the store until the work is back */
	bool checkpoint;
	bool probe;	/* writes, though it need not, to see whether that is possible */
	unsigned epoch; /* see sqlite_store.epoch */
	enum error error;
	bool fatal;
};

enum statement {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_STEP_ADD,
	Q_MARK_ADD,
	Q_SESSION_PUT,
	Q_META_PUT,
	Q_PROBE,
	Q_PROJECT_PUT,
	Q_REVISION_ADD,
	Q_PROJECT_DROP,
	Q_REVISIONS_DROP,
	Q_PARTS_CLEAR,
	Q_PART_ADD,
	Q_SNAPSHOT_ADD,
	Q_SNAPSHOTS_OLD,
	Q_SNAPSHOT_DROP,
	Q_PARTS_DROP,
	Q_STEP_LINK,
	Q_STEP_READ,
	Q_MARK_READ,
	Q_SNAPSHOT_FIND,
	Q_PARTS_READ,
	Q_KEPT_READ,
	Q_PROJECTS_READ,
	Q_PROJECT_READ,
	STATEMENTS
};

struct sqlite_store {
	struct store store;
	struct loop *loop;
	sqlite3 *db;
	const char *path; /* borrowed, until the file is open */
	sqlite3_stmt *statements[STATEMENTS];
	pthread_mutex_t db_lock; /* the connection and its statements */

	/* The loop's side. */
	struct changes open;
	struct table heads, by_ref; /* struct head by id, and by ref */
	int64_t last_ref;	    /* the highest that was ever used */
	struct link behind;	    /* struct head, the longest behind first */
	int64_t next_lsn, committed_lsn, scanned_lsn;
	int64_t broken_lsn; /* the first record that continued no chain at the start; 0: none */
	bool in_round;	    /* of bringing rows up to date */
	int64_t round_lsn;
	size_t n_tidying;      /* works of that kind under way */
	struct link snapshots; /* struct snapshot_job, the first one being written */
	int64_t next_snapshot;
	bool part_under_way;
	size_t under_way; /* works given to the writer and not yet back */
	uint64_t last_commit_ms, last_part_ms, last_look_ms;
	atomic_bool suspect; /* something could not be read, by whichever thread */
	struct file_place places[2];
	size_t n_places;
	struct online_copy copy;
	struct loop_io back; /* an eventfd: works have come back */

	/* Between the threads, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct link todo, finished; /* struct work */
	bool stop;
	unsigned epoch; /* raised by the loop after a failure: works of an older one fail unseen */

	pthread_t thread;

	/* Under db_lock. */
	unsigned failed_epoch; /* the newest one with a failure; epochs begin with 1 */
	enum error failed_error;
	atomic_bool fatal;	/* no further commit, ever; the loop looks at it too */
	bool full;		/* the last transaction found no room */
	int wal_pages;		/* written since the last checkpoint */
	uint64_t last_write_us; /* how long the last transaction took */
};

/* store_sqlite_schema.c: opens, sets up, migrates and prepares; false with a message. */
bool sqlite_open_file(struct sqlite_store *, const char *path, char message[256]);
void sqlite_close_file(struct sqlite_store *);
/* Says what failed in opening it, with path and cause; returns false. */
bool sqlite_say(const struct sqlite_store *, const char *what, char message[256]);
/* What the system last said against the log, or the database; 0: nothing so far. */
int sqlite_disk_errno(const struct sqlite_store *, bool in_log);
/* Runs statements without results: SQLITE_OK or the extended code. */
int sqlite_run(sqlite3 *, const char *sql);
/* An error as the store's interface knows it; fatal is set when the disk cannot be trusted any
 * more. */
enum error sqlite_error(int code, bool *fatal);

/* store_sqlite_place.c: whether the file may be read and written, or could be made; false with a
 * message. */
bool sqlite_may_use(const char *path, char message[256]);
/* After opening: which files the database and its log are. */
void sqlite_note_places(struct sqlite_store *);
/* false: one of them is no longer under its path, so what is written to it would not be found at
 * the next start. */
bool sqlite_is_in_place(const struct sqlite_store *);

/* store_sqlite_backup.c */
enum error sqlite_backup(struct store *, const char *path, char message[256]);
enum error sqlite_backup_slice(
    struct store *, const char *path, uint64_t slice_ms, bool *more, char message[256]);

/* store_sqlite_cut.c */
enum error sqlite_cut(struct store *, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span snapshot, uint64_t kept);
enum error sqlite_kept(struct store *, const struct uuid *session, store_step_fn *, void *context);

/* store_sqlite_ended.c */
enum error sqlite_know_ended(struct store *);
enum error sqlite_drop_ended(struct store *);

/* store_sqlite_verify.c */
enum error sqlite_verify(struct store *, store_flaw_fn *, void *context);

/* store_sqlite_work.c: the thread, and the eventfd by which works come back. */
void sqlite_start_writer(struct sqlite_store *);
/* What it was given is done and settled. What is handed over from then on waits for
 * sqlite_write_rest(). */
void sqlite_stop_writer(struct sqlite_store *);
/* In this thread, when the writer's has ended. */
void sqlite_write_rest(struct sqlite_store *);
void sqlite_writer_fini(struct sqlite_store *);
/* Takes the commit. */
struct work *sqlite_work_new(enum work_kind, struct commit *);
/* Takes the work. */
void sqlite_hand_over(struct sqlite_store *, struct work *);
void sqlite_snapshot_job_free(struct snapshot_job *);

/* store_sqlite_write_rows.c: SQLITE_OK or the extended code; then it was taken back. */
int sqlite_transaction(struct sqlite_store *, const struct work *);

/* store_sqlite_write.c */
void *sqlite_writer(void *store);
/* In the loop's thread, which then waits for the disk; only while the writer has no work. False: it
 * is to be given to the writer, since the disk is slow, or a checkpoint is due or under way. */
bool sqlite_write_now(struct sqlite_store *, struct work *);

/* store_sqlite_read.c, store_sqlite_read_rows.c */
/* Notes that something could not be read, which may mean that the disk is gone: storage_failed. */
enum error sqlite_read_failed(struct sqlite_store *, int code);
enum error sqlite_read_sessions(struct store *, store_session_fn *, void *context);
enum error sqlite_read_snapshot(struct store *, const struct uuid *session,
    uint64_t not_after_ordinal, struct json_out *bytes, uint64_t *ordinal);
enum error sqlite_read_steps(struct store *, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *, void *context);
enum error sqlite_read_steps_by_seq(
    struct store *, const struct uuid *session, uint64_t after_seq, store_step_fn *, void *context);
enum error sqlite_read_projects(struct store *, store_project_fn *, void *context);
enum error sqlite_read_project(
    struct store *, const struct uuid *id, store_project_fn *, void *context);

/* The same by what is known of the session, which another thread may have of its own. NULL: there
 * is no such session. */
enum error sqlite_find_snapshot(struct sqlite_store *, const struct head *,
    uint64_t not_after_ordinal, struct json_out *bytes, uint64_t *ordinal);
enum error sqlite_walk_steps(struct sqlite_store *, const struct head *, uint64_t after_ordinal,
    store_step_fn *, void *context);
enum error sqlite_walk_steps_by_seq(
    struct sqlite_store *, const struct head *, uint64_t after_seq, store_step_fn *, void *context);

/* store_sqlite_aside.c */
struct store *sqlite_aside(struct store *, const struct uuid *session);

static inline struct sqlite_store *
sqlite_store_of(struct store *store)
{
	return (struct sqlite_store *)(void *)store;
}
