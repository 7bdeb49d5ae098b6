#pragma once
/*
 * Where steps, snapshots and projects are kept. A back-end is a struct of functions; the server
 * never knows which one it has. Writing is asynchronous: changes are appended to the open batch,
 * commit sends it on its way, and done() is called from the loop, in the order of commits, when the
 * batch is on disk or has failed. Reading is synchronous and sees committed data only.
 *
 * When a commit fails, whatever was appended after it (to the batch open by then, or to commits
 * under way) is dropped as well, and done() says so for each of those commits: what came later may
 * rest on what was lost.
 */

#include "common/id.h"
#include "common/json_out.h"
#include "common/span.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct store;

/* One step in the journal. */
struct store_step {
	struct uuid session;
	uint64_t ordinal, first_seq, last_seq;
	uint64_t time_us;
	struct span bytes; /* step_encode() */
	char *taken;	   /* when it is appended: the allocation that bytes are, which becomes the
			      store's; NULL: they are copied */
};

/* The row by which a session is known without loading it. */
struct store_session {
	struct uuid id, log_id;
	uint64_t epoch;
	uint64_t created_us, active_us;
	uint64_t seq, ordinal;
	bool has_project, closed;
	struct uuid project_id; /* nil: none, or the row was written before rows said it */
};

struct store_project {
	struct uuid id;
	const char *name, *template_id; /* borrowed */
	uint64_t revision;		/* newest */
	uint64_t saved_us;
	struct span bytes; /* session_snapshot() of that revision; empty in lists */
	char *taken;	   /* as in a step */
};

/* error: OK, storage_full or storage_failed; fatal: the disk failed, no further commit may be
 * acknowledged. */
typedef void store_done_fn(void *context, enum error error, bool fatal);
typedef bool store_step_fn(void *context, const struct store_step *);
typedef bool store_session_fn(void *context, const struct store_session *);
typedef bool store_project_fn(void *context, const struct store_project *);

/* Something on disk that is not as it was written. */
struct store_flaw {
	struct uuid session;	     /* nil: no single one */
	uint64_t ordinal, first_seq; /* of the step; 0: no single one */
	const char *text;	     /* until the call returns */
};
typedef void store_flaw_fn(void *context, const struct store_flaw *);

struct store_ops {
	const char *name; /* what stands before the colon of --store */
	/* rest: what stands behind it. Fails with a message for the operator. */
	struct store *(*open)(const char *rest, struct loop *, char message[256]);
	/* Waits for what is on its way. false: the disk failed; whatever was acknowledged is there.
	 */
	bool (*close)(struct store *);

	/* The open batch. Bytes are copied before the call returns, or taken: then they are an
	 * allocation that becomes the store's, whatever comes of it. */
	void (*append)(struct store *, const struct store_step *);
	void (*put_snapshot)(struct store *, const struct uuid *session, uint64_t ordinal,
	    uint64_t seq, struct span bytes, char *taken); /* as in a step */
	void (*put_session)(
	    struct store *, const struct store_session *); /* adds or replaces the row */
	void (*put_project)(struct store *, const struct store_project *); /* a new revision */
	void (*drop_project)(struct store *, const struct uuid *id);
	void (*commit)(struct store *, store_done_fn *, void *context);

	/* Reading. error: OK, storage_failed, session_damaged (a checksum or the chain is broken;
	 * steps before it were given). Sessions that have ended need not be known. */
	enum error (*sessions)(struct store *, store_session_fn *, void *context);
	enum error (*snapshot)(struct store *, const struct uuid *session,
	    uint64_t not_after_ordinal, struct json_out *bytes,
	    uint64_t *ordinal); /* *ordinal 0: none */
	enum error (*steps)(struct store *, const struct uuid *session, uint64_t after_ordinal,
	    store_step_fn *, void *context); /* fn false: stop */
	enum error (*steps_by_seq)(struct store *, const struct uuid *session, uint64_t after_seq,
	    store_step_fn *, void *context); /* steps with last_seq > after_seq */
	uint64_t (*first_seq)(
	    struct store *, const struct uuid *session); /* the oldest seq still kept, 1 normally */
	enum error (*projects)(
	    struct store *, store_project_fn *, void *context); /* newest revisions, by name */
	enum error (*project)(struct store *, const struct uuid *id, store_project_fn *,
	    void *context); /* not found: fn is not called */
	/* Whether reading would wait for the disk just now, because something is written. NULL:
	 * never. */
	bool (*is_busy)(struct store *);
	/*
	 * That session as it is on disk now: a store that another thread may read while everything
	 * else goes on. It has snapshot, steps and steps_by_seq, of that session, and project, and
	 * is to be closed before the store is. NULL, the function or what it gives: there is none.
	 */
	struct store *(*aside)(struct store *, const struct uuid *session);

	/* Upkeep, between turns; idle: nothing else is to be done just now. false: the disk failed,
	 * no further commit may be acknowledged. */
	bool (*tend)(struct store *, bool idle);
	enum error (*backup)(
	    struct store *, const char *path, char message[256]); /* NULL: cannot */
	/*
	 * The same in slices of about slice_ms, between which everything else goes on: *more until
	 * the copy is whole. path names the copy in each call; overloaded: another one is being
	 * made. NULL: gives up the one that was begun.
	 */
	enum error (*backup_slice)(
	    struct store *, const char *path, uint64_t slice_ms, bool *more, char message[256]);

	/* For graphctl, on a store that nothing is waiting in. Each may be NULL: there is no such
	 * thing here. */
	/* Tells of each checksum, link and row that is wrong. OK: everything could be looked at. */
	enum error (*verify)(struct store *, store_flaw_fn *, void *context);
	/* Steps up to ordinal, whose last seq is seq, go, and the snapshot of that ordinal stands
	 * for them; all at once. kept: the ordinal of one that can still be read by itself, which
	 * may be the one that was kept before; 0: of none. */
	enum error (*cut)(struct store *, const struct uuid *session, uint64_t ordinal,
	    uint64_t seq, struct span snapshot, uint64_t kept);
	/* Gives fn that step, if there is one. */
	enum error (*kept)(
	    struct store *, const struct uuid *session, store_step_fn *, void *context);
	/* From now on sessions that have ended are read and given like others. */
	enum error (*know_ended)(struct store *);
	/* Removes all that is stored of sessions that have ended; all at once. */
	enum error (*drop_ended)(struct store *);
};

struct store {
	const struct store_ops *ops;
};

/* "memory", "fail:<operation>[:n]", "sqlite:PATH". NULL with a message. */
struct store *store_open(const char *spec, struct loop *, char message[256]);
