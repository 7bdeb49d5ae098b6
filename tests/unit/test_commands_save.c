/* Saving a project: revisions, and on which condition a new one is made. */

#include "project_fixture.h"

#include "common/json.h"

START_TEST(saving_makes_revisions_and_if_match_guards_them)
{
	save();
	ck_assert(at_is(d->body, "revision", "1"));
	ck_assert_str_eq(heard_names(d), "project:saved");
	ck_assert(at_is(d->heard[0].body, "revision", "1"));
	make(d, &s, "phase", &root);
	ask(d, COMMAND_save_project, &s, "{'if_revision':7}");
	ck_assert_int_eq(d->error, ERROR_precondition_failed);
	ck_assert(at_is(d->body, "error.details.revision", "1"));
	ask(d, COMMAND_save_project, NULL, "{'if_revision':1,'project_id':'%s'}",
	    text_of(&project));
	ck_assert_msg(at_is(d->body, "revision", "2"), "%s", d->body);
	ck_assert(at_is(ask(d, COMMAND_get_dirty, &s, "{}"), "is_dirty", "false"));
	ask(d, COMMAND_save_project, &s, "{'project_id':'11111111-1111-4111-8111-111111111111'}");
	ck_assert_int_eq(d->error, ERROR_project_not_found);
}
END_TEST

START_TEST(one_of_several_revisions_will_do_or_any)
{
	ask(d, COMMAND_save_project, &s, "{'if_match':['*']}");
	ck_assert_int_eq(d->error, ERROR_precondition_failed);
	ask(d, COMMAND_save_project, &s, "{'if_match':[5,0]}");
	ck_assert_msg(at_is(d->body, "revision", "1"), "%s", d->body);
	ask(d, COMMAND_save_project, &s, "{'if_match':['\\u002a']}");
	ck_assert_msg(at_is(d->body, "revision", "2"), "%s", d->body);
	ask(d, COMMAND_save_project, &s, "{'if_match':[1,3]}");
	ck_assert_int_eq(d->error, ERROR_precondition_failed);
	ck_assert(at_is(d->body, "error.field", "\"If-Match\""));
	ck_assert(at_is(d->body, "error.details.revision", "2"));
	ask(d, COMMAND_save_project, &s, "{'if_match':[]}");
	ck_assert_int_eq(d->error, ERROR_precondition_failed);
	ask(d, COMMAND_save_project, &s, "{'if_match':[2,'x']}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ask(d, COMMAND_save_project, &s, "{'if_match':[2],'if_revision':1}");
	ck_assert(at_is(d->body, "error.field", "\"if_revision\""));
}
END_TEST

START_TEST(a_save_that_was_not_stored_takes_no_revision)
{
	ask_in_vain(d, COMMAND_save_project, &s, SPAN("{}"));
	make(d, &s, "phase", &root);
	save();
	ck_assert(at_is(d->body, "revision", "1"));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_save");

	tcase_add_checked_fixture(tc, set_up_project, tear_down);
	tcase_add_test(tc, saving_makes_revisions_and_if_match_guards_them);
	tcase_add_test(tc, one_of_several_revisions_will_do_or_any);
	tcase_add_test(tc, a_save_that_was_not_stored_takes_no_revision);
	return run_tests(tc);
}
