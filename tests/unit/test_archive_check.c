/* Steps from files: only what a command could have made passes. */

#include "graphd/archive_check.h"

#include "common/limits.h"
#include "common/mem.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static struct edit edit;
static struct step step;

static void
set_up(void)
{
	edit = (struct edit){ .kind = EDIT_ADD, .content = xcalloc(1, sizeof(*edit.content)) };
	edit.node.bytes[0] = 1;
	edit.content->type = xstrdup("phase");
	edit.content->name = xstrdup("Müller");
	edit.content->extra = xstrdup("\"a\":1,\"b\":[2]");
	edit.content->properties = xcalloc(1, sizeof(struct property));
	edit.content->properties[0] = (struct property){ xstrdup("notes"), xstrdup("{\"x\":1}") };
	edit.content->n_properties = 1;
	step = (struct step){ .type = COMMAND_create_node, .edits = &edit, .n_edits = 1 };
}

static void
tear_down(void)
{
	edit_fini(&edit);
}

static void
put(char **place, const char *text)
{
	free(*place);
	*place = xstrdup(text);
}

START_TEST(what_commands_make_passes)
{
	ck_assert(archive_is_sound(&step));
	put(&edit.content->extra, "");
	ck_assert(archive_is_sound(&step));
}
END_TEST

START_TEST(texts_must_be_utf8)
{
	put(&edit.content->name, "M\xfcller");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->name, "cut \xc3");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->name, "x");
	put(&edit.content->type, "\xed\xa0\x80");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->type, "phase");
	step.actor = (char[]){ "\xff" };
	ck_assert(!archive_is_sound(&step));
}
END_TEST

START_TEST(values_must_be_json)
{
	const char *bad[] = { "", "{", "1,2", "\"", "nul", "1} ,{" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put(&edit.content->properties[0].value, bad[i]);
		ck_assert_msg(!archive_is_sound(&step), "%s", bad[i]);
	}
	put(&edit.content->properties[0].value, "1");
	put(&edit.content->extra, "\"a\":1},{\"b\":2");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->extra, "");
	step.result = (char[]){ "{\"a\"" };
	ck_assert(!archive_is_sound(&step));
}
END_TEST

/* A blank behind the comma that goes before members leaves an object without one there. */
START_TEST(what_is_spliced_into_answers_holds_no_blanks)
{
	struct edit mark = { .kind = EDIT_MARK, .mark = MARK_SAVED };
	const char *bad[] = { "{ }", "{\"revision\":1} ", "{\"revision\": 1}" };

	put(&edit.content->extra, " ");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->extra, "\"a\":1 ");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->extra, "");
	put(&edit.content->properties[0].value, " 1");
	ck_assert(!archive_is_sound(&step));
	step.edits = &mark;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mark.value_after = (char *)(uintptr_t)bad[i];
		ck_assert_msg(!archive_is_sound(&step), "%s", bad[i]);
	}
}
END_TEST

START_TEST(details_of_marks_must_be_objects)
{
	struct edit mark = {
		.kind = EDIT_MARK, .mark = MARK_SAVED, .value_after = (char[]){ "[1]" }
	};

	step.edits = &mark;
	ck_assert(!archive_is_sound(&step));
	mark.value_after = (char[]){ "{\"revision\":1}" };
	ck_assert(archive_is_sound(&step));
	mark.value_after = NULL;
	ck_assert(archive_is_sound(&step));
}
END_TEST

START_TEST(nothing_is_said_a_second_time)
{
	struct edit mark = { .kind = EDIT_MARK, .mark = MARK_SAVED };
	const char *bad[] = { "{\"seq\":1}", "{\"revision\":1,\"session_id\":\"x\"}",
		"{\"reason\":\"x\"}" };

	put(&edit.content->extra, "\"label\":\"x\",\"children\":[]");
	ck_assert(!archive_is_sound(&step));
	put(&edit.content->extra, "\"label\":\"x\"");
	ck_assert(archive_is_sound(&step));
	step.edits = &mark;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mark.value_after = (char *)(uintptr_t)bad[i];
		ck_assert_msg(!archive_is_sound(&step), "%s", bad[i]);
	}
	mark.mark = MARK_CLOSED;
	ck_assert(archive_is_sound(&step));
	mark.mark = MARK_CLEAN;
	ck_assert(!archive_is_sound(&step));
	mark.mark = MARK_LOADED;
	mark.value_after = (char[]){ "{\"graph\":null,\"graph_omitted\":true}" };
	ck_assert(archive_is_sound(&step));
}
END_TEST

START_TEST(a_node_must_have_an_id)
{
	edit.node.bytes[0] = 0;
	ck_assert(!archive_is_sound(&step));
}
END_TEST

START_TEST(limits_hold_for_files_too)
{
	char long_name[LIMIT_NAME_BYTES + 2];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	put(&edit.content->name, long_name);
	ck_assert(!archive_is_sound(&step));
	long_name[LIMIT_NAME_BYTES] = '\0';
	put(&edit.content->name, long_name);
	ck_assert(archive_is_sound(&step));
	put(&edit.content->properties[0].key, long_name);
	ck_assert(!archive_is_sound(&step));
}
END_TEST

START_TEST(the_name_of_a_project_has_the_limit_that_it_has_elsewhere)
{
	char text[LIMIT_NAME_BYTES + 100];
	struct edit meta = { .kind = EDIT_META, .value_after = text };

	step.edits = &meta;
	for (int n = LIMIT_NAME_BYTES; n <= LIMIT_NAME_BYTES + 1; n++) {
		snprintf(
		    text, sizeof(text), "{\"project_id\":null,\"project_name\":\"%0*d\"}", n, 7);
		ck_assert_int_eq(archive_is_sound(&step), n == LIMIT_NAME_BYTES);
	}
	meta.value_after = (char[]){ "[1]" };
	ck_assert(!archive_is_sound(&step));
}
END_TEST

START_TEST(a_command_that_is_none_is_refused)
{
	step.type = COMMANDS;
	ck_assert(!archive_is_sound(&step));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("archive_check");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_commands_make_passes);
	tcase_add_test(tc, texts_must_be_utf8);
	tcase_add_test(tc, values_must_be_json);
	tcase_add_test(tc, what_is_spliced_into_answers_holds_no_blanks);
	tcase_add_test(tc, details_of_marks_must_be_objects);
	tcase_add_test(tc, nothing_is_said_a_second_time);
	tcase_add_test(tc, a_node_must_have_an_id);
	tcase_add_test(tc, limits_hold_for_files_too);
	tcase_add_test(tc, the_name_of_a_project_has_the_limit_that_it_has_elsewhere);
	tcase_add_test(tc, a_command_that_is_none_is_refused);
	return run_tests(tc);
}
