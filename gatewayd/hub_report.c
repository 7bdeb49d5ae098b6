/* What graphd is told of counted members: that they are in, that they have left, and again that
 * they are in when it has forgotten them. */

#include "gatewayd/hub_inner.h"

#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* Many clients may go at once, or be forgotten: their reports leave room for requests. */
enum { REPORTS_IN_FLIGHT = LIMIT_IN_FLIGHT / 2 };

/* A report that is still to be sent. */
struct report {
	struct link link;
	enum command command;
	struct uuid session;
	char *client_id, *actor, *args;
};

static void
ignore_answer(void *arg, enum error status, struct span body)
{
	(void)arg;
	(void)status;
	(void)body;
}

static void
write_args(struct json_out *args, const struct member *m, const char *const flags[2])
{
	json_out_open(args, '{');
	json_out_key(args, "client_id");
	json_out_string(args, m->client_id);
	json_out_key(args, "connection");
	json_out_uint(args, m->connection);
	for (size_t i = 0; flags && i < 2 && flags[i]; i++) {
		json_out_key(args, flags[i]);
		json_out_bool(args, true);
	}
	json_out_close(args, '}');
}

uint64_t
member_join(struct member *m, upstream_reply_fn *fn)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_join, .session = m->room->id };
	uint64_t number;

	write_args(&args, m, NULL);
	q.args = json_out_span(&args);
	q.caller.actor = span_of(m->actor);
	q.caller.client = span_of(m->client_id);
	number = upstream_ask(m->room->hub->upstream, &q, fn, m);
	json_out_fini(&args);
	return number;
}

static bool
send_report(struct hub *hub, const struct report *r)
{
	struct upstream_question q = {
		.command = r->command,
		.session = r->session,
		.args = span_of(r->args),
		.caller = { .actor = span_of(r->actor), .client = span_of(r->client_id) },
	};

	return upstream_in_flight(hub->upstream) < REPORTS_IN_FLIGHT &&
	    upstream_ask(hub->upstream, &q, ignore_answer, NULL);
}

static void
report_free(struct report *r)
{
	list_remove(&r->link);
	free(r->client_id);
	free(r->actor);
	free(r->args);
	free(r);
}

void
hub_send_reports(struct hub *hub)
{
	while (!list_is_empty(&hub->reports)) {
		struct report *r = LIST_OF(hub->reports.next, struct report, link);

		if (!send_report(hub, r))
			return;
		report_free(r);
	}
}

void
hub_drop_reports(struct hub *hub)
{
	while (!list_is_empty(&hub->reports))
		report_free(LIST_OF(hub->reports.next, struct report, link));
}

/* In order: of a client that was reported again and then left, graphd hears it that way round. */
static void
report(const struct member *m, enum command command, const char *const flags[2])
{
	struct hub *hub = m->room->hub;
	struct report *r = xcalloc(1, sizeof *r);
	struct json_out args = { 0 };

	write_args(&args, m, flags);
	r->command = command;
	r->session = m->room->id;
	r->client_id = xstrdup(m->client_id);
	r->actor = xstrdup(m->actor);
	r->args = xspandup(json_out_span(&args));
	json_out_fini(&args);
	list_append(&hub->reports, &r->link);
	hub_send_reports(hub);
}

void
member_report_left(const struct member *m, bool is_away)
{
	static const char *const away[2] = { "away" };

	report(m, COMMAND_leave, is_away ? away : NULL);
}

void
room_rejoin(struct room *r, bool quiet)
{
	const char *const flags[2] = { "back", quiet ? "quiet" : NULL };
	struct link *const lists[] = { &r->waiting, &r->slow };

	for (size_t i = 0; i < 2; i++) {
		LIST_EACH(at, lists[i])
		{
			const struct member *m = LIST_OF(at, struct member, link);

			if (m->counted)
				report(m, COMMAND_join, flags);
		}
	}
	LIST_EACH(at, &r->groups)
	{
		const struct group *g = LIST_OF(at, struct group, in_room);

		for (uint32_t i = 0; i < g->n; i++) {
			if (g->members[i]->counted)
				report(g->members[i], COMMAND_join, flags);
		}
	}
}
