#include "gatewayd/upstream_inner.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/owner.h"

#include <stdio.h>
#include <stdlib.h>

enum { TURN_REPLIES = 512 };

/* Receiving. */

/* The body's frames joined; owned when there are several, else borrowed from the only one. */
static struct span
join_frames(const struct frames *f, size_t first, char **owned)
{
	struct span joined = frames_at(f, first);
	size_t total = 0;

	*owned = NULL;
	if (f->n <= first + 1)
		return joined;
	for (size_t i = first; i < f->n; i++)
		total += frames_at(f, i).n;
	*owned = xmalloc(total);
	joined = (struct span){ *owned, 0 };
	for (size_t i = first; i < f->n; i++) {
		struct span part = frames_at(f, i);
		memcpy(*owned + joined.n, part.p, part.n);
		joined.n += part.n;
	}
	return joined;
}

static enum error
status_of(struct span text)
{
	enum error err = error_find(text);

	return err == ERRORS ? ERROR_internal : err;
}

/* Most answers come in one piece and are not gathered. */
static void
finish_with(struct upstream *u, struct upstream_request *p, enum error status, struct span last)
{
	struct json_out whole = p->body;

	if (whole.n == 0) {
		upstream_finish(u, p, status, last);
		return;
	}
	p->body = (struct json_out){ 0 };
	json_out_bytes(&whole, last);
	upstream_finish(u, p, status, json_out_span(&whole));
	json_out_fini(&whole);
}

static void
deliver_reply(struct upstream *u, struct span name, struct span status, struct span body)
{
	struct upstream_request *p;
	bool is_part = span_is(status, WIRE_STATUS_PART);
	uint64_t number;

	memcpy(&number, name.p, sizeof(number));
	p = upstream_requests_find(&u->requests, number);
	if (number == UPSTREAM_HELLO_NUMBER) {
		if (span_is(status, WIRE_STATUS_OK))
			upstream_greeted(u, body);
		return;
	}
	/* What still came over a link that broke is coming again, from its beginning. */
	if (!p || number != upstream_request_name(p))
		return;
	if (!is_part) {
		finish_with(u, p, status_of(status), body);
		return;
	}
	json_out_bytes(&p->body, body);
	upstream_requests_delay(&u->requests, p, clock_now_ms() + (uint64_t)u->deadline_ms);
}

static bool
take_row(struct upstream *u, struct span left)
{
	struct span head, body, name, status;
	bool good = true;

	while (good && left.n > 0) {
		good = wire_row_take(&left, &head, &body) &&
		    wire_answer_head_get(head, &name, &status);
		if (good)
			deliver_reply(u, name, status, body);
	}
	return good;
}

/* [] [row], or [] [packed answer head] [body]… False: it is neither. */
static bool
take_reply(struct upstream *u, const struct frames *f)
{
	enum { HEAD = 1, BODY };
	struct span name, status, row;
	char *owned;

	if (wire_row_get(frames_at(f, HEAD), &row))
		return take_row(u, row);
	if (f->n <= BODY || f->too_long ||
	    !wire_answer_head_get(frames_at(f, HEAD), &name, &status))
		return false;
	deliver_reply(u, name, status, join_frames(f, BODY, &owned));
	free(owned);
	return true;
}

bool
upstream_dealer_ready(struct loop_zmq *z)
{
	struct upstream *u = OWNER_OF(z, struct upstream, dealer);
	struct frames f;
	int left = TURN_REPLIES;

	while (left-- > 0) {
		if (!frames_recv(&f, z->socket)) {
			upstream_set_deadline(u);
			return false;
		}
		if (!take_reply(u, &f))
			log_debug("graphd", "a reply of %zu frames that means nothing here", f.n);
		frames_fini(&f);
	}
	return true;
}

/* Questions. */

/* Without a key a change could not be sent again safely. */
static struct caller
complete_caller(struct upstream *u, const struct upstream_question *q, char key[UUID_TEXT + 1])
{
	struct caller caller = q->caller;
	enum command_kind kind = command_rows[q->command].kind;
	struct uuid random;

	caller.gateway = span_of(u->gateway_id);
	caller.deadline_ms = q->deadline_ms ? q->deadline_ms : u->deadline_ms;
	if (caller.key.n > 0 || kind == COMMAND_READS || kind == COMMAND_REPORTS)
		return caller;
	uuid_random(&random);
	uuid_format(&random, key);
	caller.key = (struct span){ key, UUID_TEXT };
	caller.key_is_command_id = true;
	return caller;
}

static void
count_change(struct upstream *u, struct upstream_request *p)
{
	struct subscription *s;

	if (command_rows[p->command].kind != COMMAND_EDITS)
		return;
	s = table_find(&u->subscriptions, &p->session);
	if (!s)
		return;
	s->changes++;
	p->is_counted = true;
}

unsigned
upstream_changes_under_way(const struct upstream *u, const struct uuid *session)
{
	const struct subscription *s = table_find(&u->subscriptions, session);

	return s ? s->changes : 0;
}

uint64_t
upstream_ask(
    struct upstream *u, const struct upstream_question *q, upstream_reply_fn *fn, void *arg)
{
	char key[UUID_TEXT + 1];
	struct caller caller = complete_caller(u, q, key);
	struct span args = q->args.n ? q->args : SPAN("{}");
	struct upstream_request *p;

	json_out_clear(&u->caller);
	caller_pack(&caller, &u->caller);
	p = upstream_requests_add(&u->requests, json_out_span(&u->caller), args,
	    clock_now_ms() + (uint64_t)caller.deadline_ms, q->once);
	if (!p)
		return 0;
	p->command = q->command;
	p->fn = fn;
	p->arg = arg;
	p->session = q->session;
	count_change(u, p);
	upstream_count_in_flight(u);
	upstream_set_deadline(u);
	if (!u->gathers || ++u->n_gathered >= LIMIT_ROW_REQUESTS)
		upstream_flush(u);
	return p->number;
}

bool
upstream_forget(struct upstream *u, uint64_t number)
{
	struct upstream_request *p = upstream_requests_find(&u->requests, number);
	bool was_sent = p && p->was_sent;

	/* What is still here need not be done; the rest is graphd's to finish. */
	if (p)
		upstream_remove(u, p);
	return was_sent;
}

void
upstream_advertise(struct upstream *u, const char *address)
{
	free(u->address);
	u->address = xstrdup(address);
}

bool
upstream_is_answered(const struct upstream *u)
{
	return u->is_up && u->is_linked;
}

bool
upstream_is_ready(const struct upstream *u)
{
	return upstream_is_answered(u) && u->was_fed && !u->is_starved;
}

size_t
upstream_in_flight(const struct upstream *u)
{
	return upstream_requests_count(&u->requests);
}

struct upstream *
upstream_new(struct loop *loop, const struct upstream_endpoints *at, const char *gateway_id,
    const struct bus_security *security, const struct upstream_events *handlers)
{
	struct upstream *u = xcalloc(1, sizeof(*u));

	u->loop = loop;
	u->events = *handlers;
	u->is_feed = at->is_feed;
	u->deadline_ms = at->deadline_ms ? at->deadline_ms : LIMIT_DEADLINE_MS;
	u->gateway_id = xstrdup(gateway_id);
	u->zmq = zmq_ctx_new();
	upstream_requests_init(&u->requests);
	table_init(&u->subscriptions, offsetof(struct subscription, session), UUID_BYTES);
	upstream_prepare(u);
	u->security = security;
	u->requests_at = xstrdup(at->requests);
	if (upstream_open_requests(u) && upstream_open_events(u, at->events))
		return u;
	upstream_free(u);
	return NULL;
}

void
upstream_free(struct upstream *u)
{
	struct subscription *s;

	if (!u)
		return;
	upstream_end_all(u);
	/* Leaving is said with a moment to get through; graphd would learn it from silence
	 * otherwise. */
	if (u->is_linked) {
		bus_socket_set(u->dealer.socket, ZMQ_LINGER, 100);
		upstream_hello(u, true);
	}
	upstream_close_sockets(u);
	zmq_ctx_term(u->zmq);
	for (size_t i = 0; (s = table_next(&u->subscriptions, &i));)
		free(table_remove(&u->subscriptions, &s->session));
	table_fini(&u->subscriptions);
	json_out_fini(&u->caller);
	json_out_fini(&u->head);
	json_out_fini(&u->row);
	free(u->requests_at);
	free(u->gateway_id);
	free(u->address);
	free(u);
}

void
upstream_library_version(char *out, size_t size)
{
	int major, minor, patch;

	zmq_version(&major, &minor, &patch);
	snprintf(out, size, "%d.%d.%d", major, minor, patch);
}
