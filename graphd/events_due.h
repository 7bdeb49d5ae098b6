#pragma once
/*
 * Events on their way to the bus, published when their batch is on disk. A step's own are encoded
 * only then, and only if somebody hears them; others when the command runs.
 */

#include "graphd/session.h"

#include <stdbool.h>

struct due_event {
	struct uuid session, log_id;
	uint64_t epoch, seq, time_us;
	enum event event;
	uint8_t flags; /* WIRE_DURABLE, WIRE_DASH_ONLY */
	bool keep;     /* stands although the batch fails: it tells of no change to be stored */
	size_t body_at, body_n; /* in bodies */
	size_t path_at, path_n; /* in paths, counted in ids */
	/* Both or neither; then this is no event, but stands for all those of the step. */
	const struct session *of;
	const struct step *step;
};

struct events_due {
	struct due_event *list;
	size_t n, capacity;
	struct json_out bodies;
	struct uuid *paths;
	size_t n_paths, paths_capacity;
};

void events_due_fini(struct events_due *);
/* Empties it and keeps the memory, within reason. */
void events_due_clear(struct events_due *);
/* The event's body and path are copied. */
struct due_event *events_due_add(
    struct events_due *, const struct session *, const struct step_event *, uint64_t time_us);
/* All durable events of a step. The command:executing just before them, if there is one, gets the
 * path of the event that ends the command: who hears of one hears of the other. */
void events_due_add_step(struct events_due *, const struct session *, const struct step *);
/* The same step, encoded later by whoever publishes; step and session must stay until then. Of one
 * with more than LIMIT_STEP_EVENTS a sync stands for all: they are read from the journal. */
void events_due_add_later(struct events_due *, const struct session *, const struct step *);
/* node-updated for each parent whose children the step changed, as the graph is now. None of a
 * step with so many events: they would come before these. */
void events_due_add_parents(struct events_due *, const struct session *, const struct step *);
struct path events_due_path(const struct events_due *, const struct due_event *);
struct span events_due_body(const struct events_due *, const struct due_event *);
