/* Looks at every record, row, snapshot and revision once, in the order in which they lie in the
 * file. */
#include "graphd/store_sqlite_heads.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The last record seen of a session. */
struct seen {
	int64_t ref;
	struct chain_end end;
};

struct verifying {
	struct sqlite_store *store;
	struct table seen; /* struct seen of each session, by ref */
	store_flaw_fn *fn;
	void *context;
};

static void flaw(struct verifying *, const struct head *, const struct chain_end *at,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* at: the step, its first seq in seq; NULL: none. */
static void
flaw(struct verifying *v, const struct head *h, const struct chain_end *at, const char *format, ...)
{
	struct store_flaw f = { 0 };
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	f.text = text;
	if (h)
		f.session = h->id;
	if (at) {
		f.ordinal = at->ordinal;
		f.first_seq = at->seq;
	}
	v->fn(v->context, &f);
}

static uint64_t
number(sqlite3_stmt *q, int column)
{
	return (uint64_t)sqlite3_column_int64(q, column);
}

static struct span
bytes(sqlite3_stmt *q, int column)
{
	size_t n = (size_t)sqlite3_column_bytes(q, column);

	return (struct span){ n ? sqlite3_column_blob(q, column) : "", n };
}

typedef void row_fn(struct verifying *, sqlite3_stmt *);

/* False, and a flaw, when the rows cannot be read to their end. */
static bool
each_row(struct verifying *v, const char *what, const char *sql, row_fn *fn)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(v->store->db, sql, -1, &q, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		fn(v, q);
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_DONE)
		flaw(v, NULL, NULL, "%s cannot be read to the end: %s (%d)", what,
		    sqlite3_errstr(rc), rc);
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}

static void
look_at_page(struct verifying *v, sqlite3_stmt *q)
{
	const char *text = (const char *)sqlite3_column_text(q, 0);

	if (text && strcmp(text, "ok") != 0)
		flaw(v, NULL, NULL, "the file: %s", text);
}

/* Columns: lsn, session, previous, ordinal, first_seq, last_seq, time_us, checksum,
 * previous_checksum, bytes. */
static void
look_at_record(struct verifying *v, sqlite3_stmt *q)
{
	int64_t lsn = sqlite3_column_int64(q, 0), ref = sqlite3_column_int64(q, 1);
	struct head *h = sqlite_head_of_ref(v->store, ref);
	struct chain_end at = { .lsn = lsn, .ordinal = number(q, 3), .seq = number(q, 4) };
	struct chain_end *last;
	struct store_step step;

	if (!h) {
		flaw(v, NULL, &at, "record %" PRId64 " belongs to no session", lsn);
		return;
	}
	last = &((struct seen *)table_find(&v->seen, &ref))->end;
	step = (struct store_step){ .session = h->id,
		.ordinal = number(q, 3),
		.first_seq = number(q, 4),
		.last_seq = number(q, 5),
		.time_us = number(q, 6),
		.bytes = bytes(q, 9) };
	if (sqlite_step_checksum(&step, number(q, 8)) != number(q, 7))
		flaw(v, h, &at, "the checksum of record %" PRId64 " is wrong", lsn);
	if (sqlite3_column_int64(q, 2) != last->lsn || number(q, 8) != last->checksum)
		flaw(v, h, &at, "record %" PRId64 " does not continue the session's chain", lsn);
	else if (step.ordinal != last->ordinal + 1 || step.first_seq != last->seq + 1 ||
	    step.last_seq + 1 < step.first_seq)
		flaw(v, h, &at, "record %" PRId64 " has the wrong place in its session", lsn);
	*last = (struct chain_end){
		.lsn = lsn, .checksum = number(q, 7), .ordinal = step.ordinal, .seq = step.last_seq
	};
}

/* Columns: session, ordinal, first_seq, last_seq, time_us, checksum, previous_checksum, bytes. */
static void
look_at_kept(struct verifying *v, sqlite3_stmt *q)
{
	const struct head *h = sqlite_head_of_ref(v->store, sqlite3_column_int64(q, 0));
	struct chain_end at = { .ordinal = number(q, 1), .seq = number(q, 2) };
	struct store_step step = { .ordinal = number(q, 1),
		.first_seq = number(q, 2),
		.last_seq = number(q, 3),
		.time_us = number(q, 4),
		.bytes = bytes(q, 7) };

	if (h)
		step.session = h->id;
	if (!h || at.ordinal > h->cut.ordinal)
		flaw(v, h, &at, "a step was kept that was not folded");
	else if (sqlite_step_checksum(&step, number(q, 6)) != number(q, 5))
		flaw(v, h, &at, "the checksum of the step that was kept is wrong");
}

/* Columns: session, ordinal, last_seq, lsn of the mark, and what the journal has under that lsn. */
static void
look_at_mark(struct verifying *v, sqlite3_stmt *q)
{
	const struct head *h = sqlite_head_of_ref(v->store, sqlite3_column_int64(q, 0));
	struct chain_end at = { .ordinal = number(q, 1), .seq = number(q, 2) };

	if (!h)
		flaw(v, NULL, &at, "a mark belongs to no session");
	else if (at.ordinal > h->cut.ordinal &&
	    (number(q, 4) != number(q, 0) || number(q, 5) != at.ordinal || number(q, 6) != at.seq))
		flaw(v, h, &at, "the mark of step %" PRIu64 " points elsewhere", at.ordinal);
}

/* Columns: id, session, ordinal, seq, checksum. */
static void
look_at_snapshot(struct verifying *v, sqlite3_stmt *q)
{
	const struct head *h = sqlite_head_of_ref(v->store, sqlite3_column_int64(q, 1));
	struct chain_end at = { .ordinal = number(q, 2), .seq = number(q, 3) };
	sqlite3_stmt *parts = v->store->statements[Q_PARTS_READ];
	struct json_out all = { 0 };

	sqlite3_bind_int64(parts, 1, sqlite3_column_int64(q, 0));
	while (sqlite3_step(parts) == SQLITE_ROW)
		json_out_bytes(&all, bytes(parts, 0));
	sqlite3_reset(parts);
	if (sqlite_bytes_checksum(json_out_span(&all)) != number(q, 4))
		flaw(v, h, &at, "the checksum of the snapshot of step %" PRIu64 " is wrong",
		    at.ordinal);
	json_out_fini(&all);
}

/* Columns: name, revision, checksum, bytes. */
static void
look_at_revision(struct verifying *v, sqlite3_stmt *q)
{
	const char *name = (const char *)sqlite3_column_text(q, 0);

	if (sqlite_bytes_checksum(bytes(q, 3)) != number(q, 2))
		flaw(v, NULL, NULL,
		    "the checksum of revision %" PRIu64 " of project \"%s\" is wrong", number(q, 1),
		    name ? name : "?");
}

/* Each chain must end where the session's row, and what was read behind it at the start, says. */
static void
look_at_ends(struct verifying *v)
{
	const struct seen *seen;

	for (size_t i = 0; (seen = table_next(&v->seen, &i));) {
		const struct head *h = sqlite_head_of_ref(v->store, seen->ref);
		const struct chain_end *end = &seen->end;

		if (end->lsn != h->committed.lsn || end->checksum != h->committed.checksum)
			flaw(v, h, NULL,
			    "its records end with step %" PRIu64 ", its row says %" PRIu64,
			    end->ordinal, h->committed.ordinal);
	}
}

static void
begin_chains(struct verifying *v)
{
	const struct head *h;

	table_init(&v->seen, offsetof(struct seen, ref), sizeof(int64_t));
	for (size_t i = 0; (h = table_next(&v->store->heads, &i));) {
		struct seen *seen = xcalloc(1, sizeof *seen);

		*seen = (struct seen){ h->ref, h->cut };
		table_add(&v->seen, seen);
	}
}

static void
end_chains(struct verifying *v)
{
	struct seen *seen;

	for (size_t i = 0; (seen = table_next(&v->seen, &i));)
		free(seen);
	table_fini(&v->seen);
}

enum error
sqlite_verify(struct store *store, store_flaw_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);
	struct verifying v = { .store = s, .fn = fn, .context = context };
	bool read = true;

	begin_chains(&v);
	pthread_mutex_lock(&s->db_lock);
	read &= each_row(&v, "the file", "PRAGMA integrity_check(20)", look_at_page);
	if (each_row(&v, "the journal", "SELECT * FROM journal ORDER BY lsn", look_at_record))
		look_at_ends(&v);
	else
		read = false;
	read &= each_row(&v, "the marks",
	    "SELECT m.session, m.ordinal, m.last_seq, m.lsn, j.session, j.ordinal, j.last_seq"
	    " FROM marks m LEFT JOIN journal j ON j.lsn = m.lsn",
	    look_at_mark);
	read &= each_row(&v, "the steps that were kept", "SELECT * FROM kept", look_at_kept);
	read &= each_row(&v, "the snapshots", "SELECT * FROM snapshots", look_at_snapshot);
	read &= each_row(&v, "the projects",
	    "SELECT (SELECT name FROM projects WHERE id = r.project), r.revision, r.checksum, "
	    "r.bytes"
	    " FROM revisions r",
	    look_at_revision);
	pthread_mutex_unlock(&s->db_lock);
	end_chains(&v);
	return read ? OK : ERROR_storage_failed;
}
