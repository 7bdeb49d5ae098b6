/* Requests whose answers come from clients: they wait here, and in no batch or lane. */

#include "graphd/server_inner.h"

#include "common/clock.h"
#include "common/owner.h"

#include <stdlib.h>

static void
set_timer(struct server *s)
{
	uint64_t due_ms = surveys_due_ms(dispatch_surveys(s->dispatcher));

	if (due_ms != UINT64_MAX)
		loop_set_timer(s->loop, &s->surveys, due_ms);
}

static void
on_surveys(struct loop_timer *timer)
{
	struct server *s = OWNER_OF(timer, struct server, surveys);

	surveys_tick(dispatch_surveys(s->dispatcher), clock_now_ms());
	set_timer(s);
}

static void
on_over(void *context, void *asker, enum error error, struct json_out *body)
{
	struct server *s = context;
	struct ask *ask = asker;
	struct outcome o;

	if (!ask)
		return;
	if (error) {
		router_refuse(&s->router, ask, error);
		free(ask);
		return;
	}
	outcome_init(&o);
	o.body = *body;
	*body = (struct json_out){ 0 };
	server_reply(s, server_make_reply(s, ask, &o));
	outcome_fini(&o);
}

void
server_survey_init(struct server *s)
{
	s->surveys.due = on_surveys;
	surveys_on_over(dispatch_surveys(s->dispatcher), on_over, s);
}

void
server_await_clients(struct server *s, struct ask *ask, const struct uuid *survey)
{
	/* It may stay for half a minute, and what was asked has gone out. */
	ask = ask_stub(ask);
	surveys_set_asker(dispatch_surveys(s->dispatcher), &ask->session, survey, ask);
	set_timer(s);
}

void
server_end_surveys(struct server *s)
{
	surveys_fail(dispatch_surveys(s->dispatcher), ERROR_backend_unavailable);
}
