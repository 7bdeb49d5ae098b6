#pragma once
/* For programs in which clients of one gateway, g, are asked. */

#include "session_fixture.h"

static inline void
set_up_gateway(void)
{
	set_up();
	d->caller.gateway = SPAN("g");
}

static inline void
join_as_ann(const char *client)
{
	d->caller.actor = SPAN("ann");
	join(client, "g");
	d->caller.actor = (struct span){ 0 };
}

/* Asks everybody, or as the arguments say; the survey's id. */
static inline struct uuid
put(const char *args)
{
	ask(d, COMMAND_ask, &s, "%s", args);
	ck_assert_msg(d->error == OK, "%s", d->body);
	return d->survey;
}
