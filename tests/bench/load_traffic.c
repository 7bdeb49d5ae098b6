#include "tests/bench/load_traffic.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	GIVE_UP_AFTER = 100,	/* failures one after the other: the server is gone */
	IDLE_WAIT_NS = 1000000, /* between looks at the clock when only answers can bring work */
};

static struct publisher *
publisher_of(struct net_connection *c)
{
	return (struct publisher *)(void *)c;
}

static void
post(struct publisher *p, uint64_t stamp_ns)
{
	struct traffic *t = p->traffic;
	struct room *room = &t->rooms->rooms[t->next_room++ % t->rooms->n];

	/* The request is sent or copied before the call returns, so all share the room's bytes. */
	if (room->stamp_at != SIZE_MAX)
		stamp_write((char *)(uintptr_t)room->request.p + room->stamp_at, stamp_ns);
	p->room = room;
	p->sent_ns = stamp_ns;
	p->answer = (struct answer){ 0 };
	t->left--;
	net_send(&p->connection, room->request);
}

static void
become_idle(struct publisher *p)
{
	struct traffic *t = p->traffic;

	p->room = NULL;
	if (t->running && t->interval_ns == 0 && t->left)
		post(p, net_now_ns());
	else
		t->idle[t->n_idle++] = p;
}

static void
set_open(struct publisher *p, bool is_open)
{
	if (p->is_open != is_open)
		p->traffic->n_open = is_open ? p->traffic->n_open + 1 : p->traffic->n_open - 1;
	p->is_open = is_open;
}

static void
reopen(struct publisher *p)
{
	set_open(p, false);
	p->traffic->reopened++;
	net_close(&p->connection);
	net_open(&p->connection, p->port);
}

static void
fail(struct publisher *p, const char *how)
{
	struct traffic *t = p->traffic;

	if (t->failed++ == 0)
		log_warn("load", "a post failed: %s", how);
	if (++t->failed_in_row == GIVE_UP_AFTER)
		log_fatal("load", "%d posts in a row failed", GIVE_UP_AFTER);
	p->room = NULL;
}

static void
take_answer(struct publisher *p)
{
	struct traffic *t = p->traffic;
	char status[32];

	if (p->answer.status / 100 != 2) {
		snprintf(status, sizeof status, "status %u", p->answer.status);
		fail(p, status);
		return;
	}
	t->failed_in_row = 0;
	t->answered++;
	p->room->posts++;
	if (t->measuring) {
		t->measured++;
		t->measured_bytes += p->answer.body_bytes;
		histogram_add(&t->latencies, net_now_ns() - p->sent_ns);
	}
}

static void
on_opened(struct net_connection *c)
{
	struct publisher *p = publisher_of(c);

	set_open(p, true);
	become_idle(p);
}

static size_t
on_received(struct net_connection *c, struct span bytes)
{
	struct publisher *p = publisher_of(c);
	size_t n;

	if (!p->room)
		return bytes.n;
	n = answer_read(&p->answer, bytes);
	if (p->answer.state == ANSWER_BROKEN) {
		fail(p, "not an HTTP answer");
		reopen(p);
	} else if (p->answer.state == ANSWER_DONE) {
		take_answer(p);
		if (p->answer.closes)
			reopen(p);
		else
			become_idle(p);
	}
	return n;
}

static void
forget_idle(struct publisher *p)
{
	struct traffic *t = p->traffic;

	for (size_t i = 0; i < t->n_idle; i++) {
		if (t->idle[i] == p) {
			t->idle[i] = t->idle[--t->n_idle];
			return;
		}
	}
}

static void
on_closed(struct net_connection *c)
{
	struct publisher *p = publisher_of(c);

	/* An idle connection may be ended at any time; one that was never open is refused. */
	if (p->room || !p->is_open)
		fail(p, p->room ? "the connection ended before the answer" : "not accepted");
	forget_idle(p);
	reopen(p);
}

static const struct net_handler publisher_handler = { on_opened, on_received, on_closed };

void
traffic_init(
    struct traffic *t, const struct load_options *options, struct net *net, struct rooms *rooms)
{
	*t = (struct traffic){ .net = net, .rooms = rooms, .n = options->publishers };
	t->publishers = xcalloc(t->n + 1, sizeof *t->publishers);
	t->idle = xcalloc(t->n + 1, sizeof(*t->idle));
	t->interval_ns = options->rate > 0 ? (uint64_t)(1e9 / options->rate) : 0;
	t->left = options->posts ? options->posts : UINT64_MAX;
	rooms_make_requests(rooms, options->url, options->header, options->body);
	for (size_t i = 0; i < t->n; i++) {
		struct publisher *p = &t->publishers[i];

		p->traffic = t;
		p->port = options->port_list[i % options->n_ports];
		net_init(&p->connection, net, &publisher_handler);
		net_open(&p->connection, p->port);
	}
}

void
traffic_fini(struct traffic *t)
{
	for (size_t i = 0; i < t->n; i++)
		net_fini(&t->publishers[i].connection);
	free(t->publishers);
	free(t->idle);
}

void
traffic_start(struct traffic *t)
{
	t->running = true;
	t->due_ns = net_now_ns();
}

void
traffic_stop(struct traffic *t)
{
	t->running = false;
	t->left = 0;
}

uint64_t
traffic_turn(struct traffic *t)
{
	uint64_t now_ns = net_now_ns();

	if (!t->running)
		return IDLE_WAIT_NS;
	while (t->n_idle && t->left && (t->interval_ns == 0 || t->due_ns <= now_ns)) {
		/* A little late is the timer's fault and would be charged to the server. */
		bool waited = t->interval_ns && now_ns - t->due_ns > IDLE_WAIT_NS;

		post(t->idle[--t->n_idle], waited ? t->due_ns : now_ns);
		t->due_ns += t->interval_ns;
	}
	if (t->interval_ns && t->n_idle && t->left)
		return t->due_ns - now_ns < IDLE_WAIT_NS ? t->due_ns - now_ns : IDLE_WAIT_NS;
	return IDLE_WAIT_NS;
}

bool
traffic_is_open(const struct traffic *t)
{
	return t->n_open == t->n;
}

bool
traffic_is_done(const struct traffic *t)
{
	return t->left == 0 && t->n_idle == t->n;
}
