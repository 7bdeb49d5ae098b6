/* Projects: made, saved, opened, looked through, carried away in files and brought back. */

#include "project_fixture.h"

#include "common/json.h"
#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

START_TEST(a_new_project_has_one_root_and_nothing_to_save_or_undo)
{
	const char *body =
	    ask(d, COMMAND_create_project, NULL, "{'template_id':'book','project_name':'My book'}");
	struct uuid session = id_at(body, "session_id");

	ck_assert(at_is(body, "graph.roots.0.name", "\"My book\""));
	ck_assert(!at(body, "graph.roots.1").p);
	body = ask(d, COMMAND_get_session, &session, "{}");
	ck_assert(at_is(body, "is_dirty", "false"));
	ck_assert(at_is(body, "undo_available", "false"));
	ck_assert(at_is(body, "has_project", "true"));
	ck_assert(at_is(body, "node_count", "1"));
	ask(d, COMMAND_create_project, NULL, "{'template_id':'none','project_name':'x'}");
	ck_assert_int_eq(d->error, ERROR_invalid_template);
	ask(d, COMMAND_create_project, NULL, "{'template_id':'book','project_name':''}");
	ck_assert(at_is(d->body, "error.field", "\"project_name\""));
}
END_TEST

START_TEST(a_project_made_in_a_live_session_replaces_the_one_there_and_can_be_undone)
{
	char before[33];

	make(d, &s, "phase", &root);
	strcpy(before, hash_of(d, &s));
	ask(d, COMMAND_create_project, NULL,
	    "{'template_id':'book','project_name':'B','session_id':'%s'}", text_of(&s));
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(strstr(heard_names(d), "session:project-changed"));
	ck_assert(!d->created);
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_str_eq(hash_of(d, &s), before);
	ck_assert(at_is(ask(d, COMMAND_get_session, &s, "{}"), "template_id", "\"restomod\""));
	ask(d, COMMAND_create_project, NULL,
	    "{'template_id':'book','project_name':'B','session_id':'11111111-1111-4111-8111-"
	    "111111111111'}");
	ck_assert_int_eq(d->error, ERROR_invalid_session);
}
END_TEST

START_TEST(a_project_is_saved_by_its_id_after_a_restart_too)
{
	save();
	domain_restart(d);
	ask(d, COMMAND_save_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_msg(at_is(d->body, "revision", "2"), "%s", d->body);
	ck_assert(uuid_equal(&s, &(struct uuid[]){ id_at(d->body, "session_id") }[0]));
}
END_TEST

START_TEST(saved_projects_are_listed_shown_and_deleted)
{
	ask(d, COMMAND_get_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_int_eq(d->error, ERROR_project_not_found);
	save();
	ask(d, COMMAND_list_projects, NULL, "{}");
	ck_assert(at_is(d->body, "projects.0.name", "\"Car\""));
	ck_assert(at_is(d->body, "projects.0.revision", "1"));
	ck_assert(at_is(d->body, "total", "1"));
	ask(d, COMMAND_get_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert(at_is(d->body, "graph.roots.0.name", "\"Car\""));
	ck_assert(at(d->body, "saved_at").p);
	ask(d, COMMAND_delete_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_int_eq(d->error, OK);
	ask(d, COMMAND_delete_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_int_eq(d->error, ERROR_project_not_found);
	ck_assert(at(ask(d, COMMAND_get_tree, &s, "{}"), "roots.0.id").p);
}
END_TEST

START_TEST(lists_of_projects_come_in_pages)
{
	for (int i = 0; i < 5; i++) {
		s = start(d, "book");
		save();
	}
	ask(d, COMMAND_list_projects, NULL, "{'limit':2}");
	for (int pages = 0; pages < 2; pages++) {
		ck_assert(at(d->body, "projects.1").p);
		ck_assert(!at(d->body, "projects.2").p);
		ck_assert(at_is(d->body, "total", "5"));
		ask(d, COMMAND_list_projects, NULL, "{'limit':2,'cursor':%.*s}",
		    (int)at(d->body, "next_cursor").n, at(d->body, "next_cursor").p);
	}
	ck_assert(at(d->body, "projects.0").p);
	ck_assert(!at(d->body, "projects.1").p);
	ck_assert(at_is(d->body, "next_cursor", "null"));
	ask(d, COMMAND_list_projects, NULL, "{'cursor':'x'}");
	ck_assert(at_is(d->body, "error.field", "\"cursor\""));
}
END_TEST

START_TEST(opening_gives_the_saved_graph_in_a_session_of_its_own)
{
	struct uuid opened;
	char saved[33];

	make(d, &s, "phase", &root);
	save();
	strcpy(saved, hash_of(d, &s));
	make(d, &s, "phase", &root);
	ask(d, COMMAND_open_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_msg(d->error == OK, "%s", d->body);
	opened = id_at(d->body, "session_id");
	ck_assert(!uuid_equal(&opened, &s));
	ck_assert_str_eq(hash_of(d, &opened), saved);
	ck_assert(at_is(ask(d, COMMAND_get_session, &opened, "{}"), "is_dirty", "false"));
	ck_assert(at_is(d->body, "undo_available", "false"));
	domain_restart(d);
	ck_assert_str_eq(hash_of(d, &opened), saved);
	ask(d, COMMAND_open_project, NULL, "{'project_id':'11111111-1111-4111-8111-111111111111'}");
	ck_assert_int_eq(d->error, ERROR_project_not_found);
}
END_TEST

START_TEST(opening_into_a_live_session_is_told_and_can_be_undone)
{
	struct uuid other = start(d, "book");
	char before[33];
	const struct heard *loaded = NULL;

	save();
	strcpy(before, hash_of(d, &other));
	ask(d, COMMAND_open_project, NULL, "{'project_id':'%s','session_id':'%s'}",
	    text_of(&project), text_of(&other));
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(strstr(heard_names(d), "session:project-changed"));
	for (size_t i = 0; i < d->n_heard; i++)
		if (d->heard[i].event == EVENT_project_loaded)
			loaded = &d->heard[i];
	ck_assert_ptr_nonnull(loaded);
	ck_assert_msg(at_is(loaded->body, "graph.roots.0.name", "\"Car\""), "%s", loaded->body);
	ck_assert_str_eq(hash_of(d, &other), hash_of(d, &s));
	ask(d, COMMAND_undo, &other, "{}");
	ck_assert_str_eq(hash_of(d, &other), before);
}
END_TEST

START_TEST(a_big_graph_is_left_out_of_the_loaded_event)
{
	struct uuid other = start(d, "book");
	char value[3000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 2 * LIMIT_EVENT_GRAPH_BYTES / 3000; i++)
		ask(d, COMMAND_create_node, &s,
		    "{'blueprint_type_id':'phase','properties':{'notes':'%s'}}", value);
	save();
	ask(d, COMMAND_open_project, NULL, "{'project_id':'%s','session_id':'%s'}",
	    text_of(&project), text_of(&other));
	ck_assert(at_is(d->heard[d->n_heard - 1].body, "graph", "null"));
	ck_assert(at_is(d->heard[d->n_heard - 1].body, "graph_omitted", "true"));
}
END_TEST

START_TEST(nodes_are_found_in_the_live_graph_or_else_in_the_saved_one)
{
	struct uuid phase = make(d, &s, "phase", &root);

	save();
	ask(d, COMMAND_update_property, &s,
	    "{'node_id':'%s','property_id':'name','value':'Paint Shop'}", text_of(&phase));
	for (int i = 0; i < 2; i++) {
		ask(d, COMMAND_get_node, NULL, "{'project_id':'%s','node_id':'%s'}",
		    text_of(&project), text_of(&phase));
		ck_assert_msg(at_is(d->body, "node.name", "\"Paint Shop\""), "%s", d->body);
		ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s','text':'paint sh'}",
		    text_of(&project));
		ck_assert(at_is(d->body, "total", "1"));
		domain_restart(d);
	}
	ask(d, COMMAND_end_session, &s, "{}");
	ask(d, COMMAND_get_node, NULL, "{'project_id':'%s','node_id':'%s'}", text_of(&project),
	    text_of(&phase));
	ck_assert_msg(at_is(d->body, "node.name", "\"New Node\""), "%s", d->body);
	ask(d, COMMAND_get_node, NULL, "{'project_id':'%s','node_id':'%s'}", text_of(&project),
	    text_of(&project));
	ck_assert_int_eq(d->error, ERROR_node_not_found);
}
END_TEST

/* In which nearly every place looks like a beginning of what is searched for. */
START_TEST(a_search_takes_time_for_the_text_and_not_for_each_place_of_it)
{
	enum { VALUE = LIMIT_VALUE_BYTES - 2, PART = VALUE / 2, NODES = 20 };
	char *args, value[VALUE + 1], part[PART + 2];
	clock_t began;

	memset(value, 'a', VALUE);
	value[VALUE] = '\0';
	memset(part, 'A', PART);
	strcpy(part + PART, "b");
	ck_assert_int_gt(
	    asprintf(
		&args, "{\"blueprint_type_id\":\"part\",\"properties\":{\"p\":\"%s\"}}", value),
	    0);
	for (int i = 0; i < NODES; i++) {
		ask_exactly(d, COMMAND_create_node, &s, span_of(args));
		ck_assert_int_eq(d->error, OK);
	}
	free(args);
	ck_assert_int_gt(
	    asprintf(&args, "{\"project_id\":\"%s\",\"text\":\"%s\"}", text_of(&project), part), 0);
	began = clock();
	ask_exactly(d, COMMAND_search_nodes, NULL, span_of(args));
	ck_assert_uint_lt((uint64_t)(clock() - began), CLOCKS_PER_SEC);
	ck_assert(at_is(d->body, "total", "0"));
	free(args);
}
END_TEST

START_TEST(a_search_goes_by_text_type_and_property_and_has_a_limit)
{
	for (int i = 0; i < 5; i++)
		ask(d, COMMAND_create_node, &s,
		    "{'blueprint_type_id':'part','name':'Bolt %d','properties':"
		    "{'price':%d,'notes':'M8 steel'}}",
		    i, i % 2);
	ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s','text':'STEEL','limit':2}",
	    text_of(&project));
	ck_assert(at_is(d->body, "total", "5"));
	ck_assert(at(d->body, "nodes.1").p && !at(d->body, "nodes.2").p);
	ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s','property':{'price': 1 }}",
	    text_of(&project));
	ck_assert(at_is(d->body, "total", "2"));
	ask(d, COMMAND_search_nodes, NULL,
	    "{'project_id':'%s','blueprint_type_id':'part','text':'bolt 3'}", text_of(&project));
	ck_assert(at_is(d->body, "nodes.0.name", "\"Bolt 3\""));
	ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s','limit':0}", text_of(&project));
	ck_assert(at_is(d->body, "error.field", "\"limit\""));
}
END_TEST

/* The file of the last answer as the arguments of an import. */
static char *
import_args(void)
{
	struct span file = at(d->body, "file");
	char *args = malloc(file.n + 32);

	ck_assert_ptr_nonnull(file.p);
	sprintf(args, "{\"file\":%.*s}", (int)file.n, file.p);
	return args;
}

START_TEST(a_file_comes_back_with_the_same_ids_and_state_hash)
{
	struct uuid imported;
	char *args;

	make(d, &s, "phase", &root);
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s'}", text_of(&project));
	args = import_args();
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	free(args);
	ck_assert_msg(d->error == OK, "%s", d->body);
	imported = id_at(d->body, "session_id");
	ck_assert(uuid_equal(&project, &(struct uuid[]){ id_at(d->body, "project_id") }[0]));
	ck_assert_str_eq(hash_of(d, &imported), hash_of(d, &s));
	ck_assert(at_is(ask(d, COMMAND_get_session, &imported, "{}"), "undo_available", "false"));
	/* It was not saved before, so it is now. */
	ck_assert(at_is(ask(d, COMMAND_list_projects, NULL, "{}"), "projects.0.revision", "1"));
	domain_restart(d);
	ck_assert_str_eq(hash_of(d, &imported), hash_of(d, &s));
}
END_TEST

START_TEST(opening_what_is_there_already_leaves_only_marks_and_is_clean_after_a_restart_too)
{
	struct uuid node;

	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&root));
	save();
	node = make(d, &s, "phase", NULL);
	ask(d, COMMAND_reset_dirty, &s, "{}");
	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&node));
	ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "true"));
	ask(d, COMMAND_open_project, NULL, "{'session_id':'%s','project_id':'%s'}", text_of(&s),
	    text_of(&project));
	ck_assert_int_eq(d->error, OK);
	for (int i = 0; i < 2; i++) {
		ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "false"));
		domain_restart(d);
	}
}
END_TEST

START_TEST(a_file_with_history_comes_in_once_for_a_key_over_a_restart_too)
{
	struct uuid first, again;
	char *args;

	make(d, &s, "phase", &root);
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','history':true}",
	    text_of(&project));
	args = import_args();
	d->now_us -= 3600 * 1000000ULL; /* the file is of a clock that was ahead */
	d->caller.key = SPAN("once");
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	first = id_at(d->body, "session_id");
	domain_restart(d);
	ck_assert_uint_le(session_of(d, &first)->active_us, d->now_us);
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	again = id_at(d->body, "session_id");
	ck_assert(uuid_equal(&first, &again));
	free(args);
}
END_TEST

START_TEST(a_file_with_history_brings_undo_along)
{
	struct uuid imported;
	char *args, *digit, empty[33];

	strcpy(empty, hash_of(d, &s));
	d->caller.actor = SPAN("ann");
	make(d, &s, "phase", &root);
	make(d, &s, "phase", &root);
	ask(d, COMMAND_undo, &s, "{}");
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','history':true}",
	    text_of(&project));
	args = import_args();
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	ck_assert_msg(d->error == OK, "%s", d->body);
	imported = id_at(d->body, "session_id");
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(hash_of(d, &imported), hash_of(d, &s));
		ck_assert(
		    at_is(ask(d, COMMAND_get_session, &imported, "{}"), "redo_available", "true"));
		domain_restart(d);
	}
	ask(d, COMMAND_undo, &imported, "{'scope':'mine'}");
	ck_assert_str_eq(hash_of(d, &imported), empty);
	ask(d, COMMAND_list_events, &imported, "{'since':0}");
	ck_assert(at_is(d->body, "events.0.seq", "1"));
	/* Steps that end with another graph than the file says, and steps that are none. */
	digit = strstr(args, "\"state_hash\":\"") + 14;
	*digit = *digit == '0' ? '1' : '0';
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, ERROR_invalid_graph);
	strstr(args, "\"steps\":[\"")[30] = '!';
	ask_exactly(d, COMMAND_import_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, ERROR_invalid_graph);
	free(args);
}
END_TEST

START_TEST(the_predecessors_files_come_in_and_go_out)
{
	const char *yaml =
	    "version: 1\ntemplates: [restomod.yaml]\nnodes:\n  a: {id: a, type: phase, name: A, "
	    "children: [b], properties: {}}\n  b: {id: b, type: job, name: B, parent_id: a, "
	    "children: [], properties: {}}\n";
	struct json_out args = { 0 };
	struct uuid imported;

	json_out_open(&args, '{');
	json_out_key(&args, "file");
	json_out_string(&args, yaml);
	json_out_key(&args, "template_id");
	json_out_string(&args, "restomod");
	json_out_close(&args, '}');
	ask_exactly(d, COMMAND_import_project, NULL, json_out_span(&args));
	json_out_fini(&args);
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert_msg(at_is(d->body, "graph.roots.0.children.0.name", "\"B\""), "%s", d->body);
	ck_assert(at(d->body, "warnings").p);
	imported = id_at(d->body, "project_id");
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','format':'predecessor'}",
	    text_of(&imported));
	ck_assert_msg(at(d->body, "file").n > 50, "%s", d->body);
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','format':'odd'}",
	    text_of(&imported));
	ck_assert(at_is(d->body, "error.field", "\"format\""));
}
END_TEST

START_TEST(files_that_are_none_are_refused_and_leave_no_session)
{
	const char *files[] = { "7", "'{'", "'- a'", "{}", "{'graph':7}", "{'nodes':7}" };
	size_t n = sessions_count(d->sessions);

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		ask(d, COMMAND_import_project, NULL, "{'file':%s,'template_id':'book'}", files[i]);
		ck_assert_msg(d->error == ERROR_invalid_graph, "%s: %s", files[i], d->body);
	}
	ask(d, COMMAND_import_project, NULL, "{'file':{'roots':[]}}");
	ck_assert_int_eq(d->error, ERROR_invalid_template);
	ask(d, COMMAND_import_project, NULL, "{'file':{'roots':[]},'template_id':'none'}");
	ck_assert_int_eq(d->error, ERROR_invalid_template);
	ask(d, COMMAND_import_project, NULL,
	    "{'file':{'roots':[{'id':'x','blueprint_type_id':'odd','name':'n','properties':{},'"
	    "children':[]}]},"
	    "'template_id':'book','mode':'strict'}");
	ck_assert_int_eq(d->error, ERROR_rule_violated);
	ck_assert_uint_eq(sessions_count(d->sessions), n);
}
END_TEST

START_TEST(templates_are_listed_and_shown)
{
	ask(d, COMMAND_list_templates, NULL, "{}");
	ck_assert(at(d->body, "templates.2.id").p);
	ask(d, COMMAND_get_template, NULL, "{'template_id':'restomod'}");
	ck_assert(at(d->body, "node_types.0.properties").p);
	ask(d, COMMAND_get_template, NULL, "{'template_id':'../restomod'}");
	ck_assert_int_eq(d->error, ERROR_template_not_found);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_project");

	tcase_add_checked_fixture(tc, set_up_project, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_project_has_one_root_and_nothing_to_save_or_undo);
	tcase_add_test(
	    tc, a_project_made_in_a_live_session_replaces_the_one_there_and_can_be_undone);
	tcase_add_test(tc, a_project_is_saved_by_its_id_after_a_restart_too);
	tcase_add_test(tc, saved_projects_are_listed_shown_and_deleted);
	tcase_add_test(tc, lists_of_projects_come_in_pages);
	tcase_add_test(tc, opening_gives_the_saved_graph_in_a_session_of_its_own);
	tcase_add_test(tc, opening_into_a_live_session_is_told_and_can_be_undone);
	tcase_add_test(tc, a_big_graph_is_left_out_of_the_loaded_event);
	tcase_add_test(tc, nodes_are_found_in_the_live_graph_or_else_in_the_saved_one);
	tcase_add_test(tc, a_search_takes_time_for_the_text_and_not_for_each_place_of_it);
	tcase_add_test(tc, a_search_goes_by_text_type_and_property_and_has_a_limit);
	tcase_add_test(tc, a_file_comes_back_with_the_same_ids_and_state_hash);
	tcase_add_test(
	    tc, opening_what_is_there_already_leaves_only_marks_and_is_clean_after_a_restart_too);
	tcase_add_test(tc, a_file_with_history_comes_in_once_for_a_key_over_a_restart_too);
	tcase_add_test(tc, a_file_with_history_brings_undo_along);
	tcase_add_test(tc, the_predecessors_files_come_in_and_go_out);
	tcase_add_test(tc, files_that_are_none_are_refused_and_leave_no_session);
	tcase_add_test(tc, templates_are_listed_and_shown);
	return run_tests(tc);
}
