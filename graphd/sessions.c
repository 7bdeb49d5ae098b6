#include "graphd/sessions_rows.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "graphd/graph_texts.h"

#include <assert.h>
#include <stdlib.h>

/* A row is written again when its time of last use on disk is older than this. */
enum { ROW_STALE_US = 60 * 1000000 };

static struct row *
row_add(struct sessions *ss, const struct store_session *stored)
{
	struct row *r = xcalloc(1, sizeof(*r));

	r->stored = *stored;
	list_init(&r->unstored);
	table_add(&ss->rows, r);
	list_append(&ss->all, &r->all);
	return r;
}

static bool
keep_row(void *context, const struct store_session *stored)
{
	struct sessions *ss = context;
	struct row *r;

	if (stored->closed)
		return true;
	r = row_add(ss, stored);
	r->written = true;
	r->written_project = stored->project_id;
	r->written_us = stored->active_us;
	return true;
}

static int
longer_unused_first(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return ((*x)->stored.active_us > (*y)->stored.active_us) -
	    ((*x)->stored.active_us < (*y)->stored.active_us);
}

static int
older_first(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	if ((*x)->stored.created_us != (*y)->stored.created_us)
		return (*x)->stored.created_us < (*y)->stored.created_us ? -1 : 1;
	return memcmp(&(*x)->stored.id, &(*y)->stored.id, sizeof(struct uuid));
}

static void
leave_project(struct sessions *ss, struct row *r)
{
	struct project_sessions *p = r->project;

	if (!p)
		return;
	list_remove(&r->by_project);
	r->project = NULL;
	if (!list_is_empty(&p->rows))
		return;
	table_remove(&ss->projects, &p->id);
	free(p);
}

/* Keeps the index by project in step with what the session holds now. */
static void
note_project(struct sessions *ss, struct row *r)
{
	const struct uuid *id = r->session ? &r->session->meta.project_id : &r->stored.project_id;
	struct project_sessions *p = r->project;

	if (p && uuid_equal(&p->id, id))
		return;
	leave_project(ss, r);
	if (uuid_is_nil(id))
		return;
	p = table_find(&ss->projects, id);
	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->id = *id;
		list_init(&p->rows);
		table_add(&ss->projects, p);
	}
	list_append(&p->rows, &r->by_project);
	r->project = p;
}

/* Stores give rows in an order of their own. */
static void
sort_rows(struct sessions *ss)
{
	struct row **rows;
	size_t n = 0;

	if (ss->rows.n == 0)
		return;
	rows = xcalloc(ss->rows.n, sizeof(struct row *));
	for (struct link *l; (l = list_take(&ss->all));)
		rows[n++] = LIST_OF(l, struct row, all);
	qsort(rows, n, sizeof(struct row *), longer_unused_first);
	for (size_t i = 0; i < n; i++)
		note_project(ss, rows[i]);
	qsort(rows, n, sizeof(struct row *), older_first);
	for (size_t i = 0; i < n; i++)
		list_append(&ss->all, &rows[i]->all);
	free(rows);
}

struct sessions *
sessions_new(struct store *store, struct blueprints *blueprints)
{
	struct sessions *ss = xcalloc(1, sizeof(*ss));

	ss->store = store;
	ss->blueprints = blueprints;
	table_init(&ss->rows, offsetof(struct row, stored.id), sizeof(struct uuid));
	table_init(&ss->projects, offsetof(struct project_sessions, id), sizeof(struct uuid));
	list_init(&ss->all);
	list_init(&ss->by_activity);
	ss->texts = texts_new(LIMIT_TEXTS_BYTES);
	if (store->ops->sessions(store, keep_row, ss))
		log_fatal("sessions", "the list of sessions cannot be read");
	sort_rows(ss);
	return ss;
}

void
sessions_on_drop(struct sessions *ss, sessions_drop_fn *fn, void *context)
{
	ss->on_drop = fn;
	ss->on_drop_context = context;
}

void
sessions_note_row(struct row *r)
{
	const struct session *s = r->session;

	r->stored = (struct store_session){
		.id = s->id,
		.log_id = s->log_id,
		.epoch = s->epoch,
		.created_us = s->created_us,
		.active_us = s->active_us,
		.seq = s->seq,
		.ordinal = s->ordinal,
		.has_project = !uuid_is_nil(&s->meta.project_id),
		.project_id = s->meta.project_id,
		.closed = s->closed,
	};
}

void
sessions_attach(struct sessions *ss, struct row *r, struct session *s)
{
	r->session = s;
	graph_texts_join(s->graph, ss->texts);
	list_remove(&s->by_activity);
	list_append(&ss->by_activity, &s->by_activity);
	sessions_bind(ss, s);
	note_project(ss, r);
}

static void
row_free(struct row *r)
{
	key_entries_free(&r->unstored);
	free(r);
}

/* Takes the session out of memory; its row stays. */
static void
detach(struct sessions *ss, struct row *r)
{
	struct session *s = r->session;

	if (!s)
		return;
	if (ss->on_drop)
		ss->on_drop(ss->on_drop_context, s);
	list_remove(&s->by_activity);
	r->session = NULL;
	session_free(s);
}

void
sessions_free(struct sessions *ss)
{
	struct row *r;

	if (!ss)
		return;
	for (size_t i = 0; (r = table_next(&ss->rows, &i));) {
		detach(ss, r);
		leave_project(ss, r);
		row_free(r);
	}
	table_fini(&ss->rows);
	table_fini(&ss->projects);
	texts_free(ss->texts);
	free(ss);
}

void
sessions_bind(struct sessions *ss, struct session *s)
{
	const char *id = s->meta.template_id;

	if (!id)
		s->blueprint = NULL;
	else if (!s->blueprint || strcmp(s->blueprint->id, id) != 0)
		s->blueprint = ss->blueprints ? blueprints_find(ss->blueprints, span_of(id)) : NULL;
}

struct session *
sessions_draft(uint64_t now_us)
{
	struct uuid id, log_id;

	uuid_random(&id);
	uuid_random(&log_id);
	return session_new(&id, &log_id, now_us);
}

enum error
sessions_create(struct sessions *ss, uint64_t now_us, struct session **out)
{
	struct session *s = sessions_draft(now_us);
	enum error err = sessions_adopt(ss, s);

	*out = err ? NULL : s;
	return err;
}

enum error
sessions_adopt(struct sessions *ss, struct session *taken)
{
	struct store_session stored = { .id = taken->id };
	struct row *r;

	if (sessions_count(ss) >= LIMIT_SESSIONS) {
		session_free(taken);
		return ERROR_too_many_sessions;
	}
	r = row_add(ss, &stored);
	sessions_attach(ss, r, taken);
	sessions_note_row(r);
	return OK;
}

void
sessions_drop(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	detach(ss, r);
	leave_project(ss, r);
	table_remove(&ss->rows, &r->stored.id);
	list_remove(&r->all);
	row_free(r);
}

size_t
sessions_count(const struct sessions *ss)
{
	return ss->rows.n;
}

struct session *
sessions_loaded(const struct sessions *ss, const struct uuid *id)
{
	const struct row *r = table_find(&ss->rows, id);

	return r ? r->session : NULL;
}

void
sessions_unload_idle(struct sessions *ss, uint64_t before_ms)
{
	struct link *next;

	for (struct link *l = ss->by_activity.next; l != &ss->by_activity; l = next) {
		struct session *s = LIST_OF(l, struct session, by_activity);
		struct row *r;

		next = l->next;
		if (s->idle_since_ms >= before_ms)
			return;
		if (s->n_clients > 0 || s->is_lent || s->batch || s->open || s->closed ||
		    s->durable_seq != s->seq)
			continue;
		r = table_find(&ss->rows, &s->id);
		sessions_note_row(r);
		note_project(ss, r);
		session_unstored_take(s, &r->unstored);
		detach(ss, r);
	}
}

static struct row *
touch(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	list_remove(&s->by_activity);
	list_append(&ss->by_activity, &s->by_activity);
	sessions_bind(ss, s);
	note_project(ss, r);
	return r;
}

void
sessions_touch(struct sessions *ss, struct session *s)
{
	touch(ss, s);
}

void
sessions_use(struct sessions *ss, struct session *s, uint64_t now_us, uint64_t now_ms)
{
	struct row *r;

	/* Whoever has it uses it. */
	if (s->is_lent)
		return;
	r = touch(ss, s);
	if (now_us > s->active_us)
		s->active_us = now_us;
	r->used_ms = now_ms;
	if (!r->project)
		return;
	list_remove(&r->by_project);
	list_append(&r->project->rows, &r->by_project);
}

uint64_t
sessions_used_ms(const struct sessions *ss, const struct uuid *id)
{
	const struct row *r = table_find(&ss->rows, id);

	return r ? r->used_ms : 0;
}

void
sessions_reverted(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	sessions_bind(ss, s);
	note_project(ss, r);
	r->written_us = 0;
}

bool
sessions_put_row(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	sessions_note_row(r);
	if (r->written && uuid_equal(&r->written_project, &r->stored.project_id) && !s->closed &&
	    s->active_us < r->written_us + ROW_STALE_US)
		return false;
	ss->store->ops->put_session(ss->store, &r->stored);
	r->written = true;
	r->written_project = r->stored.project_id;
	r->written_us = s->active_us;
	return true;
}

struct store *
sessions_store(struct sessions *ss)
{
	return ss->store;
}

struct blueprints *
sessions_blueprints(struct sessions *ss)
{
	return ss->blueprints;
}
