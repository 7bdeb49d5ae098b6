#pragma once
/* For programs about who is in a session, through connections of its gateways. */

#include "session_fixture.h"

/* On one of the gateway's connections; more: further arguments, with a comma in front. */
static inline void
join_on(const char *client, const char *gateway, int connection, const char *more)
{
	d->caller.gateway = span_of(gateway);
	ask(d, COMMAND_join, &s, "{'client_id':'%s','connection':%d%s}", client, connection, more);
	ck_assert_msg(d->error == OK, "%s", d->body);
}

/* What time brings by now; nothing else is heard then. */
static inline void
expire(void)
{
	forget_heard(d);
	dispatch_expire(d->dispatcher, d->now_ms, d->now_us, take_outcome, d);
}

/* The gateway says that it lives; whether it was known. */
static inline bool
hello(const char *gateway)
{
	ask(d, COMMAND_hello, NULL, "{'gateway':'%s'}", gateway);
	ck_assert_int_eq(d->error, OK);
	return at_is(d->body, "known", "true");
}
