#include "graphd/projects.h"

#include "common/limits.h"
#include "common/table.h"

#include <stdlib.h>

enum { SWEPT_AT_LEAST = 64 };

/* A revision that may still be on its way to disk. */
struct pending {
	struct uuid project, session;
	uint64_t revision;
	uint64_t seq; /* of the session before the step that saved it */
};

struct projects {
	struct table pending;
	size_t sweep_at; /* so many of them */
};

struct projects *
projects_new(void)
{
	struct projects *p = xcalloc(1, sizeof(*p));

	table_init(&p->pending, offsetof(struct pending, project), sizeof(struct uuid));
	p->sweep_at = SWEPT_AT_LEAST;
	return p;
}

void
projects_forget(struct projects *p)
{
	struct pending *pending;

	for (size_t i = 0; (pending = table_next(&p->pending, &i));)
		free(pending);
	table_fini(&p->pending);
}

void
projects_free(struct projects *p)
{
	if (!p)
		return;
	projects_forget(p);
	free(p);
}

size_t
projects_count(const struct projects *p)
{
	return p->pending.n;
}

/* Whether the save has neither reached the disk, where the store would show it, nor been taken
 * back. */
static bool
is_on_its_way(const struct pending *pending, const struct sessions *ss)
{
	const struct session *s = sessions_loaded(ss, &pending->session);

	return s && s->durable_seq <= pending->seq && session_face(s).seq > pending->seq;
}

/* Whenever there are twice as many as were on their way the last time. */
static void
sweep(struct projects *p, const struct sessions *ss)
{
	struct pending *pending;

	for (size_t i = 0; (pending = table_next(&p->pending, &i));) {
		if (is_on_its_way(pending, ss))
			continue;
		table_remove(&p->pending, &pending->project);
		free(pending);
	}
	p->sweep_at = 2 * p->pending.n + SWEPT_AT_LEAST;
}

void
projects_note(struct projects *p, struct sessions *ss, const struct session *s, uint64_t revision)
{
	struct pending *pending;

	if (p->pending.n >= p->sweep_at)
		sweep(p, ss);
	pending = table_find(&p->pending, &s->meta.project_id);
	if (!pending) {
		pending = xcalloc(1, sizeof(*pending));
		pending->project = s->meta.project_id;
		table_add(&p->pending, pending);
	}
	pending->session = s->id;
	pending->revision = revision;
	pending->seq = s->seq;
}

static bool
take_saved(void *context, const struct store_project *stored)
{
	struct saved *saved = context;

	saved->id = stored->id;
	saved->name = xstrdup(stored->name);
	saved->template_id = xstrdup(stored->template_id);
	saved->revision = stored->revision;
	saved->saved_us = stored->saved_us;
	saved->session = session_restore(stored->bytes);
	return false;
}

static bool
take_revision(void *context, const struct store_project *stored)
{
	*(uint64_t *)context = stored->revision;
	return false;
}

enum error
projects_revision(
    struct projects *p, struct sessions *ss, const struct uuid *project, uint64_t *revision)
{
	struct store *store = sessions_store(ss);
	struct pending *pending = table_find(&p->pending, project);
	enum error err;

	*revision = 0;
	err = store->ops->project(store, project, take_revision, revision);
	if (err || !pending)
		return err;
	if (pending->revision > *revision && is_on_its_way(pending, ss)) {
		*revision = pending->revision;
		return OK;
	}
	table_remove(&p->pending, project);
	free(pending);
	return OK;
}

enum error
saved_read_from(struct store *store, const struct uuid *project, struct saved *out)
{
	enum error err;

	*out = (struct saved){ 0 };
	err = store->ops->project(store, project, take_saved, out);
	if (!err && !out->name)
		err = ERROR_project_not_found;
	else if (!err && !out->session)
		err = ERROR_session_damaged;
	if (err)
		saved_fini(out);
	return err;
}

enum error
saved_read(struct sessions *ss, const struct uuid *project, struct saved *out)
{
	enum error err = saved_read_from(sessions_store(ss), project, out);

	if (!err)
		sessions_bind(ss, out->session);
	return err;
}

void
saved_fini(struct saved *saved)
{
	free(saved->name);
	free(saved->template_id);
	session_free(saved->session);
	*saved = (struct saved){ 0 };
}

/* The one used last of those that can be read; NULL when none is known to be on the project. */
static struct session *
find_live(struct sessions *ss, const struct uuid *project)
{
	const struct uuid *id;
	struct session *s;
	enum error err;

	do {
		id = sessions_on_project(ss, project);
		err = id ? sessions_get(ss, id, &s) : ERROR_invalid_session;
	} while (
	    err == ERROR_session_damaged || (!err && !uuid_equal(&s->meta.project_id, project)));
	return err ? NULL : s;
}

enum error
project_session(struct sessions *ss, const struct uuid *project, struct session **out)
{
	struct saved saved;
	enum error err;

	*out = find_live(ss, project);
	if (*out)
		return OK;
	/* Rows of older files do not say which project they are on, but a revision names the
	 * session that saved it. */
	err = saved_read(ss, project, &saved);
	if (err)
		return err == ERROR_project_not_found ? OK : err;
	if (sessions_get(ss, &saved.session->id, out) ||
	    !uuid_equal(&(*out)->meta.project_id, project))
		*out = NULL;
	saved_fini(&saved);
	return OK;
}

enum error
project_view(struct call *c, const struct uuid *project, struct project_view *out)
{
	enum error err;

	*out = (struct project_view){ 0 };
	out->live = find_live(c->sessions, project);
	if (!out->live) {
		err = saved_read(c->sessions, project, &out->saved);
		if (err)
			return err;
		/* That session, when it still is on the project, may have gone on since it saved.
		 */
		if (!sessions_get(c->sessions, &out->saved.session->id, &out->live) &&
		    !uuid_equal(&out->live->meta.project_id, project))
			out->live = NULL;
	}
	c->outcome->session = out->live;
	return OK;
}

const struct session *
project_view_session(const struct project_view *v)
{
	return v->live ? v->live : v->saved.session;
}

void
project_view_fini(struct project_view *v)
{
	saved_fini(&v->saved);
}

struct graph *
project_view_take_graph(struct call *c, struct project_view *v)
{
	struct session *s = v->saved.session;

	if (v->live)
		return v->live->graph;
	c->outcome->tree_graph = s->graph;
	s->graph = graph_new();
	return c->outcome->tree_graph;
}

enum error
project_copy(const struct graph *from, struct session *s)
{
	enum error err = OK;

	for (const struct node *n = graph_first_root(from); n && !err;
	     n = graph_walk(from, n, NULL)) {
		struct edit edit = { .kind = EDIT_ADD, .node = *node_id(n) };

		edit.content = content_copy(node_content(n));
		if (node_parent(n))
			edit.after.parent = *node_id(node_parent(n));
		edit.after.index = UINT32_MAX;
		err = session_edit(s, &edit);
	}
	return err;
}

void
project_put(struct call *c, const struct session *s, uint64_t revision)
{
	struct store *store = sessions_store(c->sessions);
	struct json_out bytes = { 0 };
	struct store_project project = {
		.id = s->meta.project_id,
		.name = s->meta.project_name ? s->meta.project_name : "",
		.template_id = s->meta.template_id ? s->meta.template_id : "",
		.revision = revision,
		.saved_us = c->request->now_us,
	};

	session_snapshot(s, &bytes);
	project.taken = json_out_take(&bytes, &project.bytes.n);
	project.bytes.p = project.taken;
	store->ops->put_project(store, &project);
	c->outcome->stores = true;
}

enum error
project_target(struct call *c, const struct uuid *session_id, struct session **out)
{
	enum error err = c->subject_error;

	if (uuid_is_nil(session_id))
		return call_new_session(c, out);
	*out = c->subject;
	return *out ? OK : refuse(c->why, err, "session_id", "%s", error_rows[err].text);
}

enum error
project_begin(struct call *c, struct session *s, const struct meta *meta)
{
	bool had_project = !uuid_is_nil(&s->meta.project_id);
	enum error err;

	if (!s->open)
		call_begin(c, s, had_project ? STEP_DO : STEP_MARK);
	err = session_clear(s);
	return err ? err : call_meta(c, s, meta);
}

enum error
project_loaded(struct session *s)
{
	struct json_out details = { 0 };
	struct edit edit = { .kind = EDIT_MARK, .mark = MARK_LOADED };
	struct tree_writer tree;
	bool all;

	json_out_bytes(&details, SPAN("{\"graph\":{\"roots\":["));
	tree_init(&tree, s->graph, s->blueprint, NULL, -1);
	all = tree_write(&tree, &details, LIMIT_EVENT_GRAPH_BYTES);
	json_out_bytes(&details, SPAN("]},\"graph_omitted\":false}"));
	if (!all) {
		json_out_clear(&details);
		json_out_bytes(&details, SPAN("{\"graph\":null,\"graph_omitted\":true}"));
	}
	edit.value_after = xspandup(json_out_span(&details));
	json_out_fini(&details);
	return session_edit(s, &edit);
}
