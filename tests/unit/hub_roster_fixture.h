#pragma once
/* For programs about who is in a session, as its listeners were told. */

#include "gatewayd/hub_inner.h"
#include "hub_fixture.h"

/* How often graphd was asked who is there. */
static inline unsigned
lists_asked(void)
{
	return fake_count(&fake, COMMAND_list_clients);
}

/* Somebody elsewhere comes or goes; then there are so many. */
static inline void
hear_of(enum event event, const char *client_id, const char *actor, unsigned n_clients)
{
	char body[128];

	snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"actor\":%s,\"client_count\":%u}",
	    client_id, actor, n_clients);
	say(event, 0, 0, body);
}

static inline const char *
reminder(void)
{
	struct fake_ask *a = fake_open(&fake, COMMAND_remind);

	return a ? a->args : NULL;
}

/* The list says that these are here; and how many the session has. */
static inline void
list_is(const char *clients, unsigned n_clients)
{
	char body[128];

	fake_answer(&fake, COMMAND_list_clients, OK, clients);
	snprintf(body, sizeof body,
	    "{\"project_id\":\"00000000-0000-4000-8000-000000000000\",\"active_clients\":%u}",
	    n_clients);
	if (fake_open(&fake, COMMAND_get_session))
		fake_answer(&fake, COMMAND_get_session, OK, body);
	turn();
}
