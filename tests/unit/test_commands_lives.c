/* Random sequences by several users of what a session must outlive: restarts, unloading, commits
 * that fail, requests sent twice, projects that replace each other. */

#include "domain_fixture.h"

#include "dice.h"
#include "graphd/store_backends.h"
#include "run_tests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS = 5, STEPS = 500, SENT_MOST = 200, PAST_MOST = 4000, NODES_KEPT = 60, MINE_MOST = 12 };

static struct domain *d;
static struct uuid s;
static struct dice dice;

/* A request that went under a key, and its answer. */
static struct sent {
	enum command command;
	char *args, *body, *actor;
	char key[16];
	enum error error;
	bool has_step;
} sent[SENT_MOST];
static size_t n_sent;
static unsigned keys;

/* GetTree's answer at each seq that ends a step. */
static struct past {
	uint64_t seq;
	char *body;
} past[PAST_MOST];
static size_t n_past;

static unsigned
any(unsigned below)
{
	return roll(&dice, below);
}

static const char *
some_node(void)
{
	const struct graph *g = session_of(d, &s)->graph;
	const struct node *n = graph_first_root(g);
	struct uuid id;

	uuid_random(&id);
	if (!n || any(25) == 0)
		return text_of(&id);
	for (unsigned i = any((unsigned)graph_count(g)); i > 0 && graph_walk(g, n, NULL); i--)
		n = graph_walk(g, n, NULL);
	return text_of(node_id(n));
}

/* All that is stored of a session; when it was used last is no part of it. */
static struct json_out
photo(void)
{
	struct session *session = session_of(d, &s);
	uint64_t active_us = session->active_us;
	struct json_out bytes = { 0 };

	session->active_us = 0;
	session_snapshot(session, &bytes);
	session->active_us = active_us;
	return bytes;
}

/* Frees the photo from before. */
static void
check_unchanged(struct json_out *before, const char *by)
{
	struct json_out after = photo();

	ck_assert_msg(span_equal(json_out_span(before), json_out_span(&after)), "by %s", by);
	json_out_fini(before);
	json_out_fini(&after);
}

static void
on_done(void *context, enum error error, bool fatal)
{
	(void)fatal;
	ck_assert_int_eq(error, OK);
	*(bool *)context = true;
}

static void
take_snapshot(void)
{
	struct session *session = session_of(d, &s);
	struct json_out bytes = { 0 };
	bool done = false;

	session_snapshot(session, &bytes);
	d->store->ops->put_snapshot(
	    d->store, &s, session->ordinal, session->seq, json_out_span(&bytes), NULL);
	d->store->ops->commit(d->store, on_done, &done);
	while (!done)
		loop_turn(d->loop, 100);
	json_out_fini(&bytes);
}

static void
remember_past(void)
{
	uint64_t seq = session_of(d, &s)->seq;

	if (n_past > 0 && past[n_past - 1].seq == seq) {
		free(past[n_past - 1].body);
		n_past--;
	}
	ck_assert_uint_lt(n_past, PAST_MOST);
	d->caller.key = (struct span){ NULL, 0 };
	past[n_past++] = (struct past){ seq, xstrdup(ask(d, COMMAND_get_tree, &s, "{}")) };
	ck_assert_int_eq(d->error, OK);
}

static void
read_past(void)
{
	const struct past *p = &past[any((unsigned)n_past)];
	uint64_t next = p + 1 < past + n_past ? p[1].seq : p->seq + 1;

	d->caller.key = (struct span){ NULL, 0 };
	ask(d, COMMAND_get_tree, &s, "{'at':%llu}",
	    (unsigned long long)(p->seq + any((unsigned)(next - p->seq))));
	ck_assert_str_eq(d->body, p->body);
}

static char *format(const char *args, ...) __attribute__((format(printf, 1, 2)));

static char *
format(const char *args, ...)
{
	char *text;
	va_list ap;

	va_start(ap, args);
	ck_assert_int_ge(vasprintf(&text, args, ap), 0);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

static char *
some_text(void)
{
	static const char *const texts[] = { "'a'", "1", "null", "{'b':[1,2]}", "'name'", "''" };
	return (char *)texts[any(6)];
}

/* Some command of the session, its arguments owned. */
static enum command
some_command(char **args)
{
	static const char *const types[] = { "phase", "job", "task", "odd" };
	static const char *const names[] = { "name", "notes", "status", "x", "y" };
	unsigned n = any(100);

	if (graph_count(session_of(d, &s)->graph) > NODES_KEPT)
		n = 62;
	if (n < 22) {
		*args = format(
		    "{'blueprint_type_id':'%s','parent_id':'%s','index':%u,'properties':{'x':%u}}",
		    types[any(4)], some_node(), any(6), any(9));
		return COMMAND_create_node;
	}
	if (n < 34) {
		*args = format("{'node_id':'%s','new_parent_id':'%s','index':%u}", some_node(),
		    some_node(), any(6));
		return COMMAND_move_node;
	}
	if (n < 40) {
		*args = format("{'node_id':'%s','new_index':%u}", some_node(), any(6));
		return COMMAND_reorder_node;
	}
	if (n < 52) {
		const char *name = names[any(5)];
		*args = format("{'node_id':'%s','property_id':'%s','value':%s}", some_node(), name,
		    strcmp(name, "name") ? some_text() : "'Nn'");
		return COMMAND_update_property;
	}
	if (n < 58) {
		*args = format("{'node_id':'%s','property_id':'%s'}", some_node(), names[any(5)]);
		return COMMAND_delete_property;
	}
	if (n < 64) {
		*args = format("{'node_id':'%s'}", some_node());
		return COMMAND_delete_node;
	}
	if (n < 67) {
		*args = format("{'target_id':'%s','kit_root_id':'%s'}", some_node(), some_node());
		return COMMAND_apply_kit;
	}
	if (n < 71) {
		*args = format(
		    "{'commands':[{'command_type':'CreateNode','data':{'blueprint_type_id':'job'}},"
		    "{'command_type':'MoveNode','data':{'node_id':'%s','new_parent_id':'$0'}},"
		    "{'command_type':'DeleteNode','data':{'node_id':'%s'}}]}",
		    some_node(), some_node());
		return COMMAND_batch;
	}
	if (n < 74) {
		*args = format("{'template_id':'%s','mode':'%s','graph':{'roots':[{'id':'%s','type'"
			       ":'phase','name':'L','extra':%u,"
			       "'children':[{'id':'k%u','type':'job','name':'K'}]}],'other':%u}}",
		    any(2) ? "book" : "restomod", any(2) ? "strict" : "lenient", some_node(),
		    any(9), any(9), any(9));
		return COMMAND_load_graph;
	}
	if (n < 75) {
		*args = format("{}");
		return COMMAND_reset_dirty;
	}
	if (n < 77) {
		*args = format("{}");
		return COMMAND_save_project;
	}
	*args = format(any(2) ? "{'scope':'mine'}" : "{}");
	return any(2) ? COMMAND_undo : COMMAND_redo;
}

static void
choose_actor(void)
{
	static const char *const actors[] = { "ann", "bob", "cyd" };

	d->caller.actor = span_of(actors[any(3)]);
}

/* One command, some under a key, some whose commit fails. */
static void
send(void)
{
	struct json_out before = photo();
	char *args, key[16];
	enum command command = some_command(&args);
	bool keyed = any(3) == 0, in_vain = any(8) == 0;
	uint64_t ordinal = session_of(d, &s)->ordinal;

	choose_actor();
	snprintf(key, sizeof(key), "k%u", keys);
	d->caller.key = keyed ? span_of(key) : (struct span){ NULL, 0 };
	keys += keyed;
	if (in_vain)
		store_memory_fail_commit(d->store, ERROR_storage_failed, false);
	ask_exactly(d, command, &s, span_of(args));
	store_memory_fail_commit(d->store, OK, false);
	if (d->error)
		check_unchanged(&before, args);
	if (in_vain && d->error == ERROR_storage_failed && any(2)) {
		/* It is repeated, and done once. */
		ask_exactly(d, command, &s, span_of(args));
		ck_assert_msg(!d->error, "%s", d->body);
		ck_assert_uint_eq(session_of(d, &s)->ordinal, ordinal + 1);
	}
	if (keyed && d->error != ERROR_storage_failed && n_sent < SENT_MOST) {
		struct sent *e = &sent[n_sent++];

		*e = (struct sent){ .command = command,
			.args = args,
			.body = xstrdup(d->body),
			.error = d->error,
			.actor = xspandup(d->caller.actor),
			.has_step = session_of(d, &s)->ordinal > ordinal };
		strcpy(e->key, key);
		args = NULL;
	}
	free(args);
	json_out_fini(&before);
}

static void
send_again(void)
{
	const struct sent *e = n_sent ? &sent[any((unsigned)n_sent)] : NULL;
	struct json_out before;

	if (!e)
		return;
	before = photo();
	d->caller.actor = span_of(e->actor);
	d->caller.key = span_of(e->key);
	ask_exactly(d, e->command, &s, span_of(e->args));
	ck_assert_str_eq(d->body, e->body);
	ck_assert_int_eq(d->error, e->error);
	check_unchanged(&before, e->args);
}

static void
forget_refusals(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < n_sent; i++) {
		if (sent[i].has_step) {
			sent[kept++] = sent[i];
			continue;
		}
		free(sent[i].args);
		free(sent[i].body);
		free(sent[i].actor);
	}
	n_sent = kept;
}

static void
leave_memory(void)
{
	struct json_out before = photo();

	if (any(2)) {
		domain_restart(d);
		forget_refusals();
	} else {
		domain_unload(d);
	}
	check_unchanged(&before, "being out of memory");
}

/* As many undos as go, and as many redos. */
static void
back_and_forth(void)
{
	char before[33];
	bool mine = any(2);
	unsigned n = any(MINE_MOST), undone = 0;

	d->caller.key = (struct span){ NULL, 0 };
	choose_actor();
	strcpy(before, hash_of(d, &s));
	for (; undone < n; undone++) {
		uint64_t ordinal = session_of(d, &s)->ordinal;
		ask(d, COMMAND_undo, &s, mine ? "{'scope':'mine'}" : "{}");
		if (d->error || session_of(d, &s)->ordinal == ordinal)
			break;
		remember_past();
	}
	if (any(3) == 0)
		leave_memory();
	for (d->caller.key = (struct span){ NULL, 0 }; undone > 0; undone--) {
		ask(d, COMMAND_redo, &s, mine ? "{'scope':'mine'}" : "{}");
		ck_assert_msg(!d->error, "%s", d->body);
		remember_past();
	}
	ck_assert_str_eq(hash_of(d, &s), before);
}

static void
replace_project(void)
{
	struct uuid project = session_of(d, &s)->meta.project_id;

	choose_actor();
	d->caller.key = (struct span){ NULL, 0 };
	if (any(2))
		ask(d, COMMAND_create_project, NULL,
		    "{'session_id':'%s','template_id':'%s','project_name':'P'}", text_of(&s),
		    any(2) ? "book" : "restomod");
	else
		ask(d, COMMAND_open_project, NULL, "{'session_id':'%s','project_id':'%s'}",
		    text_of(&s), text_of(&project));
	ck_assert(!d->error || d->error == ERROR_project_not_found);
}

static void
turn(void)
{
	unsigned n = any(100);
	const char *broken;

	if (n < 78)
		send();
	else if (n < 84)
		send_again();
	else if (n < 88)
		leave_memory();
	else if (n < 90)
		take_snapshot();
	else if (n < 95)
		read_past();
	else if (n < 98)
		back_and_forth();
	else
		replace_project();
	broken = graph_verify(session_of(d, &s)->graph);
	ck_assert_msg(!broken, "%s", broken);
	remember_past();
}

START_TEST(whatever_befalls_a_session_it_stays_the_same)
{
	unsigned seed = random_seed(_i);

	dice = dice_of(seed);
	d = domain_new();
	s = start(d, "restomod");
	n_sent = n_past = 0;
	keys = 0;
	d->caller.minimal = true;
	remember_past();
	for (int i = 0; i < STEPS; i++)
		turn();
	for (size_t i = 0; i < n_past; i++)
		free(past[i].body);
	for (size_t i = 0; i < n_sent; i++)
		sent[i].has_step = false;
	forget_refusals();
	domain_free(d);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_lives");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, whatever_befalls_a_session_it_stays_the_same, 0, TURNS);
	return run_tests(tc);
}
