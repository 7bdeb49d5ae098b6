#pragma once
/*
 * What the durable store knows of each session without reading its records: its row, and where its
 * chain of them ends, on disk and with what is still to be written.
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
	bool dirty;			       /* the row in the database is behind the journal */
	struct chain_end cut; /* the last record that was folded into a snapshot; lsn 0: none was */
	struct chain_end committed, pending;
};

/* Reads the rows and what the journal has behind them. */
bool sqlite_heads_load(struct sqlite_store *, char message[256]);
void sqlite_heads_fini(struct sqlite_store *);
struct head *sqlite_head_find(const struct sqlite_store *, const struct uuid *session);
/* Found or new. */
struct head *sqlite_head_get(struct sqlite_store *, const struct uuid *session);
/* Gives the record its place behind the pending end of its chain. */
void sqlite_head_append(struct sqlite_store *, struct change *);
/* A change that writes the session's pending row as it will be after all that was appended. */
void sqlite_head_put_row(struct sqlite_store *, struct changes *, struct head *);
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
