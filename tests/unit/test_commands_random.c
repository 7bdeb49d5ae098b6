/* Random sequences of all commands by two users: what must hold whatever they do. */

#include "domain_fixture.h"

#include "dice.h"
#include "run_tests.h"

#include <stdio.h>

enum { SEEDS = 50, STEPS = 400, NODES_KEPT = 120, UNDOS = 1000 };

static struct dice dice;
static unsigned done[COMMANDS]; /* how often each command had an effect */
static bool with_mine;		/* in every other seed undo and redo go by user too */

static unsigned
any(unsigned below)
{
	return roll(&dice, below);
}

static const enum command exercised[] = { COMMAND_create_node, COMMAND_delete_node,
	COMMAND_link_node, COMMAND_unlink_node, COMMAND_move_node, COMMAND_reorder_node,
	COMMAND_update_property, COMMAND_delete_property, COMMAND_apply_kit, COMMAND_batch,
	COMMAND_load_graph, COMMAND_undo, COMMAND_redo };

static const char *const types[] = { "phase", "job", "task", "part", "kit", "odd" };

/* Some node of the graph, or, now and then, one that is not there. */
static const char *
some_node(struct domain *d, const struct uuid *s)
{
	const struct graph *g = session_of(d, s)->graph;
	const struct node *n = graph_first_root(g);
	struct uuid id;

	uuid_random(&id);
	if (!n || any(20) == 0)
		return text_of(&id);
	for (unsigned i = any((unsigned)graph_count(g)); i > 0 && graph_walk(g, n, NULL); i--)
		n = graph_walk(g, n, NULL);
	return text_of(node_id(n));
}

static void
create(struct domain *d, const struct uuid *s)
{
	if (any(5) == 0)
		ask(d, COMMAND_create_node, s, "{'blueprint_type_id':'%s'}", types[any(6)]);
	else
		ask(d, COMMAND_create_node, s,
		    "{'blueprint_type_id':'%s','parent_id':'%s','index':%u,'properties':{'notes':'"
		    "n%u','x':[%u]}}",
		    types[any(6)], some_node(d, s), any(6), any(100), any(100));
}

static void
move(struct domain *d, const struct uuid *s)
{
	switch (any(5)) {
	case 0:
		ask(d, COMMAND_link_node, s, "{'parent_id':'%s','child_id':'%s'}", some_node(d, s),
		    some_node(d, s));
		break;
	case 1:
		ask(d, COMMAND_unlink_node, s, "{'parent_id':'%s','child_id':'%s'}",
		    some_node(d, s), some_node(d, s));
		break;
	case 2:
		ask(d, COMMAND_reorder_node, s, "{'node_id':'%s','new_index':%u}", some_node(d, s),
		    any(8));
		break;
	case 3:
		ask(d, COMMAND_move_node, s, "{'node_id':'%s','new_parent_id':null}",
		    some_node(d, s));
		break;
	default:
		ask(d, COMMAND_move_node, s, "{'node_id':'%s','new_parent_id':'%s','index':%u}",
		    some_node(d, s), some_node(d, s), any(8));
	}
}

static void
change_property(struct domain *d, const struct uuid *s)
{
	static const char *const names[] = { "name", "notes", "status", "price", "x" };
	const char *name = names[any(5)];

	if (any(4) == 0)
		ask(d, COMMAND_delete_property, s, "{'node_id':'%s','property_id':'%s'}",
		    some_node(d, s), name);
	else
		ask(d, COMMAND_update_property, s,
		    "{'node_id':'%s','property_id':'%s','value':'v%u'}", some_node(d, s), name,
		    any(9));
}

static void
batch(struct domain *d, const struct uuid *s)
{
	ask(d, COMMAND_batch, s,
	    "{'commands':[{'command_type':'CreateNode','data':{'blueprint_type_id':'job'}},"
	    "{'command_type':'CreateNode','data':{'blueprint_type_id':'task','parent_id':'$0'}},"
	    "{'command_type':'MoveNode','data':{'node_id':'$1','new_parent_id':'%s'}},"
	    "{'command_type':'UpdateProperty','data':{'node_id':'$0','property_id':'notes','value':"
	    "%u}}]}",
	    some_node(d, s), any(9));
}

static void
load(struct domain *d, const struct uuid *s)
{
	ask(d, COMMAND_load_graph, s,
	    "{'graph':{'roots':[{'id':'%s','blueprint_type_id':'phase','name':'L','properties':{'a'"
	    ":%u},"
	    "'children':[{'id':'k%u','blueprint_type_id':'job','name':'K','properties':{},'"
	    "children':[]}]}]}}",
	    some_node(d, s), any(9), any(9));
}

static void
undo_or_redo(struct domain *d, const struct uuid *s)
{
	ask(d, any(2) ? COMMAND_undo : COMMAND_redo, s,
	    with_mine && any(2) ? "{'scope':'mine'}" : "{}");
}

static void
any_command(struct domain *d, const struct uuid *s)
{
	unsigned n = any(100);

	if (n < 25)
		create(d, s);
	else if (n < 45)
		move(d, s);
	else if (n < 62)
		change_property(d, s);
	else if (n < 68 || graph_count(session_of(d, s)->graph) > NODES_KEPT)
		ask(d, COMMAND_delete_node, s, "{'node_id':'%s'}", some_node(d, s));
	else if (n < 73)
		ask(d, COMMAND_apply_kit, s, "{'target_id':'%s','kit_root_id':'%s'}",
		    some_node(d, s), some_node(d, s));
	else if (n < 78)
		batch(d, s);
	else if (n < 80)
		load(d, s);
	else
		undo_or_redo(d, s);
}

/* Which command the last event closes. */
static enum command
command_of(const struct domain *d)
{
	const struct heard *last = &d->heard[d->n_heard - 1];
	struct span name = at(last->body, "command_type");

	if (last->event == EVENT_command_undo)
		return COMMAND_undo;
	if (last->event == EVENT_command_redo)
		return COMMAND_redo;
	return command_find((struct span){ name.p + 1, name.n - 2 });
}

/* Seqs have no gaps, a refusal changes nothing, and no invariant of trees is ever broken. */
static void
step(struct domain *d, const struct uuid *s)
{
	struct session *session = session_of(d, s);
	uint64_t seq = session->seq;
	char before[33];
	const char *broken;

	strcpy(before, hash_of(d, s));
	d->caller.actor = any(2) ? SPAN("ann") : SPAN("bob");
	any_command(d, s);
	if (d->error) {
		ck_assert_str_eq(hash_of(d, s), before);
		ck_assert_uint_eq(session->seq, seq);
	}
	if (!d->error && d->n_heard > 1)
		done[command_of(d)]++;
	for (size_t i = 0; i < d->n_heard; i++)
		if (event_rows[d->heard[i].event].durability == EVENT_DURABLE)
			ck_assert_uint_eq(d->heard[i].seq, ++seq);
	ck_assert_uint_eq(session->seq, seq);
	broken = graph_verify(session->graph);
	ck_assert_msg(!broken, "%s", broken);
}

static void
run_all(struct domain *d, const struct uuid *s, enum command command, char hashes[UNDOS + 1][33],
    size_t *n)
{
	const char *more = command == COMMAND_undo ? "undo_available" : "redo_available";

	*n = 0;
	strcpy(hashes[0], hash_of(d, s));
	while (at_is(ask(d, COMMAND_get_session, s, "{}"), more, "true")) {
		ask(d, command, s, "{}");
		ck_assert_msg(d->error == OK, "%s: %s", command_rows[command].name, d->body);
		ck_assert_uint_lt(*n, UNDOS);
		strcpy(hashes[++*n], hash_of(d, s));
	}
}

static void
undo_all_and_redo_all(struct domain *d, const struct uuid *s)
{
	static char down[UNDOS + 1][33], up[UNDOS + 1][33];
	size_t n_redo, n_down, n_up;

	run_all(d, s, COMMAND_redo, up, &n_redo);
	run_all(d, s, COMMAND_undo, down, &n_down);
	run_all(d, s, COMMAND_redo, up, &n_up);
	ck_assert_uint_eq(n_up, n_down);
	ck_assert(n_down > 50);
	for (size_t i = 0; i <= n_up; i++)
		ck_assert_str_eq(up[i], down[n_down - i]);
}

/* Out with its history and in again: the same graph now and at each undo; and without it. */
static void
copy_out_and_in(struct domain *d, const struct uuid *s)
{
	static char down[UNDOS + 1][33], down_copy[UNDOS + 1][33];
	struct uuid project = session_of(d, s)->meta.project_id, copy;
	size_t n, n_copy;
	char hash[33];

	strcpy(hash, hash_of(d, s));
	for (int history = 0; history < 2; history++) {
		struct json_out args = { 0 };

		/* Of those on the project the one that was used last is taken out. */
		ask(d, COMMAND_get_tree, s, "{}");
		ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','history':%s}",
		    text_of(&project), history ? "true" : "false");
		ck_assert_msg(d->error == OK, "%.300s", d->body);
		json_out_bytes(&args, SPAN("{\"file\":"));
		json_out_bytes(&args, at(d->body, "file"));
		json_out_bytes(&args, SPAN("}"));
		ask_exactly(d, COMMAND_import_project, NULL, json_out_span(&args));
		ck_assert_msg(d->error == OK, "%.300s", d->body);
		json_out_fini(&args);
		copy = id_at(d->body, "session_id");
		ck_assert_str_eq(hash_of(d, &copy), hash);
		ck_assert_ptr_null(graph_verify(session_of(d, &copy)->graph));
	}
	run_all(d, s, COMMAND_undo, down, &n);
	run_all(d, &copy, COMMAND_undo, down_copy, &n_copy);
	ck_assert_uint_eq(n, n_copy);
	for (size_t i = 0; i <= n; i++)
		ck_assert_str_eq(down[i], down_copy[i]);
}

static void
check_seed(uint64_t seed)
{
	struct domain *d = domain_new();
	struct uuid s = start(d, "restomod");
	char hash[33];

	dice = dice_of(seed);
	with_mine = seed % 2 == 1;
	d->caller.minimal = true;
	for (int i = 0; i < STEPS; i++)
		step(d, &s);
	strcpy(hash, hash_of(d, &s));
	domain_restart(d);
	ck_assert_str_eq(hash_of(d, &s), hash);
	undo_all_and_redo_all(d, &s);
	copy_out_and_in(d, &s);
	domain_free(d);
}

START_TEST(whatever_two_users_do_the_laws_of_undo_and_of_trees_hold)
{
	for (int i = 0; i < SEEDS / 10; i++) {
		uint64_t seed = (uint64_t)(_i * (SEEDS / 10) + i + 1);

		printf("seed %llu\n", (unsigned long long)seed);
		fflush(stdout);
		check_seed(seed);
	}
	for (size_t i = 0; i < sizeof(exercised) / sizeof(*exercised); i++)
		ck_assert_msg(done[exercised[i]] > 0, "%s never had an effect",
		    command_rows[exercised[i]].name);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_random");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, whatever_two_users_do_the_laws_of_undo_and_of_trees_hold, 0, 10);
	return run_tests(tc);
}
