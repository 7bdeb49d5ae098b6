/*
 * A join_session of who is in that session already. graphd is asked how many are there, and
 * announces nothing, since the connection is one that it knows; with its answer the filters change,
 * if they are others than now. What is said to a seat before it is in waits until it is.
 */

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/sio_seats.h"

#include <stdlib.h>

static struct rejoin
rejoin_of(const struct seat *s, const struct seat_wish *w)
{
	struct rejoin j = {
		.has_ack = w->has_ack,
		.has_names = w->has_names,
		.ack_id = w->ack_id,
		.session = w->session,
		.connection = hub_connection(&s->member),
		.change = {
			.filter.subtree = w->subtree,
			.names = w->names,
			.has_since = w->has_since,
			.since = w->since,
			.log_id = hub_history(w->log_id),
		},
	};

	filter_parse(w->events, &j.change.filter.events);
	return j;
}

bool
seat_keep_join(struct seat *s, const struct seat_wish *w)
{
	struct rejoin **end = &s->joins;
	size_t n = 0;

	for (; *end; n++)
		end = &(*end)->next;
	if (n >= LIMIT_ASKS_PER_CLIENT)
		return false;
	*end = xmalloc(sizeof **end);
	**end = rejoin_of(s, w);
	return true;
}

void
rejoins_free(struct rejoin *joins)
{
	while (joins) {
		struct rejoin *next = joins->next;

		free(joins);
		joins = next;
	}
}

void
place_refuse_joins(struct place *p, struct rejoin *joins, enum error err)
{
	for (const struct rejoin *j = joins; j; j = j->next)
		place_refuse(p, err, NULL, j->has_ack, j->ack_id);
	rejoins_free(joins);
}

/* It left meanwhile, and the last word is what counts: only who waits for an ack is told. */
static void
fail_gone(struct place *p, const struct rejoin *j)
{
	struct json_out error = { 0 };

	if (!j->has_ack)
		return;
	error_write(&error, ERROR_invalid_session, NULL);
	place_fail(p, json_out_span(&error), true, j->ack_id);
	json_out_fini(&error);
}

void
seat_give_up_joins(struct seat *s)
{
	struct rejoin *joins = s->joins;

	s->joins = NULL;
	for (const struct rejoin *j = joins; j; j = j->next)
		fail_gone(s->place, j);
	rejoins_free(joins);
}

static void
make_change(struct seat *s, struct rejoin *j)
{
	s->by_event = true;
	s->joins = xmalloc(sizeof *j);
	*s->joins = *j;
	s->joins->next = NULL; /* it was asked for among others that are no more */
	hub_change(place_hub(s->place), &s->member, &j->change);
}

static void
on_rejoined(void *user, struct span id, bool is_error, struct span answer)
{
	struct place *p = user;
	int64_t n_clients = 0;
	struct rejoin j;
	struct seat *s;

	memcpy(&j, id.p, sizeof j);
	s = place_seat(p, &j.session);
	if (is_error) {
		place_fail(p, answer, j.has_ack, j.ack_id);
		return;
	}
	if (!s || hub_connection(&s->member) != j.connection) {
		fail_gone(p, &j);
		return;
	}
	if (!j.has_names)
		j.change.names = seat_names(s);
	j.change.dialect = place_dialect(p, j.change.names);
	json_find_integer(answer, "active_clients", &n_clients);
	j.change.active_clients = (uint64_t)n_clients;
	/* Not graphd's seq: of what that stands behind some may still be on its way here. */
	if (hub_is_change(&s->member, &j.change))
		make_change(s, &j);
	else
		place_emit_joined(p, &j.session, j.change.active_clients, hub_seq(&s->member), NULL,
		    j.has_ack, j.ack_id);
}

static void
ask(struct seat *s, const struct rejoin *j)
{
	struct place *p = s->place;
	struct span client_id = span_of(place_client_id(p));
	struct json_out args = { 0 };
	struct upstream_question q = {
		.command = COMMAND_join,
		.session = j->session,
		.caller = {
			.actor = p->actor ? span_of(p->actor) : client_id,
			.client = client_id,
			.minimal = true,
		},
	};

	json_out_open(&args, '{');
	json_out_key(&args, "client_id");
	json_out_text(&args, client_id);
	json_out_key(&args, "connection");
	json_out_uint(&args, j->connection);
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	/* The question's name is what to do with its answer. */
	if (!live_ask(place_hub(p), &p->asks, &q, (struct span){ (const char *)j, sizeof *j },
		on_rejoined, p))
		place_refuse(p, ERROR_overloaded, NULL, j->has_ack, j->ack_id);
	json_out_fini(&args);
}

void
seat_join_again(struct seat *s, const struct seat_wish *w)
{
	struct rejoin j;

	if (s->member.state == MEMBER_JOINING) {
		if (!seat_keep_join(s, w))
			place_refuse(s->place, ERROR_overloaded, NULL, w->has_ack, w->ack_id);
		return;
	}
	j = rejoin_of(s, w);
	ask(s, &j);
}

void
seat_go_on(struct seat *s)
{
	struct rejoin *joins = s->joins;

	s->joins = NULL;
	for (const struct rejoin *j = joins; j; j = j->next)
		ask(s, j);
	rejoins_free(joins);
}
