#include "graphd/surveys.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "graphd/clients.h"

#include <stdlib.h>

enum standing { ASKED, ANSWERED, LEFT };

struct respondent {
	struct span client_id; /* key; owned */
	char *actor, *answer;  /* owned; answer: NULL unless ANSWERED without an error */
	enum standing standing;
	enum error error;
};

struct survey {
	struct link of_session, by_time;
	struct panel *panel;
	struct uuid id;
	uint64_t until_ms;
	void *asker;
	struct table by_client;
	struct respondent *respondents; /* in order of joining */
	size_t n, n_awaited;
	size_t answers_bytes;
};

/* A session in which somebody is being asked. */
struct panel {
	struct uuid session; /* key */
	struct link surveys;
	size_t n;
};

struct surveys {
	struct table panels;
	struct link by_time;
	size_t n, n_asked, held_bytes;
	survey_over_fn *over;
	void *context;
};

struct surveys *
surveys_new(void)
{
	struct surveys *all = xcalloc(1, sizeof(*all));

	table_init(&all->panels, offsetof(struct panel, session), UUID_BYTES);
	list_init(&all->by_time);
	return all;
}

void
surveys_on_over(struct surveys *all, survey_over_fn *over, void *context)
{
	all->over = over;
	all->context = context;
}

size_t
surveys_count(const struct surveys *all)
{
	return all->n;
}

/* Out of every list, so that nothing that follows finds it; its memory stays. */
static void
retire(struct surveys *all, struct survey *s)
{
	struct panel *panel = s->panel;

	list_remove(&s->of_session);
	list_remove(&s->by_time);
	all->n--;
	all->n_asked -= s->n;
	all->held_bytes -= s->answers_bytes;
	if (--panel->n)
		return;
	table_remove(&all->panels, &panel->session);
	free(panel);
}

static void
survey_free(struct survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free((char *)(uintptr_t)s->respondents[i].client_id.p);
		free(s->respondents[i].actor);
		free(s->respondents[i].answer);
	}
	table_fini(&s->by_client);
	free(s->respondents);
	free(s);
}

void
surveys_free(struct surveys *all)
{
	if (!all)
		return;
	while (!list_is_empty(&all->by_time)) {
		struct survey *s = LIST_OF(all->by_time.next, struct survey, by_time);

		retire(all, s);
		survey_free(s);
	}
	table_fini(&all->panels);
	free(all);
}

/* The first argument is the answer; the others are told where there are any, or there is none. */
static void
write_arguments(struct json_out *out, struct span arguments)
{
	struct json_iter it;
	struct span key, value, first = SPAN("null");
	size_t n = 0;

	json_walk(&it, arguments);
	while (json_next(&it, &key, &value))
		if (n++ == 0)
			first = value;
	json_out_key(out, "data");
	json_out_minified(out, first);
	if (n == 1)
		return;
	json_out_key(out, "arguments");
	json_out_minified(out, arguments);
}

static void
write_respondent(struct json_out *out, const struct respondent *r)
{
	json_out_open(out, '{');
	json_out_key(out, "client_id");
	json_out_text(out, r->client_id);
	json_out_key(out, "actor");
	json_out_string(out, r->actor);
	if (r->standing == ANSWERED && r->error) {
		json_out_key(out, "error");
		error_write(out, r->error, NULL);
	} else if (r->standing == ANSWERED) {
		write_arguments(out, span_of(r->answer));
	} else {
		json_out_key(out, r->standing == LEFT ? "left" : "timed_out");
		json_out_bool(out, true);
	}
	json_out_close(out, '}');
}

static void
end(struct surveys *all, struct survey *s, enum error error)
{
	struct json_out body = { 0 };

	retire(all, s);
	if (!error) {
		json_out_open(&body, '{');
		json_out_key(&body, "answers");
		json_out_open(&body, '[');
		for (size_t i = 0; i < s->n; i++)
			write_respondent(&body, &s->respondents[i]);
		json_out_close(&body, ']');
		json_out_close(&body, '}');
	}
	if (all->over)
		all->over(all->context, s->asker, error, &body);
	json_out_fini(&body);
	survey_free(s);
}

static struct panel *
panel_get(struct surveys *all, const struct uuid *session)
{
	struct panel *panel = table_find(&all->panels, session);

	if (panel)
		return panel;
	panel = xcalloc(1, sizeof(*panel));
	panel->session = *session;
	list_init(&panel->surveys);
	table_add(&all->panels, panel);
	return panel;
}

static bool
is_wanted(const struct survey_wish *w, const struct client *client)
{
	return !w->client_id.p || span_is(w->client_id, clients_id_of(client));
}

static size_t
count_wanted(const struct survey_wish *w, uint64_t *last)
{
	size_t n = 0;

	*last = 0;
	LIST_EACH(at, &w->session->clients)
	{
		const struct client *client = LIST_OF(at, struct client, link);

		n += is_wanted(w, client);
		*last = client->number;
	}
	return n;
}

static void
ask_everybody(struct survey *s, const struct survey_wish *w)
{
	LIST_EACH(at, &w->session->clients)
	{
		const struct client *client = LIST_OF(at, struct client, link);
		struct respondent *r = &s->respondents[s->n];

		if (!is_wanted(w, client))
			continue;
		r->client_id = span_of(xstrdup(clients_id_of(client)));
		r->actor = xstrdup(client->actor);
		table_add(&s->by_client, r);
		s->n++;
	}
	s->n_awaited = s->n;
}

/* Most surveys have the same length, so the place is mostly at the end. */
static void
put_in_time(struct surveys *all, struct survey *s)
{
	struct link *before = all->by_time.prev;

	while (before != &all->by_time &&
	    LIST_OF(before, struct survey, by_time)->until_ms > s->until_ms)
		before = before->prev;
	list_append(before->next, &s->by_time);
}

enum error
surveys_begin(struct surveys *all, const struct survey_wish *w, struct uuid *id, uint64_t *last)
{
	const struct panel *busy = table_find(&all->panels, &w->session->id);
	size_t n = count_wanted(w, last);
	struct survey *s;

	memset(id, 0, sizeof(*id));
	if (n == 0)
		return w->client_id.p ? ERROR_client_not_found : OK;
	if ((busy && busy->n >= LIMIT_ASKS_PER_SESSION) || all->n_asked + n > LIMIT_ASKED)
		return ERROR_too_many_asks;
	s = xcalloc(1, sizeof(*s));
	uuid_random(&s->id);
	s->until_ms = w->until_ms;
	table_init(&s->by_client, offsetof(struct respondent, client_id), 0);
	s->respondents = xcalloc(n, sizeof(*s->respondents));
	ask_everybody(s, w);
	s->panel = panel_get(all, &w->session->id);
	s->panel->n++;
	list_append(&s->panel->surveys, &s->of_session);
	put_in_time(all, s);
	all->n++;
	all->n_asked += s->n;
	*id = s->id;
	return OK;
}

static struct survey *
find(const struct surveys *all, const struct uuid *session, const struct uuid *id)
{
	const struct panel *panel = table_find(&all->panels, session);

	if (!panel)
		return NULL;
	LIST_EACH(at, &panel->surveys)
	{
		struct survey *s = LIST_OF(at, struct survey, of_session);

		if (uuid_equal(&s->id, id))
			return s;
	}
	return NULL;
}

void
surveys_set_asker(
    struct surveys *all, const struct uuid *session, const struct uuid *id, void *asker)
{
	struct survey *s = find(all, session, id);

	if (s)
		s->asker = asker;
}

/* What is too much is not kept, but its client has answered. */
static void
keep(struct surveys *all, struct survey *s, struct respondent *r, const struct survey_answer *a)
{
	size_t n = a->arguments.n;

	r->error = a->error;
	if (!r->error && (n > LIMIT_ANSWER_BYTES || s->answers_bytes + n > LIMIT_ANSWERS_BYTES))
		r->error = ERROR_limit_value;
	if (!r->error && all->held_bytes + n > LIMIT_ANSWERS_HELD_BYTES)
		r->error = ERROR_overloaded;
	if (r->error)
		return;
	r->answer = xspandup(a->arguments);
	s->answers_bytes += n;
	all->held_bytes += n;
}

static void
settle(struct surveys *all, struct survey *s, struct respondent *r, enum standing standing)
{
	r->standing = standing;
	if (--s->n_awaited == 0)
		end(all, s, OK);
}

bool
surveys_answer(struct surveys *all, const struct uuid *session, const struct uuid *id,
    const struct survey_answer *a)
{
	struct survey *s = find(all, session, id);
	struct respondent *r = s ? table_find(&s->by_client, &a->client_id) : NULL;

	if (!r || r->standing != ASKED)
		return false;
	keep(all, s, r, a);
	settle(all, s, r, ANSWERED);
	return true;
}

void
surveys_left(struct surveys *all, const struct uuid *session, struct span client_id)
{
	struct panel *panel = table_find(&all->panels, session);
	size_t n = panel ? panel->n : 0;
	struct link *next;

	/* The panel goes with its last survey. */
	for (struct link *at = n ? panel->surveys.next : NULL; n > 0; n--, at = next) {
		struct survey *s = LIST_OF(at, struct survey, of_session);
		struct respondent *r = table_find(&s->by_client, &client_id);

		next = at->next;
		if (r && r->standing == ASKED)
			settle(all, s, r, LEFT);
	}
}

uint64_t
surveys_due_ms(const struct surveys *all)
{
	if (list_is_empty(&all->by_time))
		return UINT64_MAX;
	return LIST_OF(all->by_time.next, struct survey, by_time)->until_ms;
}

void
surveys_tick(struct surveys *all, uint64_t now_ms)
{
	while (surveys_due_ms(all) <= now_ms)
		end(all, LIST_OF(all->by_time.next, struct survey, by_time), OK);
}

void
surveys_fail(struct surveys *all, enum error error)
{
	while (!list_is_empty(&all->by_time))
		end(all, LIST_OF(all->by_time.next, struct survey, by_time), error);
}
