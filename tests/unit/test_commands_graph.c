/* The commands that change a graph, one by one. */

#include "session_fixture.h"

#include "common/json.h"
#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>

/* A text of n times x, for limits. */
static const char *
long_text(size_t n)
{
	static char text[LIMIT_VALUE_BYTES + 64];

	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static const char *
update_with(const struct uuid *node, const char *property, const char *value)
{
	static char args[2 * LIMIT_VALUE_BYTES + 1024];

	snprintf(args, sizeof(args), "{\"node_id\":\"%s\",\"property_id\":\"%s\",\"value\":%s}",
	    text_of(node), property, value);
	return ask_exactly(d, COMMAND_update_property, &s, span_of(args));
}

static const char *
value_of(const struct uuid *node, const char *property)
{
	return node_property(graph_find(session_of(d, &s)->graph, node), property);
}

START_TEST(a_new_node_has_the_blueprints_defaults_then_what_was_given)
{
	const char *body = ask(d, COMMAND_create_node, &s,
	    "{'blueprint_type_id':'phase','parent_id':'%s','properties':{'name':'Build','notes':[1,"
	    " 2]}}",
	    text_of(&root));
	struct uuid id = id_at(body, "node_id");

	ck_assert(at_is(body, "graph.roots.0.children.0.name", "\"Build\""));
	/* The first option of phase.status, by the id that the contract gives it. */
	ck_assert_str_eq(value_of(&id, "status"), "\"24702b82-a400-7171-0d70-6f60079fa142\"");
	ck_assert_str_eq(value_of(&id, "notes"), "[1,2]");
	ck_assert(span_equal(at(body, "result.node_id"), at(body, "node_id")));
	ck_assert(at(d->heard[1].body, "node.properties.name").n > 0);
}
END_TEST

START_TEST(a_node_without_a_name_is_called_new_node)
{
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase'}");
	ck_assert(at_is(d->body, "graph.roots.1.name", "\"New Node\""));
}
END_TEST

START_TEST(a_taken_id_and_a_missing_parent_are_refused_by_field)
{
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase','node_id':'%s'}",
	    text_of(&root));
	ck_assert_int_eq(d->error, ERROR_node_exists);
	ck_assert(at_is(d->body, "error.field", "\"node_id\""));
	ask(d, COMMAND_create_node, &s,
	    "{'blueprint_type_id':'phase','parent_id':'11111111-1111-4111-8111-111111111111'}");
	ck_assert_int_eq(d->error, ERROR_node_not_found);
	ck_assert(at_is(d->body, "error.field", "\"parent_id\""));
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase','index':-1}");
	ck_assert(at_is(d->body, "error.field", "\"index\""));
	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':''}");
	ck_assert(at_is(d->body, "error.field", "\"blueprint_type_id\""));
}
END_TEST

START_TEST(an_index_says_where_among_the_siblings)
{
	struct uuid a = make(d, &s, "phase", &root), b;

	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'phase','parent_id':'%s','index':0}",
	    text_of(&root));
	b = id_at(d->body, "node_id");
	ck_assert(at_is(d->heard[1].body, "index", "0"));
	ask(d, COMMAND_reorder_node, &s, "{'node_id':'%s','new_index':99}", text_of(&b));
	ck_assert_str_eq(heard_names(d), "command:executing,graph:node-moved,command:executed");
	ck_assert(at_is(d->heard[1].body, "index", "1"));
	ask(d, COMMAND_reorder_node, &s, "{'node_id':'%s','new_index':-1}", text_of(&a));
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ck_assert(at_is(d->body, "error.field", "\"new_index\""));
}
END_TEST

START_TEST(a_node_that_is_put_where_it_stands_does_not_move)
{
	struct uuid a = make(d, &s, "phase", &root), b = make(d, &s, "phase", &root);

	/* The first by its index, the last by its index and by one beyond the end. */
	for (int index = 0; index < 3; index++)
		for (int i = 0; i < 2; i++) {
			const char *node = text_of(index == 0 ? &a : &b), *parent = text_of(&root);

			ask(d, i ? COMMAND_link_node : COMMAND_move_node, &s,
			    "{'parent_id':'%s','child_id':'%s','new_parent_id':'%s','node_id':'%s',"
			    "'index':%d}",
			    parent, node, parent, node, index);
			ck_assert_str_eq(heard_names(d), "command:executing,command:executed");
		}
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_str_eq(heard_names(d), "graph:node-deleted,command:undo");
	ask(d, COMMAND_redo, &s, "{}");
	ask(d, COMMAND_link_node, &s, "{'parent_id':'%s','child_id':'%s','index':0}",
	    text_of(&root), text_of(&b));
	ck_assert_str_eq(heard_names(d), "command:executing,graph:node-moved,command:executed");
}
END_TEST

START_TEST(what_breaks_a_rule_is_warned_of_or_refused)
{
	struct uuid strict;

	ask(d, COMMAND_create_node, &s, "{'blueprint_type_id':'part','parent_id':'%s'}",
	    text_of(&root));
	ck_assert_int_eq(d->error, OK);
	ck_assert(at_is(d->body, "warnings.0.rule", "\"allowed_children\""));
	ck_assert(span_equal(at(d->body, "warnings.0.node_id"), at(d->body, "node_id")));
	strict = id_at(ask(d, COMMAND_create_project, NULL,
			   "{'template_id':'restomod','project_name':'C','validation':'strict'}"),
	    "session_id");
	root = root_of(d, &strict);
	ask(d, COMMAND_create_node, &strict, "{'blueprint_type_id':'part','parent_id':'%s'}",
	    text_of(&root));
	ck_assert_int_eq(d->error, ERROR_rule_violated);
	ck_assert(at_is(d->body, "error.details.rule", "\"allowed_children\""));
	ask(d, COMMAND_create_project, NULL,
	    "{'template_id':'book','project_name':'C','validation':'odd'}");
	ck_assert(at_is(d->body, "error.field", "\"validation\""));
}
END_TEST

START_TEST(deleting_takes_children_first_and_undo_gives_all_back)
{
	struct uuid phase = make(d, &s, "phase", &root), job = make(d, &s, "job", &phase);
	char before[33];

	strcpy(before, hash_of(d, &s));
	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&phase));
	ck_assert(at_is(d->body, "result.deleted", "2"));
	ck_assert(uuid_equal(&job, &(struct uuid[]){ id_at(d->heard[1].body, "node_id") }[0]));
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_str_eq(heard_names(d), "graph:node-created,graph:node-created,command:undo");
	ck_assert_str_eq(hash_of(d, &s), before);
	ck_assert(at_is(d->body, "redo_available", "true"));
}
END_TEST

START_TEST(linking_moves_and_the_same_again_changes_nothing)
{
	struct uuid a = make(d, &s, "phase", &root), b = make(d, &s, "phase", &root);
	struct uuid job = make(d, &s, "job", &a);
	int64_t seq;

	ask(d, COMMAND_link_node, &s, "{'parent_id':'%s','child_id':'%s'}", text_of(&b),
	    text_of(&job));
	ck_assert_str_eq(heard_names(d),
	    "command:executing,graph:node-unlinked,graph:node-linked,command:executed");
	seq = int_at(d->body, "seq");
	ask(d, COMMAND_link_node, &s, "{'parent_id':'%s','child_id':'%s'}", text_of(&b),
	    text_of(&job));
	ck_assert_int_eq(d->error, OK);
	ck_assert_int_eq(int_at(d->body, "seq"), seq + 1);
	ck_assert_str_eq(heard_names(d), "command:executing,command:executed");
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_str_eq(heard_names(d), "graph:node-unlinked,graph:node-linked,command:undo");
}
END_TEST

START_TEST(a_node_never_hangs_below_itself)
{
	struct uuid a = make(d, &s, "phase", &root), job = make(d, &s, "job", &a);

	ask(d, COMMAND_move_node, &s, "{'node_id':'%s','new_parent_id':'%s'}", text_of(&a),
	    text_of(&job));
	ck_assert_int_eq(d->error, ERROR_would_cycle);
	ck_assert(at_is(d->body, "error.field", "\"new_parent_id\""));
	ask(d, COMMAND_link_node, &s, "{'parent_id':'%s','child_id':'%s'}", text_of(&a),
	    text_of(&a));
	ck_assert_int_eq(d->error, ERROR_would_cycle);
	ck_assert(at(d->body, "graph.roots.0.id").p);
}
END_TEST

START_TEST(unlinking_needs_the_parent_it_has)
{
	struct uuid a = make(d, &s, "phase", &root), b = make(d, &s, "phase", &root);

	ask(d, COMMAND_unlink_node, &s, "{'parent_id':'%s','child_id':'%s'}", text_of(&a),
	    text_of(&b));
	ck_assert_int_eq(d->error, ERROR_not_linked);
	ask(d, COMMAND_unlink_node, &s, "{'parent_id':'%s','child_id':'%s'}", text_of(&root),
	    text_of(&b));
	ck_assert_int_eq(d->error, OK);
	ck_assert(at(d->body, "graph.roots.1.id").p);
	ck_assert_str_eq(heard_names(d), "command:executing,graph:node-unlinked,command:executed");
}
END_TEST

START_TEST(a_value_comes_back_as_it_was_given_and_name_renames)
{
	const char *values[] = { "null", "{\"b\":1,\"a\":[true,null]}", "9007199254740991",
		"\"\\u00e9\"", "1.50" };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		ck_assert_msg(at(update_with(&root, "notes", values[i]), "seq").p, "%s", d->body);
		ck_assert_str_eq(value_of(&root, "notes"), values[i]);
		ck_assert(at_is(d->heard[1].body, "new_value", values[i]));
	}
	ask(d, COMMAND_update_property, &s,
	    "{'node_id':'%s','property_id':'name','new_value':'Bus'}", text_of(&root));
	ck_assert(at_is(d->body, "graph.roots.0.name", "\"Bus\""));
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert(at_is(d->body, "graph.roots.0.name", "\"Car\""));
	update_with(&root, "name", "7");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'x'}", text_of(&root));
	ck_assert(at_is(d->body, "error.field", "\"value\""));
}
END_TEST

START_TEST(a_property_can_be_deleted_once)
{
	update_with(&root, "notes", "1");
	ask(d, COMMAND_delete_property, &s, "{'node_id':'%s','property_id':'notes'}",
	    text_of(&root));
	ck_assert(at_is(d->heard[1].body, "old_value", "1"));
	ask(d, COMMAND_delete_property, &s, "{'node_id':'%s','property_id':'notes'}",
	    text_of(&root));
	ck_assert_int_eq(d->error, ERROR_property_not_found);
	ck_assert(at_is(d->body, "error.field", "\"property_id\""));
}
END_TEST

START_TEST(names_values_and_property_ids_have_limits_that_are_named)
{
	char value[2 * LIMIT_VALUE_BYTES];

	update_with(&root, long_text(LIMIT_JSON_KEY_BYTES), "1");
	ck_assert_int_eq(d->error, OK);
	update_with(&root, long_text(LIMIT_JSON_KEY_BYTES + 1), "1");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ck_assert(at_is(d->body, "error.field", "\"property_id\""));
	update_with(&root, "", "1");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	snprintf(value, sizeof(value), "\"%s\"", long_text(LIMIT_VALUE_BYTES - 2));
	update_with(&root, "notes", value);
	ck_assert_int_eq(d->error, OK);
	snprintf(value, sizeof(value), "\"%s\"", long_text(LIMIT_VALUE_BYTES - 1));
	update_with(&root, "notes", value);
	ck_assert_int_eq(d->error, ERROR_limit_value);
	snprintf(value, sizeof(value), "\"%s\"", long_text(LIMIT_NAME_BYTES + 1));
	update_with(&root, "name", value);
	ck_assert_int_eq(d->error, ERROR_limit_value);
}
END_TEST

START_TEST(a_node_has_only_so_many_properties)
{
	char args[LIMIT_PROPERTIES * 16 + 256];
	size_t n =
	    (size_t)snprintf(args, sizeof(args), "{\"blueprint_type_id\":\"odd\",\"properties\":{");

	for (int i = 0; i < LIMIT_PROPERTIES; i++)
		n += (size_t)snprintf(args + n, sizeof(args) - n, "%s\"p%d\":1", i ? "," : "", i);
	snprintf(args + n, sizeof(args) - n, "}}");
	ask_exactly(d, COMMAND_create_node, &s, span_of(args));
	ck_assert_msg(d->error == OK, "%.300s", d->body);
	snprintf(args + n, sizeof(args) - n, ",\"more\":1}}");
	ask_exactly(d, COMMAND_create_node, &s, span_of(args));
	ck_assert_int_eq(d->error, ERROR_limit_properties);
}
END_TEST

START_TEST(a_kit_is_copied_deep_with_new_ids_even_into_itself)
{
	struct uuid kit = make(d, &s, "kit", &root), job = make(d, &s, "job", &kit);
	struct uuid task = make(d, &s, "task", &job);

	update_with(&task, "notes", "\"n\"");
	ask(d, COMMAND_apply_kit, &s, "{'target_id':'%s','kit_root_id':'%s'}", text_of(&task),
	    text_of(&kit));
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(at_is(d->body, "result.created", "2"));
	ck_assert(at(d->body, "result.node_ids.0").p);
	ck_assert(!at(d->body, "result.node_ids.1").p);
	ck_assert(at_is(d->body,
	    "graph.roots.0.children.0.children.0.children.0.children.0.children.0.properties.notes",
	    "\"n\""));
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), 6);
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), 4);
}
END_TEST

START_TEST(a_batch_is_one_step_and_later_commands_name_earlier_nodes)
{
	ask(d, COMMAND_batch, &s,
	    "{'commands':[{'command_type':'CreateNode','data':{'blueprint_type_id':'phase'}},"
	    "{'command_type':'CreateNode','data':{'blueprint_type_id':'job','parent_id':'$0'}},"
	    "{'command_type':'UpdateProperty','data':{'node_id':'$1','property_id':'notes','value':"
	    "1}}]}");
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(at(d->body, "result.results.1.node_id").p);
	ck_assert(at_is(d->body, "result.results.2", "null"));
	ck_assert(!at(d->body, "node_id").p);
	ck_assert_str_eq(heard_names(d),
	    "command:executing,graph:node-created,graph:node-created,"
	    "graph:property-changed,command:executed");
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), 1);
}
END_TEST

START_TEST(a_batch_with_a_bad_command_changes_nothing_and_names_it)
{
	char before[33];

	strcpy(before, hash_of(d, &s));
	ask(d, COMMAND_batch, &s,
	    "{'commands':[{'command_type':'CreateNode','data':{'blueprint_type_id':'phase'}},"
	    "{'command_type':'DeleteNode','data':{'node_id':'$3'}}]}");
	ck_assert_int_ne(d->error, OK);
	ck_assert_msg(at_is(d->body, "error.field", "\"commands[1].data.node_id\""), "%s", d->body);
	ck_assert(strstr(d->body, "commands[1]: "));
	ck_assert_str_eq(hash_of(d, &s), before);
	ck_assert_str_eq(heard_names(d), "command:failed");
}
END_TEST

START_TEST(a_batch_holds_edits_only_and_no_other_batch)
{
	const char *refused[] = { "Batch", "LoadGraph", "Undo", "CreateSession", "GetTree" };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		ask(d, COMMAND_batch, &s, "{'commands':[{'command_type':'%s','data':{}}]}",
		    refused[i]);
		ck_assert_int_eq(d->error, ERROR_invalid_request);
		ck_assert(at_is(d->body, "error.field", "\"commands[0].command_type\""));
	}
	ask(d, COMMAND_batch, &s, "{'commands':[{'command_type':'Nothing'}]}");
	ck_assert_int_eq(d->error, ERROR_unknown_command);
	ask(d, COMMAND_batch, &s, "{'commands':[7]}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ask(d, COMMAND_batch, &s, "{'commands':[{'command_type':'DeleteNode','data':7}]}");
	ck_assert(at_is(d->body, "error.field", "\"commands[0].data\""));
}
END_TEST

START_TEST(a_batch_has_a_limit)
{
	const char *one =
	    "{\"command_type\":\"CreateNode\",\"data\":{\"blueprint_type_id\":\"phase\"}}";
	size_t size = (LIMIT_BATCH_COMMANDS + 1) * (strlen(one) + 1) + 64, n;
	char *args = malloc(size);

	n = (size_t)snprintf(args, size, "{\"commands\":[%s", one);
	for (int i = 1; i < LIMIT_BATCH_COMMANDS; i++)
		n += (size_t)snprintf(args + n, size - n, ",%s", one);
	snprintf(args + n, size - n, "]}");
	ask_exactly(d, COMMAND_batch, &s, span_of(args));
	ck_assert_int_eq(d->error, OK);
	snprintf(args + n, size - n, ",%s]}", one);
	ask_exactly(d, COMMAND_batch, &s, span_of(args));
	ck_assert_int_eq(d->error, ERROR_limit_batch);
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), LIMIT_BATCH_COMMANDS + 1);
	free(args);
}
END_TEST

START_TEST(loading_a_graph_replaces_it_as_one_step_that_can_be_undone)
{
	char before[33];

	strcpy(before, hash_of(d, &s));
	ask(d, COMMAND_load_graph, &s,
	    "{'graph':{'nodes':[{'id':'a','type':'phase','name':'A','children':['b','gone']},"
	    "{'id':'b','type':'job','name':'B','children':[]}],'edges':[]},'template_id':'restomod'"
	    "}");
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_assert(at_is(d->body, "result.nodes", "2"));
	ck_assert(at_is(d->body, "graph.roots.0.children.0.name", "\"B\""));
	ck_assert(at(d->body, "warnings.0.message").p);
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert_str_eq(hash_of(d, &s), before);
	ask(d, COMMAND_load_graph, &s, "{'graph':{'roots':[]},'template_id':'none'}");
	ck_assert_int_eq(d->error, ERROR_invalid_template);
	ask(d, COMMAND_load_graph, &s, "{'graph':7}");
	ck_assert_int_eq(d->error, ERROR_invalid_graph);
	ask(d, COMMAND_load_graph, &s, "{'graph':{'roots':[]},'mode':'odd'}");
	ck_assert(at_is(d->body, "error.field", "\"mode\""));
	ck_assert_str_eq(hash_of(d, &s), before);
}
END_TEST

START_TEST(undo_of_mine_goes_by_who_asked)
{
	struct uuid mine;

	d->caller.actor = SPAN("ann");
	mine = make(d, &s, "phase", &root);
	d->caller.actor = SPAN("bob");
	make(d, &s, "phase", &root);
	d->caller.actor = (struct span){ NULL, 0 };
	d->caller.client = SPAN("c9");
	ask(d, COMMAND_undo, &s, "{'scope':'mine'}");
	ck_assert(at_is(d->body, "command_id", "null"));
	ck_assert_uint_eq(d->n_heard, 0);
	d->caller.actor = SPAN("ann");
	ask(d, COMMAND_undo, &s, "{'scope':'mine'}");
	ck_assert_int_eq(d->error, OK);
	ck_assert(at(d->body, "command_id").n == UUID_TEXT + 2);
	ck_assert_ptr_null(graph_find(session_of(d, &s)->graph, &mine));
	ck_assert_uint_eq(graph_count(session_of(d, &s)->graph), 2);
	ask(d, COMMAND_undo, &s, "{'scope':'yours'}");
	ck_assert(at_is(d->body, "error.field", "\"scope\""));
}
END_TEST

START_TEST(an_undo_that_others_made_impossible_names_what_is_in_the_way)
{
	struct uuid mine;
	char other[UUID_TEXT + 3];

	d->caller.actor = SPAN("ann");
	mine = make(d, &s, "phase", &root);
	d->caller.actor = SPAN("bob");
	make(d, &s, "job", &mine);
	snprintf(other, sizeof(other), "%.*s", UUID_TEXT + 2, at(d->body, "command_id").p);
	d->caller.actor = SPAN("ann");
	ask(d, COMMAND_undo, &s, "{'scope':'mine'}");
	ck_assert_int_eq(d->error, ERROR_undo_conflict);
	ck_assert(at_is(d->body, "error.details.command_id", other));
	ck_assert(at(d->body, "graph.roots.0.id").p);
	ck_assert_str_eq(heard_names(d), "command:failed");
}
END_TEST

START_TEST(dirty_is_what_differs_from_what_was_last_clean)
{
	ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "false"));
	make(d, &s, "phase", &root);
	ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "true"));
	ask(d, COMMAND_undo, &s, "{}");
	ck_assert(at_is(d->body, "is_dirty", "false"));
	ask(d, COMMAND_redo, &s, "{}");
	ask(d, COMMAND_reset_dirty, &s, "{}");
	ck_assert(at_is(d->body, "is_dirty", "false"));
	domain_restart(d);
	ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "false"));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_graph");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_node_has_the_blueprints_defaults_then_what_was_given);
	tcase_add_test(tc, a_node_without_a_name_is_called_new_node);
	tcase_add_test(tc, a_taken_id_and_a_missing_parent_are_refused_by_field);
	tcase_add_test(tc, an_index_says_where_among_the_siblings);
	tcase_add_test(tc, a_node_that_is_put_where_it_stands_does_not_move);
	tcase_add_test(tc, what_breaks_a_rule_is_warned_of_or_refused);
	tcase_add_test(tc, deleting_takes_children_first_and_undo_gives_all_back);
	tcase_add_test(tc, linking_moves_and_the_same_again_changes_nothing);
	tcase_add_test(tc, a_node_never_hangs_below_itself);
	tcase_add_test(tc, unlinking_needs_the_parent_it_has);
	tcase_add_test(tc, a_value_comes_back_as_it_was_given_and_name_renames);
	tcase_add_test(tc, a_property_can_be_deleted_once);
	tcase_add_test(tc, names_values_and_property_ids_have_limits_that_are_named);
	tcase_add_test(tc, a_node_has_only_so_many_properties);
	tcase_add_test(tc, a_kit_is_copied_deep_with_new_ids_even_into_itself);
	tcase_add_test(tc, a_batch_is_one_step_and_later_commands_name_earlier_nodes);
	tcase_add_test(tc, a_batch_with_a_bad_command_changes_nothing_and_names_it);
	tcase_add_test(tc, a_batch_holds_edits_only_and_no_other_batch);
	tcase_add_test(tc, a_batch_has_a_limit);
	tcase_add_test(tc, loading_a_graph_replaces_it_as_one_step_that_can_be_undone);
	tcase_add_test(tc, undo_of_mine_goes_by_who_asked);
	tcase_add_test(tc, an_undo_that_others_made_impossible_names_what_is_in_the_way);
	tcase_add_test(tc, dirty_is_what_differs_from_what_was_last_clean);
	return run_tests(tc);
}
