/* Two users who each take back their own, in any order, and do it again: what is promised of it. */

#include "common/mem.h"
#include "graph_fixture.h"
#include "graphd/graph_hash.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { COMMANDS_EACH = 30, TAKEN_BACK = 12 };

static const char *const users[] = { "ann", "bob" };

/* A node without its place among its siblings. */
struct standing {
	struct uuid id, parent;
	uint64_t content;
};

struct state {
	size_t n;
	struct standing *all;
	char hash[33]; /* of all, the order of siblings included */
};

static struct state
state_of(const struct graph *g)
{
	struct state state = { .all = xcalloc(graph_count(g) + 1, sizeof(struct standing)) };

	for (const struct node *n = graph_first_root(g); n; n = graph_walk(g, n, NULL)) {
		struct standing *one = &state.all[state.n++];

		one->id = *node_id(n);
		if (node_parent(n))
			one->parent = *node_id(node_parent(n));
		one->content = node_content_hash(n);
	}
	graph_hash(g, state.hash);
	return state;
}

/* Nodes, parents and contents; frees the state. */
static void
assert_stands_like(const struct graph *g, struct state was)
{
	ck_assert_uint_eq(graph_count(g), was.n);
	for (size_t i = 0; i < was.n; i++) {
		const struct node *n = graph_find(g, &was.all[i].id), *parent;

		ck_assert_ptr_nonnull(n);
		parent = node_parent(n);
		ck_assert(parent ? uuid_equal(node_id(parent), &was.all[i].parent)
				 : uuid_is_nil(&was.all[i].parent));
		ck_assert_uint_eq(node_content_hash(n), was.all[i].content);
	}
	free(was.all);
}

/* Whether there was something of that user that nothing stood in the way of. */
static bool
take(struct session *s, uint32_t user, bool again)
{
	enum error err;
	struct step *step = again ? redo_as(s, users[user], users[user], &err)
				  : undo_as(s, users[user], users[user], &err);

	ck_assert(err == OK || err == ERROR_undo_conflict);
	free_step(step);
	ck_assert_ptr_null(graph_verify(s->graph));
	return step != NULL;
}

static struct session *
worked_on(struct dice *d)
{
	struct session *s = session_of_three();

	for (int i = 0; i < 2 * COMMANDS_EACH; i++)
		free_step(random_step(s, d, users[roll(d, 2)]));
	return s;
}

START_TEST(done_again_in_the_opposite_order_leads_back_exactly)
{
	struct dice d = dice_of(random_seed(_i));
	struct session *s = worked_on(&d);
	struct state was = state_of(s->graph);
	uint32_t taken[TAKEN_BACK];
	size_t n = 0;
	char hash[33];

	for (int i = 0; i < TAKEN_BACK; i++) {
		taken[n] = roll(&d, 2);
		n += take(s, taken[n], false);
	}
	while (n > 0)
		ck_assert(take(s, taken[--n], true));
	graph_hash(s->graph, hash);
	ck_assert_str_eq(hash, was.hash);
	assert_stands_like(s->graph, was);
	session_free(s);
}
END_TEST

/* A command about nodes of that user's own, whose ids tell them apart, among those of the other. */
static void
work_on_own(struct session *s, struct dice *d, uint32_t user, uint64_t number)
{
	uint64_t mine = 10 + 2 * roll(d, (uint32_t)number + 1) + user;
	struct edit e = move_edit(mine, 1 + roll(d, 3), roll(d, 5));
	static const char *const values[] = { "1", "2", "3" };

	if (!find_node(s->graph, mine))
		e = add_edit(10 + 2 * number + user, 1 + roll(d, 3), roll(d, 5), "own");
	else if (roll(d, 2))
		e = set_edit(mine, roll(d, 2) ? "a" : "b", values[roll(d, 3)]);
	else if (roll(d, 4) == 0)
		e = remove_edit(mine);
	free_step(do_edit(s, users[user], e));
}

START_TEST(done_again_in_any_order_all_stands_where_it_stood_but_for_the_order_of_siblings)
{
	struct dice d = dice_of(random_seed(_i));
	struct session *s = session_of_three();
	struct state was;
	size_t taken[2] = { 0 };

	for (uint64_t i = 0; i < 2 * COMMANDS_EACH; i++)
		work_on_own(s, &d, roll(&d, 2), i);
	was = state_of(s->graph);
	for (int i = 0; i < TAKEN_BACK; i++) {
		uint32_t user = roll(&d, 2);

		ck_assert(take(s, user, false));
		taken[user]++;
	}
	while (taken[0] + taken[1] > 0) {
		uint32_t user = roll(&d, 2);

		user = taken[user] ? user : !user;
		ck_assert(take(s, user, true));
		taken[user]--;
	}
	assert_stands_like(s->graph, was);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("session_undo_random");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, done_again_in_the_opposite_order_leads_back_exactly, 0, 40);
	tcase_add_loop_test(tc,
	    done_again_in_any_order_all_stands_where_it_stood_but_for_the_order_of_siblings, 0, 40);
	return run_tests(tc);
}
