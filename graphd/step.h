#pragma once
/*
 * A step: the edits of one command, what it was and who asked. It is what the journal keeps and
 * what events are made from; a step read back gives the same events, byte for byte.
 */

#include "common/json_out.h"
#include "common/path.h"
#include "graphd/edit.h"
#include "proto/proto.h"

#include <stdint.h>

enum step_kind {
	STEP_DO, /* can be undone */
	STEP_UNDO,
	STEP_REDO,
	STEP_MARK, /* cannot be undone: created, saved, clean, closed */
};

struct step {
	enum step_kind kind;
	struct uuid session, log_id;
	uint64_t epoch;
	uint64_t ordinal;	      /* of the session's steps: 1, 2, 3, … without gaps */
	uint64_t first_seq, last_seq; /* of its events; last_seq = first_seq - 1 when it has none */
	struct uuid command_id;	      /* of this step's own command */
	struct uuid target_id;	      /* UNDO, REDO: the command undone or done again */
	enum command type;	      /* UNDO, REDO: of the target */
	struct uuid project_id;	      /* the session's after the step; nil: none */
	uint64_t time_us;
	char *actor, *client_id; /* or NULL */
	char *scope_owner;	 /* UNDO, REDO: actor of the target; or NULL */
	char *result;		 /* JSON or NULL */
	char *key;		 /* idempotency key, or NULL */
	uint64_t request_hash;	 /* of command and arguments under that key */
	char *reply;	    /* minimal reply: what a repeat of the key is answered; JSON or NULL */
	struct edit *edits; /* owned, complete and exact */
	size_t n_edits;
	struct uuid *ancestors; /* owned: see graphd/ancestry.h */
	size_t n_ancestors;
	bool has_ancestors; /* false of steps recorded before they were kept */
	bool packed;	    /* actor and client_id lie behind the struct, in the same allocation */
};

/* Frees what it owns, not the struct. */
void step_fini(struct step *);
/* Frees both; NULL is ignored. */
void step_free(struct step *);

/* Appends the step's stored form: binary, versioned, self-contained. The store adds checksums. */
void step_encode(const struct step *, struct json_out *out);
/* False when the bytes are not a step: damaged, or of a later version. out owns everything;
 * step_fini() it. */
bool step_decode(struct span bytes, struct step *out);
/* The same without the edits, of which *n_edits follow. Call step_fini() in any case. */
struct reader;
bool step_decode_head(struct reader *, struct step *out, size_t *n_edits);
/* The next edit of a step. False: the bytes are none. Call edit_fini() in any case. */
bool step_decode_edit(struct reader *, struct edit *out);

/* How many durable events the step raises: its last_seq is first_seq - 1 plus this. */
uint64_t step_event_count(const struct step *);

struct step_event {
	enum event event;
	uint64_t seq;
	struct span body;
	struct path path;
};

/*
 * Encodes the step's durable events in order. The event lives until fn returns; fn returns false to
 * stop early. after: events up to and including that seq are left out (0: none are). Without
 * with_paths the events have no paths and cost less.
 */
typedef bool step_event_fn(void *context, const struct step_event *);
void step_events(
    const struct step *, uint64_t after, bool with_paths, step_event_fn *fn, void *context);
/*
 * The same for a part of a step: the struct holds only the part's edits and seqs. paths: those of
 * the whole step, advanced to where the part begins; or NULL. False: fn stopped it.
 */
struct paths;
bool step_part_events(
    const struct step *part, uint64_t after, struct paths *, step_event_fn *fn, void *context);
