#pragma once
/* The server's parts, for its own files: server.c (life, and the order of a turn), server_timers.c
 * (what is done by the clock), server_turn.c (requests), server_commit.c (batches), server_survey.c
 * (answers that wait for clients), server_errands.c (those for which a thread works). */

#include "graphd/batch.h"
#include "graphd/dispatch.h"
#include "graphd/errands.h"
#include "graphd/server.h"
#include "graphd/server_bus.h"
#include "graphd/server_guard.h"
#include "graphd/snapshooter.h"

struct server {
	struct loop *loop;
	struct sessions *sessions;
	struct store *store;
	struct dispatcher *dispatcher;
	uint64_t others_ms; /* when a request was last answered in one piece: what big answers give
			       way to */
	struct server_options options;
	struct bus_security *security; /* NULL: a bus without CURVE */
	void *zmq;

	struct router router;
	struct loop_zmq requests;
	struct bus bus;
	struct guard guard;
	struct events_due now; /* events that wait for no commit; empty between requests */

	struct batch batches[2];
	struct batch *open;   /* gathers */
	struct batch *flight; /* under way to the disk, or NULL */
	struct lanes lanes;
	struct link streams; /* struct stream */
	struct link
	    behind_store;	/* struct reply: requests that are run again when it is not busy */
	struct outcome outcome; /* of the request being run */
	struct arena arena;	/* of the request being run */
	struct json_out scratch;
	struct snapshooter snapshooter;
	struct errands readings, makings; /* that change nothing, and that do */

	struct session **ended; /* closed on disk, to be dropped when nobody reads them any more */
	size_t n_ended;

	struct loop_hook turn_end;
	struct loop_timer beacon, heartbeat, expiry, cleanup, unload, unblock, deadline, surveys;
	uint64_t began_ms;     /* when it was made */
	size_t taken;	       /* requests taken in this turn */
	unsigned expiry_turns; /* for which expiry was put off */
	bool draining, failed;
};

/* server_turn.c: runs a request, or lets it wait in its session's lane. Takes the ask. */
void server_ask(struct server *, struct ask *);
/* Runs it here and now; errand: what it asked to be done, which has been, or NULL. Takes the ask.
 */
void server_run(struct server *, struct ask *, struct errand *);
/* What an outcome without a request did: ended sessions, clients gone. Shaped for the dispatcher's
 * callbacks. */
void server_take_more(void *server, struct outcome *);
/* Requests that would have waited for the disk, when it has been written to. */
void server_run_behind_store(struct server *);
/* Requests that waited and need not any more. */
void server_run_lanes(struct server *);
/* The next part of each big answer, a few of them a turn. */
void server_run_streams(struct server *);
/* An answer that needs no commit, from an outcome. Takes the ask. */
struct reply *server_make_reply(struct server *, struct ask *, struct outcome *);
/* Sends an answer, or starts to. Takes the reply. */
void server_reply(struct server *, struct reply *);

/* server_timers.c: all but the deadline, which server_drain() sets. */
void server_start_timers(struct server *);
void server_stop_timers(struct server *);
/* At the end of a turn. Armed too early it fires, finds nothing and is armed again: cheaper than
 * moving it with each Hello. */
void server_set_expiry(struct server *);

/* server_survey.c: the surveys' time and answers. After the dispatcher is there. */
void server_survey_init(struct server *);
/* Answers the ask when the survey is over. Takes the ask. */
void server_await_clients(struct server *, struct ask *, const struct uuid *survey);
/* Who still waits for clients is told that graphd goes. */
void server_end_surveys(struct server *);

/* server_errands.c. After the loop, and before the sessions go. */
void server_errands_init(struct server *);
void server_errands_fini(struct server *);
/* The request is run again when that is done. Takes both. */
void server_await_errand(struct server *, struct ask *, struct errand *);
/* It is run again when what holds that lane is done. Takes the ask. */
void server_await_lane(struct server *, struct ask *, const struct uuid *lane);

/* Frees it where nobody waits for that. It must be nobody else's: not a session's. Takes it. */
void server_dispose(struct server *, void *thing, void (*free)(void *thing));

/* server_commit.c: commits the open batch unless one is under way. */
void server_commit(struct server *);
/* The journal can no longer be written: acknowledges nothing more and ends, with
 * server_has_failed().
 */
void server_fail(struct server *);
/* Everything has been answered. */
bool server_is_settled(const struct server *);
void server_drop_ended(struct server *);
