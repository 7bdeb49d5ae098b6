#pragma once
/* For programs in which each test begins with a server of its own, on a store in memory. */

#include "server_fixture.h"

static struct server_fixture f;

static inline void
open_memory(void)
{
	server_fixture_open(&f, "memory");
}

static inline void
close_it(void)
{
	server_fixture_close(&f);
}
