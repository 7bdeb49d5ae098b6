/*
 * The roster of a room: who is in its session, as the listeners on this gateway were told. graphd
 * keeps its list of clients in memory and knows nobody after a restart. The gateways then report
 * their own clients; of everybody else on their rosters they remind graphd, which announces those
 * as gone that do not turn up (docs/decisions/0018-reminding.md). The other way round, clients that
 * joined while this gateway did not hear graphd are found in graphd's list and announced here
 * (0022), as are clients of ours that graphd gave up, and announced as gone, together with this
 * gateway.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"
#include "proto/event_head.h"

#include <stdlib.h>

enum {
	LISTS_IN_FLIGHT = LIMIT_IN_FLIGHT / 2,
	MISSED_LISTS = 3, /* the last two of them more than a second apart */
};

static void
table_begin(struct table *roster)
{
	table_init(roster, offsetof(struct listed, client_id), 0);
}

static void
table_end(struct table *roster)
{
	struct listed *l;

	for (size_t i = 0; (l = table_next(roster, &i));)
		free(table_remove(roster, &l->client_id));
	table_fini(roster);
}

void
roster_init(struct room *r)
{
	table_begin(&r->roster);
	table_begin(&r->gone);
	r->n_clients = UINT64_MAX;
}

void
roster_fini(struct room *r)
{
	if (r->asked_clients)
		upstream_forget(r->hub->upstream, r->asked_clients);
	table_end(&r->roster);
	table_end(&r->gone);
}

static void
add(struct table *roster, struct span client_id, struct span actor)
{
	bool has_own_name = !span_equal(client_id, actor);
	struct listed *l;

	if (client_id.n == 0 || roster->n >= LIMIT_CLIENTS_PER_SESSION ||
	    table_find(roster, &client_id))
		return;
	l = xcalloc(1, sizeof *l + client_id.n + (has_own_name ? actor.n : 0));
	l->client_id.p = memcpy(l + 1, client_id.p, client_id.n);
	l->client_id.n = client_id.n;
	l->actor = l->client_id;
	if (!actor.p)
		l->actor = actor;
	else if (has_own_name)
		l->actor = (struct span){ memcpy((char *)(l + 1) + client_id.n, actor.p, actor.n),
			actor.n };
	table_add(roster, l);
}

/*
 * One entry less for a client of ours; of a client that is here twice only one member counts. Who
 * was announced gone and is on the list stays there, as somebody who has come.
 */
static void
strike(void *context, struct member *m)
{
	struct room *r = context;
	struct span client_id = span_of(m->client_id);
	struct listed *l = table_find(&r->roster, &client_id);
	struct listed *gone = table_find(&r->gone, &client_id);

	m->is_unlisted = l && !gone;
	r->n_unlisted += m->is_unlisted;
	if (gone) {
		gone->is_ours = true;
		gone->is_over = l != NULL;
	}
	if (l && gone)
		l->is_untold = true;
	else if (l)
		free(table_remove(&r->roster, &client_id));
}

static void
strike_ours(struct room *r)
{
	struct table before = r->gone;
	struct listed *l;

	r->n_unlisted = 0;
	room_each_counted(r, strike, r);
	table_begin(&r->gone);
	for (size_t i = 0; (l = table_next(&before, &i));)
		if (l->is_ours && !l->is_over)
			add(&r->gone, l->client_id, l->actor);
	table_end(&before);
}

/* Of the first list nobody needs to be told: who was there before was there for all who came. */
static void
compare(struct room *r, const struct table *before)
{
	struct listed *l;

	r->n_untold = 0;
	r->has_found = false;
	for (size_t i = 0; (l = table_next(&r->roster, &i));) {
		const struct listed *old = table_find(before, &l->client_id);

		l->is_found = old && old->is_found;
		l->is_untold = l->is_untold || (old ? old->is_untold : r->is_whole);
		r->has_found = r->has_found || l->is_found;
		r->n_untold += l->is_untold;
	}
}

static void
set_told(struct room *r, struct listed *l)
{
	if (l && l->is_untold)
		r->n_untold--;
	if (l)
		l->is_untold = false;
}

/* As graphd would, but that it is said on this gateway alone. */
static void
tell(struct room *r, const struct listed *l, const struct uuid *project, uint64_t n_clients)
{
	struct json_out body = { 0 };
	struct delivery d = { .session = r->id,
		.event = EVENT_session_connected,
		.seq = r->seq,
		.time_us = clock_wall_us() };
	struct event_head head = { .session = &r->id,
		.project = project,
		.time_us = d.time_us,
		.seq = d.seq,
		.actor = l->actor,
		.client_id = l->client_id };

	json_out_open(&body, '{');
	event_head_write(&body, &head);
	json_out_key(&body, "client_count");
	json_out_uint(&body, n_clients);
	json_out_close(&body, '}');
	d.body = json_out_span(&body);
	room_spread(r, &d);
	json_out_fini(&body);
}

static struct uuid
project_of(struct span session)
{
	struct uuid project = { 0 };
	struct arena arena;

	arena_init(&arena);
	if (!uuid_parse(json_find_text(&arena, session, "project_id"), &project))
		project = (struct uuid){ 0 };
	arena_fini(&arena);
	return project;
}

/* What the events hold besides; then the counts go up to what it is. */
static void
on_session(void *arg, enum error status, struct span body)
{
	struct room *r = arg;
	struct uuid project;
	struct listed *l;
	int64_t n = 0;

	r->asked_clients = 0;
	if (status)
		return;
	project = project_of(body);
	json_find_integer(body, "active_clients", &n);
	n = n > (int64_t)r->n_untold ? n - (int64_t)r->n_untold : 0;
	for (size_t i = 0; r->n_untold > 0 && (l = table_next(&r->roster, &i));) {
		if (!l->is_untold)
			continue;
		set_told(r, l);
		l->is_found = r->has_found = true;
		tell(r, l, &project, (uint64_t)++n);
	}
}

bool
roster_has_told(struct room *r, const struct delivery *d)
{
	struct arena arena;
	struct span client_id;
	struct listed *l;
	bool has_told;

	if (!r->has_found && r->n_untold == 0)
		return false;
	arena_init(&arena);
	client_id = json_find_text(&arena, d->body, "client_id");
	l = table_find(&r->roster, &client_id);
	set_told(r, l);
	has_told = l && l->is_found;
	if (has_told)
		l->is_found = false;
	arena_fini(&arena);
	return has_told;
}

/*
 * Whom the listeners were told of and who is not on the list stays on the roster, for its leave may
 * be on its way. True: of somebody it did not come; then graphd can tell everybody.
 */
static bool
keep_missing(struct room *r, const struct table *before)
{
	bool was_lost = false;
	struct listed *l, *old;

	for (size_t i = 0; (old = table_next(before, &i));) {
		if (old->is_ours || old->is_untold || table_find(&r->roster, &old->client_id))
			continue;
		add(&r->roster, old->client_id, old->actor);
		l = table_find(&r->roster, &old->client_id);
		if (!l)
			continue;
		l->n_missing = (uint8_t)(old->n_missing + 1);
		was_lost = was_lost || l->n_missing == MISSED_LISTS;
	}
	return was_lost;
}

static void
on_clients(void *arg, enum error status, struct span body)
{
	struct room *r = arg;
	struct span clients, complete, key, item;
	struct table before;
	struct json_iter it;
	struct arena arena;
	bool was_lost;

	r->asked_clients = 0;
	if (status || !json_find(body, "clients", &clients))
		return;
	roster_mark_ours(r);
	before = r->roster;
	table_begin(&r->roster);
	arena_init(&arena);
	json_walk(&it, clients);
	while (json_next(&it, &key, &item))
		add(&r->roster, json_find_text(&arena, item, "client_id"),
		    json_find_text(&arena, item, "actor"));
	arena_fini(&arena);
	r->n_clients = r->roster.n;
	was_lost = keep_missing(r, &before);
	strike_ours(r);
	compare(r, &before);
	table_end(&before);
	r->is_whole = true;
	/* Of a graphd that has just begun other gateways may still report their clients, quietly.
	 */
	json_find(body, "complete", &complete);
	r->unsure_ms = span_is(complete, "false") ? clock_now_ms() + ROSTER_SETTLE_MS : 0;
	if (was_lost)
		roster_remind(r);
	else if (r->n_untold > 0)
		roster_tick(r);
}

static void
ask(struct room *r, enum command command, upstream_reply_fn *fn)
{
	struct upstream_question q = { .command = command, .session = r->id };

	if (r->synced && !r->asked_clients)
		r->asked_clients = upstream_ask(r->hub->upstream, &q, fn, r);
}

/* Not before graphd has been reminded of those whom its list would lack; and all rooms at once
 * leave room for requests. */
static bool
may_compare(const struct hub *hub)
{
	return list_is_empty(&hub->reports) && upstream_in_flight(hub->upstream) < LISTS_IN_FLIGHT;
}

void
roster_tick(struct room *r)
{
	bool is_short = r->n_clients != r->roster.n + r->n_unlisted;
	bool is_due = r->unsure_ms && clock_now_ms() >= r->unsure_ms;

	if (!is_short && !r->unsure_ms)
		r->is_whole = true;
	if (r->n_untold > 0)
		ask(r, COMMAND_get_session, on_session);
	else if ((is_short || is_due) && (!r->is_whole || may_compare(r->hub)))
		ask(r, COMMAND_list_clients, on_clients);
}

/* Whoever opens a room wants to know at once who was there before; after that it can wait. */
static void
count(struct room *r, uint64_t n_clients)
{
	bool is_first = r->n_clients == UINT64_MAX;

	r->n_clients = n_clients;
	if (is_first)
		roster_tick(r);
}

/* Who left of ours stands on the roster until that is heard. */
static void
hear_gone(struct room *r, struct span client_id)
{
	struct listed *l = table_remove(&r->roster, &client_id);

	if (!l)
		add(&r->gone, client_id, (struct span){ 0 });
	free(l);
}

static void
hear_come(struct room *r, struct span client_id, struct span actor)
{
	free(table_remove(&r->gone, &client_id));
	add(&r->roster, client_id, actor);
}

void
roster_hear(struct room *r, const struct delivery *d)
{
	struct arena arena;
	struct span client_id;
	int64_t n;

	arena_init(&arena);
	client_id = json_find_text(&arena, d->body, "client_id");
	if (r->n_untold > 0)
		set_told(r, table_find(&r->roster, &client_id));
	if (d->event == EVENT_session_connected)
		hear_come(r, client_id, json_find_text(&arena, d->body, "actor"));
	else
		hear_gone(r, client_id);
	if (json_find_integer(d->body, "client_count", &n) && n >= 0)
		count(r, (uint64_t)n);
	arena_fini(&arena);
}

void
roster_enter(struct room *r, struct member *m, uint64_t n_clients)
{
	struct span client_id = span_of(m->client_id);

	free(table_remove(&r->gone, &client_id));
	m->is_unlisted = !table_find(&r->roster, &client_id);
	r->n_unlisted += m->is_unlisted;
	count(r, n_clients);
}

void
roster_leave(struct room *r, struct member *m)
{
	struct span client_id = span_of(m->client_id);
	struct listed *gone = table_remove(&r->gone, &client_id);

	if (m->is_unlisted) {
		m->is_unlisted = false;
		r->n_unlisted--;
		if (!gone)
			add(&r->roster, client_id,
			    m->actor ? span_of(m->actor) : (struct span){ 0 });
	}
	free(gone);
}
