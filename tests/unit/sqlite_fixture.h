#pragma once
/* For programs in which each test begins with a database of its own. */

#include "graphd/store_sqlite.h"
#include "store_fixture.h"

static struct store_fixture f;

static inline void
set_up(void)
{
	fixture_open(&f, "sqlite");
}

static inline void
tear_down(void)
{
	fixture_remove(&f);
}

/* These steps of a session, in one commit. */
static inline void
fill(unsigned session, uint64_t from, uint64_t to)
{
	fixture_put_session(&f, session);
	for (uint64_t i = from; i <= to; i++)
		fixture_append(&f, session, i);
	ck_assert_int_eq(fixture_commit(&f), OK);
}

/* A change made behind the store's back, which is closed for it and stays so. Gives how many rows
 * it changed. */
static inline int
tamper(const char *sql)
{
	sqlite3 *db;
	int changes;

	if (f.store)
		fixture_close(&f);
	ck_assert_int_eq(sqlite3_open(f.path, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_msg(
	    sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	changes = sqlite3_changes(db);
	sqlite3_close(db);
	return changes;
}
