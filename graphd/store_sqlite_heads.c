#include "graphd/store_sqlite_heads.h"

#include "common/log.h"
#include "common/mem.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum { VISITS_PER_ROW = 64 };

/* The record's own fields and the checksum of the one before it, so that no record can be changed,
 * left out or exchanged without breaking the chain. */
uint64_t
sqlite_step_checksum(const struct store_step *step, uint64_t previous_checksum)
{
	uint64_t fields[6] = { htole64(previous_checksum), htole64(step->ordinal),
		htole64(step->first_seq), htole64(step->last_seq), htole64(step->time_us),
		XXH3_64bits(step->bytes.p, step->bytes.n) };
	char text[sizeof fields + UUID_BYTES];

	fields[5] = htole64(fields[5]);
	memcpy(text, fields, sizeof fields);
	memcpy(text + sizeof fields, step->session.bytes, UUID_BYTES);
	return XXH3_64bits(text, sizeof text);
}

uint64_t
sqlite_bytes_checksum(struct span bytes)
{
	return XXH3_64bits(bytes.p, bytes.n);
}

static struct head *
head_add(struct sqlite_store *s, const struct uuid *id, int64_t ref)
{
	struct head *h = xcalloc(1, sizeof *h);

	h->id = h->row.id = h->pending_row.id = *id;
	h->ref = ref;
	table_add(&s->heads, h);
	while ((size_t)ref > s->refs_capacity) {
		size_t capacity = s->refs_capacity ? 2 * s->refs_capacity : 1024;

		s->by_ref = xrealloc(s->by_ref, capacity, sizeof *s->by_ref);
		memset(s->by_ref + s->refs_capacity, 0,
		    (capacity - s->refs_capacity) * sizeof *s->by_ref);
		s->refs_capacity = capacity;
	}
	s->by_ref[ref - 1] = h;
	if ((size_t)ref > s->n_refs)
		s->n_refs = (size_t)ref;
	return h;
}

struct head *
sqlite_head_find(const struct sqlite_store *s, const struct uuid *session)
{
	return table_find(&s->heads, session);
}

struct head *
sqlite_head_get(struct sqlite_store *s, const struct uuid *session)
{
	struct head *h = sqlite_head_find(s, session);

	return h ? h : head_add(s, session, (int64_t)s->n_refs + 1);
}

static void
mark_dirty(struct sqlite_store *s, struct head *h)
{
	if (h->dirty)
		return;
	h->dirty = true;
	s->n_dirty++;
}

void
sqlite_head_append(struct sqlite_store *s, struct change *change)
{
	struct head *h = sqlite_head_get(s, &change->id);
	const struct store_step *step = &change->of.step;

	change->place = (struct chain_place){ .session_ref = h->ref,
		.lsn = s->next_lsn++,
		.previous_lsn = h->pending.lsn,
		.checksum = sqlite_step_checksum(step, h->pending.checksum),
		.previous_checksum = h->pending.checksum };
	h->pending = (struct chain_end){ .lsn = change->place.lsn,
		.checksum = change->place.checksum,
		.ordinal = step->ordinal,
		.seq = step->last_seq,
		.time_us = step->time_us };
	mark_dirty(s, h);
}

static void
move_row(struct store_session *row, const struct chain_end *end)
{
	if (row->seq < end->seq)
		row->seq = end->seq;
	if (row->ordinal < end->ordinal)
		row->ordinal = end->ordinal;
	if (row->active_us < end->time_us)
		row->active_us = end->time_us;
}

void
sqlite_head_put_row(struct sqlite_store *s, struct changes *changes, struct head *h)
{
	struct change *change;

	move_row(&h->pending_row, &h->pending);
	change = changes_add_session(changes, &h->pending_row);
	change->place.session_ref = h->ref;
	change->place.lsn = h->pending.lsn;
	change->place.checksum = h->pending.checksum;
	if (h->dirty)
		s->n_dirty--;
	h->dirty = false;
	h->pending_written = true;
}

/*
 * A round visits all sessions, a few in each commit. Whoever was behind when it began is up to date
 * when it ends, and what was appended meanwhile lies behind the lsn of its beginning: until there
 * nothing needs to be read at a start.
 */
int64_t
sqlite_heads_flush(struct sqlite_store *s, struct changes *changes, size_t most_rows)
{
	size_t visits = most_rows * VISITS_PER_ROW, rows = 0;

	if (!s->in_round) {
		s->in_round = true;
		s->round_lsn = s->next_lsn - 1;
		s->round_at = 0;
	}
	for (; s->round_at < s->n_refs && rows < most_rows && visits > 0; s->round_at++, visits--) {
		struct head *h = s->by_ref[s->round_at];

		if (!h || !h->dirty)
			continue;
		sqlite_head_put_row(s, changes, h);
		rows++;
	}
	if (s->round_at < s->n_refs)
		return 0;
	s->in_round = false;
	return s->round_lsn;
}

void
sqlite_heads_committed(struct sqlite_store *s, const struct work *w)
{
	for (size_t i = 0; i < w->commit->changes.n; i++) {
		const struct change *change = &w->commit->changes.list[i];
		struct head *h;

		if (change->kind != CHANGE_STEP && change->kind != CHANGE_SESSION)
			continue;
		h = s->by_ref[change->place.session_ref - 1];
		assert(h);
		if (change->kind == CHANGE_SESSION) {
			h->row = change->of.session;
			h->written = true;
			continue;
		}
		h->committed = (struct chain_end){ .lsn = change->place.lsn,
			.checksum = change->place.checksum,
			.ordinal = change->of.step.ordinal,
			.seq = change->of.step.last_seq,
			.time_us = change->of.step.time_us };
		move_row(&h->row, &h->committed);
		s->committed_lsn = change->place.lsn;
	}
	if (w->scanned_lsn > s->scanned_lsn)
		s->scanned_lsn = w->scanned_lsn;
}

void
sqlite_heads_redirty(struct sqlite_store *s)
{
	s->n_dirty = 0;
	s->in_round = false;
	for (size_t i = 0; i < s->n_refs; i++) {
		struct head *h = s->by_ref[i];

		if (!h)
			continue;
		h->dirty = h->pending.lsn > s->scanned_lsn;
		s->n_dirty += h->dirty;
	}
}

void
sqlite_heads_revert(struct sqlite_store *s)
{
	for (size_t i = 0; i < s->n_refs; i++) {
		struct head *h = s->by_ref[i];

		if (!h)
			continue;
		h->pending = h->committed;
		h->pending_row = h->row;
		h->pending_written = h->written;
		if (h->written || h->committed.lsn)
			continue;
		/* Nothing of it ever came to disk. Its number stays unused until the next start. */
		table_remove(&s->heads, &h->id);
		s->by_ref[i] = NULL;
		free(h);
	}
	s->next_lsn = s->committed_lsn + 1;
	sqlite_heads_redirty(s);
}

static void
read_row(struct sqlite_store *s, sqlite3_stmt *q)
{
	struct uuid id;
	struct head *h;

	if (sqlite3_column_bytes(q, 1) != UUID_BYTES || sqlite3_column_bytes(q, 2) != UUID_BYTES)
		return;
	memcpy(id.bytes, sqlite3_column_blob(q, 1), UUID_BYTES);
	h = head_add(s, &id, sqlite3_column_int64(q, 0));
	memcpy(h->row.log_id.bytes, sqlite3_column_blob(q, 2), UUID_BYTES);
	h->row.epoch = (uint64_t)sqlite3_column_int64(q, 3);
	h->row.created_us = (uint64_t)sqlite3_column_int64(q, 4);
	h->row.active_us = (uint64_t)sqlite3_column_int64(q, 5);
	h->row.seq = (uint64_t)sqlite3_column_int64(q, 6);
	h->row.ordinal = (uint64_t)sqlite3_column_int64(q, 7);
	h->row.has_project = sqlite3_column_int(q, 10) != 0;
	h->row.closed = sqlite3_column_int(q, 11) != 0;
	if (sqlite3_column_bytes(q, 12) == UUID_BYTES)
		memcpy(h->row.project_id.bytes, sqlite3_column_blob(q, 12), UUID_BYTES);
	h->pending_row = h->row;
	h->written = h->pending_written = true;
	h->committed = (struct chain_end){ .lsn = sqlite3_column_int64(q, 8),
		.checksum = (uint64_t)sqlite3_column_int64(q, 9),
		.ordinal = h->row.ordinal,
		.seq = h->row.seq,
		.time_us = h->row.active_us };
	h->pending = h->committed;
}

/* A record behind the persisted rows: it must continue its session's chain. */
static void
read_tail_record(struct sqlite_store *s, sqlite3_stmt *q)
{
	int64_t lsn = sqlite3_column_int64(q, 0), ref = sqlite3_column_int64(q, 1);
	struct head *h = ref > 0 && (size_t)ref <= s->n_refs ? s->by_ref[ref - 1] : NULL;
	char id[UUID_TEXT + 1] = "unknown session";

	if (s->committed_lsn < lsn)
		s->committed_lsn = lsn;
	if (h && lsn <= h->committed.lsn)
		return;
	if (h)
		uuid_format(&h->id, id);
	if (!h || h->damaged || sqlite3_column_int64(q, 2) != h->committed.lsn ||
	    (uint64_t)sqlite3_column_int64(q, 7) != h->committed.checksum) {
		log_warn(id,
		    "the journal is damaged at record %lld: it does not continue the session's "
		    "chain",
		    (long long)lsn);
		if (h)
			h->damaged = true;
		return;
	}
	h->committed = (struct chain_end){ .lsn = lsn,
		.ordinal = (uint64_t)sqlite3_column_int64(q, 3),
		.seq = (uint64_t)sqlite3_column_int64(q, 4),
		.time_us = (uint64_t)sqlite3_column_int64(q, 5),
		.checksum = (uint64_t)sqlite3_column_int64(q, 6) };
	h->pending = h->committed;
	move_row(&h->row, &h->committed);
	h->pending_row = h->row;
	mark_dirty(s, h);
}

static bool
read_all(struct sqlite_store *s, const char *sql, int64_t bound,
    void (*fn)(struct sqlite_store *, sqlite3_stmt *))
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
	return rc == SQLITE_DONE;
}

static void
read_scanned(struct sqlite_store *s, sqlite3_stmt *q)
{
	s->scanned_lsn = s->committed_lsn = sqlite3_column_int64(q, 0);
}

/*
 * Where the row was written before the cut was made, as after a kill, the records from there to the
 * cut are gone: the chain goes on behind the cut. No lsn until there may be used again either.
 */
static void
go_on_behind_cut(struct sqlite_store *s, struct head *h)
{
	if (s->committed_lsn < h->cut.lsn)
		s->committed_lsn = h->cut.lsn;
	if (h->committed.lsn >= h->cut.lsn)
		return;
	h->committed = h->pending = h->cut;
	move_row(&h->row, &h->committed);
	h->pending_row = h->row;
	mark_dirty(s, h);
}

static void
read_cut(struct sqlite_store *s, sqlite3_stmt *q)
{
	int64_t ref = sqlite3_column_int64(q, 0);
	struct head *h = ref > 0 && (size_t)ref <= s->n_refs ? s->by_ref[ref - 1] : NULL;

	if (!h)
		return;
	h->cut = (struct chain_end){ .lsn = sqlite3_column_int64(q, 3),
		.ordinal = (uint64_t)sqlite3_column_int64(q, 1),
		.seq = (uint64_t)sqlite3_column_int64(q, 2),
		.checksum = (uint64_t)sqlite3_column_int64(q, 4) };
	go_on_behind_cut(s, h);
}

static void
read_newest_snapshot(struct sqlite_store *s, sqlite3_stmt *q)
{
	s->next_snapshot = sqlite3_column_int64(q, 0) + 1;
}

bool
sqlite_heads_load(struct sqlite_store *s, char message[256])
{
	table_init(&s->heads, offsetof(struct head, id), UUID_BYTES);
	s->next_snapshot = 1;
	if (!read_all(s, "SELECT value FROM meta WHERE name = 'scanned_lsn' AND ?1 = 0", 0,
		read_scanned) ||
	    !read_all(s, "SELECT * FROM sessions WHERE ref > ?1", 0, read_row) ||
	    !read_all(s, "SELECT * FROM cuts WHERE session > ?1", 0, read_cut) ||
	    !read_all(s,
		"SELECT lsn, session, previous, ordinal, last_seq, time_us, checksum, "
		"previous_checksum"
		" FROM journal WHERE lsn > ?1 ORDER BY lsn",
		s->scanned_lsn, read_tail_record) ||
	    !read_all(s, "SELECT ifnull(max(id), 0) FROM snapshots WHERE id > ?1", 0,
		read_newest_snapshot)) {
		return sqlite_say(s, "cannot read the database", message);
	}
	s->next_lsn = s->committed_lsn + 1;
	return true;
}

void
sqlite_heads_fini(struct sqlite_store *s)
{
	struct head *h;

	for (size_t i = 0; (h = table_next(&s->heads, &i));)
		free(h);
	table_fini(&s->heads);
	free(s->by_ref);
}
