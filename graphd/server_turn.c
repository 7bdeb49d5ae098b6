#include "graphd/server_inner.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "graphd/failpoint.h"

#include <assert.h>
#include <stdlib.h>

enum {
	STREAMS_PER_TURN = 4,
	PACE_MS = 1,	     /* between two parts of the same answer, when others are there */
	ALONE_MS = 20,	     /* without another request for so long nobody is held up */
	UNBLOCK_MS = 5,	     /* until a requester that does not read is tried again */
	NODES_INLINE = 2000, /* freed in passing */
};

static struct metric commands = {
	.name = "graphd_commands_total", .help = "Requests that were run.", .type = "counter"
};

/* Some commands name their session in their arguments. */
static bool
may_name_session(enum command command)
{
	return command_rows[command].kind == COMMAND_MANAGES || command == COMMAND_save_project;
}

/* The session whose requests this one must keep its place among. Some commands name it, or its
 * project, in their arguments. */
static struct uuid
lane_of(struct server *s, const struct ask *ask)
{
	static const struct uuid nowhere;
	struct uuid session = ask->session, project;
	const struct uuid *live;

	if (ask->command == COMMAND_cleanup_sessions)
		return lane_of_all;
	/* Clients are not kept waiting by a graph that somebody else reads; these change nothing
	 * of the session. */
	if (ask->command == COMMAND_ask || ask->command == COMMAND_answer)
		return nowhere;
	if (uuid_is_nil(&session) && may_name_session(ask->command))
		uuid_parse(json_find_text(&s->arena, ask->args, "session_id"), &session);
	if (!uuid_is_nil(&session) ||
	    !uuid_parse(json_find_text(&s->arena, ask->args, "project_id"), &project))
		return session;
	live = sessions_on_project(s->sessions, &project);
	return live ? *live : session;
}

static void
put_announcements(struct events_due *due, const struct outcome *o, bool first, bool keep)
{
	for (size_t i = 0; i < o->n_announcements; i++) {
		const struct announcement *a = &o->announcements[i];
		struct step_event told = { .event = a->event, .seq = a->seq };

		told.body = (struct span){ o->texts.bytes + a->body_at, a->body_n };
		if (a->first == first)
			events_due_add(due, a->session, &told, clock_wall_us())->keep = keep;
	}
}

/* The step is encoded for the store now, if it has not been, and for the bus when it is published,
 * if anybody hears it. */
static void
store_step(struct server *s, struct outcome *o)
{
	struct session *session = o->session;
	struct step *step = o->step;
	struct store_step stored = { .session = step->session,
		.ordinal = step->ordinal,
		.first_seq = step->first_seq,
		.last_seq = step->last_seq,
		.time_us = step->time_us };

	if (o->step_bytes.n == 0) {
		json_out_clear(&s->scratch);
		step_encode(step, &s->scratch);
		stored.bytes = json_out_span(&s->scratch);
	} else {
		stored.taken = json_out_take(&o->step_bytes, &stored.bytes.n);
		stored.bytes.p = stored.taken;
	}
	s->store->ops->append(s->store, &stored);
	snapshooter_note(&s->snapshooter, session, stored.bytes.n);
	/* A graph that was loaded must not pin its length in memory for good. */
	if (s->scratch.capacity > LIMIT_FRAME_BYTES)
		json_out_fini(&s->scratch);
	events_due_add_later(&s->open->events, session, step);
	if (bus_has_dash(&s->bus, &session->id))
		events_due_add_parents(&s->open->events, session, step);
	batch_add_step(s->open, session, step);
	o->step = NULL;
}

static bool
changes_something(const struct outcome *o)
{
	return o->step || o->stores || o->created;
}

/*
 * Puts what the outcome did where it belongs and returns the batch it waits for: the open one when
 * it stores something, else the one that its session was changed in; NULL when it rests on nothing
 * unstored.
 */
static struct batch *
place(struct server *s, struct outcome *o, bool reported)
{
	bool changed = changes_something(o);
	struct batch *batch = changed ? s->open : o->session ? o->session->batch : NULL;
	struct events_due *due = batch ? &batch->events : &s->now;

	put_announcements(due, o, true, reported);
	if (changed) {
		if (o->step)
			store_step(s, o);
		if (o->created)
			batch_add_created(s->open, o->session);
		s->open->stores |= o->stores;
	}
	put_announcements(due, o, false, reported);
	if (!batch && s->now.n) {
		bus_publish(&s->bus, &s->now, false);
		events_due_clear(&s->now);
	}
	return batch;
}

/* A graph that is still to be written keeps its session's other requests waiting until it is. */
static struct stream *
make_stream(struct server *s, struct outcome *o)
{
	bool walks_session = o->tree_active && !o->tree_graph;
	struct stream *stream;

	if (!o->tree_active && o->body.n <= LIMIT_PART_BYTES)
		return NULL;
	stream = stream_new(o, clock_now_ms());
	if (walks_session) {
		assert(o->session);
		stream->lane = lanes_get(&s->lanes, &o->session->id);
		stream->lane->holds++;
	}
	return stream;
}

struct reply *
server_make_reply(struct server *s, struct ask *ask, struct outcome *o)
{
	struct reply *reply = xcalloc(1, sizeof *reply);

	reply->ask = ask;
	reply->error = o->error;
	reply->key_token = o->key_token;
	reply->stream = make_stream(s, o);
	if (!reply->stream)
		reply->body = json_out_take(&o->body, &reply->n);
	return reply;
}

/* Those that would come in between wait, so that a repeat finds the whole answer. */
static void
await_rest(struct server *s, struct reply *reply, size_t done)
{
	struct uuid session = lane_of(s, reply->ask);

	reply->lane = lanes_get(&s->lanes, &session);
	reply->lane->holds++;
	reply->ask->done = done;
	if (!reply->ask->began_us)
		reply->ask->began_us = clock_wall_us();
}

/* It is at the head of its lane, which is looked at when the turn ends. */
static void
go_on(struct server *s, struct reply *reply)
{
	lane_put_back(&s->lanes, reply->lane, &reply->ask->link);
	reply->ask = NULL;
	loop_again(s->loop);
}

/* Other sessions, and whoever names none, are served meanwhile. */
static void
await_store(struct server *s, struct ask *ask)
{
	struct reply *reply = xcalloc(1, sizeof *reply);
	struct uuid session = lane_of(s, ask);

	reply->ask = ask;
	if (!uuid_is_nil(&session))
		await_rest(s, reply, ask->done);
	list_append(&s->behind_store, &reply->link);
}

void
server_run_behind_store(struct server *s)
{
	struct link now;

	if (list_is_empty(&s->behind_store))
		return;
	if (s->store->ops->is_busy(s->store)) {
		loop_set_timer(s->loop, &s->unblock, clock_now_ms() + PACE_MS);
		return;
	}
	list_init(&now);
	for (struct link *l; (l = list_take(&s->behind_store));)
		list_append(&now, l);
	for (struct link *l; (l = list_take(&now));) {
		struct reply *reply = LIST_OF(l, struct reply, link);

		if (reply->lane)
			go_on(s, reply);
		else
			server_ask(s, reply->ask);
		reply->ask = NULL;
		reply_free(reply);
	}
}

static void
settle_outcome(struct server *s, struct ask *ask, struct outcome *o)
{
	bool reported = command_rows[ask->command].kind == COMMAND_REPORTS;
	bool changed = changes_something(o);
	struct batch *batch;
	struct reply *reply;

	if (!uuid_is_nil(&o->behind)) {
		server_await_lane(s, ask, &o->behind);
		return;
	}
	batch = place(s, o, reported);
	if (o->awaits_store) {
		await_store(s, ask);
		return;
	}
	if (o->errand) {
		server_await_errand(s, ask, o->errand);
		o->errand = NULL;
		return;
	}
	if (!uuid_is_nil(&o->survey)) {
		server_await_clients(s, ask, &o->survey);
		return;
	}
	reply = server_make_reply(s, ask, o);
	reply->changed = changed;
	reply->reported = reported;
	if (o->unfinished)
		await_rest(s, reply, o->done);
	if (!reply->stream && !reported)
		s->others_ms = clock_now_ms();
	if (batch)
		list_append(&batch->replies, &reply->link);
	else
		server_reply(s, reply);
}

void
server_take_more(void *server, struct outcome *o)
{
	place(server, o, true);
}

void
server_run(struct server *s, struct ask *ask, struct errand *errand)
{
	struct request request = { .command = ask->command,
		.session = ask->session,
		.args = ask->args,
		.now_us = clock_wall_us(),
		.now_ms = clock_now_ms(),
		.began_us = ask->began_us,
		.done = ask->done,
		.errand = errand,
		.is_unheard = !bus_hears(&s->bus, &ask->session) };
	struct refusal why = { 0 };
	enum error err;

	metrics_add(&commands);
	commands.value += ask->began_us == 0;
	err = caller_get(ask->caller, &s->arena, &request.caller, &why);
	if (err) {
		router_refuse_for(&s->router, ask, err, &why);
		free(ask);
	} else {
		dispatch(s->dispatcher, &request, &s->outcome);
		settle_outcome(s, ask, &s->outcome);
		outcome_clear(&s->outcome);
	}
	refusal_fini(&why);
	arena_reset(&s->arena);
}

void
server_ask(struct server *s, struct ask *ask)
{
	struct uuid session = lane_of(s, ask);
	struct lane *lane = lanes_find(&s->lanes, &session);

	if (!lane) {
		server_run(s, ask, NULL);
	} else if (!lane_park(&s->lanes, lane, &ask->link)) {
		router_refuse(&s->router, ask, ERROR_overloaded);
		free(ask);
	}
}

/* While it waited another session may have become the one on its project, and that is read now. */
static void
run_in_lane(struct server *s, const struct lane *lane, struct ask *ask)
{
	struct uuid session = lane_of(s, ask);

	if (uuid_equal(&session, &lane->session))
		server_run(s, ask, NULL);
	else
		server_ask(s, ask);
}

void
server_run_lanes(struct server *s)
{
	struct link *next;

	for (struct link *l = s->lanes.all.next; l != &s->lanes.all; l = next) {
		struct lane *lane = LIST_OF(l, struct lane, link);
		struct link *ask;

		/* Held, so that it is not freed underneath; what runs may hold it once more. */
		lane->holds++;
		while (lane->holds == 1 && (ask = lane_next(&s->lanes, lane)))
			run_in_lane(s, lane, LIST_OF(ask, struct ask, link));
		lane->holds--;
		next = l->next;
		lane_settle(&s->lanes, lane);
	}
}

static void
free_graph(void *graph)
{
	graph_free(graph);
}

static void
end_stream(struct server *s, struct stream *stream)
{
	list_remove(&stream->link);
	if (stream->lane) {
		stream->lane->holds--;
		stream->lane = NULL;
		loop_again(s->loop);
	}
	if (stream->graph && graph_count(stream->graph) > NODES_INLINE) {
		server_dispose(s, stream->graph, free_graph);
		stream->graph = NULL;
	}
	stream_free(stream);
}

void
server_run_streams(struct server *s)
{
	struct link turn;
	bool going = false;

	list_init(&turn);
	for (int n = 0; n < STREAMS_PER_TURN && !list_is_empty(&s->streams); n++)
		list_append(&turn, list_take(&s->streams));
	for (struct link *l; (l = list_take(&turn));) {
		struct stream *stream = LIST_OF(l, struct stream, link);
		enum stream_state state = stream_step(stream, &s->router, clock_now_ms());

		list_append(&s->streams, &stream->link);
		going |= state == STREAM_GOING;
		if (state == STREAM_OVER)
			end_stream(s, stream);
	}
	if (list_is_empty(&s->streams))
		return;
	/* One pipe leads to a gateway: what is sent faster than it reads stands in everybody's way.
	 */
	if (going && clock_now_ms() - s->others_ms > ALONE_MS)
		loop_again(s->loop);
	else
		loop_set_timer(
		    s->loop, &s->unblock, clock_now_ms() + (going ? PACE_MS : UNBLOCK_MS));
}

void
server_reply(struct server *s, struct reply *reply)
{
	failpoint("before-reply");
	if (reply->lane) {
		go_on(s, reply);
	} else if (reply->stream) {
		reply->stream->ask = reply->ask;
		list_append(&s->streams, &reply->stream->link);
		reply->ask = NULL;
		reply->stream = NULL;
		loop_again(s->loop);
	} else {
		router_reply(&s->router, reply->ask, error_rows[reply->error].code,
		    (struct span){ reply->body, reply->n });
	}
	failpoint("after-reply");
	reply_free(reply);
}
