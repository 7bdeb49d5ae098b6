/* Requests on their way: sent, sent again, answered, or given up. */

#include "gatewayd/upstream_inner.h"

#include "common/clock.h"
#include "common/limits.h"
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
	struct upstream *u = OWNER_OF(hook, struct upstream, turn_end);

	upstream_reopen(u);
	upstream_flush(u);
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
upstream_send_hello(struct upstream *u, struct span args)
{
	static const struct uuid no_session;

	make_head(u, UPSTREAM_HELLO_NUMBER, COMMAND_hello, &no_session, SPAN(""));
	send_alone(u, args);
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
void
upstream_resend_all(struct upstream *u)
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
	loop_cancel_timer(u->loop, &u->reopening);
}

void
upstream_prepare(struct upstream *u)
{
	metrics_add(&in_flight);
	metrics_add(&resent);
	metrics_add(&expired);
	u->deadline.due = deadline_due;
	u->retry.due = retry_due;
	u->dealer.ready = upstream_dealer_ready;
	upstream_prepare_events(u);
	upstream_prepare_greeting(u);
	upstream_prepare_links(u);
	u->turn_end.run = turn_end;
	loop_at_turn_end(u->loop, &u->turn_end);
}

void
upstream_count_in_flight(struct upstream *u)
{
	in_flight.value = (int64_t)upstream_requests_count(&u->requests);
}
