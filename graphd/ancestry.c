#include "graphd/ancestry.h"

#include "common/mem.h"

#include <stdlib.h>

enum { IDS_FIRST = 8 }; /* room for so many at first; a power of two */
_Static_assert(LIMIT_PATH_NODES >= LIMIT_DEPTH + 2, "every single path fits");

static const struct uuid nil;

static bool
is_placing(const struct edit *e)
{
	return e->kind == EDIT_ADD || e->kind == EDIT_REMOVE || e->kind == EDIT_MOVE;
}

static void
keep_id(struct step *step, const struct uuid *id)
{
	size_t n = step->n_ancestors;

	if (n == 0 || (n >= IDS_FIRST && (n & (n - 1)) == 0))
		step->ancestors =
		    xrealloc(step->ancestors, n ? n * 2 : IDS_FIRST, sizeof(*step->ancestors));
	step->ancestors[step->n_ancestors++] = *id;
}

static void
keep_run_under(struct step *step, const struct graph *graph, const struct uuid *parent)
{
	const struct node *n = uuid_is_nil(parent) ? NULL : graph_find(graph, parent);

	if (step->n_ancestors > 0)
		keep_id(step, &nil);
	keep_id(step, &step->edits->node);
	for (; n; n = node_parent(n))
		keep_id(step, node_id(n));
}

static void
find_for_one(struct step *step, const struct graph *graph)
{
	const struct edit *e = step->edits;
	const struct node *n;

	switch (e->kind) {
	case EDIT_PROPERTY:
		for (n = graph_find(graph, &e->node); n; n = node_parent(n))
			keep_id(step, node_id(n));
		break;
	case EDIT_ADD:
		keep_run_under(step, graph, &e->after.parent);
		break;
	case EDIT_REMOVE:
		keep_run_under(step, graph, &e->before.parent);
		break;
	case EDIT_MOVE:
		keep_run_under(step, graph, &e->before.parent);
		if (!uuid_equal(&e->before.parent, &e->after.parent))
			keep_run_under(step, graph, &e->after.parent);
		break;
	case EDIT_META:
	case EDIT_MARK:
		break;
	}
}

/* While the ways up from several edits are being found. */
struct finding {
	struct step *step;
	const struct graph *graph;
	struct table known; /* ids whose parents the edits name, or the runs so far */
};

static bool
know(struct finding *f, const struct uuid *id)
{
	if (table_find(&f->known, id))
		return false;
	table_add(&f->known, (void *)(uintptr_t)id);
	return true;
}

/* What the edits remove is not in the graph any more, and its parents are named by them. */
static void
climb(struct finding *f, const struct uuid *id)
{
	const struct node *n = uuid_is_nil(id) ? NULL : graph_find(f->graph, id);

	if (!n || table_find(&f->known, id))
		return;
	if (f->step->n_ancestors > 0)
		keep_id(f->step, &nil);
	do
		keep_id(f->step, node_id(n));
	while (know(f, node_id(n)) && (n = node_parent(n)));
}

static void
find_for_several(struct step *step, const struct graph *graph)
{
	struct finding f = { .step = step, .graph = graph };

	table_init(&f.known, 0, UUID_BYTES);
	for (size_t i = 0; i < step->n_edits; i++)
		if (is_placing(&step->edits[i]))
			know(&f, &step->edits[i].node);
	for (size_t i = 0; i < step->n_edits; i++) {
		const struct edit *e = &step->edits[i];

		if (e->kind == EDIT_PROPERTY)
			climb(&f, &e->node);
		if (e->kind == EDIT_REMOVE || e->kind == EDIT_MOVE)
			climb(&f, &e->before.parent);
		if (e->kind == EDIT_ADD || e->kind == EDIT_MOVE)
			climb(&f, &e->after.parent);
	}
	table_fini(&f.known);
}

void
step_find_ancestors(struct step *step, const struct graph *graph)
{
	step->n_ancestors = 0;
	step->has_ancestors = true;
	if (step->n_edits == 1)
		find_for_one(step, graph);
	else
		find_for_several(step, graph);
}

void
paths_init(struct paths *p, const struct step *step, const struct lineage *lineage)
{
	p->step = step;
	p->lineage = lineage;
	p->passed = 0;
	p->next = 0;
	p->only = (struct path){ .n = 0 };
	p->n_all = 0;
	p->too_many = false;
	table_init(&p->united, 0, UUID_BYTES);
}

void
paths_fini(struct paths *p)
{
	table_fini(&p->united);
}

static void
unite(struct paths *p, struct path path)
{
	for (size_t i = 0; i < path.n && !p->too_many; i++) {
		if (table_find(&p->united, &path.ids[i]))
			continue;
		p->too_many = p->n_all == LIMIT_PATH_NODES;
		if (p->too_many)
			return;
		p->all[p->n_all] = path.ids[i];
		table_add(&p->united, &p->all[p->n_all++]);
	}
}

/* A damaged record may hold anything: no path is longer than the graph may be deep. */
static struct path
next_run(struct paths *p)
{
	const struct step *step = p->step;
	struct path run = { .n = 0 };

	if (p->next < step->n_ancestors)
		run.ids = step->ancestors + p->next;
	while (p->next < step->n_ancestors && run.n < LIMIT_DEPTH + 2 &&
	    !uuid_is_nil(&step->ancestors[p->next])) {
		run.n++;
		p->next++;
	}
	p->next++;
	if (p->only.n == 0) {
		p->only = run;
	} else {
		unite(p, p->only);
		unite(p, run);
	}
	return run;
}

struct path
paths_under(struct paths *p, const struct uuid *node, const struct uuid *parent)
{
	struct path path = { p->one, 1 };
	struct uuid above = *parent;

	if (!p->lineage)
		return next_run(p);
	p->one[0] = *node;
	while (!uuid_is_nil(&above) && path.n < LIMIT_DEPTH + 2) {
		p->one[path.n++] = above;
		above = lineage_parent(p->lineage, &above, p->passed);
	}
	unite(p, path);
	return path;
}

struct path
paths_of(struct paths *p, const struct uuid *node)
{
	struct uuid parent = { { 0 } };

	if (p->lineage)
		parent = lineage_parent(p->lineage, node, p->passed);
	return paths_under(p, node, &parent);
}

void
paths_pass(struct paths *p)
{
	p->passed++;
}

struct path
paths_all(const struct paths *p)
{
	if (p->n_all == 0)
		return p->only;
	return (struct path){ p->all, p->too_many ? 0 : p->n_all };
}
