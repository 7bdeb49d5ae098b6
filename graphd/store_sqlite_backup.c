/* Copies of the whole database, through the one connection there is: nobody else may open it. */
#include "graphd/store_sqlite.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PAGES_PER_STEP = 64,
	FORSAKEN_MS = 10000, /* a copy that nobody asked for since makes room for another */
};

enum error
sqlite_backup(struct store *store, const char *path, char message[256])
{
	struct sqlite_store *s = sqlite_store_of(store);
	enum error err = OK;
	bool fatal = false;
	sqlite3_stmt *q;
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &q, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
		rc = sqlite3_step(q);
	}
	if (rc != SQLITE_DONE) {
		snprintf(message, 256, "%s", sqlite3_errmsg(s->db));
		err = sqlite_error(rc, &fatal);
	}
	sqlite3_finalize(q);
	pthread_mutex_unlock(&s->db_lock);
	return err;
}

static int
end_copy(struct sqlite_store *s)
{
	struct online_copy *c = &s->copy;
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = sqlite3_backup_finish(c->backup);
	pthread_mutex_unlock(&s->db_lock);
	sqlite3_close(c->db);
	free(c->path);
	*c = (struct online_copy){ 0 };
	return rc;
}

static void
give_up(struct sqlite_store *s)
{
	char *path = s->copy.path;

	if (!path)
		return;
	s->copy.path = NULL;
	end_copy(s);
	unlink(path);
	free(path);
}

/* What lies there is a leftover: whoever named the path has made sure of that. */
static int
begin_copy(struct sqlite_store *s, const char *path)
{
	struct online_copy *c = &s->copy;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE;
	int rc;

	unlink(path);
	c->path = xstrdup(path);
	rc = sqlite3_open_v2(path, &c->db, flags, NULL);
	/* A copy that is not finished is worth nothing, so nothing is to be rolled back in it.
	 * Whoever asked for it flushes it. */
	if (rc == SQLITE_OK)
		rc = sqlite_run(c->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;");
	if (rc != SQLITE_OK)
		return rc;
	pthread_mutex_lock(&s->db_lock);
	c->backup = sqlite3_backup_init(c->db, "main", s->db, "main");
	pthread_mutex_unlock(&s->db_lock);
	return c->backup ? SQLITE_OK : sqlite3_extended_errcode(c->db);
}

/*
 * What the connection writes between two steps is brought to the copy by SQLite itself. Commits
 * come first: while one is being written nothing is copied, because waiting for it would hold up
 * the loop, and while one waits only a little is.
 */
static int
copy_pages(struct sqlite_store *s, uint64_t slice_ms)
{
	uint64_t end_ms = clock_now_ms() + slice_ms;
	int rc = SQLITE_OK;

	do {
		if (pthread_mutex_trylock(&s->db_lock) != 0)
			break;
		rc = sqlite3_backup_step(s->copy.backup, PAGES_PER_STEP);
		pthread_mutex_unlock(&s->db_lock);
	} while (rc == SQLITE_OK && s->under_way == 0 && clock_now_ms() < end_ms);
	s->copy.last_ms = clock_now_ms();
	return rc;
}

enum error
sqlite_backup_slice(
    struct store *store, const char *path, uint64_t slice_ms, bool *more, char message[256])
{
	struct sqlite_store *s = sqlite_store_of(store);
	bool same = path && s->copy.path && strcmp(path, s->copy.path) == 0, fatal = false;
	int rc = SQLITE_OK;

	if (path && s->copy.path && !same && clock_now_ms() < s->copy.last_ms + FORSAKEN_MS) {
		snprintf(message, 256, "another copy is being made");
		return ERROR_overloaded;
	}
	if (!same)
		give_up(s);
	if (!path)
		return OK;
	if (!same)
		rc = begin_copy(s, path);
	if (rc == SQLITE_OK)
		rc = copy_pages(s, slice_ms);
	*more = rc == SQLITE_OK;
	if (rc == SQLITE_DONE)
		rc = end_copy(s);
	if (rc == SQLITE_OK)
		return OK;
	snprintf(message, 256, "%s (%d)", sqlite3_errstr(rc), rc);
	give_up(s);
	return sqlite_error(rc, &fatal);
}
