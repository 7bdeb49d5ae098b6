/* Sessions that have ended: graphd forgets them, graphctl looks at them or removes them. */
#include "graphd/store_sqlite_heads.h"

#include "common/log.h"

#define ENDED "IN (SELECT ref FROM sessions WHERE closed <> 0)"

/* The sessions' rows come last, for they tell whose the others are. */
static const char drop[] =
    "DELETE FROM snapshot_parts WHERE id IN (SELECT p.id FROM snapshots s JOIN snapshot_parts p"
    " ON p.id >= s.id * 65536 AND p.id < (s.id + 1) * 65536 WHERE s.session " ENDED ");"
    "DELETE FROM snapshots WHERE session " ENDED ";"
    "DELETE FROM marks WHERE session " ENDED ";"
    "DELETE FROM cuts WHERE session " ENDED ";"
    "DELETE FROM kept WHERE session " ENDED ";"
    "DELETE FROM journal WHERE session " ENDED ";"
    "DELETE FROM sessions WHERE closed <> 0;"
    /* It must not point behind the last record there is. */
    "UPDATE meta SET value = min(value, max(ifnull((SELECT max(lsn) FROM journal), 0),"
    " ifnull((SELECT max(lsn) FROM cuts), 0))) WHERE name = 'scanned_lsn';";

enum error
sqlite_know_ended(struct store *store)
{
	struct sqlite_store *s = sqlite_store_of(store);
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = sqlite_heads_load_ended(s);
	pthread_mutex_unlock(&s->db_lock);
	return rc == SQLITE_OK ? OK : sqlite_read_failed(s, rc);
}

enum error
sqlite_drop_ended(struct store *store)
{
	struct sqlite_store *s = sqlite_store_of(store);
	bool fatal = false;
	struct head *h;
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = sqlite_run(s->db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = sqlite_run(s->db, drop);
	if (rc == SQLITE_OK)
		rc = sqlite_run(s->db, "COMMIT");
	if (rc == SQLITE_OK)
		rc = sqlite_heads_find_end(s);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db))
		sqlite_run(s->db, "ROLLBACK");
	pthread_mutex_unlock(&s->db_lock);
	if (rc != SQLITE_OK) {
		log_warn("store", "what ended sessions held could not be removed: %s (%d)",
		    sqlite3_errstr(rc), rc);
		return sqlite_error(rc, &fatal);
	}
	for (size_t i = 0; (h = table_next(&s->heads, &i));)
		if (h->row.closed)
			sqlite_head_forget(s, h);
	return OK;
}
