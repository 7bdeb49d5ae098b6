/*
 * Who is in a session, as those who listen to it here were told. A graphd that has been restarted
 * knows nobody until it is told, and those who left meanwhile, or whose gateway died, nobody would
 * report: so it is reminded of everybody, and announces who does not turn up.
 */

#include "common/json.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/hub_inner.h"

#include <stdlib.h>

enum { REMINDERS = 256 }; /* in one report */

struct listed {
	struct span client_id; /* key; the texts are in the same allocation */
	struct span actor;     /* {NULL,0}: none; the client_id's bytes when it goes by that */
	bool is_ours;	       /* while graphd is reminded: a member here has been reported */
};

void
roster_init(struct room *r)
{
	table_init(&r->roster, offsetof(struct listed, client_id), 0);
	r->n_clients = UINT64_MAX;
}

static void
empty(struct room *r)
{
	struct listed *l;

	for (size_t i = 0; (l = table_next(&r->roster, &i));)
		free(table_remove(&r->roster, &l->client_id));
}

void
roster_fini(struct room *r)
{
	if (r->asked_clients)
		upstream_forget(r->hub->upstream, r->asked_clients);
	empty(r);
	table_fini(&r->roster);
}

static void
add(struct room *r, struct span client_id, struct span actor)
{
	bool has_own_name = !span_equal(client_id, actor);
	struct listed *l;

	if (client_id.n == 0 || r->roster.n >= LIMIT_CLIENTS_PER_SESSION ||
	    table_find(&r->roster, &client_id))
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
	table_add(&r->roster, l);
}

/* One entry less for a client of ours; of a client that is here twice only one member counts. */
static void
strike(void *context, struct member *m)
{
	struct room *r = context;
	struct span client_id = span_of(m->client_id);
	struct listed *l = table_remove(&r->roster, &client_id);

	m->is_unlisted = l != NULL;
	r->n_unlisted += m->is_unlisted;
	free(l);
}

static void
strike_ours(struct room *r)
{
	r->n_unlisted = 0;
	room_each_counted(r, strike, r);
}

static void
on_clients(void *arg, enum error status, struct span body)
{
	struct room *r = arg;
	struct span clients, key, item;
	struct json_iter it;
	struct arena arena;

	r->asked_clients = 0;
	if (status || !json_find(body, "clients", &clients))
		return;
	empty(r);
	arena_init(&arena);
	json_walk(&it, clients);
	while (json_next(&it, &key, &item))
		add(r, json_find_text(&arena, item, "client_id"),
		    json_find_text(&arena, item, "actor"));
	arena_fini(&arena);
	r->n_clients = r->roster.n;
	strike_ours(r);
}

void
roster_tick(struct room *r)
{
	struct upstream_question q = { .command = COMMAND_list_clients, .session = r->id };

	if (r->n_clients != r->roster.n + r->n_unlisted && r->synced && !r->asked_clients)
		r->asked_clients = upstream_ask(r->hub->upstream, &q, on_clients, r);
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

void
roster_hear(struct room *r, const struct delivery *d)
{
	struct arena arena;
	struct span client_id;
	int64_t n;

	arena_init(&arena);
	client_id = json_find_text(&arena, d->body, "client_id");
	if (d->event == EVENT_session_connected)
		add(r, client_id, json_find_text(&arena, d->body, "actor"));
	else
		free(table_remove(&r->roster, &client_id));
	if (json_find_integer(d->body, "client_count", &n) && n >= 0)
		count(r, (uint64_t)n);
	arena_fini(&arena);
}

void
roster_enter(struct room *r, struct member *m, uint64_t n_clients)
{
	struct span client_id = span_of(m->client_id);

	m->is_unlisted = !table_find(&r->roster, &client_id);
	r->n_unlisted += m->is_unlisted;
	count(r, n_clients);
}

void
roster_leave(struct room *r, struct member *m)
{
	if (!m->is_unlisted)
		return;
	m->is_unlisted = false;
	r->n_unlisted--;
	add(r, span_of(m->client_id), m->actor ? span_of(m->actor) : (struct span){ 0 });
}

static void
mark_ours(void *context, struct member *m)
{
	struct room *r = context;
	struct span client_id = span_of(m->client_id);
	struct listed *l = table_find(&r->roster, &client_id);

	if (l)
		l->is_ours = true;
}

static void
write_listed(struct json_out *out, const struct listed *l)
{
	json_out_open(out, '{');
	json_out_key(out, "client_id");
	json_out_text(out, l->client_id);
	if (l->actor.p) {
		json_out_key(out, "actor");
		json_out_text(out, l->actor);
	}
	json_out_close(out, '}');
}

static void
end_reminder(struct room *r, struct json_out *args)
{
	json_out_close(args, ']');
	json_out_close(args, '}');
	room_report(r, NULL, COMMAND_remind, json_out_span(args));
	json_out_clear(args);
}

void
roster_remind(struct room *r)
{
	struct json_out args = { 0 };
	struct listed *l;
	size_t n = 0;

	room_each_counted(r, mark_ours, r);
	for (size_t i = 0; (l = table_next(&r->roster, &i));) {
		if (!l->is_ours) {
			if (n == 0) {
				json_out_open(&args, '{');
				json_out_key(&args, "clients");
				json_out_open(&args, '[');
			}
			write_listed(&args, l);
			n = (n + 1) % REMINDERS;
			if (n == 0)
				end_reminder(r, &args);
		}
		l->is_ours = false;
	}
	if (n > 0)
		end_reminder(r, &args);
	json_out_fini(&args);
	/* What was asked of the one before is answered by one that knows nobody yet. */
	if (r->asked_clients)
		upstream_forget(r->hub->upstream, r->asked_clients);
	r->asked_clients = 0;
}
