#pragma once
/*
 * Saved projects as commands see them. The store shows committed revisions only, so the ones on
 * their way to it are remembered here until they have arrived.
 */

#include "graphd/call.h"

struct projects;

struct projects *projects_new(void);
void projects_free(struct projects *);
/* s is saved as this revision by the step that is open, or opened next. */
void projects_note(
    struct projects *, struct sessions *, const struct session *s, uint64_t revision);
/* How many are remembered: those on their way, and some that have arrived. */
size_t projects_count(const struct projects *);
/* No revision is on its way any more. */
void projects_forget(struct projects *);
/* The newest revision, 0 when it was never saved. */
enum error projects_revision(
    struct projects *, struct sessions *, const struct uuid *project, uint64_t *revision);

/* A saved project, read. */
struct saved {
	struct uuid id;
	char *name, *template_id;
	uint64_t revision, saved_us;
	struct session *session; /* restored: the graph as it was saved */
};
/* project_not_found, session_damaged, storage_failed. From a store that may be read where this is
 * called; the session is bound to no blueprint yet. */
enum error saved_read_from(struct store *, const struct uuid *project, struct saved *out);
enum error saved_read(struct sessions *, const struct uuid *project, struct saved *out);
void saved_fini(struct saved *);

/* The graph of a project: its live session's, or that of its newest revision, which saved then
 * owns. */
struct project_view {
	struct session *live; /* or NULL */
	struct saved saved;
};
enum error project_view(struct call *, const struct uuid *project, struct project_view *out);
const struct session *project_view_session(const struct project_view *);
void project_view_fini(struct project_view *);
/* Gives the saved graph to the outcome, for a reply that is written in slices. */
struct graph *project_view_take_graph(struct call *, struct project_view *);

/* A live session on the project, loaded when it must be; NULL when there is none. */
enum error project_session(struct sessions *, const struct uuid *project, struct session **out);

/* A new revision of the project of s, which has no step open, into the open batch. */
void project_put(struct call *, const struct session *s, uint64_t revision);

/*
 * Opens a step that gives s another project: one that can be undone, unless s had none before, for
 * without a project nothing can be done again. The graph is emptied and the meta is set.
 */
enum error project_begin(struct call *, struct session *s, const struct meta *);
/* Into the session named, or into a new one when id is nil. */
enum error project_target(struct call *, const struct uuid *session_id, struct session **out);
/* The mark by which clients hear of the graph that was loaded. */
enum error project_loaded(struct session *s);

/* Edits of the open step: every node of from comes, parents first. */
enum error project_copy(const struct graph *from, struct session *s);
