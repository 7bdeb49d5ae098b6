/* A work as one transaction: the rows of its changes, or a part of a snapshot. */

#include "graphd/failpoint.h"
#include "graphd/store_sqlite_heads.h"

/* Runs a statement whose parameters are bound; it is ready for the next time. */
static int
finish(struct sqlite_store *s, enum statement which)
{
	sqlite3_stmt *q = s->statements[which];
	int rc;

	do
		rc = sqlite3_step(q);
	while (rc == SQLITE_ROW);
	sqlite3_reset(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void
bind_numbers(sqlite3_stmt *q, const int64_t *numbers, int n)
{
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(q, i + 1, numbers[i]);
}

static int
finish_with_number(struct sqlite_store *s, enum statement which, int64_t number)
{
	sqlite3_bind_int64(s->statements[which], 1, number);
	return finish(s, which);
}

/* Bytes outlive the statement's run: nothing is copied. An empty blob must not become NULL. Of what
 * is longer than SQLite takes, what was bound before may still be there. */
static int
bind_bytes(sqlite3_stmt *q, int place, struct span bytes)
{
	return sqlite3_bind_blob64(q, place, bytes.n ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

static void
bind_id(sqlite3_stmt *q, int place, const struct uuid *id)
{
	bind_bytes(q, place, (struct span){ (const char *)id->bytes, UUID_BYTES });
}

static int
add_step(struct sqlite_store *s, const struct change *change)
{
	const struct store_step *step = &change->of.step;
	const struct chain_place *place = &change->place;
	int64_t row[] = { place->lsn, place->session_ref, place->previous_lsn,
		(int64_t)step->ordinal, (int64_t)step->first_seq, (int64_t)step->last_seq,
		(int64_t)step->time_us, (int64_t)place->checksum,
		(int64_t)place->previous_checksum };
	int64_t mark[] = { place->session_ref, (int64_t)step->ordinal, (int64_t)step->last_seq,
		place->lsn };
	int rc;

	failpoint("before-insert");
	bind_numbers(s->statements[Q_STEP_ADD], row, 9);
	rc = bind_bytes(s->statements[Q_STEP_ADD], 10, step->bytes);
	if (rc == SQLITE_OK)
		rc = finish(s, Q_STEP_ADD);
	failpoint("after-insert");
	if (rc != SQLITE_OK || (step->ordinal != 1 && step->ordinal % SQLITE_MARK_EVERY != 0))
		return rc;
	bind_numbers(s->statements[Q_MARK_ADD], mark, 4);
	return finish(s, Q_MARK_ADD);
}

static int
put_session(struct sqlite_store *s, const struct change *change)
{
	const struct store_session *row = &change->of.session;
	sqlite3_stmt *q = s->statements[Q_SESSION_PUT];
	int64_t numbers[] = { change->place.session_ref, 0, 0, (int64_t)row->epoch,
		(int64_t)row->created_us, (int64_t)row->active_us, (int64_t)row->seq,
		(int64_t)row->ordinal, change->place.lsn, (int64_t)change->place.checksum,
		row->has_project, row->closed };

	bind_numbers(q, numbers, 12);
	bind_id(q, 2, &row->id);
	bind_id(q, 3, &row->log_id);
	sqlite3_bind_null(q, 13);
	if (!uuid_is_nil(&row->project_id))
		bind_id(q, 13, &row->project_id);
	return finish(s, Q_SESSION_PUT);
}

static int
put_project(struct sqlite_store *s, const struct change *change)
{
	const struct store_project *p = &change->of.project;
	sqlite3_stmt *q = s->statements[Q_PROJECT_PUT];
	int rc;

	bind_id(q, 1, &p->id);
	sqlite3_bind_text(q, 2, p->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, p->template_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 4, (int64_t)p->revision);
	sqlite3_bind_int64(q, 5, (int64_t)p->saved_us);
	rc = finish(s, Q_PROJECT_PUT);
	if (rc != SQLITE_OK)
		return rc;
	q = s->statements[Q_REVISION_ADD];
	bind_id(q, 1, &p->id);
	sqlite3_bind_int64(q, 2, (int64_t)p->revision);
	sqlite3_bind_int64(q, 3, (int64_t)p->saved_us);
	sqlite3_bind_int64(q, 4, (int64_t)sqlite_bytes_checksum(p->bytes));
	rc = bind_bytes(q, 5, p->bytes);
	return rc == SQLITE_OK ? finish(s, Q_REVISION_ADD) : rc;
}

static int
drop_project(struct sqlite_store *s, const struct change *change)
{
	int rc;

	bind_id(s->statements[Q_PROJECT_DROP], 1, &change->id);
	rc = finish(s, Q_PROJECT_DROP);
	if (rc != SQLITE_OK)
		return rc;
	bind_id(s->statements[Q_REVISIONS_DROP], 1, &change->id);
	return finish(s, Q_REVISIONS_DROP);
}

static int
carry_out(struct sqlite_store *s, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_STEP:
		return add_step(s, change);
	case CHANGE_SESSION:
		return put_session(s, change);
	case CHANGE_PROJECT:
		return put_project(s, change);
	case CHANGE_DROP_PROJECT:
		return drop_project(s, change);
	case CHANGE_SNAPSHOT: /* goes by parts, see write_part() */
		break;
	}
	return SQLITE_MISUSE;
}

/* Where a chain is broken each start must find it so: else the session would seem to end before. */
static int64_t
scanned_until(const struct sqlite_store *s, const struct work *w)
{
	return s->broken_lsn && w->scanned_lsn >= s->broken_lsn ? s->broken_lsn - 1
								: w->scanned_lsn;
}

static int
write_changes(struct sqlite_store *s, const struct work *w)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < w->commit->changes.n && rc == SQLITE_OK; i++)
		rc = carry_out(s, &w->commit->changes.list[i]);
	if (rc == SQLITE_OK && w->probe)
		rc = finish(s, Q_PROBE);
	if (rc == SQLITE_OK && w->scanned_lsn)
		rc = finish_with_number(s, Q_META_PUT, scanned_until(s, w));
	return rc;
}

/* The snapshot's row comes with its last part: an unfinished snapshot is never seen. Then the
 * oldest one goes. */
static int
finish_snapshot(struct sqlite_store *s, const struct snapshot_job *j)
{
	int64_t row[] = { j->id, j->session_ref, (int64_t)j->ordinal, (int64_t)j->seq,
		(int64_t)j->checksum };
	sqlite3_stmt *q = s->statements[Q_SNAPSHOTS_OLD];
	int64_t old = 0;
	int rc;

	bind_numbers(s->statements[Q_SNAPSHOT_ADD], row, 5);
	rc = finish(s, Q_SNAPSHOT_ADD);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_int64(q, 1, j->session_ref);
	sqlite3_bind_int64(q, 2, SQLITE_SNAPSHOTS_KEPT);
	if (sqlite3_step(q) == SQLITE_ROW)
		old = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	if (old == 0)
		return SQLITE_OK;
	rc = finish_with_number(s, Q_SNAPSHOT_DROP, old);
	return rc == SQLITE_OK ? finish_with_number(s, Q_PARTS_DROP, old) : rc;
}

static int
write_part(struct sqlite_store *s, const struct work *w)
{
	const struct snapshot_job *j = w->part;
	sqlite3_stmt *q = s->statements[Q_PART_ADD];
	size_t n = j->n - j->done < SQLITE_PART_BYTES ? j->n - j->done : SQLITE_PART_BYTES;
	int rc = SQLITE_OK;

	failpoint("before-snapshot");
	/* What an earlier try under this id left behind. */
	if (j->done == 0)
		rc = finish_with_number(s, Q_PARTS_CLEAR, j->id);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_int64(q, 1, j->id);
	sqlite3_bind_int64(q, 2, (int64_t)(j->done / SQLITE_PART_BYTES));
	bind_bytes(q, 3, (struct span){ j->bytes + j->done, n });
	rc = finish(s, Q_PART_ADD);
	if (rc == SQLITE_OK && j->done + n == j->n)
		rc = finish_snapshot(s, j);
	failpoint("after-snapshot");
	return rc;
}

/* SQLite may have rolled back by itself already; then there is nothing to roll back and that is no
 * error. */
int
sqlite_transaction(struct sqlite_store *s, const struct work *w)
{
	int rc;

	failpoint("before-begin");
	/* One that failed, and could not be rolled back for want of memory. */
	if (!sqlite3_get_autocommit(s->db))
		finish(s, Q_ROLLBACK);
	rc = finish(s, Q_BEGIN);
	if (rc != SQLITE_OK)
		return rc;
	failpoint("after-begin");
	rc = w->kind == WORK_PART ? write_part(s, w) : write_changes(s, w);
	failpoint("before-commit");
	if (rc == SQLITE_OK)
		rc = finish(s, Q_COMMIT);
	failpoint("after-commit");
	if (rc == SQLITE_OK && !sqlite_is_in_place(s))
		return SQLITE_READONLY_DBMOVED;
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db))
		finish(s, Q_ROLLBACK);
	return rc;
}
