/*
 * graphctl tap: what happens, as it happens. The bus may drop messages, so the seq of each session
 * is followed; what is missing is asked for, and said to be missing where nobody can be asked.
 */
#include "common/clock.h"
#include "common/frames.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "graphd/ctl.h"
#include "proto/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What has been heard of one session. */
struct heard {
	struct uuid session, log_id; /* log_id nil: not known yet */
	uint64_t seq;		     /* of the last durable event that was printed or need not be */
};

struct tap {
	const struct ctl_options *options;
	struct ctl_client *client; /* NULL: gaps are only told */
	void *context, *socket;
	struct table sessions; /* struct heard */
	struct json_out scratch;
	uint64_t heartbeat_ms; /* when graphd was last heard */
	bool is_silent;	       /* and that is said to be long ago */
	bool is_feed;	       /* of gateways: the wrong endpoint */
};

/* A signal that comes just before the wait does not end it: that is looked for so often. A
 * heartbeat comes each second. */
enum { LOOK_EVERY_MS = 500, SILENCE_MS = 5000 };

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static struct heard *
heard_of(struct tap *t, const struct uuid *session)
{
	struct heard *h = table_find(&t->sessions, session);

	if (h)
		return h;
	h = xcalloc(1, sizeof *h);
	h->session = *session;
	table_add(&t->sessions, h);
	return h;
}

/* The line that /events gives for it as NDJSON; a transient one has no place in the history and
 * says so. */
static void
print_event(struct tap *t, const char *name, uint64_t seq, bool durable, struct span body)
{
	struct json_out *out = &t->scratch;

	if (!t->options->json) {
		printf(
		    "%" PRIu64 "%s %s %.*s\n", seq, durable ? "" : "~", name, (int)body.n, body.p);
		return;
	}
	json_out_clear(out);
	json_out_open(out, '{');
	json_out_key(out, "event");
	json_out_string(out, name);
	json_out_key(out, "seq");
	json_out_uint(out, seq);
	if (!durable) {
		json_out_key(out, "transient");
		json_out_bool(out, true);
	}
	json_out_key(out, "data");
	json_out_raw(out, body);
	json_out_close(out, '}');
	printf("%.*s\n", (int)out->n, out->bytes);
}

/* The history is another one, or no longer kept from there: whoever reads this begins anew behind
 * that seq. */
static void
print_resync(struct tap *t, struct heard *h, uint64_t seq, struct span log_id)
{
	struct json_out body = { 0 };

	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, &h->session);
	json_out_key(&body, "seq");
	json_out_uint(&body, seq);
	json_out_key(&body, "log_id");
	json_out_text(&body, log_id);
	json_out_close(&body, '}');
	print_event(t, event_rows[EVENT_session_resync].colon, seq, false, json_out_span(&body));
	json_out_fini(&body);
	uuid_parse(log_id, &h->log_id);
	h->seq = seq;
}

static uint64_t
member_number(struct span object, const char *key)
{
	int64_t n;

	return json_find_integer(object, key, &n) && n > 0 ? (uint64_t)n : 0;
}

static bool
member_is_true(struct span object, const char *key)
{
	struct span value;

	return json_find(object, key, &value) && span_is(value, "true");
}

static void
print_page(struct tap *t, struct heard *h, struct span events)
{
	struct arena arena;
	struct json_iter it;
	struct span key, entry;

	arena_init(&arena);
	json_walk(&it, events);
	while (json_next(&it, &key, &entry)) {
		struct span name = { 0 }, data = { 0 };
		uint64_t seq = member_number(entry, "seq");

		if (seq <= h->seq || !json_find(entry, "event", &name) ||
		    !json_find(entry, "data", &data))
			continue;
		print_event(t, arena_text(&arena, json_text(&arena, name)), seq, true, data);
		h->seq = seq;
	}
	arena_fini(&arena);
}

/* One answer. False: there is no more to be had. */
static bool
fetch_page(struct tap *t, struct heard *h, struct json_out *body)
{
	struct json_out args = { 0 };
	struct span events = { 0 }, log_id = { 0 };
	bool good;

	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, h->seq);
	if (!uuid_is_nil(&h->log_id)) {
		json_out_key(&args, "log_id");
		json_out_uuid(&args, &h->log_id);
	}
	json_out_close(&args, '}');
	good = ctl_client_ask(t->client, "ListEvents", &h->session, json_out_span(&args), body);
	json_out_fini(&args);
	if (!good || !json_find(json_out_span(body), "log_id", &log_id) || log_id.n < 2)
		return false;
	log_id = (struct span){ log_id.p + 1, log_id.n - 2 };
	if (member_is_true(json_out_span(body), "resync")) {
		print_resync(t, h, member_number(json_out_span(body), "seq"), log_id);
		return false;
	}
	uuid_parse(log_id, &h->log_id);
	json_find(json_out_span(body), "events", &events);
	print_page(t, h, events);
	return member_is_true(json_out_span(body), "more");
}

static void
fetch(struct tap *t, struct heard *h)
{
	struct json_out body = { 0 };
	uint64_t before;

	do
		before = h->seq;
	while (fetch_page(t, h, &body) && h->seq > before);
	json_out_fini(&body);
}

/* Everything up to seq has happened. */
static void
catch_up(struct tap *t, struct heard *h, uint64_t seq)
{
	char id[UUID_TEXT + 1];

	if (h->seq >= seq)
		return;
	uuid_format(&h->session, id);
	ctl_say("session %s: seq %" PRIu64 " to %" PRIu64 " were not heard%s", id, h->seq + 1, seq,
	    t->client ? "; fetching them" : "");
	if (t->client)
		fetch(t, h);
	else
		h->seq = seq;
}

/* What a session was at when it was first heard of counts as known, unless it was asked for. */
static void
begin_with(struct tap *t, struct heard *h, const struct wire_header *header)
{
	bool durable = header->flags & WIRE_DURABLE;

	h->log_id = header->log_id;
	if (t->options->since < 0)
		h->seq = durable ? header->seq - 1 : header->seq;
}

static void
take_event(
    struct tap *t, const struct uuid *session, const struct wire_header *header, struct span body)
{
	struct heard *h = heard_of(t, session);
	bool durable = header->flags & WIRE_DURABLE;
	const struct event_row *row = &event_rows[header->event];

	/* A sync for a session that is not there. */
	if (uuid_is_nil(&header->log_id))
		return;
	if (uuid_is_nil(&h->log_id))
		begin_with(t, h, header);
	if (!uuid_equal(&h->log_id, &header->log_id)) {
		char log_id[UUID_TEXT + 1];

		uuid_format(&header->log_id, log_id);
		print_resync(t, h, durable ? header->seq - 1 : header->seq, span_of(log_id));
	}
	catch_up(t, h, durable ? header->seq - 1 : header->seq);
	if (header->event == EVENT_sync || (durable && header->seq <= h->seq))
		return;
	print_event(t, row->colon[0] ? row->colon : row->dash, header->seq, durable, body);
	if (durable)
		h->seq = header->seq;
}

static void
take_heartbeat(struct tap *t, struct span body)
{
	if (t->is_silent)
		ctl_say("%s is heard again", t->options->events);
	t->is_silent = false;
	t->heartbeat_ms = clock_now_ms();
	t->is_feed = member_is_true(body, "packed");
}

/* A wrong endpoint would otherwise look like a server where nothing happens. */
static void
look_for_silence(struct tap *t)
{
	if (t->is_silent || clock_now_ms() - t->heartbeat_ms < SILENCE_MS)
		return;
	t->is_silent = true;
	ctl_say("nothing is heard from %s; waiting", t->options->events);
}

static void
take_message(struct tap *t, const struct frames *f)
{
	struct wire_header header;
	struct uuid session;

	if (f->n >= 3 && span_is(frames_at(f, 0), WIRE_HEARTBEAT_TOPIC))
		take_heartbeat(t, frames_at(f, 2));
	else if (f->n >= 3 && wire_topic_session(frames_at(f, 0), &session) &&
	    wire_header_get(frames_at(f, 1), &header) && header.event < EVENTS)
		take_event(t, &session, &header, frames_at(f, 2));
}

/* False: said why. */
static bool
run(struct tap *t)
{
	t->heartbeat_ms = clock_now_ms();
	while (!stopped && !t->is_feed) {
		zmq_pollitem_t item = { .socket = t->socket, .events = ZMQ_POLLIN };
		struct frames f;

		if (zmq_poll(&item, 1, LOOK_EVERY_MS) < 0 && errno != EINTR)
			break;
		while (!stopped && frames_recv(&f, t->socket)) {
			take_message(t, &f);
			frames_fini(&f);
		}
		look_for_silence(t);
	}
	if (t->is_feed)
		ctl_say("%s is graphd's --bind-feed, for gateways: a tap wants its --bind-events",
		    t->options->events);
	return !t->is_feed;
}

/* False: said why. */
static bool
subscribe(struct tap *t)
{
	const struct ctl_options *o = t->options;
	char topic[WIRE_TOPIC_MAX] = "session_";
	size_t n = strlen(topic);
	int queue = LIMIT_BUS_QUEUE;

	if (!uuid_is_nil(&o->session))
		n = wire_topic(&o->session, EVENTS, topic);
	t->context = t->client ? ctl_client_context(t->client) : zmq_ctx_new();
	t->socket = zmq_socket(t->context, ZMQ_SUB);
	zmq_setsockopt(t->socket, ZMQ_RCVHWM, &queue, sizeof queue);
	zmq_setsockopt(t->socket, ZMQ_SUBSCRIBE, topic, n);
	zmq_setsockopt(
	    t->socket, ZMQ_SUBSCRIBE, WIRE_HEARTBEAT_TOPIC, strlen(WIRE_HEARTBEAT_TOPIC));
	return ctl_connect(o, t->socket, o->events);
}

static void
fini(struct tap *t)
{
	struct heard *h;

	for (size_t i = 0; (h = table_next(&t->sessions, &i));)
		free(h);
	table_fini(&t->sessions);
	json_out_fini(&t->scratch);
	if (t->socket)
		zmq_close(t->socket);
	if (t->context && !t->client)
		zmq_ctx_term(t->context);
	ctl_client_free(t->client);
}

int
ctl_tap(const struct ctl_options *o)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct tap t = { .options = o };
	bool good;

	if (o->since >= 0 && (uuid_is_nil(&o->session) || !o->requests)) {
		ctl_say("--since needs --session and --requests");
		return CTL_WRONG;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	table_init(&t.sessions, offsetof(struct heard, session), UUID_BYTES);
	if (o->requests && !(t.client = ctl_client_new(o, o->requests)))
		return CTL_FAILED;
	good = subscribe(&t);
	if (good && o->since >= 0) {
		struct heard *h = heard_of(&t, &o->session);

		h->seq = (uint64_t)o->since;
		fetch(&t, h);
	}
	good = good && run(&t);
	fini(&t);
	return good ? CTL_OK : CTL_FAILED;
}
