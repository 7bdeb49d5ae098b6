#include "gatewayd/upstream_inner.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <assert.h>
#include <stdlib.h>

enum { RETRY_MS = 20 };

static struct metric in_flight = { .name = "gatewayd_requests_in_flight",
	.help = "Requests to graphd without an answer yet.",
	.type = "gauge" };
static struct metric resent = { .name = "gatewayd_requests_resent_total",
	.help = "Requests sent again because the link to graphd was new.",
	.type = "counter" };
static struct metric expired = { .name = "gatewayd_requests_expired_total",
	.help = "Requests that graphd did not answer in time.",
	.type = "counter" };

/* Sending. */

/* A long body is cut into frames of the same message; an empty one is one empty frame. */
static void
send_parts(void *socket, struct span bytes)
{
	while (bytes.n > LIMIT_PART_BYTES) {
		if (!frames_send(socket, (struct span){ bytes.p, LIMIT_PART_BYTES }, true))
			return;
		bytes.p += LIMIT_PART_BYTES;
		bytes.n -= LIMIT_PART_BYTES;
	}
	frames_send(socket, bytes, false);
}

/* Into u->head. */
static void
make_head(struct upstream *u, uint64_t number, enum command command, const struct uuid *session,
    struct span caller)
{
	struct wire_packed head = { .id = { (const char *)&number, sizeof(number) },
		.session = *session,
		.command = span_of(command_rows[command].name),
		.caller = caller };

	json_out_clear(&u->head);
	wire_packed_put(&head, &u->head);
}

static void
make_head_of(struct upstream *u, const struct upstream_request *p)
{
	make_head(u, upstream_request_name(p), p->command, &p->session, p->caller);
}

/* Behind the head. When the first frame is taken the others are: ZeroMQ counts whole messages. */
static bool
send_alone(struct upstream *u, struct span args)
{
	void *socket = u->dealer.socket;

	if (!frames_send(socket, SPAN(""), true))
		return false;
	frames_send(socket, json_out_span(&u->head), true);
	send_parts(socket, args);
	return true;
}

static struct upstream_request *
first_unsent(struct upstream *u)
{
	return LIST_OF(u->requests.unsent.next, struct upstream_request, unsent);
}

/* As many as go into one message; how many, 0: the first one must go alone. */
static size_t
make_row(struct upstream *u)
{
	size_t n = 0;

	json_out_clear(&u->row);
	LIST_EACH(at, &u->requests.unsent)
	{
		struct upstream_request *p = LIST_OF(at, struct upstream_request, unsent);

		make_head_of(u, p);
		if (!u->takes_rows || !wire_row_fits(u->row.n, json_out_span(&u->head), p->args))
			break;
		wire_row_put(json_out_span(&u->head), p->args, &u->row);
		n++;
	}
	return n;
}

/* How many were sent; 0: the socket takes no more. */
static size_t
send_some(struct upstream *u)
{
	void *socket = u->dealer.socket;
	size_t n = make_row(u);

	/* Then its head is the one that was made last. */
	if (n == 0)
		return send_alone(u, first_unsent(u)->args) ? 1 : 0;
	if (!frames_send(socket, SPAN(""), true))
		return 0;
	frames_send(socket, json_out_span(&u->row), false);
	return n;
}

void
upstream_flush(struct upstream *u)
{
	u->n_gathered = 0;
	while (u->is_linked && u->is_up && !list_is_empty(&u->requests.unsent)) {
		size_t n = send_some(u);

		if (n == 0) {
			loop_set_timer(u->loop, &u->retry, clock_now_ms() + RETRY_MS);
			return;
		}
		for (; n > 0; n--) {
			struct upstream_request *p = first_unsent(u);

			list_remove(&p->unsent);
			p->was_sent = true;
		}
	}
}

static void
turn_end(struct loop_hook *hook)
{
	upstream_flush(OWNER_OF(hook, struct upstream, turn_end));
}

static void
turn_last(struct loop_hook *hook)
{
	upstream_flush(OWNER_OF(hook, struct upstream, turn_last));
}

void
upstream_gather(struct upstream *u)
{
	u->turn_last.run = turn_last;
	loop_last_at_turn_end(u->loop, &u->turn_last);
	u->gathers = true;
}

static void
retry_due(struct loop_timer *t)
{
	upstream_flush(OWNER_OF(t, struct upstream, retry));
}

void
upstream_hello(struct upstream *u, bool leaving)
{
	static const struct uuid no_session;
	struct json_out args = { 0 };

	json_out_open(&args, '{');
	json_out_key(&args, "gateway");
	json_out_string(&args, u->gateway_id);
	if (u->address) {
		json_out_key(&args, "address");
		json_out_string(&args, u->address);
	}
	if (leaving) {
		json_out_key(&args, "leaving");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
	make_head(u, UPSTREAM_HELLO_NUMBER, COMMAND_hello, &no_session, SPAN(""));
	send_alone(u, json_out_span(&args));
	json_out_fini(&args);
}

/* Answers and the end of them. */

void
upstream_remove(struct upstream *u, struct upstream_request *p)
{
	struct subscription *s = p->is_counted ? table_find(&u->subscriptions, &p->session) : NULL;

	/* It may be another subscription than the one that counted it. */
	if (s && s->changes > 0)
		s->changes--;
	upstream_requests_remove(&u->requests, p);
	upstream_count_in_flight(u);
}

void
upstream_finish(struct upstream *u, struct upstream_request *p, enum error status, struct span body)
{
	upstream_reply_fn *fn = p->fn;
	void *arg = p->arg;

	upstream_remove(u, p);
	fn(arg, status, body);
}

void
upstream_set_deadline(struct upstream *u)
{
	struct upstream_request *first = upstream_requests_first(&u->requests);

	/* Armed too early it fires, finds nothing and is armed again: cheaper than moving it each
	 * time. */
	if (first && (!u->deadline.slot || u->deadline.at_ms > first->deadline_ms))
		loop_set_timer(u->loop, &u->deadline, first->deadline_ms);
}

static void
deadline_due(struct loop_timer *t)
{
	struct upstream *u = OWNER_OF(t, struct upstream, deadline);
	struct upstream_request *p;
	uint64_t now_ms = clock_now_ms();

	while ((p = upstream_requests_first(&u->requests)) && p->deadline_ms <= now_ms) {
		expired.value++;
		upstream_finish(u, p, ERROR_backend_unavailable, (struct span){ 0 });
	}
	upstream_set_deadline(u);
}

/* Numbers are given in the order of asking; nearly always it belongs at the end. */
static void
put_back(struct upstream_requests *q, struct upstream_request *p)
{
	struct link *before = q->unsent.prev;

	while (before != &q->unsent &&
	    LIST_OF(before, struct upstream_request, unsent)->number > p->number)
		before = before->prev;
	list_append(before->next, &p->unsent);
}

/*
 * A new link: what was sent on the old one was lost or will not be answered. All of it is sent
 * again, in the old order; each change carries a key by which graphd knows it if it was done
 * already. An answer that has begun to arrive comes again as a whole, under another name, so that
 * the rest of the old one is not taken for it.
 */
static void
resend_all(struct upstream *u)
{
	list_init(&u->requests.unsent);
	LIST_EACH(at, &u->requests.by_deadline)
	{
		struct upstream_request *p = LIST_OF(at, struct upstream_request, by_deadline);

		p->unsent = (struct link){ 0 };
		p->attempt++;
		json_out_fini(&p->body);
		put_back(&u->requests, p);
		resent.value += p->was_sent;
	}
}

void
upstream_end_once(struct upstream *u)
{
	while (!list_is_empty(&u->requests.once))
		upstream_finish(u,
		    LIST_OF(u->requests.once.next, struct upstream_request, by_deadline),
		    ERROR_backend_unavailable, (struct span){ 0 });
}

void
upstream_linked(struct upstream *u)
{
	upstream_end_once(u);
	resend_all(u);
	u->is_linked = true;
	u->takes_rows = false;
	/* Its answer tells whether the two understand each other; then what waits is sent. */
	upstream_hello(u, false);
	upstream_flush(u);
}

/* Whether graphd is there. */

static void
note_version(struct upstream *u, struct span contract, struct arena *arena)
{
	struct span version = contract.p ? json_text(arena, contract) : contract;
	bool is_other = !span_is(version, WIRE_CONTRACT);

	if (is_other && !u->is_other_version)
		log_warn("graphd", "it speaks contract %.*s, this gateway %s: nothing is served",
		    (int)version.n, version.p ? version.p : "", WIRE_CONTRACT);
	u->is_other_version = is_other;
}

static void
note_endpoint(struct upstream *u, bool is_packed)
{
	bool is_other = is_packed != u->is_feed;

	if (is_other && !u->is_other_endpoint)
		log_warn("graphd", "its --bind-%s was given as --%s: nothing is served",
		    is_packed ? "feed" : "events", u->is_feed ? "feed" : "events");
	u->is_other_endpoint = is_other;
}

/* A Hello goes out once a second. */
static void
note_stillness(struct upstream *u, uint64_t now_ms)
{
	if (u->ticked_ms && now_ms - u->ticked_ms >= LIMIT_LEASE_MS - LIMIT_BUS_HEARTBEAT_MS)
		u->was_still = true;
}

void
upstream_heard(struct upstream *u, struct span body)
{
	static const struct json_bounds bounds = { 4, 64, 256, 64 };
	struct arena arena;
	struct span value, contract;
	struct uuid boot_id = { 0 };
	bool was_up = u->is_up, restarted;

	body = json_trim(body);
	if (json_scan(body, &bounds, NULL) != JSON_OK)
		return;
	arena_init(&arena);
	uuid_parse(json_find_text(&arena, body, "boot_id"), &boot_id);
	json_find(body, "contract", &contract);
	note_version(u, contract, &arena);
	if (json_find(body, "packed", &value))
		note_endpoint(u, span_is(value, "true"));
	arena_fini(&arena);
	u->heard_ms = clock_now_ms();
	note_stillness(u, u->heard_ms);
	restarted = !uuid_is_nil(&u->boot_id) && !uuid_equal(&u->boot_id, &boot_id);
	u->boot_id = boot_id;
	u->is_up = !u->is_other_version && !u->is_other_endpoint;
	upstream_flush(u);
	if (!u->is_up || (was_up && !restarted))
		return;
	log_info("graphd", "%s", restarted ? "is here after a restart" : "is here");
	u->is_told = restarted;
	/* The one before may have announced our clients gone, which this one does not know. */
	if (restarted && u->was_still && u->events.forgotten)
		u->events.forgotten(u->events.context);
	if (u->events.up)
		u->events.up(u->events.context, restarted);
}

void
upstream_greeted(struct upstream *u, struct span body)
{
	bool was_told, may_be_unknown = u->has_broken;
	struct span known, rows;

	u->takes_rows = json_find(json_trim(body), "rows", &rows) && span_is(rows, "true");
	upstream_heard(u, body);
	was_told = u->is_told;
	u->is_told = u->has_broken = u->was_still = false;
	if (json_find(json_trim(body), "known", &known) && known.p[0] == 'f')
		may_be_unknown = true;
	/* It says once that it does not know us: over a link that broke nobody may have heard it.
	 * After a restart everything is being reported already. */
	if (u->is_up && may_be_unknown && !was_told && u->events.forgotten)
		u->events.forgotten(u->events.context);
}

void
upstream_lost(struct upstream *u, const char *why)
{
	u->heard_ms = 0;
	if (!u->is_up)
		return;
	u->is_up = false;
	log_warn("graphd", "%s", why);
}

static void
tick_due(struct loop_timer *t)
{
	struct upstream *u = OWNER_OF(t, struct upstream, tick);
	uint64_t now_ms = clock_now_ms();

	note_stillness(u, now_ms);
	u->ticked_ms = now_ms;
	if (u->is_up && now_ms - u->heard_ms > LIMIT_BUS_SILENCE_MS)
		upstream_lost(u, "was not heard for too long");
	if (u->is_linked)
		upstream_hello(u, false);
	loop_set_timer(u->loop, t, now_ms + LIMIT_BUS_HEARTBEAT_MS);
}

/* Set-up and end. */

void
upstream_end_all(struct upstream *u)
{
	struct upstream_request *p;

	while ((p = upstream_requests_first(&u->requests)))
		upstream_finish(u, p, ERROR_backend_unavailable, (struct span){ 0 });
	loop_cancel_timer(u->loop, &u->tick);
	loop_cancel_timer(u->loop, &u->deadline);
	loop_cancel_timer(u->loop, &u->retry);
}

void
upstream_prepare(struct upstream *u)
{
	metrics_add(&in_flight);
	metrics_add(&resent);
	metrics_add(&expired);
	u->tick.due = tick_due;
	u->deadline.due = deadline_due;
	u->retry.due = retry_due;
	u->dealer.ready = upstream_dealer_ready;
	upstream_prepare_events(u);
	u->turn_end.run = turn_end;
	loop_at_turn_end(u->loop, &u->turn_end);
	loop_set_timer(u->loop, &u->tick, clock_now_ms() + LIMIT_BUS_HEARTBEAT_MS);
}

void
upstream_count_in_flight(struct upstream *u)
{
	in_flight.value = (int64_t)upstream_requests_count(&u->requests);
}
