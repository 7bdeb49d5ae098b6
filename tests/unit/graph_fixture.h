#pragma once
/* Graphs and sessions to test with: short ways to make edits and steps, random ones, comparisons.
 */

#include "dice.h"
#include "graphd/session.h"

/* The n-th id; 0 is nil. */
struct uuid id_of(uint64_t n);
struct content *content_of(const char *type, const char *name);
void content_add(struct content *, const char *key, const char *value_json);

/* Edits as commands make them. index UINT32_MAX: the end. */
struct edit add_edit(uint64_t node, uint64_t parent, uint32_t index, const char *name);
struct edit remove_edit(uint64_t node);
struct edit move_edit(uint64_t node, uint64_t parent, uint32_t index);
struct edit set_edit(uint64_t node, const char *key, const char *value_json);
struct edit unset_edit(uint64_t node, const char *key);
struct edit mark_edit(enum mark);
struct edit meta_edit(const struct meta *);

/* Applies it to a graph alone and forgets it; gives the error. */
enum error apply(struct graph *, struct edit);
/* All nodes with all that is in them, in order, as bytes; the caller frees. */
char *dump(const struct graph *, size_t *n);
/* session_snapshot() as a text of hexadecimal digits, to be compared; the caller frees. */
char *snapshot_text(const struct session *);
/* Says where they differ: they are too long for ck_assert_str_eq() to show. Frees both. */
void assert_same_snapshots(char *, char *);
void assert_same_sessions(const struct session *, const struct session *);

struct session *new_session(void);
/* The n-th command of an actor (NULL: nobody). */
void begin_as(struct session *, const char *actor, enum step_kind, enum command);
/* One edit as one step; gives the step. Fails the test when it is refused. */
struct step *do_edit(struct session *, const char *actor, struct edit);
/* The roots 1, 2 and 3, made by nobody. */
struct session *session_of_three(void);
struct step *undo_as(struct session *, const char *actor, const char *scope, enum error *);
struct step *redo_as(struct session *, const char *actor, const char *scope, enum error *);
void free_step(struct step *);
/* What the journal keeps of it; for step_fini(). */
struct step read_back(const struct step *);
/* A step of one to four random edits by this actor; NULL when all of them were refused. */
struct step *random_step(struct session *, struct dice *, const char *actor);
/* The same of so many edits, as far as they are not refused, or more where branches go. */
struct step *random_long_step(struct session *, struct dice *, const char *actor, uint32_t n_tries);
/* The node with the n-th id, or NULL. */
const struct node *find_node(const struct graph *, uint64_t n);
/* The n-th node in the order of the walk, or NULL. */
const struct node *nth_node(const struct graph *, uint32_t n);
