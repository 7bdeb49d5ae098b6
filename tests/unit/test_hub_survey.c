/* What graphd asks clients: which members hear it, and what of their answers goes back. */

#include "hub_fixture.h"

#include "common/limits.h"

static struct fake_client ann, bob, cem;

#define ASK_ID "99999999-8888-4777-8666-555555555555"
#define ASK_ID_2 "99999999-8888-4777-8666-444444444444"

/* A counted client of that number, all the way in. */
static void
bring_in(struct fake_client *c, const char *client_id, unsigned number)
{
	char reply[128];

	snprintf(reply, sizeof reply,
	    "{\"active_clients\":1,\"seq\":0,\"announced\":true,\"number\":%u}", number);
	join_counted(c, client_id, &fake_transport);
	sync_at(0);
	connected(client_id, 0);
	fake_answer(&fake, COMMAND_join, OK, reply);
	turn();
	ck_assert_uint_eq(c->n_joined, 1);
	forget_heard(c);
}

static void
all_in(void)
{
	bring_in(&ann, "A", 1);
	bring_in(&bob, "B", 2);
	bring_in(&cem, "C", 3);
	forget_heard(&ann);
	forget_heard(&bob);
}

static void
put_as(const char *id, const char *client, unsigned timeout_ms, unsigned last)
{
	char body[512], named[64] = "";

	if (client)
		snprintf(named, sizeof named, "\"client_id\":\"%s\",", client);
	snprintf(body, sizeof body,
	    "{%s\"ask_id\":\"%s\",\"event\":\"really\",\"data\":[1],\"timeout_ms\":%u,\"last\":%u}",
	    named, id, timeout_ms, last);
	say(EVENT_ask, 0, 0, body);
}

/* Everybody who has come so far. */
static void
put(void)
{
	put_as(ASK_ID, NULL, 5000, 100);
}

static bool
says(struct fake_client *c, const char *arguments)
{
	return hub_answer(hub, &c->member, asked_number, OK, span_of(arguments));
}

/* The arguments of the oldest Answer that was not looked at yet; "" when there is none. */
static const char *
sent(void)
{
	static char args[8 * LIMIT_ANSWER_BYTES];
	struct fake_ask *a = fake_open(&fake, COMMAND_answer);

	if (!a)
		return "";
	snprintf(args, sizeof args, "%s", a->args);
	fake_answer(&fake, COMMAND_answer, OK, "{\"counted\":1}");
	return args;
}

START_TEST(counted_members_are_asked_and_their_answers_go_back_together)
{
	struct fake_client sse;

	all_in();
	join_plainly(&sse);
	turn();
	forget_heard(&sse);
	put();
	ck_heard(&ann, "really [1]?");
	ck_heard(&bob, "really [1]?");
	ck_heard(&cem, "really [1]?");
	ck_heard(&sse, "");
	ck_assert(!says(&sse, "[]"));
	ck_assert(says(&bob, "[ {\"b\": 2} ]"));
	ck_assert(says(&ann, "[1,\"two\"]"));
	ck_assert_uint_eq(fake_count(&fake, COMMAND_answer), 0);
	turn();
	ck_assert_str_eq(sent(),
	    "{\"ask_id\":\"" ASK_ID
	    "\",\"answers\":[{\"client_id\":\"B\",\"arguments\":[{\"b\":2}]},"
	    "{\"client_id\":\"A\",\"arguments\":[1,\"two\"]}]}");
	ck_assert(says(&cem, "[]"));
	turn();
	ck_assert_str_eq(sent(),
	    "{\"ask_id\":\"" ASK_ID "\",\"answers\":[{\"client_id\":\"C\",\"arguments\":[]}]}");
	hub_leave(hub, &sse.member);
}
END_TEST

START_TEST(a_question_comes_behind_the_events_before_it)
{
	bring_in(&ann, "A", 1);
	durable(1);
	put();
	durable(2);
	turn();
	ck_heard(&ann, "node_created 1;really [1]?node_created 2;");
}
END_TEST

START_TEST(an_answer_counts_once_and_only_to_what_was_asked)
{
	all_in();
	put_as(ASK_ID, "B", 5000, 100);
	ck_heard(&ann, "");
	ck_heard(&bob, "really [1]?");
	ck_assert(!says(&ann, "[]"));
	ck_assert(!hub_answer(hub, &bob.member, asked_number + 1, OK, SPAN("[]")));
	ck_assert(!hub_answer(hub, &bob.member, 0, OK, SPAN("[]")));
	ck_assert(says(&bob, "[]"));
	ck_assert(!says(&bob, "[]"));
	turn();
	ck_assert_str_ne(sent(), "");
	ck_assert_str_eq(sent(), "");
}
END_TEST

START_TEST(two_questions_are_answered_apart)
{
	uint64_t first;

	bring_in(&ann, "A", 1);
	put();
	first = asked_number;
	put_as(ASK_ID_2, NULL, 5000, 100);
	ck_assert_uint_ne(first, asked_number);
	ck_assert(says(&ann, "[2]"));
	ck_assert(hub_answer(hub, &ann.member, first, OK, SPAN("[1]")));
	turn();
	ck_assert_ptr_nonnull(
	    strstr(sent(), ASK_ID_2 "\",\"answers\":[{\"client_id\":\"A\",\"arguments\":[2]"));
	ck_assert_ptr_nonnull(
	    strstr(sent(), ASK_ID "\",\"answers\":[{\"client_id\":\"A\",\"arguments\":[1]"));
}
END_TEST

START_TEST(who_joined_after_the_question_was_put_is_not_asked)
{
	bring_in(&ann, "A", 1);
	bring_in(&bob, "B", 2);
	forget_heard(&ann);
	put_as(ASK_ID, NULL, 5000, 1);
	ck_heard(&ann, "really [1]?");
	ck_heard(&bob, "");
	ck_assert(!says(&bob, "[]"));
}
END_TEST

/* graphd has counted it, the gateway does not know yet. */
START_TEST(who_is_still_coming_is_asked_once_it_is_in_if_it_came_before_the_question)
{
	bring_in(&ann, "A", 1);
	join_counted(&bob, "B", &fake_transport);
	join_counted(&cem, "C", &fake_transport);
	turn();
	connected("B", 0);
	put_as(ASK_ID, NULL, 5000, 2);
	ck_heard(&bob, "");
	ck_assert(!says(&bob, "[]"));
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":2}");
	ck_heard(&bob, "joined 0;session_connected 0;really [1]?");
	connected("C", 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":3}");
	ck_heard(&cem, "joined 0;session_connected 0;");
	ck_assert(says(&bob, "[]"));
	ck_assert(!says(&cem, "[]"));
}
END_TEST

START_TEST(who_was_not_reported_yet_is_not_asked)
{
	join_counted(&ann, "A", &fake_transport);
	put();
	sync_at(0);
	connected("A", 0);
	fake_answer(&fake, COMMAND_join, OK, "{\"announced\":true,\"number\":2}");
	ck_heard(&ann, "joined 0;session_connected 0;");
}
END_TEST

START_TEST(members_that_are_behind_are_asked_all_the_same_unless_they_owe_too_much)
{
	all_in();
	ann.owed = LIMIT_QUEUE_BYTES;
	bob.owed = LIMIT_QUEUE_BYTES - 1;
	put();
	ck_heard(&ann, "");
	ck_heard(&bob, "really [1]?");
	ck_heard(&cem, "really [1]?");
	ck_assert(!says(&ann, "[]"));
	ck_assert(says(&bob, "[]"));
	bob.owed = 1;
	durable(1);
	bob.owed = LIMIT_QUEUE_BYTES;
	turn();
	ck_assert_int_eq(bob.member.state, MEMBER_SLOW);
	bob.owed = LIMIT_QUEUE_BYTES - 1;
	forget_heard(&bob);
	put_as(ASK_ID_2, "B", 5000, 100);
	ck_heard(&bob, "really [1]?");
	ck_assert(says(&bob, "[]"));
}
END_TEST

START_TEST(who_leaves_has_nothing_to_answer_any_more)
{
	all_in();
	put();
	hub_leave(hub, &ann.member);
	ck_assert(!says(&ann, "[]"));
	/* Another client in the same memory was not asked. */
	bring_in(&ann, "A2", 4);
	ck_assert(!says(&ann, "[]"));
	ck_assert(says(&bob, "[]"));
}
END_TEST

START_TEST(a_question_is_forgotten_when_its_time_is_up)
{
	all_in();
	put_as(ASK_ID, NULL, 500, 100);
	ck_assert(says(&ann, "[]"));
	pass(450);
	ck_assert(says(&bob, "[]"));
	pass(50);
	ck_assert(!says(&cem, "[]"));
	pass(1100);
	ck_assert(!says(&cem, "[]"));
	ck_assert_str_ne(sent(), "");
}
END_TEST

static const char *
answered_with(const char *arguments)
{
	put();
	ck_assert(says(&ann, arguments));
	turn();
	return sent();
}

/* n opening brackets, as many closing ones. */
static const char *
nested(int n)
{
	static char text[256];

	memset(text, '[', (size_t)n);
	memset(text + n, ']', (size_t)n);
	text[2 * n] = '\0';
	return text;
}

START_TEST(answers_that_graphd_would_not_take_are_errors)
{
	static char text[2 * LIMIT_ANSWER_BYTES];
	const char *refused = "{\"client_id\":\"A\",\"error\":\"INVALID_REQUEST\"}";

	bring_in(&ann, "A", 1);
	snprintf(text, sizeof text, "[\"%0*d\"]", LIMIT_ANSWER_BYTES - 3, 7);
	ck_assert_ptr_nonnull(
	    strstr(answered_with(text), "{\"client_id\":\"A\",\"error\":\"LIMIT_VALUE\"}"));
	snprintf(text, sizeof text, "[\"%0*d\"]", LIMIT_ANSWER_BYTES - 4, 7);
	ck_assert_ptr_nonnull(strstr(answered_with(text), "\"arguments\":[\"0000"));
	ck_assert_ptr_nonnull(strstr(answered_with(nested(LIMIT_JSON_DEPTH + 1)), "\"arguments\""));
	ck_assert_ptr_nonnull(strstr(answered_with(nested(LIMIT_JSON_DEPTH + 2)), refused));
	snprintf(text, sizeof text, "[{\"%0*d\":1}]", LIMIT_JSON_KEY_BYTES + 1, 7);
	ck_assert_ptr_nonnull(strstr(answered_with(text), refused));
	put();
	ck_assert(hub_answer(hub, &ann.member, asked_number, ERROR_invalid_request, SPAN("")));
	turn();
	ck_assert_ptr_nonnull(strstr(sent(), refused));
}
END_TEST

START_TEST(long_answers_travel_in_several_messages)
{
	static char text[2 * LIMIT_ANSWER_BYTES];

	all_in();
	put();
	snprintf(text, sizeof text, "[\"%0*d\"]", LIMIT_ANSWERS_MESSAGE_BYTES / 2, 7);
	ck_assert(says(&ann, text));
	ck_assert(says(&bob, text));
	/* So much has gathered that the end of the turn is not waited for. */
	ck_assert_uint_eq(fake_count(&fake, COMMAND_answer), 1);
	ck_assert(says(&cem, "[3]"));
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_answer), 2);
	ck_assert_ptr_nonnull(strstr(sent(), "\"B\""));
	ck_assert_ptr_nonnull(strstr(sent(), "\"arguments\":[3]"));
}
END_TEST

START_TEST(answers_wait_while_no_more_can_be_sent)
{
	all_in();
	put();
	fake.is_full = true;
	ck_assert(says(&ann, "[1]"));
	turn();
	ck_assert(says(&bob, "[2]"));
	turn();
	ck_assert_uint_eq(fake_count(&fake, COMMAND_answer), 0);
	fake.is_full = false;
	turn();
	ck_assert_ptr_nonnull(strstr(sent(), "\"arguments\":[1]},{\"client_id\":\"B\""));
}
END_TEST

START_TEST(what_is_no_question_is_passed_over)
{
	static const char *const wrong[] = { "{}",
		"{\"ask_id\":\"" ASK_ID "\",\"event\":\"e\",\"timeout_ms\":5,\"last\":9}",
		"{\"ask_id\":\"7\",\"event\":\"e\",\"data\":1,\"timeout_ms\":5,\"last\":9}",
		"{\"ask_id\":\"" ASK_ID "\",\"event\":7,\"data\":1,\"timeout_ms\":5,\"last\":9}" };

	bring_in(&ann, "A", 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		say(EVENT_ask, 0, 0, wrong[i]);
	turn();
	ck_heard(&ann, "");
}
END_TEST

START_TEST(an_end_with_questions_open_leaves_nothing_behind)
{
	all_in();
	put();
	fake.is_full = true;
	ck_assert(says(&ann, "[1]"));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("hub_survey");

	tcase_add_checked_fixture(tc, hub_setup, hub_teardown);
	tcase_add_test(tc, counted_members_are_asked_and_their_answers_go_back_together);
	tcase_add_test(tc, a_question_comes_behind_the_events_before_it);
	tcase_add_test(tc, an_answer_counts_once_and_only_to_what_was_asked);
	tcase_add_test(tc, two_questions_are_answered_apart);
	tcase_add_test(tc, who_joined_after_the_question_was_put_is_not_asked);
	tcase_add_test(
	    tc, who_is_still_coming_is_asked_once_it_is_in_if_it_came_before_the_question);
	tcase_add_test(tc, who_was_not_reported_yet_is_not_asked);
	tcase_add_test(tc, members_that_are_behind_are_asked_all_the_same_unless_they_owe_too_much);
	tcase_add_test(tc, who_leaves_has_nothing_to_answer_any_more);
	tcase_add_test(tc, a_question_is_forgotten_when_its_time_is_up);
	tcase_add_test(tc, answers_that_graphd_would_not_take_are_errors);
	tcase_add_test(tc, long_answers_travel_in_several_messages);
	tcase_add_test(tc, answers_wait_while_no_more_can_be_sent);
	tcase_add_test(tc, what_is_no_question_is_passed_over);
	tcase_add_test(tc, an_end_with_questions_open_leaves_nothing_behind);
	return run_tests(tc);
}
