/*
 * What graphd is told of counted members: that they are in, that they have left, and again that
 * they are in when it has forgotten them. It is told until it answers: a leave that was lost would
 * leave the client where it is not for as long as this gateway lives.
 */

#include "gatewayd/hub_inner.h"

#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

/* Many clients may go at once, or be forgotten: their reports leave room for requests. */
enum { REPORTS_IN_FLIGHT = LIMIT_IN_FLIGHT / 2 };

/* A report that graphd has not answered. */
struct report {
	struct link link; /* of those to be sent, or of those sent; in both in order */
	struct hub *hub;
	uint64_t asked; /* number of the question, when sent */
	enum command command;
	struct uuid session;
	char *client_id, *actor, *args;
};

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
	/* The hub gives up before: it knows then whether the question was sent. */
	struct upstream_question q = { .command = COMMAND_join,
		.session = member_room(m)->id,
		.deadline_ms = 2 * LIMIT_DEADLINE_MS };
	uint64_t number;

	write_args(&args, m, NULL);
	q.args = json_out_span(&args);
	q.caller.actor = span_of(m->actor);
	q.caller.client = span_of(m->client_id);
	number = upstream_ask(member_room(m)->hub->upstream, &q, fn, m);
	json_out_fini(&args);
	return number;
}

static void
report_free(struct report *r)
{
	if (r->asked)
		upstream_forget(r->hub->upstream, r->asked);
	list_remove(&r->link);
	free(r->client_id);
	free(r->actor);
	free(r->args);
	free(r);
}

/* All that were sent are to be sent again, so that they stay in order. */
static void
take_back(struct hub *hub)
{
	while (!list_is_empty(&hub->reported)) {
		struct report *r = LIST_OF(hub->reported.prev, struct report, link);

		if (r->asked)
			upstream_forget(hub->upstream, r->asked);
		r->asked = 0;
		list_remove(&r->link);
		list_append(hub->reports.next, &r->link);
	}
}

static void
on_answer(void *arg, enum error status, struct span body)
{
	struct report *r = arg;

	(void)body;
	r->asked = 0;
	if (status == ERROR_backend_unavailable || status == ERROR_overloaded) {
		r->hub->reports_rest = status == ERROR_overloaded;
		take_back(r->hub);
	} else {
		report_free(r);
	}
}

static bool
send_report(struct report *r)
{
	struct upstream_question q = {
		.command = r->command,
		.session = r->session,
		.args = span_of(r->args),
		.caller = { .actor = r->actor ? span_of(r->actor) : (struct span){ 0 },
		    .client = r->client_id ? span_of(r->client_id) : (struct span){ 0 } },
	};

	if (upstream_in_flight(r->hub->upstream) >= REPORTS_IN_FLIGHT)
		return false;
	r->asked = upstream_ask(r->hub->upstream, &q, on_answer, r);
	return r->asked != 0;
}

void
hub_send_reports(struct hub *hub)
{
	while (!hub->reports_rest && !list_is_empty(&hub->reports)) {
		struct report *r = LIST_OF(hub->reports.next, struct report, link);

		if (!send_report(r))
			return;
		list_remove(&r->link);
		list_append(&hub->reported, &r->link);
	}
}

void
hub_drop_reports(struct hub *hub)
{
	take_back(hub);
	while (!list_is_empty(&hub->reports))
		report_free(LIST_OF(hub->reports.next, struct report, link));
}

/* In order: of a client that was reported again and then left, graphd hears it that way round. */
void
room_report(struct room *room, const struct member *m, enum command command, struct span args)
{
	struct report *r = xcalloc(1, sizeof *r);

	r->hub = room->hub;
	r->command = command;
	r->session = room->id;
	r->client_id = m ? xstrdup(m->client_id) : NULL;
	r->actor = m ? xstrdup(m->actor) : NULL;
	r->args = xspandup(args);
	list_append(&room->hub->reports, &r->link);
	hub_send_reports(room->hub);
}

static void
report(const struct member *m, enum command command, const char *const flags[2])
{
	struct json_out args = { 0 };

	write_args(&args, m, flags);
	room_report(member_room(m), m, command, json_out_span(&args));
	json_out_fini(&args);
}

void
member_report_left(const struct member *m, bool is_away)
{
	static const char *const away[2] = { "away" };

	report(m, COMMAND_leave, is_away ? away : NULL);
}

static void
rejoin(void *context, struct member *m)
{
	report(m, COMMAND_join, context);
}

void
room_rejoin(struct room *r, bool quiet)
{
	const char *flags[2] = { "back", quiet ? "quiet" : NULL };

	room_each_counted(r, rejoin, flags);
}
