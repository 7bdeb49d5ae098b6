#include "graphd/sessions.h"

#include "common/limits.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/table.h"

#include <assert.h>
#include <stdlib.h>

/* A row is written again when its time of last use on disk is older than this. */
enum { ROW_STALE_US = 60 * 1000000 };

struct project_sessions {
	struct uuid id;
	struct link rows; /* most recently used last */
};

struct row {
	struct store_session stored;
	struct link all; /* oldest first */
	struct session *session; /* NULL: not loaded */
	bool damaged; /* found so once; not read again */
	bool written; /* has been put into the store */
	bool written_project;
	uint64_t written_us;
	struct project_sessions *project; /* of the loaded session, as last seen */
	struct link by_project;
};

struct sessions {
	struct store *store;
	struct blueprints *blueprints;
	struct table rows; /* by stored.id */
	struct table projects; /* struct project_sessions of loaded sessions */
	struct link all;
	struct link by_activity; /* loaded sessions, least recently used first */
	sessions_drop_fn *on_drop;
	void *on_drop_context;
};

static struct row *
row_add(struct sessions *ss, const struct store_session *stored)
{
	struct row *r = xcalloc(1, sizeof(*r));

	r->stored = *stored;
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
	r->written_project = stored->has_project;
	r->written_us = stored->active_us;
	return true;
}

static int
older_first(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	if ((*x)->stored.created_us != (*y)->stored.created_us)
		return (*x)->stored.created_us < (*y)->stored.created_us ? -1 : 1;
	return memcmp(&(*x)->stored.id, &(*y)->stored.id, sizeof(struct uuid));
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
	const struct uuid *id = &r->session->meta.project_id;
	struct project_sessions *p = r->project;

	if (!p || !uuid_equal(&p->id, id))
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
	list_remove(&r->by_project);
	list_append(&p->rows, &r->by_project);
	r->project = p;
}

/* What the row says while the session is not loaded. */
static void
note_row(struct row *r)
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
		.closed = s->closed,
	};
}

static void
attach(struct sessions *ss, struct row *r, struct session *s)
{
	r->session = s;
	list_remove(&s->by_activity);
	list_append(&ss->by_activity, &s->by_activity);
	sessions_bind(ss, s);
	note_project(ss, r);
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
	leave_project(ss, r);
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
		free(r);
	}
	table_fini(&ss->rows);
	table_fini(&ss->projects);
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

struct replay {
	struct session *session;
	bool damaged;
};

static bool
replay_step(void *context, const struct store_step *stored)
{
	struct replay *r = context;
	struct step step;

	if (!step_decode(stored->bytes, &step)) {
		r->damaged = true;
		return false;
	}
	if (!session_replay(r->session, &step))
		r->damaged = true;
	return !r->damaged;
}

/* The newest snapshot, or an empty session when there is none. */
static enum error
load_snapshot(struct sessions *ss, const struct row *r, struct session **out)
{
	struct store *store = ss->store;
	struct json_out bytes = { 0 };
	uint64_t ordinal = 0;
	enum error err;

	*out = NULL;
	err = store->ops->snapshot(store, &r->stored.id, UINT64_MAX, &bytes, &ordinal);
	if (!err && ordinal == 0)
		*out = session_new(&r->stored.id, &r->stored.log_id, r->stored.created_us);
	else if (!err)
		*out = session_restore(json_out_span(&bytes));
	json_out_fini(&bytes);
	if (err || !*out)
		return err ? err : ERROR_session_damaged;
	(*out)->snapshot_ordinal = ordinal;
	return OK;
}

static enum error
load(struct sessions *ss, struct row *r)
{
	struct replay replay = { 0 };
	enum error err = load_snapshot(ss, r, &replay.session);
	struct session *s = replay.session;

	if (!err)
		err = ss->store->ops->steps(ss->store, &r->stored.id, s->ordinal, replay_step, &replay);
	/* A journal that ends before the row was written has lost its tail. */
	if (!err && (replay.damaged || s->ordinal < r->stored.ordinal))
		err = ERROR_session_damaged;
	if (err) {
		session_free(s);
		return err;
	}
	s->durable_seq = s->seq;
	s->epoch = r->stored.epoch;
	if (s->active_us < r->stored.active_us)
		s->active_us = r->stored.active_us;
	attach(ss, r, s);
	return OK;
}

static enum error
load_or_mark(struct sessions *ss, struct row *r)
{
	enum error err = r->damaged ? ERROR_session_damaged : load(ss, r);
	char id[UUID_TEXT + 1];

	if (err == ERROR_session_damaged && !r->damaged) {
		uuid_format(&r->stored.id, id);
		log_warn(id, "the stored history of this session is damaged");
		r->damaged = true;
	}
	return err;
}

enum error
sessions_get(struct sessions *ss, const struct uuid *id, struct session **out)
{
	struct row *r = table_find(&ss->rows, id);
	enum error err;

	*out = NULL;
	if (!r || (r->session && r->session->closed))
		return ERROR_invalid_session;
	if (!r->session && (err = load_or_mark(ss, r)))
		return err;
	if (r->session->closed)
		return ERROR_invalid_session;
	sessions_bind(ss, r->session);
	*out = r->session;
	return OK;
}

enum error
sessions_create(struct sessions *ss, uint64_t now_us, struct session **out)
{
	struct uuid id, log_id;
	struct session *s;
	enum error err;

	uuid_random(&id);
	uuid_random(&log_id);
	s = session_new(&id, &log_id, now_us);
	err = sessions_adopt(ss, s);
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
	attach(ss, r, taken);
	note_row(r);
	return OK;
}

void
sessions_drop(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	detach(ss, r);
	table_remove(&ss->rows, &r->stored.id);
	list_remove(&r->all);
	free(r);
}

size_t
sessions_count(const struct sessions *ss)
{
	return ss->rows.n;
}

static bool
give_row(struct row *r, sessions_fn *fn, void *context)
{
	if (r->session)
		note_row(r);
	if (r->stored.closed)
		return true;
	return fn(context, &r->stored, r->session ? r->session->n_clients : 0);
}

void
sessions_each(struct sessions *ss, sessions_fn *fn, void *context)
{
	sessions_each_after(ss, NULL, 0, fn, context);
}

void
sessions_each_after(struct sessions *ss, const struct uuid *after, uint64_t after_us, sessions_fn *fn,
    void *context)
{
	struct row *r = after ? table_find(&ss->rows, after) : NULL;
	struct link *l = r ? r->all.next : ss->all.next;
	struct link *next;

	for (; l != &ss->all; l = next) {
		next = l->next;
		/* The session named may have ended since: then its age shows where it stood. */
		if (after && !r && LIST_OF(l, struct row, all)->stored.created_us <= after_us)
			continue;
		if (!give_row(LIST_OF(l, struct row, all), fn, context))
			return;
	}
}

void
sessions_each_newest(struct sessions *ss, sessions_fn *fn, void *context)
{
	struct link *previous;

	for (struct link *l = ss->all.prev; l != &ss->all; l = previous) {
		previous = l->prev;
		if (!give_row(LIST_OF(l, struct row, all), fn, context))
			return;
	}
}

struct session *
sessions_of_project(struct sessions *ss, const struct uuid *project_id)
{
	struct project_sessions *p = table_find(&ss->projects, project_id);

	if (!p)
		return NULL;
	for (struct link *l = p->rows.prev; l != &p->rows; l = l->prev) {
		struct session *s = LIST_OF(l, struct row, by_project)->session;

		if (!s->closed && uuid_equal(&s->meta.project_id, project_id))
			return s;
	}
	return NULL;
}

void
sessions_each_loaded(struct sessions *ss, void (*fn)(void *, struct session *), void *context)
{
	struct link *next;

	for (struct link *l = ss->by_activity.next; l != &ss->by_activity; l = next) {
		next = l->next;
		fn(context, LIST_OF(l, struct session, by_activity));
	}
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
		if (s->n_clients > 0 || s->batch || s->open || s->closed || s->durable_seq != s->seq)
			continue;
		r = table_find(&ss->rows, &s->id);
		note_row(r);
		detach(ss, r);
	}
}

void
sessions_touch(struct sessions *ss, struct session *s, uint64_t now_us)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	if (now_us > s->active_us)
		s->active_us = now_us;
	list_remove(&s->by_activity);
	list_append(&ss->by_activity, &s->by_activity);
	sessions_bind(ss, s);
	note_project(ss, r);
}

bool
sessions_put_row(struct sessions *ss, struct session *s)
{
	struct row *r = table_find(&ss->rows, &s->id);

	assert(r && r->session == s);
	note_row(r);
	if (r->written && r->written_project == r->stored.has_project && !s->closed &&
	    s->active_us < r->written_us + ROW_STALE_US)
		return false;
	ss->store->ops->put_session(ss->store, &r->stored);
	r->written = true;
	r->written_project = r->stored.has_project;
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
