/* What becomes of requests whose commit fails. */
#include "server_fixture.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "proto/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct server_fixture f;

/* What the graph looks like to a reader now. */
static struct answer
tree_of(const char *session)
{
	struct answer a = client_ask(&f, "GetTree", session, "", "");

	ck_assert_str_eq(a.status, "OK");
	return a;
}

static void
check_failed_commit(const char *spec, const char *status)
{
	char session[64], root[64];
	struct answer before, after, failed;
	void *tap;

	server_fixture_open(&f, spec);
	make_project(&f, session, root);
	before = tree_of(session);
	tap = tap_new(&f, session);
	send_create(&f.asker, session, "lost");
	failed = client_await(&f, &f.asker);
	ck_assert_str_eq(failed.status, status);
	ck_assert_str_eq(tap_next(&f, tap, QUIET_MS).name, "");
	after = tree_of(session);
	ck_assert_str_eq(before.body, after.body);
	answer_fini(&before);
	answer_fini(&after);
	answer_fini(&failed);
	/* And the next one is stored. */
	send_create(&f.asker, session, "kept");
	after = client_await(&f, &f.asker);
	ck_assert_str_eq(after.status, "OK");
	answer_fini(&after);
	zmq_close(tap);
	server_fixture_close(&f);
}

START_TEST(a_failed_commit_is_answered_taken_back_and_never_heard_of)
{
	/* The first commit is that of the project. */
	check_failed_commit("fail:commit:2", "STORAGE_FAILED");
	check_failed_commit("fail:full:2", "STORAGE_FULL");
}
END_TEST

START_TEST(all_that_came_with_or_after_a_failed_commit_is_taken_back)
{
	char session[64], root[64];
	unsigned failed = 0, stored = 0;
	struct answer a;
	char last[64] = "";

	server_fixture_open(&f, "fail:commit:2");
	make_project(&f, session, root);
	for (int i = 0; i < 600; i++)
		send_create(&f.asker, session, "n");
	client_send(&f.asker, "GetTree", session, "", "");
	for (int i = 0; i < 600; i++) {
		a = client_await(&f, &f.asker);
		failed += strcmp(a.status, "STORAGE_FAILED") == 0;
		if (strcmp(a.status, "OK") == 0) {
			stored++;
			answer_text(&a, "node_id", last);
		}
		answer_fini(&a);
	}
	ck_assert_uint_eq(failed + stored, 600);
	ck_assert_uint_gt(failed, 0);
	/* The read that saw them is answered from what is stored. */
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "OK");
	if (stored)
		ck_assert_ptr_nonnull(strstr(a.body, last));
	failed = 0;
	for (const char *at = a.body; (at = strstr(at, "\"name\":\"n\"")); at++)
		failed++;
	ck_assert_uint_eq(failed, stored);
	answer_fini(&a);
	server_fixture_close(&f);
}
END_TEST

START_TEST(a_cleanup_whose_second_share_is_not_stored_says_so_and_can_be_asked_for_again)
{
	const char *args = "{\"max_inactive_hours\":0}";
	struct answer a;

	/* Each session is a commit, and so is each share. */
	server_fixture_open(&f, "fail:full:42");
	for (int i = 0; i < 40; i++)
		client_expect(&f, "OK", "CreateSession", "", "", "{}");
	a = client_ask(&f, "CleanupSessions", "", "", args);
	ck_assert_str_eq(a.status, "STORAGE_FULL");
	answer_fini(&a);
	a = client_ask(&f, "CleanupSessions", "", "", args);
	ck_assert_str_eq(a.status, "OK");
	ck_assert_msg(
	    strstr(a.body, "\"sessions_removed\":24,\"active_sessions\":0"), "%s", a.body);
	answer_fini(&a);
	server_fixture_close(&f);
}
END_TEST

START_TEST(a_session_whose_creation_was_not_stored_does_not_exist)
{
	struct answer a;

	server_fixture_open(&f, "fail:commit:1");
	client_expect(&f, "STORAGE_FAILED", "CreateSession", "", "", "{}");
	a = client_ask(&f, "ListSessions", "", "", "{}");
	ck_assert_ptr_nonnull(strstr(a.body, "\"total\":0"));
	answer_fini(&a);
	client_expect(&f, "OK", "CreateSession", "", "", "{}");
	server_fixture_close(&f);
}
END_TEST

/* One turn in which everything that was sent is taken. */
static void
turn_with_all(void)
{
	usleep(50 * 1000);
	loop_turn(f.loop, 0);
}

START_TEST(who_used_a_session_before_its_creation_failed_is_told_of_the_failure)
{
	zmq_pollitem_t item = { .events = ZMQ_POLLIN };
	char session[64];
	struct answer a;

	server_fixture_open(&f, "fail:commit:1");
	client_send(&f.asker, "CreateProject", "", "",
	    "{\"template_id\":\"restomod\",\"project_name\":\"P\"}");
	client_send(&f.asker, "ListSessions", "", "", "{}");
	turn_with_all();
	/* The list tells of it while its commit is under way. */
	item.socket = f.asker.socket;
	ck_assert_int_eq(zmq_poll(&item, 1, 1000), 1);
	a = client_await(&f, &f.asker);
	answer_text(&a, "session_id", session);
	answer_fini(&a);
	client_send(&f.asker, "CreateNode", session, "",
	    "{\"blueprint_type_id\":\"phase\",\"name\":\"n\"}");
	turn_with_all();
	for (int i = 0; i < 2; i++) {
		a = client_await(&f, &f.asker);
		ck_assert_str_eq(a.status, "STORAGE_FAILED");
		ck_assert_ptr_null(strstr(a.body, "\"graph\""));
		answer_fini(&a);
	}
	client_expect(&f, "INVALID_SESSION", "GetTree", session, "", "{}");
	server_fixture_close(&f);
}
END_TEST

/* The first one is lost, and with it the reason why the second one was refused. */
START_TEST(a_keyed_refusal_that_rested_on_a_lost_step_is_found_anew)
{
	const char *node = "{\"blueprint_type_id\":\"phase\","
			   "\"node_id\":\"11111111-1111-4111-8111-111111111111\"}";
	char session[64], root[64];
	struct answer a;

	server_fixture_open(&f, "fail:commit:2");
	make_project(&f, session, root);
	client_send(&f.asker, "CreateNode", session, "", node);
	client_send(&f.asker, "CreateNode", session, "{\"key\":\"k\"}", node);
	turn_with_all();
	a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "STORAGE_FAILED");
	answer_fini(&a);
	a = client_await(&f, &f.asker);
	ck_assert_msg(strcmp(a.status, "OK") == 0, "%s", a.body);
	answer_fini(&a);
	client_expect(&f, "OK", "CreateNode", session, "{\"key\":\"k\"}", node);
	server_fixture_close(&f);
}
END_TEST

START_TEST(a_revision_that_was_not_stored_does_not_count)
{
	char session[64], root[64];
	struct answer a;

	server_fixture_open(&f, "fail:full:2");
	make_project(&f, session, root);
	client_expect(&f, "STORAGE_FULL", "SaveProject", session, "", "{}");
	send_create(&f.asker, session, "n");
	client_send(&f.asker, "SaveProject", session, "", "{\"if_revision\":0}");
	turn_with_all();
	for (int i = 0; i < 2; i++) {
		a = client_await(&f, &f.asker);
		ck_assert_msg(strcmp(a.status, "OK") == 0, "%s", a.body);
		ck_assert(i == 0 || strstr(a.body, "\"revision\":1,"));
		answer_fini(&a);
	}
	server_fixture_close(&f);
}
END_TEST

START_TEST(after_a_failed_flush_nothing_more_is_acknowledged)
{
	char session[64], root[64];

	server_fixture_open(&f, "fail:fsync:2");
	make_project(&f, session, root);
	ck_assert(!server_has_failed(f.server));
	send_create(&f.asker, session, "lost");
	while (!server_has_failed(f.server))
		loop_turn(f.loop, 10);
	struct answer a = client_await(&f, &f.asker);
	ck_assert_str_eq(a.status, "STORAGE_FAILED");
	answer_fini(&a);
	server_fixture_close(&f);
}
END_TEST

int
main(void)
{
	TCase *failing = tcase_create("server_failures");

	tcase_set_timeout(failing, 60);
	tcase_add_test(failing, a_failed_commit_is_answered_taken_back_and_never_heard_of);
	tcase_add_test(failing, all_that_came_with_or_after_a_failed_commit_is_taken_back);
	tcase_add_test(
	    failing, a_cleanup_whose_second_share_is_not_stored_says_so_and_can_be_asked_for_again);
	tcase_add_test(failing, a_session_whose_creation_was_not_stored_does_not_exist);
	tcase_add_test(
	    failing, who_used_a_session_before_its_creation_failed_is_told_of_the_failure);
	tcase_add_test(failing, a_keyed_refusal_that_rested_on_a_lost_step_is_found_anew);
	tcase_add_test(failing, a_revision_that_was_not_stored_does_not_count);
	tcase_add_test(failing, after_a_failed_flush_nothing_more_is_acknowledged);
	return run_tests(failing);
}
