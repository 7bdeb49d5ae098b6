/* In which order requests run: those that concern a session keep their place among its own. */

#include "common/loop.h"
#include "memory_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char session[64], root[64], project[64];

static void
open_big(void)
{
	char *args = big_graph();
	struct answer a;

	open_memory();
	make_project(&f, session, root);
	client_expect(&f, "OK", "LoadGraph", session, MINIMAL, args);
	a = client_ask(&f, "GetSession", session, "", "");
	answer_text(&a, "project_id", project);
	answer_fini(&a);
	free(args);
}

/* A request without a session of its own is sent while the session's graph is being read, and is
 * answered behind that. */
static void
expect_to_wait(const char *command, const char *args)
{
	struct answer tree, other;

	client_send(&f.asker, "GetTree", session, "", "");
	client_send(&f.asker, command, "", MINIMAL, args);
	tree = client_await(&f, &f.asker);
	other = client_await(&f, &f.asker);
	ck_assert_msg(tree.id + 1 == other.id, "%s %s did not wait", command, args);
	ck_assert_msg(strcmp(other.status, "OK") == 0, "%s %.200s", command, other.body);
	answer_fini(&tree);
	answer_fini(&other);
}

START_TEST(who_names_a_session_in_the_arguments_waits_for_its_reader)
{
	char args[300];

	snprintf(args, sizeof args, "{\"session_id\":\"%s\"}", session);
	expect_to_wait("SaveProject", args);
	snprintf(args, sizeof args, "{\"project_id\":\"%s\"}", project);
	expect_to_wait("SaveProject", args);
	snprintf(args, sizeof args, "{\"project_id\":\"%s\",\"node_id\":\"%s\"}", project,
	    "00000000-0000-4000-8000-000000000007");
	expect_to_wait("GetNode", args);
	snprintf(args, sizeof args,
	    "{\"session_id\":\"%s\",\"template_id\":\"book\",\"project_name\":\"x\"}", session);
	expect_to_wait("CreateProject", args);
}
END_TEST

/* Saves the project and opens it in another session; args: becomes what names the project. */
static void
save_and_open(char args[300], char other[64])
{
	struct answer a;

	snprintf(args, 300, "{\"project_id\":\"%s\"}", project);
	client_expect(&f, "OK", "SaveProject", "", "", args);
	a = client_ask(&f, "OpenProject", "", MINIMAL, args);
	answer_text(&a, "session_id", other);
	answer_fini(&a);
}

START_TEST(the_session_that_is_named_counts_and_not_another_one_on_its_project)
{
	char args[300], other[64];
	struct answer a;
	unsigned tree;

	save_and_open(args, other);
	tree = client_send(&f.asker, "GetTree", session, "", "");
	/* Now the other one was used last. */
	client_send(&f.asker, "ResetDirty", other, "", "");
	snprintf(
	    args, sizeof args, "{\"session_id\":\"%s\",\"project_id\":\"%s\"}", session, project);
	client_send(&f.asker, "SaveProject", "", "", args);
	for (int i = 0; i < 3; i++) {
		static const unsigned order[] = { 1, 0, 2 };

		a = client_await(&f, &f.asker);
		ck_assert_uint_eq(a.id, tree + order[i]);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
	}
}
END_TEST

START_TEST(who_names_a_project_waits_for_the_reader_of_the_session_that_is_on_it_by_then)
{
	char args[300], other[64];
	struct answer a;
	unsigned tree;

	save_and_open(args, other);
	tree = client_send(&f.asker, "GetTree", session, "", "");
	client_send(&f.asker, "SaveProject", "", "", args);
	/* It waits for the first one, which is well on its way when the other one is used. */
	for (int i = 0; i < 4; i++)
		loop_turn(f.loop, 10);
	client_send(&f.asker, "GetTree", other, "", "");
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned order[] = { 0, 2, 1 };

		a = client_await(&f, &f.asker);
		ck_assert_uint_eq(a.id, tree + order[i]);
		ck_assert_str_eq(a.status, "OK");
		answer_fini(&a);
	}
}
END_TEST

int
main(void)
{
	TCase *turn = tcase_create("server_turn");

	tcase_add_checked_fixture(turn, open_big, close_it);
	tcase_set_timeout(turn, 60);
	tcase_add_test(turn, who_names_a_session_in_the_arguments_waits_for_its_reader);
	tcase_add_test(turn, the_session_that_is_named_counts_and_not_another_one_on_its_project);
	tcase_add_test(
	    turn, who_names_a_project_waits_for_the_reader_of_the_session_that_is_on_it_by_then);
	return run_tests(turn);
}
