#pragma once
/* What the dispatcher keeps between requests: for dispatch.c and for the commands that ask for it.
 */

#include "graphd/call.h"
#include "graphd/clients.h"
#include "graphd/keys.h"
#include "graphd/long_steps.h"
#include "graphd/projects.h"
#include "graphd/reply.h"
#include "graphd/surveys.h"

struct dispatcher {
	struct sessions *sessions;
	struct clients *clients;
	struct keys *keys;
	struct projects *projects;
	struct surveys *surveys;
	struct long_steps *long_steps;
	struct uuid boot_id;
	uint64_t awake_ms;  /* since when; 0: nobody has said yet */
	struct arena arena; /* of one request */
	struct json_out result, warnings;
	const char *backup_directory; /* borrowed, or NULL */
	void (*more)(void *, struct outcome *);
	void *more_context;
};

/*
 * Runs the command, whose session has been found and its key looked for, to its reply, or takes
 * back what it had begun. Of a command for which effort_is_great() it touches nothing but the
 * session, what the call names as its own, and blueprints.
 */
void dispatch_perform(struct call *);
