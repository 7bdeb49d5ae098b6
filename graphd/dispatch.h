#pragma once
/*
 * Request in, outcome out: find, decode, run. No I/O but the store's appends, no clock: time comes
 * with the request. The server commits, publishes and replies from the outcome.
 */

#include "graphd/errand.h"
#include "graphd/sessions.h"
#include "graphd/surveys.h"
#include "graphd/tree.h"
#include "proto/wire.h"

struct request {
	enum command command;
	struct uuid session; /* nil: none named */
	struct caller caller;
	struct span args; /* scanned JSON object; empty counts as {} */
	uint64_t now_us, now_ms;
	/* Of one that goes on after an unfinished outcome: when it began, and how much is done. */
	uint64_t began_us; /* 0: it begins */
	size_t done;
	bool is_unheard; /* nobody hears the session's events: those that pass need not be made */
	struct errand *errand; /* borrowed: what it asked to be done, which has been; or NULL */
};

/* A transient event to publish; durable ones come from steps. */
struct announcement {
	enum event event;
	struct session *session;
	size_t body_at, body_n; /* in outcome.texts */
	uint64_t seq;
	bool first; /* before the step's events (executing); else behind them */
};

enum { OUTCOME_ANNOUNCEMENTS = 8 };

struct outcome {
	enum error error;
	struct json_out body;	 /* the reply; unfinished while tail is set */
	struct session *session; /* that it read or changed, or NULL */
	struct step *step;	 /* made by it: owned, to be encoded, stored, published; or NULL */
	struct json_out step_bytes; /* the step encoded, if that has been done */
	bool stores;  /* something else was put into the open batch (a project, a session row) */
	bool created; /* the session is new: dropped again if the commit fails */
	struct announcement announcements[OUTCOME_ANNOUNCEMENTS];
	size_t n_announcements;
	struct json_out texts; /* bodies of announcements */
	/* A graph still to be written into body in slices (tree.active), then tail, which ends the
	 * JSON. */
	struct tree_writer tree;
	bool tree_active;
	char *tail;		  /* owned; NULL: none */
	struct graph *tree_graph; /* owned: the graph that tree walks when it is not the session's
				     (past, saved); or NULL */
	struct uuid survey;	  /* not nil: body says nothing, the answer is this survey's */
	uint64_t key_token;	  /* what dispatch_uncommitted() needs; 0: nothing */
	/* Owned: to be run in a thread; then the same request is given again, with it. The body is
	 * not for sending. */
	struct errand *errand;
	/* Not nil: that session is lent to an errand, and the same request is to be given again
	 * when it is back. Nothing has been done. */
	struct uuid behind;
	/* It would have to wait for the disk, and with it everybody else: the same request is given
	 * again when the store is not busy any more. Nothing has been done. */
	bool awaits_store;
	/* A share of a command that would take too long at once, or of finding out whether its key
	 * was used: when it is stored, the same request is given again, with what is done so far.
	 * The body is not for sending. */
	bool unfinished;
	size_t done;
};

void outcome_init(struct outcome *);
/* Empties it for the next request and keeps its buffers. */
void outcome_clear(struct outcome *);
void outcome_fini(struct outcome *);

struct dispatcher;
/* grace_ms: how long a client whose connection broke off may be away. */
struct dispatcher *dispatcher_new(struct sessions *, uint64_t grace_ms);
void dispatcher_free(struct dispatcher *);
/* Always gives an answer: a refusal is an outcome too. */
void dispatch(struct dispatcher *, const struct request *, struct outcome *);
/* To be called once a second: longer ago than that nobody could be heard. */
void dispatch_awake(struct dispatcher *, uint64_t now_ms);
/* What time did to the clients: those of gateways that were not heard for LIMIT_LEASE_MS are
 * announced gone, and so on. One outcome each; fn publishes it. */
void dispatch_expire(struct dispatcher *, uint64_t now_ms, uint64_t now_us,
    void (*fn)(void *, struct outcome *), void *context);
/* When that has something to do next; UINT64_MAX: never. Cheap: ask after each turn. */
uint64_t dispatch_expires_ms(const struct dispatcher *);
/* Sessions that are ended in one go, since each is loaded for it. */
enum { CLEANUP_AT_ONCE = 16 };
/*
 * Which sessions are idle. By the monotonic clock, since their last use in this process. For those
 * that have had none in it, since since_ms; where that is 0, because somebody asks who goes by the
 * times that are shown, since their last use by the time of day.
 */
struct idleness {
	uint64_t now_us, now_ms, inactive_ms;
	uint64_t since_ms;
	uint64_t began_us; /* what was used later, by the time of day, is not; 0: it may be */
};
/* Ends CLEANUP_AT_ONCE of them in which nobody is; one outcome each. Returns how many. */
size_t dispatch_cleanup(struct dispatcher *, const struct idleness *,
    void (*fn)(void *, struct outcome *), void *context);

/*
 * Cleanup ends several sessions in one request: each gets an outcome of its own, without a reply,
 * given to fn before dispatch() returns. To be set before the first request.
 */
void dispatcher_on_more(struct dispatcher *, void (*fn)(void *, struct outcome *), void *context);
/* Borrowed: what clients are being asked. The server runs their time and tells who asked. */
struct surveys *dispatch_surveys(struct dispatcher *);
/* Where the backup command may write; borrowed; NULL, as at first: nowhere. */
void dispatcher_backup_to(struct dispatcher *, const char *directory);
/* The commit of an outcome with that key_token failed: its key counts as never used. */
void dispatch_uncommitted(struct dispatcher *, uint64_t key_token);

/* All that was not on disk yet has been taken back. */
void dispatch_reverted(struct dispatcher *);

/* What a command's handler gets: graphd/commands/<ident>.c defines
 *	enum error cmd_<ident>(struct call *, const struct <ident>_args *);
 * It validates, calls session_edit() and writes its reply fields; it never publishes, stores or
 *writes undo code. */
struct call {
	struct session *session; /* NULL when the command names none */
	/* That one, or the live one that the arguments of a command that MANAGES name, if it can be
	 * had; else NULL. */
	struct session *subject;
	enum error subject_error; /* why that which the arguments name cannot be had */
	struct sessions *sessions;
	struct dispatcher *dispatcher;
	const struct request *request;
	struct outcome *outcome;
	struct arena *arena; /* until the reply is written */
	struct refusal *why;
	struct json_out
	    *result; /* members of "result" (EDITS), or of the reply (others), in an open object */
	struct json_out *warnings; /* elements of the reply's array */
	struct uuid made;	   /* EDITS: the node that "$n" and node_id name; nil: none */
	bool keyed_session;	   /* the step opened for it carries the caller's key */
	struct uuid command_id;	   /* of this request's step */
	uint64_t request_hash; /* of command and arguments, under the caller's key, once it runs */
	size_t plain_n;	 /* bytes of result before the opening of a graph; 0: there is no graph */
	char *tail;	 /* owned: what closes the reply behind that graph; or NULL */
	bool is_written; /* the reply is in the outcome's body, since it would be long to copy */
	/* A thread carries it out (making.h): */
	bool is_aside;
	struct store *store; /* what it may read; NULL: it may not */
	char *reply;	     /* owned: to be remembered under the key in the end; or NULL */
};

#define COMMAND(ident, name, kind, doc) \
	enum error cmd_##ident(struct call *, const struct ident##_args *);
#define REQ(type, name, doc)
#define OPT(type, name, doc)
#define RET(type, name, doc)
#define END(ident)
#include "proto/commands.def"

/* For batch: one EDITS command inside the open step. */
enum error dispatch_nested(
    struct call *, enum command, struct span args, const struct arg_resolver *);
