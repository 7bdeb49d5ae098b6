#pragma once
/*
 * What the durable store knows of each session without reading its records: its row, and where its
 * chain of them ends, on disk and with what is still to be written. Of sessions that have ended
 * nothing is known, for nobody can ask for them; only graphctl looks at them once more.
 */

#include "graphd/store_sqlite.h"

/* The end of a session's chain of records. */
struct chain_end {
	int64_t lsn; /* 0: no record */
	uint64_t checksum, ordinal, seq, time_us;
};

/* All that is known of a session without reading its records. */
struct head {
	struct uuid id;
	struct store_session row, pending_row; /* log_id nil: known from its steps only */
	int64_t ref;			       /* what stands for it in the journal */
	bool written, pending_written;	       /* there is a row in the database */
	bool damaged;			       /* the chain breaks behind the end */
	struct link
	    behind; /* in sqlite_store.behind: the row in the database is behind its chain */
	int64_t behind_lsn;   /* since this record, or an earlier one */
	struct chain_end cut; /* the last record that was folded into a snapshot; lsn 0: none was */
	struct chain_end committed, pending;
};

/* store_sqlite_heads_load.c: reads the rows and what the journal has behind them. */
bool sqlite_heads_load(struct sqlite_store *, char message[256]);
/* The same of sessions that have ended; SQLITE_OK or the extended code. */
int sqlite_heads_load_ended(struct sqlite_store *);
/* New records go behind the last one that there is, or that was folded; returns as that. */
int sqlite_heads_find_end(struct sqlite_store *);
void sqlite_heads_fini(struct sqlite_store *);
struct head *sqlite_head_find(const struct sqlite_store *, const struct uuid *session);
/* By what stands for the session in the journal. */
struct head *sqlite_head_of_ref(const struct sqlite_store *, int64_t ref);
/* There is none of that id or ref. */
struct head *sqlite_head_add(struct sqlite_store *, const struct uuid *session, int64_t ref);
/* Nothing of it is to be written any more. */
void sqlite_head_forget(struct sqlite_store *, struct head *);
/* Its row is behind since that record, or was behind before. */
void sqlite_head_is_behind(struct sqlite_store *, struct head *, int64_t lsn);
/* The row as it is when that is its chain's end. */
void sqlite_row_follow(struct store_session *, const struct chain_end *);
/* Found or new. */
struct head *sqlite_head_get(struct sqlite_store *, const struct uuid *session);
/* Gives the record its place behind the pending end of its chain. */
void sqlite_head_append(struct sqlite_store *, struct change *);
/* A change that writes the session's pending row as it will be after all that was appended. */
void sqlite_head_put_row(struct changes *, struct head *);
/* Rows of some sessions whose row is behind. Returns the lsn until which all rows will be up to
 * date; 0: not done yet. */
int64_t sqlite_heads_flush(struct sqlite_store *, struct changes *, size_t most_rows);
void sqlite_heads_committed(struct sqlite_store *, const struct work *);
/* Rows could not be brought up to date: they still lag. */
void sqlite_heads_redirty(struct sqlite_store *);
/* Forgets all that was pending. */
void sqlite_heads_revert(struct sqlite_store *);
uint64_t sqlite_step_checksum(const struct store_step *, uint64_t previous_checksum);
uint64_t sqlite_bytes_checksum(struct span);
