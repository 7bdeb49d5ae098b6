/* Where the events of whole commands happen, when they run and when the journal is asked for them.
 */

#include "session_fixture.h"

#include "common/json.h"
#include "graphd/base64.h"
#include "graphd/call.h"

#include <stdio.h>

static struct uuid phase, job, task;

static void
set_up_branch(void)
{
	set_up();
	phase = make(d, &s, "phase", &root);
	job = make(d, &s, "job", &phase);
	task = make(d, &s, "task", &job);
	forget_heard(d);
}

/* Whether the i-th event is of that kind and happened at these nodes, nearest first. */
static void
ck_at(size_t i, enum event event, const struct uuid *const *ids, size_t n)
{
	ck_assert_uint_lt(i, d->n_heard);
	ck_assert_int_eq(d->heard[i].event, event);
	ck_assert_uint_eq(d->heard[i].n_path, n);
	for (size_t j = 0; j < n; j++)
		ck_assert(uuid_equal(&d->heard[i].path[j], ids[j]));
}

#define AT(...) \
	(const struct uuid *const[]){ __VA_ARGS__ }, \
	    sizeof((const struct uuid *const[]){ __VA_ARGS__ }) / sizeof(struct uuid *)

/* The i-th event of a page happened where the event heard did. */
static void
ck_item(size_t i, const struct heard *h)
{
	char path[64], id[UUID_TEXT + 3];

	snprintf(path, sizeof path, "events.%zu.seq", i);
	ck_assert_uint_eq(int_at(d->body, path), h->seq);
	snprintf(path, sizeof path, "events.%zu.path.%zu", i, h->n_path);
	ck_assert_ptr_null(at(d->body, path).p);
	for (size_t j = 0; j < h->n_path; j++) {
		snprintf(id, sizeof id, "\"%s\"", text_of(&h->path[j]));
		snprintf(path, sizeof path, "events.%zu.path.%zu", i, j);
		ck_assert(at_is(d->body, path, id));
	}
}

/* The journal says of each durable event of the last command what was heard. */
static void
ck_journal(void)
{
	struct heard *heard = d->heard;
	size_t n_heard = d->n_heard, first = 0;

	d->heard = NULL;
	d->n_heard = 0;
	while (event_rows[heard[first].event].durability != EVENT_DURABLE)
		first++;
	ck_assert_uint_lt(first, n_heard);
	ask(d, COMMAND_list_events, &s, "{'since':%llu,'paths':true}",
	    (unsigned long long)heard[first].seq - 1);
	for (size_t i = first; i < n_heard; i++)
		ck_item(i - first, &heard[i]);
	d->heard = heard;
	d->n_heard = n_heard;
}

START_TEST(a_page_says_where_only_when_it_is_asked)
{
	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'notes','value':1}",
	    text_of(&task));
	ck_journal();
	ask(d, COMMAND_list_events, &s, "{'since':0}");
	ck_assert_ptr_null(strstr(d->body, "\"path\""));
	ask(d, COMMAND_list_events, &s, "{'since':0,'paths':false}");
	ck_assert_ptr_null(strstr(d->body, "\"path\""));
	ask(d, COMMAND_list_events, &s, "{'since':0,'paths':1}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
}
END_TEST

START_TEST(a_batch_is_told_where_each_of_its_commands_left_the_nodes)
{
	struct uuid made;

	ask(d, COMMAND_batch, &s,
	    "{'commands':[{'command_type':'CreateNode','data':{'blueprint_type_id':'task',"
	    "'parent_id':'%s'}},{'command_type':'MoveNode','data':{'node_id':'$0',"
	    "'new_parent_id':'%s'}},{'command_type':'UpdateProperty','data':{'node_id':'$0',"
	    "'property_id':'notes','value':1}}]}",
	    text_of(&job), text_of(&root));
	ck_assert_int_eq(d->error, OK);
	made = id_at(d->body, "result.results.0.node_id");
	ck_assert_str_eq(heard_names(d),
	    "command:executing,graph:node-created,graph:node-unlinked,graph:node-linked,"
	    "graph:property-changed,command:executed");
	ck_at(1, EVENT_node_created, AT(&made, &job, &phase, &root));
	ck_at(2, EVENT_node_unlinked, AT(&made, &job, &phase, &root));
	ck_at(3, EVENT_node_linked, AT(&made, &root));
	ck_at(4, EVENT_property_changed, AT(&made, &root));
	ck_at(5, EVENT_command_executed, AT(&made, &job, &phase, &root));
	ck_journal();
}
END_TEST

START_TEST(a_deleted_branch_is_told_below_what_is_above_it_and_so_is_its_return)
{
	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&job));
	ck_at(1, EVENT_node_deleted, AT(&task, &job, &phase, &root));
	ck_at(2, EVENT_node_deleted, AT(&job, &phase, &root));
	ck_at(3, EVENT_command_executed, AT(&task, &job, &phase, &root));
	ask(d, COMMAND_undo, &s, "{}");
	ck_at(0, EVENT_node_created, AT(&job, &phase, &root));
	ck_at(1, EVENT_node_created, AT(&task, &job, &phase, &root));
	ck_at(2, EVENT_command_undo, AT(&job, &phase, &root, &task));
	ck_journal();
	ask(d, COMMAND_redo, &s, "{}");
	ck_at(2, EVENT_command_redo, AT(&task, &job, &phase, &root));
	ck_journal();
}
END_TEST

START_TEST(copies_of_a_kit_are_told_below_their_target)
{
	struct uuid target = make(d, &s, "job", &root), copy, below;

	forget_heard(d);
	ask(d, COMMAND_apply_kit, &s, "{'target_id':'%s','kit_root_id':'%s'}", text_of(&target),
	    text_of(&phase));
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(d->n_heard, 4);
	copy = d->heard[1].path[0];
	below = d->heard[2].path[0];
	ck_at(1, EVENT_node_created, AT(&copy, &target, &root));
	ck_at(2, EVENT_node_created, AT(&below, &copy, &target, &root));
	ck_at(3, EVENT_command_executed, AT(&copy, &target, &root, &below));
	ck_journal();
}
END_TEST

START_TEST(a_graph_that_is_replaced_is_told_node_by_node_and_needs_nothing_above)
{
	ask(d, COMMAND_load_graph, &s,
	    "{'graph':{'roots':[{'id':'%s','type':'phase','name':'P'},{'id':'q','type':'phase','"
	    "name':'Q'}]}"
	    "}",
	    text_of(&task));
	ck_assert_msg(d->error == OK, "%s", d->body);
	ck_at(1, EVENT_node_deleted, AT(&task, &job, &phase, &root));
	ck_at(2, EVENT_node_deleted, AT(&job, &phase, &root));
	ck_at(3, EVENT_node_deleted, AT(&phase, &root));
	ck_at(4, EVENT_node_deleted, AT(&root));
	ck_at(5, EVENT_node_created, AT(&task));
	ck_journal();
}
END_TEST

START_TEST(a_graph_too_big_for_one_path_concerns_everybody_as_a_whole)
{
	struct json_out args = { 0 };
	char node[64];

	json_out_bytes(&args, SPAN("{\"graph\":{\"roots\":["));
	for (int i = 0; i < LIMIT_PATH_NODES; i++) {
		int n = snprintf(node, sizeof node,
		    "%s{\"id\":\"n%d\",\"type\":\"phase\",\"name\":\"N\"}", i ? "," : "", i);
		json_out_bytes(&args, (struct span){ node, (size_t)n });
	}
	json_out_bytes(&args, SPAN("]}}"));
	ask_exactly(d, COMMAND_load_graph, &s, json_out_span(&args));
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_eq(d->heard[d->n_heard - 1].n_path, 0);
	ck_assert_uint_eq(d->heard[d->n_heard - 2].n_path, 1);
	json_out_fini(&args);
}
END_TEST

/* A step's text in a file, as it was written before steps had ancestors. */
static void
put_former(struct json_out *out, struct span text)
{
	struct json_out bytes = { 0 };
	struct step step;

	ck_assert(base64_decode((struct span){ text.p + 1, text.n - 2 }, &bytes));
	ck_assert(step_decode(json_out_span(&bytes), &step));
	step.has_ancestors = false;
	json_out_clear(&bytes);
	step_encode(&step, &bytes);
	json_out_bytes(out, SPAN("\""));
	base64_encode(json_out_span(&bytes), out);
	json_out_bytes(out, SPAN("\""));
	step_fini(&step);
	json_out_fini(&bytes);
}

/* {"file":…} of an export whose steps are of the former format. */
static void
put_former_file(struct json_out *out, struct span file)
{
	struct json_iter it;
	struct span history, steps, key, text;
	size_t behind;

	ck_assert(json_find(file, "history", &history) && json_find(history, "steps", &steps));
	behind = (size_t)(file.p + file.n - (steps.p + steps.n));
	json_out_bytes(out, SPAN("{\"file\":"));
	json_out_bytes(out, (struct span){ file.p, (size_t)(steps.p - file.p) });
	json_out_bytes(out, SPAN("["));
	json_walk(&it, steps);
	for (size_t i = 0; json_next(&it, &key, &text); i++) {
		json_out_bytes(out, i ? SPAN(",") : SPAN(""));
		put_former(out, text);
	}
	json_out_bytes(out, SPAN("]"));
	json_out_bytes(out, (struct span){ steps.p + steps.n, behind });
	json_out_bytes(out, SPAN("}"));
}

/* What a file says lay above its edits, or does not say, is found again while they are replayed. */
START_TEST(an_imported_history_says_where_it_happened)
{
	struct json_out args = { 0 };
	struct uuid project;
	char where[64];
	int64_t seq;

	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'notes','value':1}",
	    text_of(&task));
	seq = int_at(d->body, "seq");
	ask(d, COMMAND_get_session, &s, "{}");
	project = id_at(d->body, "project_id");
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','history':true}",
	    text_of(&project));
	put_former_file(&args, at(d->body, "file"));
	ask_exactly(d, COMMAND_import_project, NULL, json_out_span(&args));
	ck_assert_msg(d->error == OK, "%s", d->body);
	s = id_at(d->body, "session_id");
	ask(d, COMMAND_list_events, &s, "{'since':%lld,'limit':1,'paths':true}",
	    (long long)seq - 1);
	ck_assert(at_is(d->body, "events.0.event", "\"command:executed\""));
	snprintf(where, sizeof where, "\"%s\"", text_of(&task));
	ck_assert(at_is(d->body, "events.0.path.0", where));
	snprintf(where, sizeof where, "\"%s\"", text_of(&root));
	ck_assert(at_is(d->body, "events.0.path.3", where));
	json_out_fini(&args);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_paths");

	tcase_add_checked_fixture(tc, set_up_branch, tear_down);
	tcase_add_test(tc, a_page_says_where_only_when_it_is_asked);
	tcase_add_test(tc, a_batch_is_told_where_each_of_its_commands_left_the_nodes);
	tcase_add_test(tc, a_deleted_branch_is_told_below_what_is_above_it_and_so_is_its_return);
	tcase_add_test(tc, copies_of_a_kit_are_told_below_their_target);
	tcase_add_test(tc, a_graph_that_is_replaced_is_told_node_by_node_and_needs_nothing_above);
	tcase_add_test(tc, a_graph_too_big_for_one_path_concerns_everybody_as_a_whole);
	tcase_add_test(tc, an_imported_history_says_where_it_happened);
	return run_tests(tc);
}
