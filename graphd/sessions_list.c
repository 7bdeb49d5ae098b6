#include "graphd/sessions_rows.h"

static bool
give_row(struct row *r, sessions_fn *fn, void *context)
{
	if (r->session && !r->session->is_lent)
		sessions_note_row(r);
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
sessions_each_after(struct sessions *ss, const struct uuid *after, uint64_t after_us,
    sessions_fn *fn, void *context)
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

static bool
is_on(const struct session *s, const struct uuid *project_id)
{
	struct session_face face = session_face(s);

	return !session_is_closed(s) && uuid_equal(&face.project_id, project_id);
}

const struct uuid *
sessions_on_project(const struct sessions *ss, const struct uuid *project_id)
{
	const struct project_sessions *p = table_find(&ss->projects, project_id);

	if (!p)
		return NULL;
	for (struct link *l = p->rows.prev; l != &p->rows; l = l->prev) {
		const struct row *r = LIST_OF(l, struct row, by_project);

		if (r->session ? is_on(r->session, project_id) : !r->damaged)
			return &r->stored.id;
	}
	return NULL;
}
