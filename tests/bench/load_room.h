#pragma once
/*
 * The rooms of a run (a session and a node in it each, from a file with one "session<TAB>node" per
 * line), and texts with {session}, {node}, {stamp}, {since} and {events}
 * in them, filled in for a room.
 */

#include "common/span.h"

#include <stdint.h>

/* A stamp is a time in nanoseconds with leading zeros, so that it can be overwritten in place. */
enum { STAMP_DIGITS = 19 };

struct room {
	char *session, *node;	 /* owned */
	struct span request;	 /* owned: what its publishers send */
	size_t stamp_at;	 /* in request; SIZE_MAX: it has none */
	uint64_t members, posts; /* posts: those answered with success */
};

struct rooms {
	struct room *rooms; /* owned */
	size_t n;
};

/* Reads at most `most` of them; ends the process when there are fewer. */
void rooms_read(struct rooms *, const char *path, size_t most);
void rooms_fini(struct rooms *);
/* What stands for {since} and {events}. */
struct room_values {
	uint64_t since;
	const char *events; /* NULL: nothing */
};
/* Returns owned: the text with the room's values. A stamp is filled with zeros. */
char *room_text(const struct room *, const char *pattern, const struct room_values *);
/* Makes the HTTP request for each room: POST body to url. header: one more header line, or NULL. */
void rooms_make_requests(struct rooms *, const char *url, const char *header, const char *body);
void stamp_write(char *at, uint64_t ns);
/* False when it is not a stamp. */
bool stamp_read(const char *at, uint64_t *ns);
