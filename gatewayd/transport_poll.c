/*
 * Long poll: the answer is that of ListEvents, held back until there is something to say.
 * Membership in the hub serves as the alarm clock; what is answered is read from the journal, so
 * both kinds of reading agree. But that of an ended session cannot be read any more: its last
 * events are kept as they are heard, and given behind what was read before. Who claims a place that
 * the journal does not have is given a page with nothing but session:resync.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/owner.h"
#include "gatewayd/beginning.h"
#include "gatewayd/live.h"
#include "gatewayd/page.h"
#include "gatewayd/transport.h"

#include <stddef.h>
#include <stdlib.h>

enum { END_MS = 1000 }; /* how long the last event of an ended session is waited for */

struct poll {
	struct member member;
	struct hub *hub;
	struct http_request *request;
	struct page_wish wish;
	struct loop_timer due;	/* the end of its waiting */
	struct loop_timer news; /* asks as soon as the delivery that woke it is over */
	uint64_t limit;
	struct beginning anew;	    /* as far as a page said that there is nothing to go on from */
	uint64_t first_seq;	    /* of what is kept, then */
	uint64_t number;	    /* of the question under way, or 0 */
	char log_id[UUID_TEXT + 1]; /* as the client named it; empty: it did not */
	bool is_due;		    /* the time is over: whatever is there is the answer */
	bool has_news;		    /* since the last question */
	bool has_missed;	    /* some of what was heard, which was too much */
	bool is_over;		    /* the session has ended, and its last event was heard */
	struct outbox heard;	    /* since the last question, an object with a comma each */
	struct json_out page;	    /* the last answer to one, without events; empty: none yet */
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
	outbox_fini(&p->heard);
	json_out_fini(&p->page);
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

static void
forget_heard(struct poll *p)
{
	outbox_fini(&p->heard);
	p->has_missed = false;
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

	beginning_write(&body, &p->wish.session, b);
	d.body = json_out_span(&body);
	json_out_open(out, '[');
	live_write_event(out, p->wish.names, &d);
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
	struct upstream_question q = { .command = COMMAND_get_tree, .session = p->wish.session };
	struct span first;
	int64_t n = 1;

	p->anew.part = p->wish.filter.subtree;
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
	struct page_seen seen;
	bool has_more = page_says(body, "more"), must_answer = p->is_due || p->is_over;

	if (page_says(body, "resync")) {
		ask_graph(p, body);
		return;
	}
	p->is_over &= !has_more;
	page_write(&p->wish, body, p->is_over ? &p->heard : NULL, &out, &seen);
	if (seen.n || must_answer) {
		answer(p, &out);
		return;
	}
	json_out_fini(&p->page);
	p->page = out;
	if (!p->has_news)
		forget_heard(p);
	/* All that came was filtered out; what is behind it may not be. */
	p->wish.since = seen.seq;
	if ((has_more || p->has_news) && !ask(p))
		fail(p, ERROR_overloaded);
}

static void
give_last(struct poll *p)
{
	struct json_out page = p->page;

	p->page = (struct json_out){ 0 };
	page_came(p, json_out_span(&page));
	json_out_fini(&page);
}

/* graphd has said so, and of what was heard nothing is missing but perhaps the end. */
static void
session_ended(struct poll *p)
{
	if (p->is_over)
		give_last(p);
	else if (p->is_due)
		fail(p, ERROR_invalid_session);
	else
		loop_set_timer(hub_loop(p->hub), &p->due, clock_now_ms() + END_MS);
}

static void
on_page(void *arg, enum error status, struct span body)
{
	struct poll *p = arg;

	p->number = 0;
	if (status == ERROR_invalid_session && p->page.n)
		session_ended(p);
	else if (status)
		fail(p, status);
	else
		page_came(p, body);
}

/* False: there is no place for a question. */
static bool
ask(struct poll *p)
{
	struct json_out args = { 0 };
	struct upstream_question q = { .command = COMMAND_list_events, .session = p->wish.session };

	p->has_news = false;
	json_out_open(&args, '{');
	json_out_key(&args, "since");
	json_out_uint(&args, p->wish.since);
	json_out_key(&args, "limit");
	json_out_uint(&args, p->limit);
	if (p->log_id[0]) {
		json_out_key(&args, "log_id");
		json_out_string(&args, p->log_id);
	}
	if (!uuid_is_nil(&p->wish.filter.subtree)) {
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

/* As an item of a page: that it is there is news, but it is only given if no page can be. */
static struct shared_bytes *
encode(unsigned dialect, const struct delivery *d)
{
	struct json_out item = { 0 };
	struct shared_bytes *bytes;

	(void)dialect;
	if (!d->durable)
		return NULL;
	live_write_event(&item, NAMES_COLON, d);
	json_out_bytes(&item, SPAN(","));
	bytes = shared_bytes_new(SHARED_PLAIN, json_out_span(&item));
	json_out_fini(&item);
	return bytes;
}

static void
deliver(struct member *m, struct shared_bytes *bytes)
{
	struct poll *p = poll_of(m);

	p->has_missed |= outbox_bytes(&p->heard) + bytes->n > LIMIT_QUEUE_BYTES;
	if (!p->has_missed)
		outbox_add(&p->heard, bytes);
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
	bool has_heard_end = strcmp(reason, "closed") == 0 && !p->has_missed;

	if (has_heard_end && (p->number || p->page.n)) {
		p->is_over = true;
		/* What is being read comes before. */
		if (!p->number)
			give_last(p);
	} else if (strcmp(reason, "closed") == 0 || strcmp(reason, "gone") == 0) {
		fail(p, ERROR_invalid_session);
	} else {
		fail(p, ERROR_backend_unavailable);
	}
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
	p->wish.session = join->session;
	p->wish.since = join->has_since ? join->since : 0;
	p->limit = limit;
	p->wish.names = join->names;
	if (join->log_id.n == UUID_TEXT)
		memcpy(p->log_id, join->log_id.p, UUID_TEXT);
	filter_parse(join->events, &p->wish.filter.events);
	p->wish.filter.subtree = join->subtree;
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
