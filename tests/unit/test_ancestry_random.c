/* Where random steps happened, read back from their records, beside what the graph was then. */

#include "graphd/ancestry.h"

#include "common/mem.h"
#include "told_fixture.h"

#include <stdlib.h>

enum { SEEDS = 20, STEPS = 150 };

struct known_parent {
	struct uuid node, parent;
};

/* What the graph looks like in the middle of a step. */
struct model {
	struct known_parent *kin;
	size_t n;
};

static struct known_parent *
model_find(struct model *m, const struct uuid *id)
{
	for (size_t i = m->n; i-- > 0;)
		if (uuid_equal(&m->kin[i].node, id))
			return &m->kin[i];
	return NULL;
}

static void
model_put(struct model *m, const struct uuid *id, const struct uuid *parent)
{
	struct known_parent *k = model_find(m, id);

	if (!k) {
		m->kin = xrealloc(m->kin, m->n + 1, sizeof(*m->kin));
		k = &m->kin[m->n++];
		k->node = *id;
	}
	k->parent = *parent;
}

static void
model_begin(struct model *m, const struct graph *g)
{
	static const struct uuid nil;

	m->n = 0;
	for (const struct node *at = graph_walk(g, NULL, NULL); at; at = graph_walk(g, at, NULL))
		model_put(m, node_id(at), node_parent(at) ? node_id(node_parent(at)) : &nil);
}

static void
ck_path(struct model *m, size_t i, const struct uuid *id)
{
	size_t n = 0;

	for (; !uuid_is_nil(id); id = &model_find(m, id)->parent) {
		ck_assert_uint_lt(n, told[i].n);
		ck_assert(uuid_equal(&told[i].ids[n++], id));
	}
	ck_assert_uint_eq(told[i].n, n);
}

/* Looks at the events of one edit; gives how many they are. */
static size_t
ck_edit(struct model *m, const struct edit *e, size_t i)
{
	size_t n = 1;

	if (e->kind == EDIT_META || e->kind == EDIT_MARK) {
		n = told[i].event == EVENT_session_project_changed;
		ck_assert(n == 0 || told[i].n == 0);
		return n;
	}
	if (e->kind == EDIT_ADD)
		model_put(m, &e->node, &e->after.parent);
	if (told[i].event == EVENT_node_linked)
		n = 0;
	else
		ck_path(m, i, &e->node);
	if (e->kind == EDIT_MOVE)
		model_put(m, &e->node, &e->after.parent);
	if (e->kind == EDIT_MOVE && told[i + n].event == EVENT_node_linked &&
	    uuid_equal(&told[i + n].ids[0], &e->node) && !uuid_is_nil(&e->after.parent))
		ck_path(m, i + n++, &e->node);
	return n;
}

static bool
is_named_before(size_t last, const struct uuid *id)
{
	for (size_t i = 0; i < last; i++)
		if (path_has((struct path){ told[i].ids, told[i].n }, id))
			return true;
	return false;
}

/* The last event's path holds each node of the others' once, and no other. */
static void
ck_closing(size_t last)
{
	const struct path all = { told[last].ids, told[last].n };

	if (all.n == 0)
		return;
	for (size_t i = 0; i < last; i++)
		for (size_t j = 0; j < told[i].n; j++)
			ck_assert(path_has(all, &told[i].ids[j]));
	for (size_t k = 0; k < all.n; k++) {
		ck_assert(is_named_before(last, &all.ids[k]));
		ck_assert(!path_has((struct path){ all.ids, k }, &all.ids[k]));
	}
}

/* Takes the step. */
static void
ck_step(struct model *m, struct step *step)
{
	struct step read = read_back(step);
	size_t at = 0;

	tell(&read, 0, true);
	step_fini(&read);
	for (size_t i = 0; i < step->n_edits; i++)
		at += ck_edit(m, &step->edits[i], at);
	ck_assert_uint_eq(at + 1, n_told);
	ck_closing(at);
	free_step(step);
}

START_TEST(at_random_every_path_is_what_the_graph_was)
{
	struct dice d = dice_of((uint64_t)_i + 1);
	struct session *s = new_session();
	struct model m = { 0 };
	enum error err;

	for (int i = 0; i < STEPS; i++) {
		struct step *step;
		uint32_t choice = roll(&d, 10);

		model_begin(&m, s->graph);
		if (choice < 7)
			step = random_step(s, &d, "ann");
		else if (choice < 9)
			step = undo_as(s, "ann", NULL, &err);
		else
			step = redo_as(s, "ann", NULL, &err);
		if (step)
			ck_step(&m, step);
	}
	free(m.kin);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("ancestry_random");

	tcase_add_loop_test(tests, at_random_every_path_is_what_the_graph_was, 0, SEEDS);
	return run_tests(tests);
}
