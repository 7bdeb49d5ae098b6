#pragma once
/*
 * Takes snapshots, so that a session's history need not be replayed from its beginning. A small
 * session is written down at once in an idle turn; a big one by a thread of its own, during which
 * the session's requests wait in their lane and all others go on.
 */

#include "common/json_out.h"
#include "common/loop.h"
#include "graphd/lanes.h"
#include "graphd/sessions.h"
#include "graphd/snapshot.h"
#include "graphd/thread.h"

#include <stdatomic.h>

struct snapshooter {
	struct loop *loop;
	struct sessions *sessions;
	struct lanes *lanes;
	uint64_t every_steps;		     /* 0: a session is due by weight */
	void (*taken)(struct snapshooter *); /* a snapshot was put into the store's open batch */
	struct table growth; /* struct growth: sessions with steps behind their last snapshot */
	struct link due;     /* struct growth: those with enough of them, longest waiting first */

	/* The thread's job; the session is NULL when there is none. */
	struct session *session;
	struct lane *held[2];
	struct snapshot_writer writer;
	struct json_out bytes;
	struct thread thread;
	atomic_bool given_up; /* asks the thread to stop early */
	bool must_finish;
	unsigned tries;		 /* of the session that is read */
	struct loop_io finished; /* an eventfd */
};

/* Borrows all. */
void snapshooter_init(struct snapshooter *, struct loop *, struct sessions *, struct lanes *,
    void (*taken)(struct snapshooter *));
/* Waits for the thread. */
void snapshooter_fini(struct snapshooter *);
/* A step of the session was stored. */
void snapshooter_note(struct snapshooter *, const struct session *, size_t step_bytes);
/* The session is about to leave for good. */
void snapshooter_forget(struct snapshooter *, const struct uuid *session);
/* Takes the next one that is due. busy: only one that has waited for long. */
void snapshooter_work(struct snapshooter *, bool busy);
/* A request waits for the session that is read: unless it was put off too often, the snapshot can
 * wait instead. */
void snapshooter_give_way(struct snapshooter *);
/* A thread reads a session: none may be ended or leave memory. */
bool snapshooter_is_reading(const struct snapshooter *);

/* Requests that may change any session wait in this lane while the thread reads one. */
extern const struct uuid lane_of_all;
