#include "graphd/archive.h"
#include "graphd/import.h"
#include "graphd/projects.h"

#include <stdlib.h>

enum { NODES_INLINE = 2000 }; /* written in about a millisecond */

/* omitted: there is a history, and it cannot be given. */
static void
write_reply(
    const struct session *s, bool native, struct span steps, bool omitted, struct json_out *out)
{
	json_out_open(out, '{');
	json_out_key(out, "file");
	if (native)
		archive_write(s, steps, omitted, out);
	else
		export_predecessor(s, out);
	json_out_close(out, '}');
}

/* A file that takes long to write. */
struct long_export {
	struct journal journal;
	bool native, steps;
	uint64_t last_ordinal;
	const struct blueprint *blueprint; /* borrowed for good, or NULL */
	struct session *session;	   /* that goes into it; NULL: to be read */
	struct json_out reply;
};

static void
write_with_steps(struct long_export *e)
{
	struct json_out texts = { 0 };
	struct session *made;

	e->journal.error = archive_steps(&e->journal, e->last_ordinal, &texts, &made);
	if (made) {
		session_free(e->session);
		e->session = made;
		made->blueprint = e->blueprint;
		write_reply(made, true, json_out_span(&texts), false, &e->reply);
	}
	json_out_fini(&texts);
}

static void
write_alone(struct long_export *e)
{
	struct journal *j = &e->journal;

	if (!e->session)
		j->error = journal_replay(j, e->last_ordinal + 1, &e->session);
	if (j->error)
		return;
	e->session->blueprint = e->blueprint;
	write_reply(e->session, e->native, (struct span){ NULL, 0 }, e->steps, &e->reply);
}

static void
run_export(struct errand *errand, const atomic_bool *ends)
{
	struct long_export *e = (struct long_export *)(void *)errand;

	e->journal.ends = ends;
	if (e->native && e->steps)
		write_with_steps(e);
	if (!e->journal.error && e->reply.n == 0)
		write_alone(e);
	/* Here, where nobody waits for it. */
	session_free(e->session);
	e->session = NULL;
}

static void
free_export(struct errand *errand)
{
	struct long_export *e = (struct long_export *)(void *)errand;

	journal_close(&e->journal);
	session_free(e->session);
	json_out_fini(&e->reply);
	free(e);
}

static enum error
take_reply(struct call *c, struct long_export *e)
{
	struct json_out empty = c->outcome->body;

	if (e->journal.error)
		return e->journal.error;
	c->outcome->body = e->reply;
	e->reply = empty;
	c->is_written = true;
	return OK;
}

static enum error
export_aside(struct call *c, struct project_view *view, bool native, bool steps)
{
	const struct session *s = project_view_session(view);
	struct long_export *e = xcalloc(1, sizeof *e);
	enum error err;

	e->journal.errand.run = run_export;
	e->journal.errand.free = free_export;
	e->native = native;
	e->steps = steps;
	e->last_ordinal = s->ordinal;
	e->blueprint = s->blueprint;
	if (!view->live)
		e->session = view->saved.session;
	view->saved.session = NULL;
	if (!journal_read(c, s, &e->journal))
		return OK;
	err = take_reply(c, e);
	free_export(&e->journal.errand);
	return err;
}

static enum error
write_file(struct call *c, struct project_view *view, bool native, bool steps)
{
	const struct session *s = project_view_session(view);

	if (!steps && graph_count(s->graph) <= NODES_INLINE) {
		json_out_clear(&c->outcome->body);
		write_reply(s, native, (struct span){ NULL, 0 }, false, &c->outcome->body);
		c->is_written = true;
		return OK;
	}
	/* The journal shows what is on disk. */
	c->outcome->unfinished = view->live && view->live->batch;
	return c->outcome->unfinished ? OK : export_aside(c, view, native, steps);
}

enum error
cmd_export_project(struct call *c, const struct export_project_args *a)
{
	bool native = !a->format.p || span_is(a->format, "native");
	struct project_view view;
	enum error err;

	if (c->request->errand)
		return take_reply(c, (struct long_export *)(void *)c->request->errand);
	if (!native && !span_is(a->format, "predecessor"))
		return refuse(c->why, ERROR_invalid_request, "format",
		    "format must be native or predecessor.");
	err = project_view(c, &a->project_id, &view);
	if (!err)
		err = write_file(c, &view, native, native && a->history == 1);
	project_view_fini(&view);
	return err;
}
