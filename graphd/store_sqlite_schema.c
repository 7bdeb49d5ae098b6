#include "graphd/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "GrPh": tells our files from others'. */
enum { APPLICATION_ID = 0x47725068 };

/*
 * migrations[n] leads from version n to n + 1. The version stands in the file's header
 * (user_version); a file of a later version than this list knows is refused.
 */
static const char *const migrations[] = {
	"CREATE TABLE journal(lsn INTEGER PRIMARY KEY, session INTEGER NOT NULL, previous INTEGER "
	"NOT NULL,"
	" ordinal INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
	" time_us INTEGER NOT NULL, checksum INTEGER NOT NULL, previous_checksum INTEGER NOT NULL,"
	" bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE marks(session INTEGER NOT NULL, ordinal INTEGER NOT NULL, last_seq INTEGER "
	"NOT NULL,"
	" lsn INTEGER NOT NULL, PRIMARY KEY(session, ordinal)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE sessions(ref INTEGER PRIMARY KEY, id BLOB NOT NULL, log_id BLOB NOT NULL,"
	" epoch INTEGER NOT NULL, created_us INTEGER NOT NULL, active_us INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, lsn INTEGER NOT NULL, checksum INTEGER "
	"NOT NULL,"
	" has_project INTEGER NOT NULL, closed INTEGER NOT NULL) STRICT;"
	"CREATE TABLE snapshots(id INTEGER PRIMARY KEY, session INTEGER NOT NULL, ordinal INTEGER "
	"NOT NULL,"
	" seq INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;"
	"CREATE INDEX snapshots_by_session ON snapshots(session, ordinal);"
	/* A part's id is that of its snapshot times 65536 plus its place. */
	"CREATE TABLE snapshot_parts(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE projects(id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL, template_id TEXT "
	"NOT NULL,"
	" revision INTEGER NOT NULL, saved_us INTEGER NOT NULL) STRICT;"
	"CREATE TABLE revisions(project BLOB NOT NULL, revision INTEGER NOT NULL, saved_us INTEGER "
	"NOT NULL,"
	" checksum INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(project, revision)) STRICT;"
	"CREATE TABLE meta(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
	"INSERT INTO meta VALUES('scanned_lsn', 0);",
	/* Where a session's records begin: those up to this one were folded into the snapshot of
	   that ordinal. */
	"CREATE TABLE cuts(session INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, seq INTEGER NOT "
	"NULL,"
	" lsn INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;",
	/* Of a session's records that were folded, one that is still of use by itself. */
	"CREATE TABLE kept(session INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, first_seq "
	"INTEGER "
	"NOT NULL,"
	" last_seq INTEGER NOT NULL, time_us INTEGER NOT NULL, checksum INTEGER NOT NULL,"
	" previous_checksum INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;",
	/* Which project a session is on; NULL: none, or the row was written before. */
	"ALTER TABLE sessions ADD COLUMN project BLOB;",
	/* A start reads the sessions that go on, however many have ended. */
	"CREATE INDEX sessions_open ON sessions(ref) WHERE closed = 0;",
};
enum { VERSION = sizeof migrations / sizeof *migrations };

static const char *const texts[STATEMENTS] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_STEP_ADD] = "INSERT INTO journal VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[Q_MARK_ADD] = "INSERT INTO marks VALUES(?1, ?2, ?3, ?4)",
	[Q_SESSION_PUT] = "INSERT OR REPLACE INTO sessions VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
			  "?9, ?10, ?11, ?12, ?13)",
	[Q_META_PUT] = "UPDATE meta SET value = ?1 WHERE name = 'scanned_lsn'",
	/* What is the same as before would not be written. */
	[Q_PROBE] = "INSERT INTO meta VALUES('probes', 1)"
		    " ON CONFLICT(name) DO UPDATE SET value = value + 1",
	[Q_PROJECT_PUT] = "INSERT OR REPLACE INTO projects VALUES(?1, ?2, ?3, ?4, ?5)",
	[Q_REVISION_ADD] = "INSERT OR REPLACE INTO revisions VALUES(?1, ?2, ?3, ?4, ?5)",
	[Q_PROJECT_DROP] = "DELETE FROM projects WHERE id = ?1",
	[Q_REVISIONS_DROP] = "DELETE FROM revisions WHERE project = ?1",
	[Q_PARTS_CLEAR] = "DELETE FROM snapshot_parts WHERE id >= ?1 * 65536",
	[Q_PART_ADD] = "INSERT INTO snapshot_parts VALUES(?1 * 65536 + ?2, ?3)",
	[Q_SNAPSHOT_ADD] = "INSERT INTO snapshots VALUES(?1, ?2, ?3, ?4, ?5)",
	[Q_SNAPSHOTS_OLD] = "SELECT id FROM snapshots WHERE session = ?1"
			    /* Without this one the records behind it would be worth nothing. */
			    " AND ordinal NOT IN (SELECT ordinal FROM cuts WHERE session = ?1)"
			    " ORDER BY ordinal DESC LIMIT 1 OFFSET ?2",
	[Q_SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1",
	[Q_PARTS_DROP] =
	    "DELETE FROM snapshot_parts WHERE id >= ?1 * 65536 AND id < (?1 + 1) * 65536",
	[Q_STEP_LINK] = "SELECT session, previous, ordinal, checksum FROM journal WHERE lsn = ?1",
	[Q_STEP_READ] = "SELECT session, previous, ordinal, first_seq, last_seq, time_us, checksum,"
			" previous_checksum, bytes FROM journal WHERE lsn = ?1",
	[Q_MARK_READ] = "SELECT last_seq, lsn FROM marks WHERE session = ?1 AND ordinal = ?2",
	[Q_SNAPSHOT_FIND] = "SELECT id, ordinal, checksum FROM snapshots WHERE session = ?1"
			    " AND ordinal BETWEEN 1 AND ?2 ORDER BY ordinal DESC LIMIT 1",
	[Q_PARTS_READ] =
	    "SELECT bytes FROM snapshot_parts WHERE id >= ?1 * 65536 AND id < (?1 + 1) * 65536"
	    " ORDER BY id",
	[Q_KEPT_READ] = "SELECT ordinal, first_seq, last_seq, time_us, checksum, previous_checksum,"
			" bytes FROM kept WHERE session = ?1",
	[Q_PROJECTS_READ] =
	    "SELECT id, name, template_id, revision, saved_us FROM projects ORDER BY name, id",
	[Q_PROJECT_READ] =
	    "SELECT p.id, p.name, p.template_id, p.revision, p.saved_us, r.checksum, r.bytes"
	    " FROM projects p LEFT JOIN revisions r ON r.project = p.id AND r.revision = p.revision"
	    " WHERE p.id = ?1",
};

/*
 * EXCLUSIVE comes before the first access in WAL mode: no other process can open the file then,
 * which SQLite 3.40 needs (two connections that write and checkpoint at one moment can lose pages),
 * and no shared-memory file is made. FULL is what makes an answer mean "on disk". Checkpoints are
 * ours to choose, never inside a commit.
 */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA journal_size_limit = 67108864;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -32768;"
			       /* Takes the lock now instead of at the first write. */
			       "BEGIN IMMEDIATE; COMMIT;";

int
sqlite_run(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(db);
}

/* After a failed flush or write nobody knows what is on the disk, and a page that is no page says
 * the same. Lack of room or memory is no such thing. */
enum error
sqlite_error(int code, bool *fatal)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ERROR_storage_full;
	case SQLITE_IOERR:
		*fatal = code != SQLITE_IOERR_NOMEM;
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		*fatal = true;
		break;
	}
	return ERROR_storage_failed;
}

int
sqlite_disk_errno(const struct sqlite_store *s, bool in_log)
{
	int which = in_log ? SQLITE_FCNTL_JOURNAL_POINTER : SQLITE_FCNTL_FILE_POINTER;
	sqlite3_file *file = NULL;
	int cause = 0;

	if (sqlite3_file_control(s->db, "main", which, &file) == SQLITE_OK && file &&
	    file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause);
	return cause;
}

/* SQLite opens for reading what it may not write, and fails later for another reason. */
static int
why_read_only(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), cause = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return cause;
}

/* What the system said; 0: it was not the system. */
static int
cause_of(const struct sqlite_store *s, int primary)
{
	int cause;

	if (!s->db) /* there was no memory for it */
		return 0;
	cause = sqlite3_db_readonly(s->db, "main") == 1 ? why_read_only(s->path) : 0;
	if (cause == 0)
		cause = sqlite_disk_errno(s, false);
	if (cause == 0)
		cause = sqlite_disk_errno(s, true);
	if (cause == 0 && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR))
		cause = sqlite3_system_errno(s->db);
	return cause;
}

bool
sqlite_say(const struct sqlite_store *s, const char *what, char message[256])
{
	int code = sqlite3_extended_errcode(s->db), primary = code & 0xff;
	int n = snprintf(message, 256, "%s %.*s: ", what, MESSAGE_PATH_BYTES, s->path);
	int cause = cause_of(s, primary);
	const char *why = cause ? strerror(cause) : sqlite3_errmsg(s->db);

	if (primary == SQLITE_BUSY)
		snprintf(message + n, 256 - (size_t)n, "another process uses the database");
	else
		snprintf(message + n, 256 - (size_t)n, "%s (%d)", why, code);
	return false;
}

static bool
read_number(struct sqlite_store *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *q;
	bool good = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW;

	if (good)
		*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return good;
}

/* One transaction for all steps, so that a file is of one version or the other. */
static bool
migrate(struct sqlite_store *s, int64_t version, char message[256])
{
	char set[128];

	snprintf(set, sizeof set, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
	    APPLICATION_ID, VERSION);
	if (sqlite_run(s->db, "BEGIN IMMEDIATE") != SQLITE_OK)
		return sqlite_say(s, "cannot set up the database", message);
	for (; version < VERSION; version++)
		if (sqlite_run(s->db, migrations[version]) != SQLITE_OK)
			return sqlite_say(s, "cannot set up the database", message);
	if (sqlite_run(s->db, set) != SQLITE_OK || sqlite_run(s->db, "COMMIT") != SQLITE_OK)
		return sqlite_say(s, "cannot set up the database", message);
	return true;
}

static bool
check_version(struct sqlite_store *s, char message[256])
{
	int64_t id, version, tables;

	if (!read_number(s, "PRAGMA application_id", &id) ||
	    !read_number(s, "PRAGMA user_version", &version) ||
	    !read_number(s, "SELECT count(*) FROM sqlite_schema", &tables))
		return sqlite_say(s, "cannot read the database", message);
	if (tables > 0 && id != APPLICATION_ID) {
		snprintf(message, 256, "the file is a database of another program");
		return false;
	}
	if (version > VERSION) {
		snprintf(message, 256,
		    "the database has version %lld, this graphd knows %d: use a newer one",
		    (long long)version, VERSION);
		return false;
	}
	return version == VERSION || migrate(s, version, message);
}

static bool
prepare(struct sqlite_store *s, char message[256])
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
			&s->statements[i], NULL) != SQLITE_OK)
			return sqlite_say(s, "cannot prepare a statement", message);
	return true;
}

static int
note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_store *s = context;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

bool
sqlite_open_file(struct sqlite_store *s, const char *path, char message[256])
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE;
	mode_t mask;
	bool good;

	if (!sqlite_may_use(path, message))
		return false;
	s->path = path;
	mask = umask(077);
	good = sqlite3_open_v2(path, &s->db, flags, NULL) == SQLITE_OK &&
	    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
	    sqlite_run(s->db, settings) == SQLITE_OK;
	if (!good)
		sqlite_say(s, "cannot open the database", message);
	good = good && check_version(s, message) && prepare(s, message);
	umask(mask);
	/* Replaces the automatic checkpoint, which wal_autocheckpoint has switched off already. */
	if (good)
		sqlite3_wal_hook(s->db, note_wal_pages, s);
	if (good)
		sqlite_note_places(s);
	return good;
}

void
sqlite_close_file(struct sqlite_store *s)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	/* Closing would bring the log home and remove it: not on a disk that failed, nor from under
	 * a path where another file may lie by now. */
	if (s->db && s->fatal)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(s->db);
}

const char *
store_sqlite_version(void)
{
	return sqlite3_libversion();
}
