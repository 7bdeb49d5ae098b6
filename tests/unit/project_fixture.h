#pragma once
/* For programs in which each test begins with a session that has a project, not saved yet. */

#include "session_fixture.h"

static struct uuid project;

static inline void
set_up_project(void)
{
	set_up();
	project = id_at(d->body, "project_id");
}

static inline void
save(void)
{
	ask(d, COMMAND_save_project, &s, "{}");
	ck_assert_msg(d->error == OK, "%s", d->body);
}
