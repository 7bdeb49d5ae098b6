#include "session_fixture.h"

#include "common/json.h"
#include "common/limits.h"

#include <stdio.h>

/* A value of the type, or one that no argument of that type accepts. */
static const char *
example(enum arg_type type, bool right)
{
	switch (type) {
	case ARG_text:
		return right ? "\"phase\"" : "7";
	case ARG_id:
	case ARG_node:
		return right ? "\"11111111-1111-4111-8111-111111111111\"" : "\"no id\"";
	case ARG_json:
		return "{\"roots\":[]}";
	case ARG_object:
		return right ? "{}" : "[]";
	case ARG_list:
		return right ? "[]" : "{}";
	case ARG_integer:
		return right ? "1" : "\"one\"";
	case ARG_flag:
		return right ? "true" : "1";
	}
	return "null";
}

/* All required arguments; the one named is left out or, when wrong, of another type. */
static void
write_args(const struct command_row *row, const struct field_row *spoilt, bool wrong, char *out,
    size_t size)
{
	size_t n = (size_t)snprintf(out, size, "{");

	for (const struct field_row *f = row->args; f->name; f++) {
		bool is_spoilt = f == spoilt;

		if ((!f->required && !is_spoilt) || (is_spoilt && !wrong))
			continue;
		n += (size_t)snprintf(out + n, size - n, "%s\"%s\":%s", n > 1 ? "," : "", f->name,
		    example(f->type, !is_spoilt));
	}
	snprintf(out + n, size - n, "}");
}

static void
check_refused(
    const struct command_row *row, enum command command, const struct field_row *f, bool wrong)
{
	char args[1024], quoted[80];
	const char *body;

	write_args(row, f, wrong, args, sizeof(args));
	body = ask_exactly(d, command, &s, span_of(args));
	snprintf(quoted, sizeof(quoted), "\"%s\"", f->name);
	ck_assert_msg(d->error == ERROR_invalid_request && at_is(body, "error.field", quoted),
	    "%s with %s answered %s", row->name, args, body);
}

START_TEST(every_command_refuses_a_missing_argument_by_its_name)
{
	size_t checked = 0;

	for (int i = 0; i < COMMANDS; i++)
		for (const struct field_row *f = command_rows[i].args; f->name; f++)
			if (f->required) {
				check_refused(&command_rows[i], (enum command)i, f, false);
				checked++;
			}
	ck_assert_uint_gt(checked, 20);
}
END_TEST

START_TEST(every_command_refuses_a_mistyped_argument_by_its_name)
{
	for (int i = 0; i < COMMANDS; i++)
		for (const struct field_row *f = command_rows[i].args; f->name; f++)
			if (f->type != ARG_json)
				check_refused(&command_rows[i], (enum command)i, f, true);
}
END_TEST

/* Arguments with which a command succeeds: %1$s the root, %2$s a child of it, %3$s the project. */
static const char *const working_args[COMMANDS] = {
	[COMMAND_create_node] = "{'blueprint_type_id':'phase','parent_id':'%1$s'}",
	[COMMAND_delete_node] = "{'node_id':'%2$s'}",
	[COMMAND_link_node] = "{'parent_id':'%1$s','child_id':'%2$s','index':0}",
	[COMMAND_unlink_node] = "{'parent_id':'%1$s','child_id':'%2$s'}",
	[COMMAND_move_node] = "{'node_id':'%2$s'}",
	[COMMAND_reorder_node] = "{'node_id':'%2$s','new_index':0}",
	[COMMAND_update_property] = "{'node_id':'%2$s','property_id':'notes','value':1}",
	[COMMAND_delete_property] = "{'node_id':'%2$s','property_id':'status'}",
	[COMMAND_apply_kit] = "{'target_id':'%2$s','kit_root_id':'%1$s'}",
	[COMMAND_batch] = "{'commands':[]}",
	[COMMAND_load_graph] = "{'graph':{'roots':[]}}",
	[COMMAND_list_events] = "{'since':0}",
	[COMMAND_get_node] = "{'project_id':'%3$s','node_id':'%1$s'}",
	[COMMAND_search_nodes] = "{'project_id':'%3$s'}",
	[COMMAND_create_project] = "{'template_id':'book','project_name':'B'}",
	[COMMAND_get_project] = "{'project_id':'%3$s'}",
	[COMMAND_delete_project] = "{'project_id':'%3$s'}",
	[COMMAND_open_project] = "{'project_id':'%3$s'}",
	[COMMAND_export_project] = "{'project_id':'%3$s'}",
	[COMMAND_import_project] = "{'file':{'roots':[]},'template_id':'book'}",
	[COMMAND_get_template] = "{'template_id':'book'}",
	[COMMAND_hello] = "{'gateway':'g'}",
	[COMMAND_join] = "{'client_id':'c2'}",
	[COMMAND_leave] = "{'client_id':'c1'}",
	[COMMAND_presence] = "{'client_id':'c1','data':{}}",
};

/* What a command without arguments above may succeed with: the child wherever a node is wanted. */
static void
guess_args(const struct command_row *row, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "{");

	for (const struct field_row *f = row->args; f->name; f++)
		if (f->required)
			n += (size_t)snprintf(out + n, size - n, "%s'%s':%s", n > 1 ? "," : "",
			    f->name, f->type == ARG_node ? "'%2$s'" : example(f->type, true));
	snprintf(out + n, size - n, "}");
}

/* A session where all of these succeed, and the arguments of one. */
static void
prepare(enum command command, char *args, size_t size)
{
	const char *form = working_args[command];
	char guessed[512];
	struct uuid child, project;
	char texts[3][UUID_TEXT + 1], *at_text;

	s = start(d, "restomod");
	project = id_at(d->body, "project_id");
	root = root_of(d, &s);
	child = make(d, &s, "phase", &root);
	ask(d, COMMAND_save_project, &s, "{}");
	ask(d, COMMAND_join, &s, "{'client_id':'c1'}");
	uuid_format(&root, texts[0]);
	uuid_format(&child, texts[1]);
	uuid_format(&project, texts[2]);
	if (!form) {
		guess_args(&command_rows[command], guessed, sizeof(guessed));
		form = guessed;
	}
	at_text = args;
	for (const char *p = form; *p; p++)
		if (p[0] == '%') {
			at_text += snprintf(
			    at_text, size - (size_t)(at_text - args), "%s", texts[p[1] - '1']);
			p += 3;
		} else {
			*at_text++ = *p == '\'' ? '"' : *p;
		}
	*at_text = '\0';
}

static bool
has_field(const char *body, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "result.%s", name);
	return at(body, name).p || at(body, path).p;
}

START_TEST(every_reply_has_every_field_that_the_table_names)
{
	char args[512];

	for (int i = 0; i < COMMANDS; i++) {
		/* It takes a store that is a file. */
		if (i == COMMAND_backup)
			continue;
		prepare((enum command)i, args, sizeof(args));
		ask_exactly(d, (enum command)i, &s, span_of(args));
		surveys_tick(dispatch_surveys(d->dispatcher), d->now_ms + LIMIT_ASK_MS);
		ck_assert_msg(d->error == OK, "%s %s: %s", command_rows[i].name, args, d->body);
		for (const struct field_row *f = command_rows[i].rets; f->name; f++)
			ck_assert_msg(has_field(d->body, f->name), "%s has no %s: %s",
			    command_rows[i].name, f->name, d->body);
	}
}
END_TEST

START_TEST(a_refused_command_changes_nothing_and_is_announced_as_failed)
{
	char hash[33];
	uint64_t seq = session_of(d, &s)->seq;

	strcpy(hash, hash_of(d, &s));
	for (int i = 0; i < COMMANDS; i++) {
		if (command_rows[i].kind != COMMAND_EDITS)
			continue;
		ask(d, (enum command)i, &s, "{'node_id':7}");
		ck_assert_int_ne(d->error, OK);
		ck_assert_str_eq(heard_names(d), "command:failed");
		ck_assert(at_is(d->heard[0].body, "success", "false"));
		ck_assert(at(d->heard[0].body, "error.code").n > 2);
		ck_assert(at(d->body, "graph.roots.0.id").n > 0);
	}
	ck_assert_str_eq(hash_of(d, &s), hash);
	ck_assert_uint_eq(session_of(d, &s)->seq, seq);
	ck_assert(!session_can_undo(session_of(d, &s)));
}
END_TEST

START_TEST(an_unknown_session_is_answered_with_the_words_that_clients_search_for)
{
	struct uuid nobody;
	size_t checked = 0;

	uuid_random(&nobody);
	for (int i = 0; i < COMMANDS; i++) {
		ask(d, (enum command)i, &nobody, "{}");
		if (d->error != ERROR_invalid_session)
			continue;
		checked++;
		ck_assert(at_is(d->body, "error.message", "\"Session not found\""));
		ck_assert_uint_eq(d->n_heard, 0);
	}
	/* 11 edits, 5 of history, 2 of graphs, 3 of sessions, save, 3 of clients. */
	ck_assert_uint_ge(checked, 25);
}
END_TEST

START_TEST(a_command_that_needs_a_session_names_the_missing_id)
{
	ask(d, COMMAND_undo, NULL, "{}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ck_assert(at_is(d->body, "error.field", "\"session_id\""));
	ck_assert(at_is(d->body, "error.message", "\"Missing session_id\""));
}
END_TEST

START_TEST(without_a_project_commands_undo_and_tree_say_so)
{
	struct uuid empty = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");

	for (int i = 0; i < COMMANDS; i++) {
		bool needs = command_rows[i].kind == COMMAND_EDITS || i == COMMAND_undo ||
		    i == COMMAND_redo || i == COMMAND_get_tree || i == COMMAND_save_project;

		if (!needs || i == COMMAND_load_graph)
			continue;
		ask(d, (enum command)i, &empty, "{}");
		ck_assert_msg(
		    d->error == ERROR_invalid_state, "%s: %s", command_rows[i].name, d->body);
		ck_assert(!at(d->body, "graph").p);
	}
	ask(d, COMMAND_load_graph, &empty, "{'graph':{'roots':[]}}");
	ck_assert_int_eq(d->error, ERROR_invalid_state);
	ask(d, COMMAND_get_graph, &empty, "{}");
	ck_assert_int_eq(d->error, ERROR_no_project);
}
END_TEST

START_TEST(a_graph_with_a_template_gives_a_session_its_project)
{
	struct uuid empty = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");

	ask(d, COMMAND_load_graph, &empty, "{'graph':{'roots':[]},'template_id':'book'}");
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(at_is(ask(d, COMMAND_get_session, &empty, "{}"), "template_id", "\"book\""));
}
END_TEST

START_TEST(a_command_is_announced_then_told_then_executed)
{
	const char *body;

	d->caller.actor = SPAN("ann");
	d->caller.client = SPAN("c1");
	body = ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase','parent_id':'%s'}",
	    text_of(&root));
	ck_assert_str_eq(heard_names(d), "command:executing,graph:node-created,command:executed");
	for (size_t i = 0; i < d->n_heard; i++) {
		const char *event = d->heard[i].body;

		ck_assert(at_is(event, "actor", "\"ann\""));
		ck_assert(at_is(event, "client_id", "\"c1\""));
		ck_assert(at(event, "project_id").n == UUID_TEXT + 2);
		ck_assert(at(event, "timestamp").n > 20);
		ck_assert(span_equal(at(event, "command_id"), at(body, "command_id")));
		ck_assert_int_eq(int_at(event, "seq"), (int64_t)d->heard[i].seq);
	}
	ck_assert_uint_eq(d->heard[0].seq + 1, d->heard[1].seq);
	ck_assert_uint_eq(d->heard[2].seq, (uint64_t)int_at(body, "seq"));
}
END_TEST

START_TEST(a_reply_to_an_edit_has_all_its_fields_and_ends_with_the_graph)
{
	const char *body = ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	const char *fields[] = { "success", "command_id", "node_id", "result", "seq",
		"undo_available", "redo_available", "is_dirty", "graph" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		ck_assert_msg(at(body, fields[i]).p, "no %s in %s", fields[i], body);
	ck_assert(at_is(body, "success", "true"));
	ck_assert(at_is(body, "undo_available", "true"));
	ck_assert_str_eq(body + strlen(body) - 4, "}]}}");
	ck_assert(at(body, "graph.roots.1.id").n > 0);
	d->caller.minimal = true;
	body = ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert(!at(body, "graph").p);
}
END_TEST

START_TEST(a_minimal_error_has_no_graph)
{
	d->caller.minimal = true;
	ask(d, COMMAND_delete_node, &s, "{'node_id':'11111111-1111-4111-8111-111111111111'}");
	ck_assert_int_eq(d->error, ERROR_node_not_found);
	ck_assert(at_is(d->body, "error.field", "\"node_id\""));
	ck_assert(!at(d->body, "graph").p);
}
END_TEST

START_TEST(what_a_caller_says_of_itself_is_bounded)
{
	char text[300];

	memset(text, 'x', sizeof(text));
	d->caller.actor = (struct span){ text, 129 };
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert(at_is(d->body, "error.field", "\"actor\""));
	d->caller = (struct caller){ .key = { text, 256 } };
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert(at_is(d->body, "error.field", "\"key\""));
	d->caller.key.n = 255;
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(a_big_graph_is_written_in_slices_and_comes_out_whole)
{
	struct outcome out;
	struct request request = { .command = COMMAND_get_tree, .session = s, .now_us = d->now_us };
	char value[2000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 200; i++)
		ask(d, COMMAND_create_node, &s,
		    "{'blueprint_type_id':'phase','properties':{'notes':'%s'}}", value);
	outcome_init(&out);
	dispatch(d->dispatcher, &request, &out);
	ck_assert(out.tree_active);
	ck_assert_uint_lt(out.body.n, 200000);
	outcome_fini(&out);
	ask(d, COMMAND_get_tree, &s, "{}");
	ck_assert(at(d->body, "roots.200.id").p);
	ck_assert(at(d->body, "state_hash").n == 34);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("dispatch");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_command_refuses_a_missing_argument_by_its_name);
	tcase_add_test(tc, every_command_refuses_a_mistyped_argument_by_its_name);
	tcase_add_test(tc, every_reply_has_every_field_that_the_table_names);
	tcase_add_test(tc, a_refused_command_changes_nothing_and_is_announced_as_failed);
	tcase_add_test(tc, an_unknown_session_is_answered_with_the_words_that_clients_search_for);
	tcase_add_test(tc, a_command_that_needs_a_session_names_the_missing_id);
	tcase_add_test(tc, without_a_project_commands_undo_and_tree_say_so);
	tcase_add_test(tc, a_graph_with_a_template_gives_a_session_its_project);
	tcase_add_test(tc, a_command_is_announced_then_told_then_executed);
	tcase_add_test(tc, a_reply_to_an_edit_has_all_its_fields_and_ends_with_the_graph);
	tcase_add_test(tc, a_minimal_error_has_no_graph);
	tcase_add_test(tc, what_a_caller_says_of_itself_is_bounded);
	tcase_add_test(tc, a_big_graph_is_written_in_slices_and_comes_out_whole);
	return run_tests(tc);
}
