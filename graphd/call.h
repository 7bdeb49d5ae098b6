#pragma once
/*
 * What command handlers share: opening a step, finding nodes, checking bounds, and putting a graph
 * at the end of a reply. A handler that edits a session other than the request's own, or one that
 * is not EDITS, opens its step with call_begin(); the dispatcher closes it, or takes it back.
 */

#include "graphd/dispatch.h"

/* Opens the request's step on s, which becomes the outcome's session. */
void call_begin(struct call *, struct session *, enum step_kind);
/* Closes the step, if one is open; result: an object or {NULL,0}. A handler does it itself only
 * before it takes a snapshot in which the step must stand. */
void call_end(struct call *, struct span result);
/* A new session with its created mark; the step stays open. */
enum error call_new_session(struct call *, struct session **out);

/* Who owns the step: the actor, else the client, else "". Lives in the arena. */
const char *call_identity(const struct call *);

/* node_not_found names the field. */
enum error call_node(
    struct call *, const char *field, const struct uuid *id, const struct node **out);
/* An optional place among siblings: absent is the end; a negative one is refused by its field. */
enum error call_index(struct call *, const char *field, int64_t index, uint32_t *out);
/* Text of 1 to max bytes. */
enum error call_text(struct call *, const char *field, struct span text, size_t max_bytes);
/* A count, at least 1 and cut at most; absent: fallback. */
enum error call_count(
    struct call *, const char *field, int64_t n, size_t fallback, size_t most, size_t *out);
/* Undo or redo in the scope "session" or "mine": leaves its step open and writes command_id, null
 * when there was nothing. */
enum error call_take_back(struct call *, struct span scope, enum step_kind);
/* "lenient" or "strict"; absent leaves *strict. */
enum error call_validation(struct call *, const char *field, struct span mode, bool *strict);

/* Whether a node that is asked for at an index below that parent (NULL: among the roots) stands
 * there already, wherever that is when the index is absent. Beyond the end means the end. */
bool call_is_there(const struct node *, const struct node *parent, int64_t index);
/* Moves one node: the edit that link_node, unlink_node, move_node and reorder_node are made of. */
enum error call_move(
    struct call *, const struct uuid *node, const struct uuid *parent, uint32_t index);
/* The project of s from now on, within the open step, and the blueprint that goes with it. */
enum error call_meta(struct call *, struct session *s, const struct meta *);

/*
 * Ends the reply with a graph, written in slices: opening is put into the result behind the members
 * written so far, then come the trees of the graph (or the one node within), then tail, which
 * closes the reply's object.
 */
void call_tree(struct call *, const char *opening, const struct graph *, const struct blueprint *,
    const struct node *within, int64_t depth, const char *tail);
/* The usual one: "graph":{"roots":[…]}, unless the caller wants a minimal reply. */
void call_graph(struct call *, const struct session *);
