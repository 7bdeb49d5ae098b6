#include "graphd/changes.h"

#include "common/mem.h"

#include <stdlib.h>

static struct change *
add(struct changes *c, enum change_kind kind, const struct uuid *id)
{
	struct change *change;

	if (c->n == c->capacity) {
		c->capacity = c->capacity ? 2 * c->capacity : 64;
		c->list = xrealloc(c->list, c->capacity, sizeof *c->list);
	}
	change = &c->list[c->n++];
	memset(change, 0, sizeof *change);
	change->kind = kind;
	change->id = *id;
	return change;
}

static struct span
keep_bytes(struct changes *c, struct change *change, struct span bytes, char *taken)
{
	c->bytes += bytes.n;
	change->bytes = taken ? taken : xspandup(bytes);
	return (struct span){ change->bytes, bytes.n };
}

void
changes_init(struct changes *c)
{
	memset(c, 0, sizeof *c);
}

void
changes_clear(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->list[i].bytes);
		free(c->list[i].name);
		free(c->list[i].template_id);
	}
	free(c->list);
	changes_init(c);
}

struct change *
changes_add_step(struct changes *c, const struct store_step *step)
{
	struct change *change = add(c, CHANGE_STEP, &step->session);

	change->of.step = *step;
	change->of.step.bytes = keep_bytes(c, change, step->bytes, step->taken);
	change->of.step.taken = NULL;
	return change;
}

struct change *
changes_add_snapshot(struct changes *c, const struct uuid *session, uint64_t ordinal, uint64_t seq,
    struct span bytes, char *taken)
{
	struct change *change = add(c, CHANGE_SNAPSHOT, session);

	change->of.snapshot.ordinal = ordinal;
	change->of.snapshot.seq = seq;
	change->of.snapshot.bytes = keep_bytes(c, change, bytes, taken);
	return change;
}

struct change *
changes_add_session(struct changes *c, const struct store_session *session)
{
	struct change *change = add(c, CHANGE_SESSION, &session->id);

	change->of.session = *session;
	return change;
}

struct change *
changes_add_project(struct changes *c, const struct store_project *project)
{
	struct change *change = add(c, CHANGE_PROJECT, &project->id);

	change->name = xstrdup(project->name ? project->name : "");
	change->template_id = xstrdup(project->template_id ? project->template_id : "");
	change->of.project = *project;
	change->of.project.name = change->name;
	change->of.project.template_id = change->template_id;
	change->of.project.bytes = keep_bytes(c, change, project->bytes, project->taken);
	change->of.project.taken = NULL;
	return change;
}

struct change *
changes_add_drop_project(struct changes *c, const struct uuid *id)
{
	return add(c, CHANGE_DROP_PROJECT, id);
}

struct commit *
commit_new(struct changes *changes, store_done_fn *done, void *context)
{
	struct commit *commit = xcalloc(1, sizeof *commit);

	commit->changes = *changes;
	commit->done = done;
	commit->context = context;
	changes_init(changes);
	return commit;
}

void
commit_free(struct commit *commit)
{
	if (!commit)
		return;
	changes_clear(&commit->changes);
	free(commit);
}
