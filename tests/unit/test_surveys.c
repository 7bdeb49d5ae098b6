/* Questions to the clients of a session, in virtual time: who is asked, what comes back, and when.
 */

#include "survey_fixture.h"

#include "common/limits.h"

#include <stdio.h>

/* How many of the answers counted. args: of each client, "c1":"[1]". */
static int64_t
answer(const struct uuid *id, const char *client, const char *arguments)
{
	const unsigned before = d->n_surveys;
	int64_t counted;

	ask(d, COMMAND_answer, &s, "{'ask_id':'%s','answers':[{'client_id':'%s','arguments':%s}]}",
	    text_of(id), client, arguments);
	/* The end of the survey came before the reply to the one who brought it about. */
	ck_assert_msg(d->error == OK, "%s", d->body);
	counted = int_at(d->body, "counted");
	ck_assert(counted == 1 || d->n_surveys == before);
	return counted;
}

static char over[65536];

static void
keep_over(void *context, void *asker, enum error error, struct json_out *body)
{
	struct domain *domain = context;

	domain->n_surveys++;
	domain->asker = asker;
	snprintf(over, sizeof over, "%s%.*s", error ? error_rows[error].code : "", (int)body->n,
	    body->n ? body->bytes : "");
}

/* From here on what an end says is in over; the fixture's body is the last reply's. */
static void
watch(void)
{
	over[0] = '\0';
	surveys_on_over(dispatch_surveys(d->dispatcher), keep_over, d);
}

static void
tick(uint64_t now_ms)
{
	surveys_tick(dispatch_surveys(d->dispatcher), now_ms);
}

START_TEST(everybody_is_asked_and_the_reply_is_in_order_of_joining)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	join_as_ann("c3");
	id = put("{'event':'confirm','data':{'n': 1}}");
	ck_assert_str_eq(heard_names(d), "ask");
	ck_assert(at_is(d->heard[0].body, "event", "\"confirm\""));
	ck_assert(at_is(d->heard[0].body, "data.n", "1"));
	ck_assert(at_is(d->heard[0].body, "timeout_ms", "5000"));
	ck_assert(!at(d->heard[0].body, "client_id").p);
	surveys_set_asker(dispatch_surveys(d->dispatcher), &s, &id, d);
	ck_assert_int_eq(answer(&id, "c3", "[]"), 1);
	ck_assert_int_eq(answer(&id, "c1", "[true]"), 1);
	ck_assert_uint_eq(d->n_surveys, 0);
	ck_assert_int_eq(answer(&id, "c2", "['a',{'b':2}]"), 1);
	ck_assert_uint_eq(d->n_surveys, 1);
	ck_assert_ptr_eq(d->asker, d);
	ck_assert_str_eq(over,
	    "{\"answers\":[{\"client_id\":\"c1\",\"actor\":\"ann\",\"data\":true},"
	    "{\"client_id\":\"c2\",\"actor\":\"ann\",\"data\":\"a\",\"arguments\":[\"a\",{\"b\":2}]"
	    "},"
	    "{\"client_id\":\"c3\",\"actor\":\"ann\",\"data\":null,\"arguments\":[]}]}");
}
END_TEST

START_TEST(white_space_that_means_nothing_is_passed_on_neither_way)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	id = put("{'event':'e','data': {'n' :\n 1,\t'text':' a b '} }");
	ck_assert(at_is(d->heard[0].body, "data", "{\"n\":1,\"text\":\" a b \"}"));
	surveys_set_asker(dispatch_surveys(d->dispatcher), &s, &id, d);
	ck_assert_int_eq(answer(&id, "c1", "[ {'b' : 2},\n' c '\r]"), 1);
	ck_assert_str_eq(over,
	    "{\"answers\":[{\"client_id\":\"c1\",\"actor\":\"ann\",\"data\":{\"b\":2},"
	    "\"arguments\":[{\"b\":2},\" c \"]}]}");
}
END_TEST

START_TEST(silence_ends_with_the_time_and_not_before)
{
	struct uuid id;
	uint64_t asked_ms;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	asked_ms = d->now_ms;
	id = put("{'event':'confirm','timeout_ms':700}");
	answer(&id, "c2", "[2]");
	ck_assert_uint_eq(surveys_due_ms(dispatch_surveys(d->dispatcher)), asked_ms + 700);
	tick(asked_ms + 699);
	ck_assert_uint_eq(d->n_surveys, 0);
	tick(asked_ms + 700);
	ck_assert_str_eq(over,
	    "{\"answers\":[{\"client_id\":\"c1\",\"actor\":\"ann\",\"timed_out\":true},"
	    "{\"client_id\":\"c2\",\"actor\":\"ann\",\"data\":2}]}");
	ck_assert_uint_eq(surveys_due_ms(dispatch_surveys(d->dispatcher)), UINT64_MAX);
}
END_TEST

START_TEST(surveys_end_in_order_of_their_times)
{
	uint64_t asked_ms = d->now_ms;

	watch();
	join_as_ann("c1");
	put("{'event':'slow','timeout_ms':3000}");
	put("{'event':'quick','timeout_ms':100}");
	put("{'event':'middling','timeout_ms':2000}");
	tick(asked_ms + 200);
	ck_assert_uint_eq(d->n_surveys, 1);
	tick(asked_ms + 2100);
	ck_assert_uint_eq(d->n_surveys, 2);
	tick(asked_ms + 3100);
	ck_assert_uint_eq(d->n_surveys, 3);
}
END_TEST

START_TEST(who_leaves_is_not_waited_for)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	id = put("{'event':'confirm'}");
	answer(&id, "c1", "[1]");
	ask(d, COMMAND_leave, &s, "{'client_id':'c2'}");
	ck_assert_str_eq(over,
	    "{\"answers\":[{\"client_id\":\"c1\",\"actor\":\"ann\",\"data\":1},"
	    "{\"client_id\":\"c2\",\"actor\":\"ann\",\"left\":true}]}");
}
END_TEST

START_TEST(an_answer_stands_although_its_client_leaves_then)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	id = put("{'event':'confirm'}");
	answer(&id, "c1", "[1]");
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	ck_assert_uint_eq(d->n_surveys, 0);
	answer(&id, "c2", "[2]");
	ck_assert_ptr_nonnull(strstr(over, "\"data\":1"));
}
END_TEST

START_TEST(a_gateway_that_is_silent_takes_its_clients_out_of_every_survey)
{
	watch();
	join_as_ann("c1");
	put("{'event':'one','timeout_ms':30000}");
	put("{'event':'two','timeout_ms':30000}");
	dispatch_expire(
	    d->dispatcher, d->now_ms + LIMIT_BUS_SILENCE_MS, d->now_us, take_outcome, d);
	ck_assert_uint_eq(d->n_surveys, 2);
	ck_assert_ptr_nonnull(strstr(over, "\"left\":true"));
}
END_TEST

START_TEST(a_session_that_ends_ends_what_was_asked_in_it)
{
	watch();
	join_as_ann("c1");
	put("{'event':'confirm'}");
	ask(d, COMMAND_end_session, &s, "{}");
	ck_assert_uint_eq(d->n_surveys, 1);
	ck_assert_ptr_nonnull(strstr(over, "\"left\":true"));
}
END_TEST

START_TEST(one_client_may_be_asked_by_its_id)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	id = put("{'event':'confirm','client_id':'c1'}");
	ck_assert(at_is(d->heard[0].body, "client_id", "\"c1\""));
	ck_assert_int_eq(answer(&id, "c2", "[2]"), 0);
	ck_assert_int_eq(answer(&id, "c1", "[1]"), 1);
	ck_assert_str_eq(
	    over, "{\"answers\":[{\"client_id\":\"c1\",\"actor\":\"ann\",\"data\":1}]}");
	ask(d, COMMAND_ask, &s, "{'event':'confirm','client_id':'c3'}");
	ck_assert_int_eq(d->error, ERROR_client_not_found);
	ck_assert(at_is(d->body, "error.field", "\"client_id\""));
	ask(d, COMMAND_ask, &s, "{'event':'confirm','client_id':''}");
	ck_assert_int_eq(d->error, ERROR_client_not_found);
}
END_TEST

START_TEST(asking_leaves_the_session_as_it_is)
{
	const struct session *session = session_of(d, &s);
	uint64_t active_us;
	struct uuid id;

	join_as_ann("c1");
	active_us = session->active_us;
	id = put("{'event':'confirm'}");
	answer(&id, "c1", "[1]");
	ck_assert_uint_eq(session->active_us, active_us);
}
END_TEST

START_TEST(nobody_to_ask_is_an_empty_answer_at_once)
{
	ask(d, COMMAND_ask, &s, "{'event':'confirm'}");
	ck_assert_int_eq(d->error, OK);
	ck_assert_str_eq(d->body, "{\"answers\":[]}");
	ck_assert_uint_eq(d->n_heard, 0);
	ck_assert(uuid_is_nil(&d->survey));
}
END_TEST

START_TEST(answers_that_nobody_waits_for_count_for_nothing)
{
	struct uuid id, other, none, elsewhere;

	watch();
	join_as_ann("c1");
	join_as_ann("c2");
	id = put("{'event':'one','timeout_ms':100}");
	other = put("{'event':'two','client_id':'c2'}");
	join_as_ann("c3");
	uuid_random(&none);
	ck_assert_int_eq(answer(&none, "c1", "[1]"), 0);
	ck_assert_int_eq(answer(&other, "c1", "[1]"), 0);
	ck_assert_int_eq(answer(&id, "c3", "['joined since']"), 0);
	ck_assert_int_eq(answer(&id, "c1", "['first']"), 1);
	ck_assert_int_eq(answer(&id, "c1", "['second']"), 0);
	/* From another session, whoever says so. */
	elsewhere = s;
	s = start(d, "restomod");
	join_as_ann("c2");
	ck_assert_int_eq(answer(&id, "c2", "[1]"), 0);
	s = elsewhere;
	tick(d->now_ms + 100);
	ck_assert_ptr_nonnull(strstr(over, "\"data\":\"first\""));
	ck_assert_ptr_nonnull(strstr(over, "\"client_id\":\"c2\",\"actor\":\"ann\",\"timed_out\""));
	ck_assert_int_eq(answer(&id, "c2", "['late']"), 0);
}
END_TEST

START_TEST(what_could_not_be_passed_on_is_told_as_an_error)
{
	struct uuid id;

	watch();
	join_as_ann("c1");
	id = put("{'event':'confirm'}");
	ask(d, COMMAND_answer, &s,
	    "{'ask_id':'%s','answers':[{'client_id':'c1','error':'INVALID_REQUEST'}]}",
	    text_of(&id));
	ck_assert_ptr_nonnull(strstr(over, "\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":"));
}
END_TEST

START_TEST(malformed_answers_are_refused)
{
	static const char *const wrong[] = { "7", "{}", "{'client_id':7,'arguments':[]}",
		"{'client_id':'c1'}", "{'client_id':'c1','arguments':{}}",
		"{'client_id':'c1','error':7}", "{'client_id':'c1','error':'NO_SUCH_CODE'}",
		"{'client_id':'c1','error':'OK'}" };
	struct uuid id;

	join_as_ann("c1");
	id = put("{'event':'confirm'}");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ask(d, COMMAND_answer, &s, "{'ask_id':'%s','answers':[%s]}", text_of(&id),
		    wrong[i]);
		ck_assert_msg(d->error == ERROR_invalid_request, "%s: %s", wrong[i], d->body);
		ck_assert(at_is(d->body, "error.field", "\"answers\""));
	}
}
END_TEST

START_TEST(a_session_has_so_many_asks_under_way)
{
	struct uuid id = { 0 };

	watch();
	join_as_ann("c1");
	for (int i = 0; i < LIMIT_ASKS_PER_SESSION; i++)
		id = put("{'event':'e'}");
	ask(d, COMMAND_ask, &s, "{'event':'e'}");
	ck_assert_int_eq(d->error, ERROR_too_many_asks);
	answer(&id, "c1", "[]");
	put("{'event':'e'}");
}
END_TEST

START_TEST(all_of_them_can_be_failed)
{
	watch();
	join_as_ann("c1");
	put("{'event':'e'}");
	surveys_fail(dispatch_surveys(d->dispatcher), ERROR_backend_unavailable);
	ck_assert_str_eq(over, "BACKEND_UNAVAILABLE");
	ck_assert_uint_eq(surveys_count(dispatch_surveys(d->dispatcher)), 0);
}
END_TEST

START_TEST(numbers_rise_and_who_joins_later_has_a_greater_one)
{
	int64_t first, second, last;

	join_as_ann("c1");
	first = int_at(d->body, "number");
	d->now_us -= 5000000;
	join_as_ann("c2");
	second = int_at(d->body, "number");
	ck_assert_int_gt(second, first);
	put("{'event':'e'}");
	last = int_at(d->heard[0].body, "last");
	ck_assert_int_eq(last, second);
	join_as_ann("c3");
	ck_assert_int_gt(int_at(d->body, "number"), last);
	join_as_ann("c1");
	ck_assert_int_eq(int_at(d->body, "number"), first);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("surveys");

	tcase_add_checked_fixture(tc, set_up_gateway, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, everybody_is_asked_and_the_reply_is_in_order_of_joining);
	tcase_add_test(tc, white_space_that_means_nothing_is_passed_on_neither_way);
	tcase_add_test(tc, silence_ends_with_the_time_and_not_before);
	tcase_add_test(tc, surveys_end_in_order_of_their_times);
	tcase_add_test(tc, who_leaves_is_not_waited_for);
	tcase_add_test(tc, an_answer_stands_although_its_client_leaves_then);
	tcase_add_test(tc, a_gateway_that_is_silent_takes_its_clients_out_of_every_survey);
	tcase_add_test(tc, a_session_that_ends_ends_what_was_asked_in_it);
	tcase_add_test(tc, one_client_may_be_asked_by_its_id);
	tcase_add_test(tc, nobody_to_ask_is_an_empty_answer_at_once);
	tcase_add_test(tc, asking_leaves_the_session_as_it_is);
	tcase_add_test(tc, answers_that_nobody_waits_for_count_for_nothing);
	tcase_add_test(tc, what_could_not_be_passed_on_is_told_as_an_error);
	tcase_add_test(tc, malformed_answers_are_refused);
	tcase_add_test(tc, a_session_has_so_many_asks_under_way);
	tcase_add_test(tc, all_of_them_can_be_failed);
	tcase_add_test(tc, numbers_rise_and_who_joins_later_has_a_greater_one);
	return run_tests(tc);
}
