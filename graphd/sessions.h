#pragma once
/*
 * All sessions: those in memory, and the rows of those that are not. A session is loaded on first
 * use from its newest snapshot and the steps behind it, and unloaded when it has been idle.
 */

#include "graphd/blueprint.h"
#include "graphd/session.h"
#include "graphd/store.h"

struct sessions;

/* Borrows both. Reads the session rows. */
struct sessions *sessions_new(struct store *, struct blueprints *);
void sessions_free(struct sessions *);
/* invalid_session (unknown or closed), session_damaged, storage_failed; overloaded: it is lent.
 * Borrowed until the end of the turn. */
enum error sessions_get(struct sessions *, const struct uuid *id, struct session **out);
/* The same without reading it: NULL when it is not in memory, where all are with anything that is
 * not on disk yet; closed ones too, and those that are lent. */
struct session *sessions_loaded(const struct sessions *, const struct uuid *id);
/* The same of one that is in memory, lent or not. OK and NULL: it is to be loaded first. */
enum error sessions_peek(struct sessions *, const struct uuid *id, struct session **out);
/* A new one with a random log_id; too_many_sessions. */
enum error sessions_create(struct sessions *, uint64_t now_us, struct session **out);
/* One with random ids that nobody knows of yet. */
struct session *sessions_draft(uint64_t now_us);
/* Takes one that was made elsewhere; too_many_sessions. */
enum error sessions_adopt(struct sessions *, struct session *taken);
/* Forgets one whose creation could not be stored, or that has ended. */
void sessions_drop(struct sessions *, struct session *);
/* Loaded or not; those that ended do not count. */
size_t sessions_count(const struct sessions *);
/* Every session's row, loaded or not, oldest first; fn false stops. clients: how many are in it. */
typedef bool sessions_fn(void *context, const struct store_session *row, size_t clients);
void sessions_each(struct sessions *, sessions_fn *, void *context);
/* From behind a session on; after_us: when that one was created, should it be gone. NULL: from the
 * oldest. */
void sessions_each_after(
    struct sessions *, const struct uuid *after, uint64_t after_us, sessions_fn *, void *context);
/* Newest first. */
void sessions_each_newest(struct sessions *, sessions_fn *, void *context);
/* The session on that project that was used last, loaded or not; asking about one is no use.
 * Borrowed; NULL when there is none that can be read. */
const struct uuid *sessions_on_project(const struct sessions *, const struct uuid *project_id);
/* Unloads sessions idle since before_ms that have no clients and nothing uncommitted. */
void sessions_unload_idle(struct sessions *, uint64_t before_ms);
/*
 * Another thread is to change it, or to read it, until it is taken back: it is neither unloaded
 * nor ended meanwhile, nor found by sessions_get(), and all others go by its face. Everything in it
 * must be on disk.
 */
void sessions_lend(struct sessions *, struct session *);
void sessions_take_back(struct sessions *, struct session *);
/* The session was only asked about: keeps its row and place. */
void sessions_touch(struct sessions *, struct session *);
/* It has changed or was used: that too, and notes when, by both clocks. */
void sessions_use(struct sessions *, struct session *, uint64_t now_us, uint64_t now_ms);
/* When it was last used, monotonic; 0: not since this process began, or there is no such session.
 */
uint64_t sessions_used_ms(const struct sessions *, const struct uuid *id);
/* Steps of it were taken back: it is on the project it was on, and its row is to be put again. */
void sessions_reverted(struct sessions *, struct session *);
/*
 * Puts the session's row into the open batch when it is new, closed, has another project, or says a
 * time of last use that is too old. False: there was no need.
 */
bool sessions_put_row(struct sessions *, struct session *);
/* Finds the blueprint that the session's meta names. To be called after each META edit;
 * sessions_get() does it too. */
void sessions_bind(struct sessions *, struct session *);
/* Called before a session leaves memory; what it holds of clients must go then. */
typedef void sessions_drop_fn(void *context, struct session *);
void sessions_on_drop(struct sessions *, sessions_drop_fn *, void *context);
struct store *sessions_store(struct sessions *);
struct blueprints *sessions_blueprints(struct sessions *);
