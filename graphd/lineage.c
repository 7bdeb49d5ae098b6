#include "graphd/lineage.h"

#include "common/mem.h"
#include "common/table.h"

#include <stdlib.h>

static const struct uuid nil;

/* A node and its parent, nil for a root. */
struct kinship {
	struct uuid node, parent;
	struct kinship *before; /* what it was until then, or NULL */
	size_t since;		/* so many edits have been done */
};

struct lineage {
	struct arena arena;
	struct table newest; /* struct kinship by node */
	size_t n_edits;	     /* noted so far */
	size_t n_kinships;
};

struct lineage *
lineage_new(void)
{
	struct lineage *l = xcalloc(1, sizeof *l);

	arena_init(&l->arena);
	table_init(&l->newest, offsetof(struct kinship, node), UUID_BYTES);
	return l;
}

void
lineage_free(struct lineage *l)
{
	if (!l)
		return;
	table_fini(&l->newest);
	arena_fini(&l->arena);
	free(l);
}

size_t
lineage_bytes(const struct lineage *l)
{
	return sizeof *l + l->n_kinships * sizeof(struct kinship) +
	    l->newest.capacity * sizeof(*l->newest.slots);
}

static struct kinship *
new_kinship(struct lineage *l, struct kinship value)
{
	struct kinship *k = arena_take(&l->arena, sizeof *k);

	*k = value;
	l->n_kinships++;
	return k;
}

/* As it was before the first edit: what is said first counts. */
static void
add_if_new(struct lineage *l, const struct uuid *node, const struct uuid *parent)
{
	if (!table_find(&l->newest, node))
		table_add(&l->newest, new_kinship(l, (struct kinship){ *node, *parent, NULL, 0 }));
}

/* The table goes on holding the same object for the node: it has the newest state, and the one
 * before it moves behind. */
static void
add(struct lineage *l, const struct uuid *node, const struct uuid *parent)
{
	struct kinship *newest = table_find(&l->newest, node);
	struct kinship now = { *node, *parent, NULL, l->n_edits };

	if (newest) {
		now.before = new_kinship(l, *newest);
		*newest = now;
	} else {
		table_add(&l->newest, new_kinship(l, now));
	}
}

void
lineage_note(struct lineage *l, const struct edit *e)
{
	if (e->kind == EDIT_REMOVE || e->kind == EDIT_MOVE)
		add_if_new(l, &e->node, &e->before.parent);
	l->n_edits++;
	if (e->kind == EDIT_ADD || e->kind == EDIT_MOVE)
		add(l, &e->node, &e->after.parent);
}

void
lineage_note_ancestors(struct lineage *l, const struct step *step)
{
	for (size_t i = 0; i < step->n_ancestors; i++) {
		bool is_last = i + 1 == step->n_ancestors;

		if (!uuid_is_nil(&step->ancestors[i]))
			add_if_new(
			    l, &step->ancestors[i], is_last ? &nil : &step->ancestors[i + 1]);
	}
}

struct lineage *
lineage_of(const struct step *step)
{
	struct lineage *l = lineage_new();

	for (size_t i = 0; i < step->n_edits; i++)
		lineage_note(l, &step->edits[i]);
	lineage_note_ancestors(l, step);
	return l;
}

struct uuid
lineage_parent(const struct lineage *l, const struct uuid *node, size_t n_edits)
{
	const struct kinship *k = table_find(&l->newest, node);

	while (k && k->since > n_edits)
		k = k->before;
	return k ? k->parent : nil;
}
