#pragma once
/* For programs in which each test begins with a session of its own, on a domain of its own. */

#include "domain_fixture.h"
#include "run_tests.h"

static struct domain *d;
static struct uuid s, root;

static inline void
set_up(void)
{
	d = domain_new();
	s = start(d, "restomod");
	root = root_of(d, &s);
}

static inline void
tear_down(void)
{
	domain_free(d);
}

static inline void
join(const char *client, const char *gateway)
{
	d->caller.gateway = span_of(gateway);
	ask(d, COMMAND_join, &s, "{'client_id':'%s'}", client);
	ck_assert_msg(d->error == OK, "%s", d->body);
}
