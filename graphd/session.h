#pragma once
/*
 * A session: a graph with its history and its order of events. Commands change it between
 * session_begin() and session_end() through session_edit(); nothing else does.
 */

#include "graphd/history.h"

struct blueprint;
struct json_out;

/* What a session knows of its project. Changed by EDIT_META only, whose text is this struct as
 * JSON. */
struct meta {
	struct uuid project_id; /* nil: no project */
	char *project_name;
	char *template_id;
	bool strict; /* validation */
	char *extra; /* unknown members of an imported file: JSON members without braces; or NULL */
};

/* Its id, and whether it is away, clients.h says. */
struct client {
	struct link link;
	char *actor; /* perhaps its id */
	uint64_t since_us;
	uint64_t number; /* rises from each that joins to the next, in any session */
};

/* A remembered answer. */
struct key_entry {
	struct span key; /* into the same allocation */
	struct link age;
	uint64_t request_hash;
	struct span reply; /* minimal reply */
	enum error error;
	bool has_step;	  /* else it was refused or changed nothing; forgotten at a restart */
	uint64_t ordinal; /* of its step, or of the last one before it */
};

/* What others are told of a session besides its graph. */
struct session_face {
	struct uuid project_id;
	uint64_t seq;
};

struct session {
	struct uuid id, log_id;
	uint64_t epoch;
	uint64_t created_us, active_us;
	struct graph *graph;
	struct meta meta;
	const struct blueprint *blueprint; /* borrowed; NULL: none, or one that is not installed */
	struct history history;
	uint64_t seq;	      /* of the last event made, on disk or on its way there */
	uint64_t durable_seq; /* of the last event on disk */
	uint64_t ordinal;     /* of the last step */
	char clean_hash[33];  /* state hash when last saved; dirty = differs */
	bool closed;
	struct link clients; /* struct client */
	size_t n_clients;
	struct table *keys; /* struct key_entry by key; NULL until first used */
	struct link keys_by_age;
	size_t keys_bytes;	   /* of the keys and their answers */
	struct old_keys *old_keys; /* those before; NULL: none */
	struct step *open;	   /* the step being made, or NULL */
	struct json_out *warnings; /* array being written by the rules while a step is open */
	uint64_t snapshot_ordinal; /* last step that a stored snapshot covers */
	size_t snapshot_bytes;	   /* what that one takes; 0: there is none */
	uint64_t idle_since_ms;	   /* for unloading */
	struct link by_activity;   /* in sessions' list */
	struct link rollbacks;	   /* how to take back each step that is not settled, newest last */
	void *batch; /* the server's: the uncommitted batch that touched it last, or NULL */
	/* A thread changes it (sessions_lend()). Nobody else may look at more of it meanwhile than
	 * its ids and epoch, durable_seq, batch, clients, and its face. */
	bool is_lent;
	struct session_face face; /* as it was when it was lent */
};

/* Empty: no project, seq 0. */
struct session *session_new(const struct uuid *id, const struct uuid *log_id, uint64_t now_us);
void session_free(struct session *);
struct session_face session_face(const struct session *);
/* One that is lent is not. */
bool session_is_closed(const struct session *);
bool session_is_dirty(const struct session *);
bool session_can_undo(const struct session *);
bool session_can_redo(const struct session *);

/*
 * Opens a step; none may be open. A DO that holds more than marks can be undone. A MARK that
 * changes the graph or the meta as well, as opening a project does, is a border: the history before
 * it is cleared, because no undo could cross it. What the spans show is copied.
 */
struct step_request {
	enum step_kind kind;
	enum command type;
	struct uuid command_id;
	struct span actor, client_id, key;
	uint64_t request_hash;
	uint64_t now_us;
};
void session_begin(struct session *, const struct step_request *);

/*
 * One edit of the open step: completed, applied and kept. Takes what the edit owns, also when it is
 * refused. A refusal changes nothing by itself; the command passes it on and the dispatcher aborts
 * the step.
 */
enum error session_edit(struct session *, struct edit *);

/* Edits of the open step that remove a node and all below it, or every node: children first. */
enum error session_remove(struct session *, const struct node *top);
enum error session_clear(struct session *);

/* Inverts and forgets the open step's edits: nothing happened. */
void session_abort(struct session *);

/*
 * Closes the step: numbers it, moves history, and returns it: returns owned, with seqs, result and
 * all edits complete (ADD content included). An open step with neither edits nor events nor a key
 * is dropped and NULL returned. result: JSON or {NULL,0}.
 */
struct step *session_end(struct session *, struct span result);

/*
 * Takes a closed step back whose storing failed; the newest first. History, seq, ordinal, keys and
 * graph are as before it.
 */
void session_revert(struct session *, const struct step *);

/*
 * Steps up to this one are durable: what session_revert() would need for them is freed. Due after
 * each commit; without it every step's record stays in memory.
 */
void session_settled(struct session *, uint64_t ordinal);

/* Undo or redo: opens, applies and leaves open a step of inverse edits. scope_actor NULL: session
 * scope. *entry is NULL and OK returned when there is nothing to do (no step is open then).
 * undo_conflict: refusal names the command in the way; nothing changed. */
enum error session_undo(struct session *, const struct step_request *, const char *scope_actor,
    struct history_entry **entry, struct refusal *);
enum error session_redo(struct session *, const struct step_request *, const char *scope_actor,
    struct history_entry **entry, struct refusal *);

/*
 * A step read back from the journal: applied as it was, history and keys included. Empties the
 * step. False: it does not fit, the stored history is damaged, and the session is to be thrown
 * away.
 */
bool session_replay(struct session *, struct step *taken);

/* The remembered answer, or NULL. */
const struct key_entry *session_key_find(const struct session *, struct span key);
/* One that had to go for others, the steps of which are not durable yet; or NULL. */
const struct key_entry *session_key_displaced(const struct session *, struct span key);
/* Remembers one; ordinal 0 for a refusal. Above LIMIT_KEYS and LIMIT_KEYS_BYTES the oldest go, and
 * those with a step to old_keys. */
void session_key_add(struct session *, struct span key, uint64_t request_hash, enum error,
    uint64_t ordinal, struct span reply);

/* Answers without a step, which are stored nowhere: out of a session that leaves memory, and into
 * it when it is back. */
void session_unstored_take(struct session *, struct link *answers);
void session_unstored_give(struct session *, struct link *answers);
/* Of a list of struct key_entry, by age. */
void key_entries_free(struct link *);

/* meta as the JSON text of EDIT_META, and back. */
void meta_write(struct json_out *, const struct meta *);
bool meta_read(struct span json, struct meta *out); /* out owns */
void meta_fini(struct meta *);

/* A whole session as flat bytes (no nesting), for snapshots and portable files; and back. */
void session_snapshot(const struct session *, struct json_out *out);
struct session *session_restore(struct span bytes); /* NULL: damaged */
