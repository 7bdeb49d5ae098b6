#pragma once
/*
 * Idempotency. The keys of a session are remembered by the session; those of commands that name
 * none (create_project and the like) are remembered here: the latest LIMIT_KEYS of them, of
 * LIMIT_KEYS_BYTES with their answers (the newest stays), each by actor and key. Of a session's
 * keys before those that it remembers the answers are read back from its journal. One that created
 * a session is also in the first step that the session made itself, where a later graphd finds it.
 */

#include "graphd/dispatch.h"

struct keys;

struct keys *keys_new(struct sessions *);
void keys_free(struct keys *);

struct remembered {
	uint64_t request_hash;
	enum error error;
	struct span reply; /* minimal; until the next change of the table */
	/* Not nil: the command is being carried out, what would repeat it waits in this lane, and
	 * nothing else is known yet. */
	struct uuid behind;
};

/* Of the command and its arguments, white space apart. The same in every process. */
uint64_t keys_request_hash(const struct request *);
/* Whether the command is answered from a remembered key at all. */
bool keys_apply(enum command);

/* First steps that are read in one go. */
enum { KEYS_READ_AT_ONCE = 256 };
enum key_state {
	KEY_NEW,
	KEY_USED,
	KEY_UNREAD,	  /* first steps are still to be read: ask again in another turn */
	KEY_AWAITS_STORE, /* the answer is to be read, which would wait for the disk just now */
	KEY_UNREADABLE, /* the step that may have the answer cannot be read; out->error says why */
};
/* session: the one that the request names or, for MANAGES, its arguments; NULL: none. *out is set
 * when the key was used. */
enum key_state keys_find(
    struct keys *, const struct request *, struct session *session, struct remembered *out);
/* For requests that name no session. Returns the token that keys_forget() takes. */
uint64_t keys_add(struct keys *, const struct request *, const struct remembered *);
void keys_forget(struct keys *, uint64_t token);
