#include "graphd/journal.h"
#include "graphd/projects.h"

#include <stdlib.h>

struct project_reading {
	struct journal journal;
	struct uuid project;
	struct saved saved;
};

static void
read_project(struct errand *errand, const atomic_bool *ends)
{
	struct project_reading *p = (struct project_reading *)(void *)errand;

	(void)ends;
	p->journal.error = saved_read_from(p->journal.store, &p->project, &p->saved);
	if (p->journal.error)
		return;
	/* Nobody asks for it, and the loop shall not spend its time on freeing it. */
	history_fini(&p->saved.session->history);
	history_init(&p->saved.session->history);
}

static void
free_reading(struct errand *errand)
{
	struct project_reading *p = (struct project_reading *)(void *)errand;

	journal_close(&p->journal);
	saved_fini(&p->saved);
	free(p);
}

static enum error
write_reply(struct call *c, struct project_reading *p)
{
	struct project_view view = { .saved = p->saved };
	const struct saved *saved = &p->saved;
	struct json_out *out = c->result;

	if (p->journal.error)
		return p->journal.error;
	sessions_bind(c->sessions, saved->session);
	json_out_key(out, "project_id");
	json_out_uuid(out, &saved->id);
	json_out_key(out, "name");
	json_out_string(out, saved->name);
	json_out_key(out, "template_id");
	json_out_string(out, saved->template_id);
	json_out_key(out, "revision");
	json_out_uint(out, saved->revision);
	json_out_key(out, "saved_at");
	json_out_time(out, saved->saved_us);
	call_tree(c, "\"graph\":{\"roots\":[", project_view_take_graph(c, &view),
	    saved->session->blueprint, NULL, -1, "]}}");
	return OK;
}

enum error
cmd_get_project(struct call *c, const struct get_project_args *a)
{
	struct project_reading *p;
	enum error err;

	if (c->request->errand)
		return write_reply(c, (struct project_reading *)(void *)c->request->errand);
	p = xcalloc(1, sizeof *p);
	p->journal.errand.run = read_project;
	p->journal.errand.free = free_reading;
	p->project = a->project_id;
	if (!journal_read(c, NULL, &p->journal))
		return OK;
	err = write_reply(c, p);
	free_reading(&p->journal.errand);
	return err;
}
