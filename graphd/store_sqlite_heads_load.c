/*
 * What is known of the sessions at a start. Only the records have checksums; the numbers in all
 * other rows may be anything, so none is used for a size or a place before it was looked at.
 */
#include "graphd/store_sqlite_heads.h"

#include "common/log.h"

#include <inttypes.h>

/* Beyond these a number is damage: no file gets so far, and they can be counted on from. */
enum { REF_MOST = INT32_MAX };
static const int64_t lsn_most = INT64_MAX / 2,
		     snapshot_most = INT64_MAX / SQLITE_SNAPSHOT_PARTS / 2;

typedef void row_fn(struct sqlite_store *, sqlite3_stmt *);

static int
read_all(struct sqlite_store *s, const char *sql, int64_t bound, row_fn *fn)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

	if (rc == SQLITE_OK)
		sqlite3_bind_int64(q, 1, bound);
	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		fn(s, q);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool
read_id(sqlite3_stmt *q, int column, struct uuid *out)
{
	if (sqlite3_column_bytes(q, column) != UUID_BYTES)
		return false;
	memcpy(out->bytes, sqlite3_column_blob(q, column), UUID_BYTES);
	return true;
}

static struct chain_end
read_end(sqlite3_stmt *q, int lsn, int ordinal, int seq, int checksum)
{
	return (struct chain_end){ .lsn = sqlite3_column_int64(q, lsn),
		.ordinal = (uint64_t)sqlite3_column_int64(q, ordinal),
		.seq = (uint64_t)sqlite3_column_int64(q, seq),
		.checksum = (uint64_t)sqlite3_column_int64(q, checksum) };
}

/* New records come behind it. False: that is no number of a record. */
static bool
note_lsn(struct sqlite_store *s, int64_t lsn)
{
	if (lsn < 0 || lsn > lsn_most)
		return false;
	if (s->committed_lsn < lsn)
		s->committed_lsn = lsn;
	return true;
}

/* The session can then neither be found nor be asked for; its records stay where they are. */
static void
pass_over(int64_t ref)
{
	log_warn(
	    "store", "the row of session number %" PRId64 " is damaged and is passed over", ref);
}

static void
fill_row(struct store_session *row, sqlite3_stmt *q)
{
	row->epoch = (uint64_t)sqlite3_column_int64(q, 3);
	row->created_us = (uint64_t)sqlite3_column_int64(q, 4);
	row->active_us = (uint64_t)sqlite3_column_int64(q, 5);
	row->seq = (uint64_t)sqlite3_column_int64(q, 6);
	row->ordinal = (uint64_t)sqlite3_column_int64(q, 7);
	row->has_project = sqlite3_column_int(q, 10) != 0;
	row->closed = sqlite3_column_int(q, 11) != 0;
	read_id(q, 12, &row->project_id);
}

static void
read_row(struct sqlite_store *s, sqlite3_stmt *q)
{
	int64_t ref = sqlite3_column_int64(q, 0);
	struct uuid id, log_id;
	struct head *h;

	if (sqlite_head_of_ref(s, ref))
		return;
	if (ref < 1 || ref > REF_MOST || !read_id(q, 1, &id) || !read_id(q, 2, &log_id) ||
	    sqlite_head_find(s, &id)) {
		pass_over(ref);
		return;
	}
	h = sqlite_head_add(s, &id, ref);
	h->row.log_id = log_id;
	fill_row(&h->row, q);
	h->pending_row = h->row;
	h->written = h->pending_written = true;
	h->committed = read_end(q, 8, 7, 6, 9);
	h->committed.time_us = h->row.active_us;
	h->pending = h->committed;
}

/* A record behind the persisted rows: it must continue its session's chain. */
static void
read_tail_record(struct sqlite_store *s, sqlite3_stmt *q)
{
	int64_t lsn = sqlite3_column_int64(q, 0);
	struct head *h = sqlite_head_of_ref(s, sqlite3_column_int64(q, 1));
	char id[UUID_TEXT + 1] = "unknown session";
	bool is_number = note_lsn(s, lsn);

	if (h && lsn <= h->committed.lsn)
		return;
	if (h)
		uuid_format(&h->id, id);
	if (!is_number || !h || h->damaged || sqlite3_column_int64(q, 2) != h->committed.lsn ||
	    (uint64_t)sqlite3_column_int64(q, 7) != h->committed.checksum) {
		log_warn(id,
		    "the journal is damaged at record %" PRId64
		    ": it does not continue the session's chain",
		    lsn);
		if (h)
			h->damaged = true;
		if (h && !s->broken_lsn)
			s->broken_lsn = lsn;
		return;
	}
	h->committed = read_end(q, 0, 3, 4, 6);
	h->committed.time_us = (uint64_t)sqlite3_column_int64(q, 5);
	h->pending = h->committed;
	sqlite_row_follow(&h->row, &h->committed);
	h->pending_row = h->row;
	sqlite_head_is_behind(s, h, lsn);
}

static void
read_scanned(struct sqlite_store *s, sqlite3_stmt *q)
{
	s->scanned_lsn = sqlite3_column_int64(q, 0);
}

static void
read_last_lsn(struct sqlite_store *s, sqlite3_stmt *q)
{
	note_lsn(s, sqlite3_column_int64(q, 0));
}

/* Rows that would be taken for those of a new session count as well. */
static void
read_last_ref(struct sqlite_store *s, sqlite3_stmt *q)
{
	if (s->last_ref < sqlite3_column_int64(q, 0))
		s->last_ref = sqlite3_column_int64(q, 0);
}

/*
 * Where the row was written before the cut was made, as after a kill, the records from there to the
 * cut are gone: the chain goes on behind the cut. No lsn until there may be used again either.
 */
static void
read_cut(struct sqlite_store *s, sqlite3_stmt *q)
{
	struct head *h = sqlite_head_of_ref(s, sqlite3_column_int64(q, 0));
	struct chain_end cut = read_end(q, 3, 1, 2, 4);

	if (!note_lsn(s, cut.lsn) || !h)
		return;
	h->cut = cut;
	if (h->committed.lsn >= h->cut.lsn)
		return;
	h->committed = h->pending = h->cut;
	sqlite_row_follow(&h->row, &h->committed);
	h->pending_row = h->row;
	sqlite_head_is_behind(s, h, s->scanned_lsn + 1);
}

static void
read_newest_snapshot(struct sqlite_store *s, sqlite3_stmt *q)
{
	s->next_snapshot = sqlite3_column_int64(q, 0) + 1;
}

int
sqlite_heads_find_end(struct sqlite_store *s)
{
	int rc;

	s->committed_lsn = 0;
	rc = read_all(s, "SELECT lsn FROM journal WHERE lsn <= ?1 ORDER BY lsn DESC LIMIT 1",
	    lsn_most, read_last_lsn);
	if (rc == SQLITE_OK)
		rc = read_all(s, "SELECT ifnull(max(lsn), 0) FROM cuts WHERE lsn <= ?1", lsn_most,
		    read_last_lsn);
	s->next_lsn = s->committed_lsn + 1;
	return rc;
}

/* All rows are up to date until there, or else nothing is: then the whole journal is looked at. */
static int
find_tail(struct sqlite_store *s)
{
	int rc = read_all(
	    s, "SELECT value FROM meta WHERE name = 'scanned_lsn' AND ?1 = 0", 0, read_scanned);

	if (rc == SQLITE_OK)
		rc = sqlite_heads_find_end(s);
	if (s->scanned_lsn >= 0 && s->scanned_lsn <= s->committed_lsn)
		return rc;
	log_warn("store",
	    "the database says that its rows are right until record %" PRId64
	    ", where there is none: the whole journal is looked at",
	    s->scanned_lsn);
	s->scanned_lsn = 0;
	return rc;
}

/* Of sessions that have ended, those with records in the tail, to which these belong. */
static int
read_sessions(struct sqlite_store *s)
{
	int rc = read_all(s,
	    "SELECT max(ifnull((SELECT max(ref) FROM sessions WHERE ref <= ?1), 0),"
	    " ifnull((SELECT max(session) FROM marks WHERE session <= ?1), 0))",
	    REF_MOST, read_last_ref);

	if (rc == SQLITE_OK)
		rc = read_all(s, "SELECT * FROM sessions WHERE closed = 0 AND ?1 = 0", 0, read_row);
	if (rc == SQLITE_OK)
		rc = read_all(s,
		    "SELECT * FROM sessions WHERE closed <> 0 AND"
		    " ref IN (SELECT session FROM journal WHERE lsn > ?1)",
		    s->scanned_lsn, read_row);
	return rc == SQLITE_OK ? read_all(s, "SELECT * FROM cuts WHERE session > ?1", 0, read_cut)
			       : rc;
}

static int
read_tail(struct sqlite_store *s)
{
	struct head *h;
	int rc = read_all(s,
	    "SELECT lsn, session, previous, ordinal, last_seq, time_us, checksum,"
	    " previous_checksum FROM journal WHERE lsn > ?1 ORDER BY lsn",
	    s->scanned_lsn, read_tail_record);

	for (size_t i = 0; (h = table_next(&s->heads, &i));)
		if (h->row.closed && !link_is_in_list(&h->behind))
			sqlite_head_forget(s, h);
	return rc;
}

bool
sqlite_heads_load(struct sqlite_store *s, char message[256])
{
	int rc;

	table_init(&s->heads, offsetof(struct head, id), UUID_BYTES);
	table_init(&s->by_ref, offsetof(struct head, ref), sizeof(int64_t));
	list_init(&s->behind);
	s->next_snapshot = 1;
	rc = find_tail(s);
	if (rc == SQLITE_OK)
		rc = read_sessions(s);
	if (rc == SQLITE_OK)
		rc = read_tail(s);
	if (rc == SQLITE_OK)
		rc = read_all(s,
		    "SELECT ifnull(max(id), 0) FROM snapshots WHERE id BETWEEN 0 AND ?1",
		    snapshot_most, read_newest_snapshot);
	s->next_lsn = s->committed_lsn + 1;
	return rc == SQLITE_OK || sqlite_say(s, "cannot read the database", message);
}

int
sqlite_heads_load_ended(struct sqlite_store *s)
{
	int rc = read_all(s, "SELECT * FROM sessions WHERE closed <> ?1", 0, read_row);

	return rc == SQLITE_OK ? read_all(s, "SELECT * FROM cuts WHERE session > ?1", 0, read_cut)
			       : rc;
}
