/*
 * Asking clients: graphd puts a question to a session, and this gateway to those of its members who
 * were counted by then. A question is kept here for as long as a member of ours has not answered
 * it.
 */

#include "common/clock.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gatewayd/hub_survey.h"

#include <stdlib.h>

static struct metric told = { .name = "gatewayd_clients_asked_total",
	.help = "Questions given to live clients.",
	.type = "counter" };
static struct metric stray = { .name = "gatewayd_answers_ignored_total",
	.help =
	    "Answers of live clients to nothing that they were asked, or given twice or too late.",
	.type = "counter" };

static void
survey_free(struct survey *s)
{
	struct asked *a;

	for (size_t i = 0; (a = table_next(&s->asked, &i));)
		free(a);
	table_fini(&s->asked);
	list_remove(&s->in_room);
	list_remove(&s->answering);
	free((char *)(uintptr_t)s->delivery.body.p);
	json_out_fini(&s->answers);
	free(s);
}

void
survey_settle(struct survey *s)
{
	if (s->asked.n == 0 && s->answers.n == 0)
		survey_free(s);
}

void
survey_forget(struct survey *s, struct asked *a)
{
	free(table_remove(&s->asked, &a->member));
}

/* What the event says. */
struct asking {
	struct uuid id;
	struct question question;
	struct span client_id; /* {NULL,0}: everybody */
	int64_t last;
};

/* False: it is no question. */
static bool
read_event(struct span body, struct arena *arena, struct asking *out)
{
	int64_t timeout_ms = 0;

	*out = (struct asking){ 0 };
	out->client_id = json_find_text(arena, body, "client_id");
	out->question.event = json_find_text(arena, body, "event");
	json_find_integer(body, "last", &out->last);
	json_find_integer(body, "timeout_ms", &timeout_ms);
	out->question.timeout_ms = (uint64_t)timeout_ms;
	return out->question.event.n && json_find(body, "data", &out->question.data) &&
	    uuid_parse(json_find_text(arena, body, "ask_id"), &out->id);
}

static bool
is_meant(const struct asking *q, const struct member *m)
{
	if (!m->counted || m->number > (uint64_t)q->last)
		return false;
	return !q->client_id.p || span_is(q->client_id, m->client_id);
}

static bool
tell(struct member *m, struct encodings *e)
{
	const struct transport *transport = m->group->transport;
	struct shared_bytes *bytes = encodings_get(e, transport, m->group->dialect);
	bool may = bytes && transport->owed(m) < LIMIT_QUEUE_BYTES;

	if (may)
		transport->deliver(m, bytes);
	shared_bytes_unref(bytes);
	told.value += may;
	return may;
}

/* Who cannot take it now will count as silent, and is not waited for here. */
static void
put_to(struct survey *s, struct member *m, const struct asking *q, struct encodings *e)
{
	bool is_joining = m->state == MEMBER_JOINING;
	struct asked *a;

	if (!is_meant(q, m) || (!is_joining && !tell(m, e)))
		return;
	a = xcalloc(1, sizeof(*a));
	a->member = m;
	a->is_told = !is_joining;
	s->n_untold += is_joining;
	table_add(&s->asked, a);
}

static void
put_to_list(struct survey *s, struct link *list, const struct asking *q, struct encodings *e)
{
	LIST_EACH(at, list)
	{
		struct member *m = member_at(at);

		/* Who was not reported yet is not known to graphd. */
		if (member_is_reported(m))
			put_to(s, m, q, e);
	}
}

static void
put_to_all(struct survey *s, const struct asking *q, struct encodings *e)
{
	struct room *r = s->room;

	/* What came before the question is told before it; that may turn members slow. */
	LIST_EACH(at, &r->groups)
	group_flush(LIST_OF(at, struct group, in_room));
	LIST_EACH(at, &r->groups)
	{
		struct group *g = LIST_OF(at, struct group, in_room);

		for (uint32_t i = 0; i < g->n; i++)
			put_to(s, g->members[i], q, e);
	}
	put_to_list(s, &r->waiting, q, e);
	put_to_list(s, &r->slow, q, e);
	put_to_list(s, &r->joining, q, e);
}

/* Numbers begin somewhere, so that an answer to another gateway's question is taken for none of
 * ours. They fit 31 bits, which is what the narrowest of the stock clients takes for an ack id. */
static uint64_t
next_number(struct hub *hub)
{
	if (!hub->survey_number) {
		random_bytes(&hub->survey_number, sizeof(hub->survey_number));
		hub->survey_number %= INT32_MAX / 2;
	}
	hub->survey_number = hub->survey_number % INT32_MAX + 1;
	return hub->survey_number;
}

static struct survey *
survey_new(struct room *r, const struct asking *q)
{
	struct survey *s = xcalloc(1, sizeof(*s));

	s->room = r;
	s->id = q->id;
	s->number = next_number(r->hub);
	s->until_ms = clock_now_ms() + q->question.timeout_ms;
	table_init(&s->asked, offsetof(struct asked, member), sizeof(struct member *));
	list_append(&r->surveys, &s->in_room);
	return s;
}

void
room_ask(struct room *r, const struct delivery *d)
{
	struct delivery asked = *d;
	struct encodings e = { .delivery = &asked };
	struct asking q;
	struct arena arena;
	struct survey *s;

	metrics_add(&told);
	metrics_add(&stray);
	arena_init(&arena);
	if (read_event(d->body, &arena, &q)) {
		s = survey_new(r, &q);
		s->delivery = (struct delivery){ .session = d->session,
			.event = d->event,
			.seq = d->seq,
			.time_us = d->time_us };
		q.question.number = s->number;
		asked.question = &q.question;
		put_to_all(s, &q, &e);
		encodings_fini(&e);
		if (s->n_untold)
			s->delivery.body = (struct span){ xspandup(d->body), d->body.n };
		survey_settle(s);
	}
	arena_fini(&arena);
}

/* Its own number is known by now. */
static void
tell_entered(struct survey *s, struct asked *a)
{
	struct delivery d = s->delivery;
	struct encodings e = { .delivery = &d };
	struct asking q;
	struct arena arena;

	arena_init(&arena);
	read_event(d.body, &arena, &q);
	q.question.number = s->number;
	d.question = &q.question;
	a->is_told = is_meant(&q, a->member) && tell(a->member, &e);
	encodings_fini(&e);
	arena_fini(&arena);
	if (!a->is_told)
		survey_forget(s, a);
}

void
member_ask_entered(struct member *m)
{
	struct room *r = member_room(m);

	for (struct link *at = r->surveys.next, *next; at != &r->surveys; at = next) {
		struct survey *s = LIST_OF(at, struct survey, in_room);
		struct asked *a = table_find(&s->asked, &m);

		next = at->next;
		if (!a || a->is_told)
			continue;
		tell_entered(s, a);
		survey_settle(s);
	}
}

void
member_forget_asked(struct member *m)
{
	struct room *r = member_room(m);

	for (struct link *at = r->surveys.next, *next; at != &r->surveys; at = next) {
		struct survey *s = LIST_OF(at, struct survey, in_room);
		struct asked *a = table_find(&s->asked, &m);

		next = at->next;
		if (!a)
			continue;
		survey_forget(s, a);
		survey_settle(s);
	}
}

void
hub_count_stray_answer(void)
{
	metrics_add(&stray);
	stray.value++;
}

void
room_expire_surveys(struct room *r, uint64_t now_ms)
{
	for (struct link *at = r->surveys.next, *next; at != &r->surveys; at = next) {
		struct survey *s = LIST_OF(at, struct survey, in_room);

		next = at->next;
		if (now_ms >= s->until_ms)
			survey_free(s);
	}
}
