#include "graphd/store_sqlite_heads.h"

#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * A session's records are linked backwards. They are read forwards in blocks that end with a mark,
 * or with the chain's end: back through the links of one block, then forth. So a range costs its
 * own length and at most one block.
 */
struct walk {
	struct sqlite_store *store;
	const struct head *head;
	uint64_t after_ordinal, after_seq; /* what is to be left out */
	bool by_seq; /* after_seq counts: steps without events have a seq too, in the beginning 0 */
	store_step_fn *fn;
	void *context;
	bool stopped; /* by fn */
	/* The record before, once there was one. */
	bool has_last;
	int64_t last_lsn;
	uint64_t last_checksum;
};

/* One record; the bytes are owned. */
struct record {
	struct store_step step;
	int64_t session_ref, previous_lsn;
	uint64_t checksum, previous_checksum;
	char *bytes;
};

static enum error
damaged(const struct walk *w, int64_t lsn, const char *what)
{
	char id[UUID_TEXT + 1];

	uuid_format(&w->head->id, id);
	log_warn(id, "the journal is damaged at record %" PRId64 ": %s", lsn, what);
	return ERROR_session_damaged;
}

/* A page that cannot be read hurts this session; whether others can be read is up to them. */
static enum error
read_failed(const struct walk *w, int64_t lsn, int rc)
{
	if (rc == SQLITE_DONE)
		return damaged(w, lsn, "it is missing");
	sqlite_read_failed(w->store, rc);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		return damaged(w, lsn, "its page cannot be read");
	log_warn(
	    "store", "reading record %" PRId64 " failed: %s (%d)", lsn, sqlite3_errstr(rc), rc);
	return ERROR_storage_failed;
}

static enum error
read_link(struct walk *w, int64_t lsn, uint64_t ordinal, int64_t *previous)
{
	sqlite3_stmt *q = w->store->statements[Q_STEP_LINK];
	enum error err = OK;
	int rc;

	pthread_mutex_lock(&w->store->db_lock);
	sqlite3_bind_int64(q, 1, lsn);
	rc = sqlite3_step(q);
	if (rc != SQLITE_ROW)
		err = read_failed(w, lsn, rc);
	else if (sqlite3_column_int64(q, 0) != w->head->ref ||
	    (uint64_t)sqlite3_column_int64(q, 2) != ordinal)
		err = damaged(w, lsn, "it belongs elsewhere");
	else
		*previous = sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	pthread_mutex_unlock(&w->store->db_lock);
	return err;
}

/* The end that the session's row tells of, where no step behind a snapshot leads there: what is
 * appended to a wrong one could not be read again. */
static enum error
check_end(struct walk *w)
{
	const struct chain_end *end = &w->head->committed, *cut = &w->head->cut;
	sqlite3_stmt *q = w->store->statements[Q_STEP_LINK];
	enum error err = OK;
	int rc;

	/* No record is left, or there never was one. */
	if (end->lsn == cut->lsn && end->ordinal == cut->ordinal)
		return OK;
	pthread_mutex_lock(&w->store->db_lock);
	sqlite3_bind_int64(q, 1, end->lsn);
	rc = sqlite3_step(q);
	if (rc != SQLITE_ROW)
		err = read_failed(w, end->lsn, rc);
	else if (sqlite3_column_int64(q, 0) != w->head->ref ||
	    (uint64_t)sqlite3_column_int64(q, 2) != end->ordinal ||
	    (uint64_t)sqlite3_column_int64(q, 3) != end->checksum)
		err = damaged(w, end->lsn, "it is not the end that the session's row tells of");
	sqlite3_reset(q);
	pthread_mutex_unlock(&w->store->db_lock);
	return err;
}

static void
fill_record(struct record *r, const struct head *head, sqlite3_stmt *q)
{
	size_t n = (size_t)sqlite3_column_bytes(q, 8);

	r->session_ref = sqlite3_column_int64(q, 0);
	r->previous_lsn = sqlite3_column_int64(q, 1);
	r->step = (struct store_step){ .session = head->id,
		.ordinal = (uint64_t)sqlite3_column_int64(q, 2),
		.first_seq = (uint64_t)sqlite3_column_int64(q, 3),
		.last_seq = (uint64_t)sqlite3_column_int64(q, 4),
		.time_us = (uint64_t)sqlite3_column_int64(q, 5) };
	r->checksum = (uint64_t)sqlite3_column_int64(q, 6);
	r->previous_checksum = (uint64_t)sqlite3_column_int64(q, 7);
	r->bytes = xspandup((struct span){ n ? sqlite3_column_blob(q, 8) : "", n });
	r->step.bytes = (struct span){ r->bytes, n };
}

static enum error
check_record(const struct walk *w, const struct record *r, int64_t lsn)
{
	if (sqlite_step_checksum(&r->step, r->previous_checksum) != r->checksum)
		return damaged(w, lsn, "its checksum is wrong");
	if (w->has_last &&
	    (r->previous_lsn != w->last_lsn || r->previous_checksum != w->last_checksum))
		return damaged(w, lsn, "it does not continue the session's chain");
	if (lsn == w->head->committed.lsn && r->checksum != w->head->committed.checksum)
		return damaged(w, lsn, "it is not the end that the session's row tells of");
	return OK;
}

static enum error
give_record(struct walk *w, int64_t lsn)
{
	sqlite3_stmt *q = w->store->statements[Q_STEP_READ];
	struct record r = { 0 };
	enum error err = OK;
	int rc;

	/* The lock is let go before fn, which may take its time. */
	pthread_mutex_lock(&w->store->db_lock);
	sqlite3_bind_int64(q, 1, lsn);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		fill_record(&r, w->head, q);
	sqlite3_reset(q);
	pthread_mutex_unlock(&w->store->db_lock);
	err = rc == SQLITE_ROW ? check_record(w, &r, lsn) : read_failed(w, lsn, rc);
	if (!err) {
		w->has_last = true;
		w->last_lsn = lsn;
		w->last_checksum = r.checksum;
		if (r.step.ordinal > w->after_ordinal &&
		    (!w->by_seq || r.step.last_seq > w->after_seq))
			w->stopped = !w->fn(w->context, &r.step);
	}
	free(r.bytes);
	return err;
}

/* The place of a marked step: its seq and its record. SQLITE_ROW when there is such a mark. */
static int
find_mark(struct walk *w, uint64_t ordinal, uint64_t *seq, int64_t *lsn)
{
	sqlite3_stmt *q = w->store->statements[Q_MARK_READ];
	int rc;

	pthread_mutex_lock(&w->store->db_lock);
	sqlite3_bind_int64(q, 1, w->head->ref);
	sqlite3_bind_int64(q, 2, (int64_t)ordinal);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		*seq = (uint64_t)sqlite3_column_int64(q, 0);
		*lsn = sqlite3_column_int64(q, 1);
	}
	sqlite3_reset(q);
	pthread_mutex_unlock(&w->store->db_lock);
	return rc;
}

static enum error
read_mark(struct walk *w, uint64_t ordinal, uint64_t *seq, int64_t *lsn)
{
	int rc = find_mark(w, ordinal, seq, lsn);

	return rc == SQLITE_ROW ? OK : read_failed(w, 0, rc);
}

/* Whoever wants to know how a session began need not go back through what followed. *next: what
 * comes then; as it was when the first step has no mark, as in files from before. */
static enum error
give_first(struct walk *w, uint64_t *next)
{
	int64_t lsn, none;
	uint64_t seq;
	enum error err;

	if (find_mark(w, 1, &seq, &lsn) != SQLITE_ROW)
		return OK;
	err = read_link(w, lsn, 1, &none);
	if (!err)
		err = give_record(w, lsn);
	*next = 2;
	return err;
}

/* Block k holds the ordinals k * SQLITE_MARK_EVERY + 1 to (k + 1) * SQLITE_MARK_EVERY, or to the
 * chain's end. */
static enum error
give_block(struct walk *w, uint64_t k)
{
	int64_t lsns[SQLITE_MARK_EVERY], lsn = w->head->committed.lsn;
	uint64_t first = k * SQLITE_MARK_EVERY + 1, last = first + SQLITE_MARK_EVERY - 1, seq;
	enum error err = OK;
	size_t n = 0;

	if (first == 1 && w->after_ordinal == 0) {
		err = give_first(w, &first);
		if (err || w->stopped)
			return err;
	}
	if (last >= w->head->committed.ordinal)
		last = w->head->committed.ordinal;
	else
		err = read_mark(w, last, &seq, &lsn);
	if (first <= w->after_ordinal)
		first = w->after_ordinal + 1;
	for (uint64_t at = last; !err && at >= first; at--) {
		lsns[n++] = lsn;
		err = read_link(w, lsn, at, &lsn);
	}
	/* A broken link does not take away what stands before the break: but it cannot be found
	 * from here. */
	while (!err && n > 0 && !w->stopped)
		err = give_record(w, lsns[--n]);
	return err;
}

static enum error
give_all(struct walk *w)
{
	const struct chain_end *end = &w->head->committed;
	enum error err = OK;

	if (w->after_ordinal < w->head->cut.ordinal)
		w->after_ordinal = w->head->cut.ordinal;
	if (w->after_ordinal == end->ordinal)
		err = check_end(w);
	if (err)
		return err;
	for (uint64_t k = w->after_ordinal / SQLITE_MARK_EVERY;
	     k * SQLITE_MARK_EVERY < end->ordinal; k++) {
		err = give_block(w, k);
		if (err || w->stopped)
			return err;
	}
	return w->head->damaged ? ERROR_session_damaged : OK;
}

enum error
sqlite_walk_steps(struct sqlite_store *s, const struct head *head, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	struct walk w = { .store = s,
		.head = head,
		.after_ordinal = after_ordinal,
		.fn = fn,
		.context = context };

	return w.head ? give_all(&w) : OK;
}

/* The block with the first step beyond a seq is found by halving: marks are in the order of both.
 */
static enum error
find_block(struct walk *w)
{
	uint64_t low = 0, high = w->head->committed.ordinal / SQLITE_MARK_EVERY, seq = 0;
	int64_t lsn;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		enum error err = read_mark(w, (middle + 1) * SQLITE_MARK_EVERY, &seq, &lsn);

		if (err)
			return err;
		if (seq > w->after_seq)
			high = middle;
		else
			low = middle + 1;
	}
	w->after_ordinal = low * SQLITE_MARK_EVERY;
	return OK;
}

enum error
sqlite_walk_steps_by_seq(struct sqlite_store *s, const struct head *head, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	struct walk w = { .store = s,
		.head = head,
		.after_seq = after_seq,
		.by_seq = true,
		.fn = fn,
		.context = context };
	enum error err;

	if (!w.head || (after_seq >= w.head->committed.seq && !w.head->damaged))
		return OK;
	err = find_block(&w);
	return err ? err : give_all(&w);
}

enum error
sqlite_read_steps(struct store *store, const struct uuid *session, uint64_t after_ordinal,
    store_step_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);

	return sqlite_walk_steps(s, sqlite_head_find(s, session), after_ordinal, fn, context);
}

enum error
sqlite_read_steps_by_seq(struct store *store, const struct uuid *session, uint64_t after_seq,
    store_step_fn *fn, void *context)
{
	struct sqlite_store *s = sqlite_store_of(store);

	return sqlite_walk_steps_by_seq(s, sqlite_head_find(s, session), after_seq, fn, context);
}
