#pragma once
/* What a memory store keeps: committed changes, by session and by project. */

#include "common/table.h"
#include "graphd/changes.h"

/* Older snapshots are of no use: the newest one may be newer than what is asked for, the one before
 * serves then. */
enum { SNAPSHOTS_KEPT = 4 };

struct kept_bytes {
	uint64_t ordinal;
	char *bytes;
	size_t n;
};

struct kept_session {
	struct uuid id;
	struct store_session row;
	bool has_row;
	struct store_step *steps; /* bytes owned; by ordinal, without holes */
	size_t n_steps, capacity;
	struct kept_bytes snapshots[SNAPSHOTS_KEPT]; /* oldest first */
	size_t n_snapshots;
};

struct kept_project {
	struct uuid id;
	struct store_project row; /* name, template_id, bytes owned by the members below */
	char *name, *template_id, *bytes;
};

struct kept {
	struct table sessions, projects; /* struct kept_session, struct kept_project */
};

void kept_init(struct kept *);
void kept_fini(struct kept *);
/* Takes what the changes own. */
void kept_carry_out(struct kept *, struct changes *);
