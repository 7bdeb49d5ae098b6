/* The audit trail shows every kind of edit with what was before and after. */

#include "session_fixture.h"

#include "common/json.h"

#include <stdio.h>

/* The newest step, as the audit trail has it. */
static const char *
last_step(void)
{
	static char text[8192];
	struct span steps, step = { NULL, 0 }, key, value;
	struct json_iter it;

	ask(d, COMMAND_list_history, &s, "{}");
	ck_assert_msg(d->error == OK, "%s", d->body);
	steps = at(d->body, "steps");
	json_walk(&it, steps);
	while (json_next(&it, &key, &value))
		step = value;
	ck_assert(step.p && step.n < sizeof(text));
	snprintf(text, sizeof(text), "%.*s", (int)step.n, step.p);
	return text;
}

START_TEST(a_made_node_has_only_an_after)
{
	const char *step;

	ask(d, COMMAND_create_node, &s,
	    "{'blueprint_type_id':'part','name':'Bolt','properties':{'n':1}}");
	step = last_step();
	ck_assert(at_is(step, "edits.0.edit", "\"add\""));
	ck_assert(at_is(step, "edits.0.before", "null"));
	ck_assert_msg(at_is(step, "edits.0.after.name", "\"Bolt\""), "%s", step);
	ck_assert(at_is(step, "edits.0.after.parent_id", "null"));
	ck_assert(at_is(step, "edits.0.after.properties.n", "1"));
}
END_TEST

START_TEST(a_deleted_node_has_only_a_before)
{
	struct uuid phase = make(d, &s, "phase", &root);
	const char *step;

	ask(d, COMMAND_delete_node, &s, "{'node_id':'%s'}", text_of(&phase));
	step = last_step();
	ck_assert(at_is(step, "edits.0.edit", "\"remove\""));
	ck_assert(at_is(step, "edits.0.after", "null"));
	ck_assert_msg(at_is(step, "edits.0.before.blueprint_type_id", "\"phase\""), "%s", step);
	ck_assert(at_is(step, "edits.0.before.index", "0"));
}
END_TEST

START_TEST(a_moved_node_has_both_places)
{
	struct uuid phase = make(d, &s, "phase", &root);
	const char *step;

	ask(d, COMMAND_move_node, &s, "{'node_id':'%s'}", text_of(&phase));
	step = last_step();
	ck_assert(at_is(step, "edits.0.edit", "\"move\""));
	ck_assert(at(step, "edits.0.before.parent_id").n == UUID_TEXT + 2);
	ck_assert(at_is(step, "edits.0.after.parent_id", "null"));
	ck_assert(at_is(step, "edits.0.after.index", "1"));
}
END_TEST

START_TEST(a_renamed_node_had_a_name_before)
{
	struct uuid phase = make(d, &s, "phase", &root);
	const char *step;

	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'name','value':'B'}",
	    text_of(&phase));
	step = last_step();
	ck_assert(at_is(step, "edits.0.before", "\"New Node\""));
	ck_assert(at_is(step, "edits.0.after", "\"B\""));
	ask(d, COMMAND_undo, &s, "{}");
	step = last_step();
	ck_assert(at_is(step, "edits.0.before", "\"B\""));
	ck_assert(at_is(step, "edits.0.after", "\"New Node\""));
}
END_TEST

START_TEST(marks_and_projects_are_shown_too)
{
	const char *step;

	ask(d, COMMAND_save_project, &s, "{}");
	step = last_step();
	ck_assert(at_is(step, "kind", "\"mark\""));
	ck_assert(at_is(step, "command_type", "\"SaveProject\""));
	ck_assert(at_is(step, "edits.0.mark", "\"saved\""));
	ask(d, COMMAND_create_project, NULL,
	    "{'template_id':'book','project_name':'B','session_id':'%s'}", text_of(&s));
	step = last_step();
	ck_assert(at_is(step, "edits.1.edit", "\"project\""));
	ck_assert(at_is(step, "edits.1.before.template_id", "\"restomod\""));
	ck_assert(at_is(step, "edits.1.after.template_id", "\"book\""));
}
END_TEST

START_TEST(undo_and_redo_name_the_command_they_took)
{
	char made[UUID_TEXT + 3];
	const char *step;

	make(d, &s, "phase", &root);
	snprintf(made, sizeof(made), "%.*s", UUID_TEXT + 2, at(d->body, "command_id").p);
	ask(d, COMMAND_undo, &s, "{}");
	step = last_step();
	ck_assert(at_is(step, "kind", "\"undo\"") && at_is(step, "target_id", made));
	ask(d, COMMAND_redo, &s, "{}");
	step = last_step();
	ck_assert(at_is(step, "kind", "\"redo\"") && at_is(step, "target_id", made));
	ck_assert(at_is(step, "command_type", "\"CreateNode\""));
}
END_TEST

/* The types of the steps of a page, and whether there is more. */
static bool
page_is(int since, const char *types)
{
	struct span steps, key, value;
	struct json_iter it;
	char found[256] = "";

	ask(d, COMMAND_list_history, &s, "{'since':%d,'limit':1}", since);
	steps = at(d->body, "steps");
	json_walk(&it, steps);
	while (json_next(&it, &key, &value)) {
		struct span type;
		ck_assert(json_find(value, "command_type", &type));
		strncat(found, type.p, type.n);
	}
	strcat(found, at_is(d->body, "more", "true") ? " more" : "");
	return strcmp(found, types) == 0;
}

START_TEST(a_step_without_events_is_lost_between_no_two_pages)
{
	make(d, &s, "phase", &root);
	for (int i = 0; i < 3; i++)
		ask(d, COMMAND_reset_dirty, &s, "{}");
	make(d, &s, "phase", &root);
	ck_assert(page_is(2, "\"CreateNode\"\"ResetDirty\" more"));
	ck_assert(page_is(4, "\"CreateNode\""));
	ask(d, COMMAND_reset_dirty, &s, "{}");
	ck_assert(page_is(4, "\"CreateNode\"\"ResetDirty\""));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("audit");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_made_node_has_only_an_after);
	tcase_add_test(tc, a_deleted_node_has_only_a_before);
	tcase_add_test(tc, a_moved_node_has_both_places);
	tcase_add_test(tc, a_renamed_node_had_a_name_before);
	tcase_add_test(tc, marks_and_projects_are_shown_too);
	tcase_add_test(tc, undo_and_redo_name_the_command_they_took);
	tcase_add_test(tc, a_step_without_events_is_lost_between_no_two_pages);
	return run_tests(tc);
}
