/*
 * Long poll: the answer is that of ListEvents, held back until there is something to say.
 * Membership in the hub serves as the alarm clock alone; what is answered is always read from the
 * journal, so both kinds of reading agree. Who claims a place that the journal does not have is
 * given a page with nothing but session:resync.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/beginning.h"
#include "gatewayd/filter.h"
#include "gatewayd/live.h"
#include "gatewayd/transport.h"

#include <stddef.h>
#include <stdlib.h>

struct poll {
	struct member member;
	struct hub *hub;
	struct http_request *request;
	struct uuid session;
	struct loop_timer due;	/* the end of its waiting */
	struct loop_timer news; /* asks as soon as the delivery that woke it is over */
	uint64_t since, limit;
	struct beginning anew;	    /* as far as a page said that there is nothing to go on from */
	uint64_t first_seq;	    /* of what is kept, then */
	uint64_t number;	    /* of the question under way, or 0 */
	char log_id[UUID_TEXT + 1]; /* as the client named it; empty: it did not */
	struct filter filter;
	enum names names;
	bool is_due;   /* the time is over: whatever is there is the answer */
	bool has_news; /* since the last question */
};

static const struct transport poll_transport;

static struct poll *
poll_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct poll, member);
}

static void
poll_free(struct poll *p)
{
	hub_leave(p->hub, &p->member);
	loop_cancel_timer(hub_loop(p->hub), &p->due);
	loop_cancel_timer(hub_loop(p->hub), &p->news);
	if (p->number)
		upstream_forget(hub_upstream(p->hub), p->number);
	free(p);
}

static void
on_gone(void *arg)
{
	poll_free(arg);
}

static void
fail(struct poll *p, enum error err)
{
	struct http_request *request = p->request;

	poll_free(p);
	live_refuse(request, err, NULL, NULL);
}

/* What of an answer has been looked at. */
struct looked {
	int64_t seq;	  /* of the last event */
	size_t n;	  /* events that were wanted */
	bool passed_over; /* the last one was not */
};

static void
write_mark(const struct poll *p, struct json_out *out, int64_t seq)
{
	struct json_out body = { 0 };
	struct delivery mark = { .event = EVENTS, .seq = (uint64_t)seq };

	json_out_open(&body, '{');
	json_out_key(&body, "session_id");
	json_out_uuid(&body, &p->session);
	json_out_key(&body, "seq");
	json_out_int(&body, seq);
	json_out_close(&body, '}');
	mark.body = json_out_span(&body);
	live_write_event(out, p->names, &mark);
	json_out_fini(&body);
}

/* One event under the client's names, if it wants it. */
static void
write_event(const struct poll *p, struct json_out *out, struct span item, struct looked *looked)
{
	struct span name, seq, data, value;
	struct uuid path[LIMIT_PATH_NODES];
	struct delivery d = { .durable = true };

	if (!json_find(item, "event", &name) || !json_find(item, "seq", &seq) ||
	    !json_find(item, "data", &data) || !json_integer(seq, &looked->seq))
		return;
	d.event = event_find((struct span){ name.p + 1, name.n - 2 });
	d.seq = (uint64_t)looked->seq;
	d.body = data;
	if (json_find(item, "path", &value))
		d.path = filter_read_path(value, path);
	looked->passed_over = d.event == EVENTS || !filter_passes(&p->filter, d.event, d.path) ||
	    !live_write_event(out, p->names, &d);
	looked->n += !looked->passed_over;
}

/* Who is to ask for more must know from where on: when the filter left out the end of the page, a
 * mark says it. */
static void
write_events(const struct poll *p, struct json_out *out, struct span events, bool has_more,
    struct looked *looked)
{
	struct json_iter it;
	struct span key, item;

	json_out_open(out, '[');
	json_walk(&it, events);
	while (json_next(&it, &key, &item))
		write_event(p, out, item, looked);
	if (has_more && looked->passed_over)
		write_mark(p, out, looked->seq);
	json_out_close(out, ']');
}

/* The answer with its events replaced by those the client wants. */
static void
rewrite(const struct poll *p, struct span body, bool has_more, struct json_out *out,
    struct looked *looked)
{
	struct json_iter it;
	struct span key, value;

	json_out_open(out, '{');
	json_walk(&it, body);
	while (json_next(&it, &key, &value)) {
		json_out_key_text(out, key);
		if (span_is(key, "events"))
			write_events(p, out, value, has_more, looked);
		else
			json_out_raw(out, value);
	}
	json_out_close(out, '}');
}

static bool
is_true(struct span body, const char *name)
{
	struct span value;

	return json_find(body, name, &value) && value.p[0] == 't';
}

static void
answer(struct poll *p, struct json_out *page)
{
	struct http_request *request = p->request;
	size_t n;
	char *text = json_out_take(page, &n);

	poll_free(p);
	http_reply(request, 200, "application/json", text, n);
}

static void
write_resync(const struct poll *p, struct json_out *out, const struct beginning *b)
{
	struct json_out body = { 0 };
	struct delivery d = { .event = EVENT_session_resync, .seq = b->seq };

	beginning_write(&body, &p->session, b);
	d.body = json_out_span(&body);
	json_out_open(out, '[');
	live_write_event(out, p->names, &d);
	json_out_close(out, ']');
	json_out_fini(&body);
}

/* A page like any other, that ends at the seq of the graph. */
static void
begin_anew(struct poll *p, const struct beginning *b)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	json_out_key(&out, "events");
	write_resync(p, &out, b);
	json_out_key(&out, "resync");
	json_out_bool(&out, true);
	json_out_key(&out, "seq");
	json_out_uint(&out, b->seq);
	json_out_key(&out, "log_id");
	json_out_uuid(&out, &b->log_id);
	json_out_key(&out, "first_seq");
	json_out_uint(&out, p->first_seq);
	json_out_key(&out, "more");
	json_out_bool(&out, false);
	json_out_close(&out, '}');
	answer(p, &out);
}

static void
on_graph(void *arg, enum error status, struct span body)
{
	struct poll *p = arg;
	struct beginning b = p->anew;

	p->number = 0;
	/* A session without a project has no graph yet. */
	if (status == ERROR_invalid_state || (!status && beginning_read(body, &b)))
		begin_anew(p, &b);
	else
		fail(p, status ? status : ERROR_internal);
}

static void
ask_graph(struct poll *p, struct span page)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_get_tree, .session = p->session };
	struct span first;
	int64_t n = 1;

	p->anew.part = p->filter.subtree;
	beginning_read(page, &p->anew);
	if (json_find(page, "first_seq", &first))
		json_integer(first, &n);
	p->first_seq = (uint64_t)n;
	beginning_ask(&args, &p->anew.part);
	q.args = json_out_span(&args);
	p->number = upstream_ask(hub_upstream(p->hub), &q, on_graph, p);
	json_out_fini(&args);
	if (!p->number)
		fail(p, ERROR_overloaded);
}

static bool ask(struct poll *p);

static void
page_came(struct poll *p, struct span body)
{
	struct json_out out = { 0 };
	struct looked looked = { .seq = (int64_t)p->since };
	bool has_more = is_true(body, "more");

	if (is_true(body, "resync")) {
		ask_graph(p, body);
		return;
	}
	rewrite(p, body, has_more, &out, &looked);
	if (looked.n || p->is_due) {
		answer(p, &out);
		return;
	}
	json_out_fini(&out);
	/* All that came was filtered out; what is behind it may not be. */
	p->since = (uint64_t)looked.seq;
	if ((has_more || p->has_news) && !ask(p))
		fail(p, ERROR_overloaded);
}

static void
on_page(void *arg, enum error status, struct span body)
{
	struct poll *p = arg;

	p->number = 0;
	if (status)
		fail(p, status);
	else
		page_came(p, body);
}

/* False: there is no place for a question. */
static bool
ask(struct poll *p)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_list_events, .session = p->session };

	p->has_news = false;
	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, p->since);
	json_out_key(&args, "limit");
	json_out_uint(&args, p->limit);
	if (p->log_id[0]) {
		json_out_key(&args, "log_id");
		json_out_string(&args, p->log_id);
	}
	if (!uuid_is_nil(&p->filter.subtree)) {
		json_out_key(&args, "paths");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
	q.args = json_out_span(&args);
	p->number = upstream_ask(hub_upstream(p->hub), &q, on_page, p);
	json_out_fini(&args);
	return p->number != 0;
}

static void
on_due(struct loop_timer *timer)
{
	struct poll *p = OWNER_OF(timer, struct poll, due);

	p->is_due = true;
	if (p->member.state != MEMBER_JOINING && !p->number && !ask(p))
		fail(p, ERROR_overloaded);
}

static void
on_news(struct loop_timer *timer)
{
	struct poll *p = OWNER_OF(timer, struct poll, news);

	if (!p->number && !ask(p))
		fail(p, ERROR_overloaded);
}

/* Nothing is sent this way: that there is an event is all that counts, so one empty buffer stands
 * for each. */
static struct shared_bytes *
encode(unsigned dialect, const struct delivery *d)
{
	(void)dialect;
	return d->durable ? shared_bytes_new(SHARED_PLAIN, (struct span){ 0 }) : NULL;
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	struct poll *p = poll_of(m);

	(void)bytes;
	p->has_news = true;
	if (!p->number && !p->news.slot)
		loop_set_timer(hub_loop(p->hub), &p->news, clock_now_ms());
}

static size_t
owed(const struct member *m)
{
	(void)m;
	return 0;
}

static void
joined(struct member *m, const struct join_result *result)
{
	struct poll *p = poll_of(m);

	/* Asked even when there seems to be nothing: only graphd knows whether that since exists.
	 */
	if (result->error)
		fail(p, result->error);
	else if (!ask(p))
		/* The hub is not done with the member yet. */
		loop_set_timer(hub_loop(p->hub), &p->news, clock_now_ms());
}

static void
evict(struct member *m, const char *reason)
{
	struct poll *p = poll_of(m);

	bool has_ended = strcmp(reason, "closed") == 0 || strcmp(reason, "gone") == 0;

	fail(p, has_ended ? ERROR_invalid_session : ERROR_backend_unavailable);
}

static const struct transport poll_transport = {
	.name = "poll",
	.encode = encode,
	.deliver = deliver,
	.owed = owed,
	.joined = joined,
	.evict = evict,
};

void
transport_poll_accept(struct hub *hub, struct http_request *request, const struct join *join,
    uint64_t limit, uint64_t wait_ms)
{
	struct poll *p;
	struct join alarm = *join;

	if (!live_check_join(request, join))
		return;
	p = xcalloc(1, sizeof *p);
	p->hub = hub;
	p->request = request;
	p->session = join->session;
	p->since = join->has_since ? join->since : 0;
	p->limit = limit;
	p->names = join->names;
	if (join->log_id.n == UUID_TEXT)
		memcpy(p->log_id, join->log_id.p, UUID_TEXT);
	filter_parse(join->events, &p->filter.events);
	p->filter.subtree = join->subtree;
	p->due.due = on_due;
	p->news.due = on_news;
	p->is_due = wait_ms == 0;
	if (wait_ms)
		loop_set_timer(hub_loop(hub), &p->due, clock_now_ms() + wait_ms);
	alarm.counted = false;
	alarm.has_since = false;
	alarm.log_id = (struct span){ 0 };
	http_hold(request, on_gone, p);
	hub_join(hub, &p->member, &poll_transport, 0, &alarm);
}
