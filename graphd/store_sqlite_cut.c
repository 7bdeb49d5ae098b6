/* Folds the older part of a session's journal into a snapshot. */
#include "graphd/store_sqlite_heads.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

/* A statement that is run a few times only. numbers are bound in order, then the bytes, if any. */
static int
run_once(sqlite3 *db, const char *sql, const int64_t *numbers, int n, const struct span *bytes)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		return rc;
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(q, i + 1, numbers[i]);
	if (bytes)
		sqlite3_bind_blob64(q, n + 1, bytes->p, bytes->n, SQLITE_STATIC);
	rc = sqlite3_step(q);
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The record of that ordinal, found backwards from the end. */
static int
find_record(struct sqlite_store *s, const struct head *h, uint64_t ordinal, struct chain_end *out)
{
	sqlite3_stmt *q;
	int64_t lsn = h->committed.lsn;
	int rc = sqlite3_prepare_v2(s->db,
	    "SELECT previous, ordinal, last_seq, checksum FROM journal WHERE lsn = ?1 AND session "
	    "= ?2",
	    -1, &q, NULL);

	while (rc == SQLITE_OK) {
		sqlite3_bind_int64(q, 1, lsn);
		sqlite3_bind_int64(q, 2, h->ref);
		if (sqlite3_step(q) != SQLITE_ROW) {
			rc = SQLITE_CORRUPT;
			break;
		}
		*out = (struct chain_end){ .lsn = lsn,
			.ordinal = (uint64_t)sqlite3_column_int64(q, 1),
			.seq = (uint64_t)sqlite3_column_int64(q, 2),
			.checksum = (uint64_t)sqlite3_column_int64(q, 3) };
		lsn = sqlite3_column_int64(q, 0);
		sqlite3_reset(q);
		if (out->ordinal <= ordinal)
			break;
	}
	sqlite3_finalize(q);
	if (rc == SQLITE_OK && out->ordinal != ordinal)
		rc = SQLITE_CORRUPT;
	return rc;
}

/* Backwards through the links: the journal has no index by session. A wrong one must not lead into
 * the records of another. */
static int
drop_records(struct sqlite_store *s, const struct head *h, int64_t lsn)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(s->db,
	    "DELETE FROM journal WHERE lsn = ?1 AND session = ?2 RETURNING previous", -1, &q, NULL);

	while (rc == SQLITE_OK && lsn > h->cut.lsn) {
		sqlite3_bind_int64(q, 1, lsn);
		sqlite3_bind_int64(q, 2, h->ref);
		rc = sqlite3_step(q) == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
		lsn = rc == SQLITE_OK ? sqlite3_column_int64(q, 0) : 0;
		sqlite3_reset(q);
	}
	sqlite3_finalize(q);
	return rc;
}

/* Older snapshots could be followed by nothing, so they go. */
static int
put_only_snapshot(
    struct sqlite_store *s, const struct head *h, const struct chain_end *cut, struct span bytes)
{
	int64_t of_session[] = { h->ref, (int64_t)cut->ordinal };
	int64_t row[] = { s->next_snapshot, h->ref, (int64_t)cut->ordinal, (int64_t)cut->seq,
		(int64_t)sqlite_bytes_checksum(bytes) };
	/* By ranges of ids, which are found by themselves: of all sessions there may be many parts.
	 */
	int rc = run_once(s->db,
	    "DELETE FROM snapshot_parts WHERE id IN (SELECT p.id FROM snapshots s JOIN"
	    " snapshot_parts p ON p.id >= s.id * 65536 AND p.id < (s.id + 1) * 65536"
	    " WHERE s.session = ?1 AND s.ordinal <= ?2)",
	    of_session, 2, NULL);

	if (rc == SQLITE_OK)
		rc = run_once(s->db, "DELETE FROM snapshots WHERE session = ?1 AND ordinal <= ?2",
		    of_session, 2, NULL);
	/* What a snapshot that was never finished left behind. */
	if (rc == SQLITE_OK)
		rc = run_once(
		    s->db, "DELETE FROM snapshot_parts WHERE id >= ?1 * 65536", row, 1, NULL);
	for (size_t at = 0, i = 0; rc == SQLITE_OK && at < bytes.n; at += SQLITE_PART_BYTES, i++) {
		size_t n = bytes.n - at < SQLITE_PART_BYTES ? bytes.n - at : SQLITE_PART_BYTES;
		int64_t id = s->next_snapshot * 65536 + (int64_t)i;

		rc = run_once(s->db, "INSERT INTO snapshot_parts VALUES(?1, ?2)", &id, 1,
		    &(struct span){ bytes.p + at, n });
	}
	if (rc == SQLITE_OK)
		rc = run_once(
		    s->db, "INSERT INTO snapshots VALUES(?1, ?2, ?3, ?4, ?5)", row, 5, NULL);
	return rc;
}

/* Before its record goes; or it went before. */
static int
keep_record(struct sqlite_store *s, const struct head *h, uint64_t ordinal)
{
	struct chain_end at;
	int rc;

	if (ordinal == 0)
		return run_once(s->db, "DELETE FROM kept WHERE session = ?1", &h->ref, 1, NULL);
	if (ordinal <= h->cut.ordinal)
		return SQLITE_OK;
	rc = find_record(s, h, ordinal, &at);
	if (rc != SQLITE_OK)
		return rc;
	return run_once(s->db,
	    "INSERT OR REPLACE INTO kept SELECT session, ordinal, first_seq, last_seq, time_us,"
	    " checksum, previous_checksum, bytes FROM journal WHERE lsn = ?1",
	    &at.lsn, 1, NULL);
}

static int
cut_in_transaction(struct sqlite_store *s, const struct head *h, struct chain_end *cut,
    uint64_t ordinal, struct span snapshot, uint64_t kept)
{
	int64_t row[5];
	int rc = find_record(s, h, ordinal, cut);

	if (rc == SQLITE_OK)
		rc = keep_record(s, h, kept);
	if (rc != SQLITE_OK)
		return rc;
	row[0] = h->ref;
	row[1] = (int64_t)cut->ordinal;
	row[2] = (int64_t)cut->seq;
	row[3] = cut->lsn;
	row[4] = (int64_t)cut->checksum;
	rc = drop_records(s, h, cut->lsn);
	if (rc == SQLITE_OK)
		rc = run_once(
		    s->db, "INSERT OR REPLACE INTO cuts VALUES(?1, ?2, ?3, ?4, ?5)", row, 5, NULL);
	return rc == SQLITE_OK ? put_only_snapshot(s, h, cut, snapshot) : rc;
}

enum error
sqlite_cut(struct store *store, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span snapshot, uint64_t kept)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct head *h = sqlite_head_find(s, session);
	struct chain_end cut = { 0 };
	bool fatal = false;
	int rc;

	if (!h || ordinal <= h->cut.ordinal)
		return OK;
	pthread_mutex_lock(&s->db_lock);
	rc = sqlite_run(s->db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = cut_in_transaction(s, h, &cut, ordinal, snapshot, kept);
	if (rc == SQLITE_OK && cut.seq != seq)
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = sqlite_run(s->db, "COMMIT");
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db))
		sqlite_run(s->db, "ROLLBACK");
	pthread_mutex_unlock(&s->db_lock);
	if (rc != SQLITE_OK) {
		log_warn("store", "a session's history could not be cut: %s (%d)",
		    sqlite3_errstr(rc), rc);
		return rc == SQLITE_CORRUPT ? ERROR_session_damaged : sqlite_error(rc, &fatal);
	}
	h->cut = cut;
	s->next_snapshot++;
	return OK;
}

/* Copies the bytes: fn may read other rows, and is called without the lock. False: not as written.
 */
static bool
fill_step(struct store_step *step, const struct head *h, sqlite3_stmt *q)
{
	size_t n = (size_t)sqlite3_column_bytes(q, 6);

	*step = (struct store_step){ .session = h->id,
		.ordinal = (uint64_t)sqlite3_column_int64(q, 0),
		.first_seq = (uint64_t)sqlite3_column_int64(q, 1),
		.last_seq = (uint64_t)sqlite3_column_int64(q, 2),
		.time_us = (uint64_t)sqlite3_column_int64(q, 3),
		.bytes = { xspandup((struct span){ n ? sqlite3_column_blob(q, 6) : "", n }), n } };
	return sqlite_step_checksum(step, (uint64_t)sqlite3_column_int64(q, 5)) ==
	    (uint64_t)sqlite3_column_int64(q, 4);
}

enum error
sqlite_kept(struct store *store, const struct uuid *session, store_step_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	const struct head *h = sqlite_head_find(s, session);
	sqlite3_stmt *q = s->statements[Q_KEPT_READ];
	struct store_step step = { .ordinal = 0 };
	bool is_whole = true;
	int rc;

	if (!h || !h->cut.lsn)
		return OK;
	pthread_mutex_lock(&s->db_lock);
	sqlite3_bind_int64(q, 1, h->ref);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		is_whole = fill_step(&step, h, q);
	sqlite3_reset(q);
	pthread_mutex_unlock(&s->db_lock);
	if (rc == SQLITE_ROW && is_whole)
		fn(context, &step);
	free((char *)step.bytes.p);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sqlite_read_failed(s, rc);
	return is_whole ? OK : ERROR_session_damaged;
}
