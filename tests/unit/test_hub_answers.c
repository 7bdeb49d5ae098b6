/* What of clients' answers goes back to graphd, and how. */

#include "asking_fixture.h"

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

START_TEST(no_more_is_kept_meanwhile_than_graphd_would_take)
{
	enum { CROWD = LIMIT_ANSWERS_BYTES / LIMIT_ANSWER_BYTES + 10 };
	static struct fake_client crowd[CROWD];
	static char ids[CROWD][8], text[LIMIT_ANSWER_BYTES + 1];
	const char *told;
	size_t n_whole = 0, n_errors = 0;

	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(ids[i], sizeof ids[i], "c%u", i);
		bring_in(&crowd[i], ids[i], i + 1);
	}
	put_as(ASK_ID, NULL, 5000, CROWD);
	snprintf(text, sizeof text, "[\"%0*d\"]", LIMIT_ANSWER_BYTES - 100, 7);
	fake.is_full = true;
	for (unsigned i = 0; i < CROWD; i++)
		ck_assert(says(&crowd[i], text));
	fake.is_full = false;
	turn();
	told = fake_open(&fake, COMMAND_answer)->args;
	ck_assert_uint_le(strlen(told), LIMIT_ANSWERS_BYTES + LIMIT_ANSWER_BYTES);
	for (const char *at = told; (at = strstr(at, "\"arguments\":")); at++)
		n_whole++;
	for (const char *at = told; (at = strstr(at, "\"error\":\"LIMIT_VALUE\"")); at++)
		n_errors++;
	ck_assert_uint_eq(n_whole + n_errors, CROWD);
	ck_assert_uint_ge(n_errors, 9);
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
	TCase *t = tcase_create("hub_answers");

	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_test(t, counted_members_are_asked_and_their_answers_go_back_together);
	tcase_add_test(t, an_answer_counts_once_and_only_to_what_was_asked);
	tcase_add_test(t, two_questions_are_answered_apart);
	tcase_add_test(t, answers_that_graphd_would_not_take_are_errors);
	tcase_add_test(t, long_answers_travel_in_several_messages);
	tcase_add_test(t, answers_wait_while_no_more_can_be_sent);
	tcase_add_test(t, no_more_is_kept_meanwhile_than_graphd_would_take);
	tcase_add_test(t, an_end_with_questions_open_leaves_nothing_behind);
	return run_tests(t);
}
