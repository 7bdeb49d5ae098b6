#include "graphd/server_bus.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/wire.h"

#include <assert.h>
#include <stdlib.h>

enum { LAST_BEACON_BEATS = 64 }; /* a power of two */

struct active {
	struct uuid session, log_id;
	uint64_t epoch, seq;
	unsigned beats; /* since the seq changed */
};

static void
send_sync(struct outlet *o, const struct uuid *session, const struct uuid *log_id, uint64_t epoch,
    uint64_t seq)
{
	struct json_out body = { 0 };
	struct wire_header header = { .version = 1,
		.event = EVENT_sync,
		.log_id = *log_id,
		.epoch = epoch,
		.seq = seq,
		.time_us = clock_wall_us() };

	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, session);
	json_out_key(&body, "seq");
	json_out_uint(&body, seq);
	json_out_key(&body, "log_id");
	json_out_uuid(&body, log_id);
	json_out_close(&body, '}');
	outlet_send(o, session, &header, json_out_span(&body));
	outlet_flush(o);
	json_out_fini(&body);
}

/*
 * Nothing bounds what a node may hold but the number and length of its properties, and a message
 * beyond a subscriber's ZMQ_MAXMSGSIZE would end its connection. Of a longer event the subscribers
 * learn that it exists, and read it from the journal. Only durable ones grow so long. So it is with
 * the events of a long step, for which one sync is due.
 */
static void
publish(struct bus *b, const struct events_due *due, const struct due_event *e)
{
	bool is_too_long = e->body_n > LIMIT_EVENT_BYTES && (e->flags & WIRE_DURABLE);
	bool by_sync = is_too_long || e->event == EVENT_sync;
	struct wire_header header = { .version = 1,
		.flags = e->flags,
		.event = (uint16_t)e->event,
		.log_id = e->log_id,
		.epoch = e->epoch,
		.seq = e->seq,
		.time_us = e->time_us,
		.path = events_due_path(due, e) };

	for (size_t i = 0; i < b->n_outlets; i++) {
		if (!outlet_hears(&b->outlets[i], &e->session))
			continue;
		if (by_sync)
			send_sync(&b->outlets[i], &e->session, &e->log_id, e->epoch, e->seq);
		else
			outlet_send(&b->outlets[i], &e->session, &header, events_due_body(due, e));
	}
}

static void
flush(struct bus *b)
{
	for (size_t i = 0; i < b->n_outlets; i++)
		outlet_flush(&b->outlets[i]);
}

/* Encodes a step's events; began is the announcement of its command, or NULL. */
static void
publish_step(struct bus *b, const struct events_due *due, const struct due_event *began,
    const struct due_event *e)
{
	if (began) {
		struct step_event told = { .event = began->event, .seq = began->seq };

		told.body = events_due_body(due, began);
		events_due_add(&b->made, e->of, &told, began->time_us);
	}
	events_due_add_step(&b->made, e->of, e->step);
	for (size_t i = 0; i < b->made.n; i++)
		publish(b, &b->made, &b->made.list[i]);
	events_due_clear(&b->made);
}

bool
bus_hears(const struct bus *b, const struct uuid *session)
{
	for (size_t i = 0; i < b->n_outlets; i++)
		if (outlet_hears(&b->outlets[i], session))
			return true;
	return false;
}

/* The announcement of the command whose step comes next: it learns its place from the step. */
static bool
begins_next(const struct events_due *due, size_t i)
{
	const struct due_event *e = &due->list[i];

	return e->event == EVENT_command_executing && i + 1 < due->n && e[1].step &&
	    uuid_equal(&e->session, &e[1].session);
}

/* Whoever subscribed since the events became due was told the seq before them and waits for them.
 */
void
bus_publish(struct bus *b, const struct events_due *due, bool only_kept)
{
	for (size_t i = 0; i < due->n; i++) {
		const struct due_event *e = &due->list[i];

		if ((only_kept && !e->keep) || !bus_hears(b, &e->session))
			continue;
		if (e->step)
			publish_step(b, due, NULL, e);
		else if (!only_kept && begins_next(due, i))
			publish_step(b, due, e, &due->list[++i]);
		else
			publish(b, due, e);
	}
	flush(b);
}

/* The subscriber learns from which seq on it hears everything; of a session that is not there, that
 * it is not. */
static void
answer_subscription(struct outlet *o, const struct uuid *id)
{
	static const struct uuid nil;
	struct bus *b = o->context;
	struct session *s;
	enum error err = sessions_peek(b->sessions, id, &s);

	if (!err && !s)
		err = sessions_get(b->sessions, id, &s);
	if (!err)
		send_sync(o, id, &s->log_id, s->epoch, s->durable_seq);
	else
		send_sync(o, id, &nil, 0, 0);
}

void
bus_init(struct bus *b, struct sessions *sessions, const struct uuid *boot_id)
{
	b->sessions = sessions;
	b->boot_id = *boot_id;
	table_init(&b->active, offsetof(struct active, session), UUID_BYTES);
}

void
bus_add_outlet(struct bus *b, void *socket, bool is_packed, struct loop *loop)
{
	struct outlet *o = &b->outlets[b->n_outlets++];

	assert(b->n_outlets <= BUS_OUTLETS);
	o->subscribed = answer_subscription;
	o->context = b;
	outlet_init(o, socket, is_packed, loop);
}

void
bus_fini(struct bus *b, struct loop *loop)
{
	void *object;

	for (size_t i = 0; i < b->n_outlets; i++)
		outlet_fini(&b->outlets[i], loop);
	for (size_t i = 0; (object = table_next(&b->active, &i));)
		free(object);
	events_due_fini(&b->made);
	table_fini(&b->active);
}

bool
bus_has_dash(const struct bus *b, const struct uuid *session)
{
	for (size_t i = 0; i < b->n_outlets; i++)
		if (outlet_has_dash(&b->outlets[i], session))
			return true;
	return false;
}

void
bus_note_active(struct bus *b, const struct session *s)
{
	static const struct uuid nil;
	struct active *a = table_find(&b->active, &s->id);

	if (!a) {
		a = xcalloc(1, sizeof *a);
		a->session = s->id;
		table_add(&b->active, a);
	}
	/* Of one that has ended the beacons say, as to a subscription, that it is not there. */
	a->log_id = s->closed ? nil : s->log_id;
	a->epoch = s->epoch;
	a->seq = s->durable_seq;
	a->beats = 0;
}

static void
tell_seq(struct bus *b, const struct active *a)
{
	for (size_t i = 0; i < b->n_outlets; i++)
		send_sync(&b->outlets[i], &a->session, &a->log_id, a->epoch, a->seq);
}

/*
 * Beacons may be lost too, for as long as a subscriber is behind. With the time between them
 * doubled each time, one comes within as long again.
 */
void
bus_beacon(struct bus *b)
{
	struct active *a;

	for (size_t i = 0; (a = table_next(&b->active, &i));) {
		a->beats++;
		if ((a->beats & (a->beats - 1)) == 0)
			tell_seq(b, a);
		if (a->beats == LAST_BEACON_BEATS) {
			table_remove(&b->active, &a->session);
			free(a);
		}
	}
}

void
bus_heartbeat(struct bus *b)
{
	struct wire_header header = { .version = 1, .event = EVENTS, .time_us = clock_wall_us() };
	struct json_out body = { 0 };

	for (size_t i = 0; i < b->n_outlets; i++) {
		json_out_clear(&body);
		json_out_open(&body, '{');
		json_out_key(&body, "boot_id");
		json_out_uuid(&body, &b->boot_id);
		json_out_key(&body, "contract");
		json_out_string(&body, WIRE_CONTRACT);
		/* Whoever was given the one endpoint for the other would hear of no event. */
		json_out_key(&body, "packed");
		json_out_bool(&body, b->outlets[i].is_packed);
		json_out_close(&body, '}');
		outlet_send_heartbeat(&b->outlets[i], &header, json_out_span(&body));
	}
	json_out_fini(&body);
}
