#pragma once
/*
 * The domain without processes: a memory store, the shipped blueprints, sessions and a dispatcher,
 * and a stand-in for the server that stores, counts and keeps the events of each outcome.
 */

#include "common/loop.h"
#include "graphd/dispatch.h"

struct heard {
	enum event event;
	uint64_t seq;
	char *body;
	struct uuid *path;
	size_t n_path;
};

struct domain {
	struct loop *loop;
	struct store *store;
	struct blueprints *blueprints;
	struct sessions *sessions;
	struct dispatcher *dispatcher;
	struct caller caller; /* of the next requests */
	uint64_t now_us, now_ms;
	/* of the last request */
	enum error error;
	char *body;
	bool created;
	uint64_t key_token;
	struct uuid survey; /* that it began, or nil */
	struct heard *heard;
	size_t n_heard;
	/* Surveys that ended; body and error are those of the last. */
	unsigned n_surveys;
	void *asker;
};

struct domain *domain_new(void);
void domain_free(struct domain *);
/* As after a crash: what was committed stays, everything else goes. */
void domain_restart(struct domain *);
/* Unloads every session that can be. */
void domain_unload(struct domain *);

/* args as printf(3), with ' standing for ". Gives the body, which lives until the next request. */
const char *ask(struct domain *, enum command, const struct uuid *session, const char *args, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, args as they are. */
const char *ask_exactly(
    struct domain *, enum command, const struct uuid *session, struct span args);
/* Its commit fails. */
const char *ask_in_vain(
    struct domain *, enum command, const struct uuid *session, struct span args);
/* For dispatch_expire() and dispatch_cleanup(), and set as dispatcher_on_more(). */
void take_outcome(void *domain, struct outcome *);
void forget_heard(struct domain *);

/* The value at a path of member names and places ("graph.roots.0.id") of a body; {NULL,0}: none. */
struct span at(const char *body, const char *path);
bool at_is(const char *body, const char *path, const char *json);
struct uuid id_at(const char *body, const char *path);
int64_t int_at(const char *body, const char *path);
/* Names of the events heard, in order, with commas between. Lives until the next call. */
const char *heard_names(struct domain *);

/* A session with a project of this template. */
struct uuid start(struct domain *, const char *template_id);
/* A node of that type under the parent (NULL: a root). */
struct uuid make(
    struct domain *, const struct uuid *session, const char *type, const struct uuid *parent);
/* The root's id. */
struct uuid root_of(struct domain *, const struct uuid *session);
/* An id as text; four of them live at a time. */
const char *text_of(const struct uuid *);
struct session *session_of(struct domain *, const struct uuid *);
/* The state hash; lives until the next call. */
const char *hash_of(struct domain *, const struct uuid *session);
