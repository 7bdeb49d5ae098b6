/* Sessions, snapshots and projects: what lies beside the journal. */
#include "graphd/store_sqlite_heads.h"

#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdlib.h>

/* What is known of a snapshot beside its bytes. */
struct snapshot_row {
	int64_t id, ordinal;
	uint64_t checksum;
};

/* SQLite calls a page malformed too when the disk does not give it. */
enum error
sqlite_read_failed(struct sqlite_store *s, int rc)
{
	int primary = rc & 0xff;

	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
	    (primary == SQLITE_IOERR && rc != SQLITE_IOERR_NOMEM))
		s->suspect = true;
	return ERROR_storage_failed;
}

enum error
sqlite_read_sessions(struct store *store, store_session_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	const struct head *h;

	for (size_t i = 0; (h = table_next(&s->heads, &i));)
		if (h->written && !uuid_is_nil(&h->row.log_id) && !fn(context, &h->row))
			break;
	return OK;
}

static int
read_parts(struct sqlite_store *s, int64_t snapshot, struct json_out *bytes)
{
	sqlite3_stmt *q = s->statements[Q_PARTS_READ];
	int rc;

	sqlite3_bind_int64(q, 1, snapshot);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		json_out_bytes(bytes,
		    (struct span){ sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0) });
	sqlite3_reset(q);
	return rc;
}

/* The newest snapshot that is not after an ordinal: SQLITE_ROW, or SQLITE_DONE when there is none.
 */
static int
find_snapshot(struct sqlite_store *s, int64_t session_ref, int64_t bound, struct snapshot_row *row)
{
	sqlite3_stmt *q = s->statements[Q_SNAPSHOT_FIND];
	int rc;

	sqlite3_bind_int64(q, 1, session_ref);
	sqlite3_bind_int64(q, 2, bound);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*row = (struct snapshot_row){ .id = sqlite3_column_int64(q, 0),
			.ordinal = sqlite3_column_int64(q, 1),
			.checksum = (uint64_t)sqlite3_column_int64(q, 2) };
	sqlite3_reset(q);
	return rc;
}

/* The newest one that is whole: one that is damaged or cannot be read costs time and nothing else,
 * for the journal has it all, unless it was cut. */
enum error
sqlite_find_snapshot(struct sqlite_store *s, const struct head *h, uint64_t not_after_ordinal,
    struct json_out *bytes, uint64_t *ordinal)
{
	int64_t bound = not_after_ordinal > INT64_MAX ? INT64_MAX : (int64_t)not_after_ordinal;
	size_t before = bytes->n;
	struct snapshot_row row;
	enum error err = OK;
	int rc;

	*ordinal = 0;
	if (!h)
		return OK;
	pthread_mutex_lock(&s->db_lock);
	while ((rc = find_snapshot(s, h->ref, bound, &row)) == SQLITE_ROW) {
		rc = read_parts(s, row.id, bytes);
		if (rc == SQLITE_DONE &&
		    sqlite_bytes_checksum((struct span){
			bytes->bytes + before, bytes->n - before }) == row.checksum) {
			*ordinal = (uint64_t)row.ordinal;
			break;
		}
		if (rc != SQLITE_DONE)
			err = sqlite_read_failed(s, rc);
		log_warn("store", "snapshot %" PRId64 " cannot be read and is passed over", row.id);
		bytes->n = before;
		bound = row.ordinal - 1;
	}
	pthread_mutex_unlock(&s->db_lock);
	if (rc != SQLITE_DONE)
		err = sqlite_read_failed(s, rc);
	return *ordinal || !h->cut.lsn ? OK : err;
}

enum error
sqlite_read_snapshot(struct store *store, const struct uuid *session, uint64_t not_after_ordinal,
    struct json_out *bytes, uint64_t *ordinal)
{
	struct sqlite_store *s = sqlite_store_of(store);

	return sqlite_find_snapshot(
	    s, sqlite_head_find(s, session), not_after_ordinal, bytes, ordinal);
}

/* False: the row is damaged. A text may be none, whatever the schema says, where a page is wrong.
 */
static bool
fill_project(struct store_project *p, sqlite3_stmt *q)
{
	memset(p, 0, sizeof *p);
	p->name = (const char *)sqlite3_column_text(q, 1);
	p->template_id = (const char *)sqlite3_column_text(q, 2);
	p->revision = (uint64_t)sqlite3_column_int64(q, 3);
	p->saved_us = (uint64_t)sqlite3_column_int64(q, 4);
	if (sqlite3_column_bytes(q, 0) != UUID_BYTES || !p->name || !p->template_id ||
	    p->revision > INT64_MAX - 1) {
		log_warn("store", "the row of a project is damaged and is passed over");
		return false;
	}
	memcpy(p->id.bytes, sqlite3_column_blob(q, 0), UUID_BYTES);
	return true;
}

enum error
sqlite_read_projects(struct store *store, store_project_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	sqlite3_stmt *q = s->statements[Q_PROJECTS_READ];
	struct store_project p;
	int rc;

	pthread_mutex_lock(&s->db_lock);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		if (fill_project(&p, q) && !fn(context, &p))
			break;
	sqlite3_reset(q);
	pthread_mutex_unlock(&s->db_lock);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : sqlite_read_failed(s, rc);
}

/* Its texts and bytes, copied: whoever gets them may take his time, and the writer needs the lock.
 */
struct project_copy {
	struct store_project project;
	char *name, *template_id, *bytes;
	uint64_t checksum;
};

static int
copy_project(struct sqlite_store *s, const struct uuid *id, struct project_copy *out)
{
	sqlite3_stmt *q = s->statements[Q_PROJECT_READ];
	struct store_project *p = &out->project;
	int rc;

	pthread_mutex_lock(&s->db_lock);
	sqlite3_bind_blob(q, 1, id->bytes, UUID_BYTES, SQLITE_STATIC);
	rc = sqlite3_step(q);
	/* Without its newest revision there is only the row. */
	if (rc == SQLITE_ROW && fill_project(p, q) && sqlite3_column_type(q, 6) == SQLITE_BLOB) {
		size_t n = (size_t)sqlite3_column_bytes(q, 6);

		out->checksum = (uint64_t)sqlite3_column_int64(q, 5);
		p->name = out->name = xstrdup(p->name);
		p->template_id = out->template_id = xstrdup(p->template_id);
		out->bytes = xspandup((struct span){ n ? sqlite3_column_blob(q, 6) : "", n });
		p->bytes = (struct span){ out->bytes, n };
	}
	sqlite3_reset(q);
	pthread_mutex_unlock(&s->db_lock);
	return rc;
}

enum error
sqlite_read_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct project_copy copy = { 0 };
	int rc = copy_project(s, id, &copy);
	enum error err = OK;

	if (copy.bytes && sqlite_bytes_checksum(copy.project.bytes) == copy.checksum) {
		fn(context, &copy.project);
	} else if (rc == SQLITE_ROW) {
		char text[UUID_TEXT + 1];

		uuid_format(id, text);
		log_warn(text, "the newest revision of this project is damaged");
		err = ERROR_session_damaged;
	} else if (rc != SQLITE_DONE) {
		err = sqlite_read_failed(s, rc);
	}
	free(copy.name);
	free(copy.template_id);
	free(copy.bytes);
	return err;
}
