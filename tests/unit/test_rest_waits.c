/* How long requests wait for graphd, and for clients that are asked. */

#include "tests/unit/rest_fixture.h"

#include "common/json.h"

#define S "/api/v1/sessions/" SESSION

static void
set_up(void)
{
	start_rest(&(struct rest_settings){ .cors.allow_any = true });
}

START_TEST(while_graphd_is_away_requests_wait_and_then_say_so)
{
	int fd;

	fake_stop();
	RUN_UNTIL(!upstream_is_ready(upstream));
	ck_assert_int_eq(status_of(fetch("GET", "/readyz", "", "")), 503);
	ck_assert_int_eq(status_of(fetch("GET", "/healthz", "", "")), 200);
	fd = send_request("GET", S, "", "");
	hear_all(fd);
	ck_assert_int_eq(status_of(reading.text), 503);
	ck_assert_ptr_nonnull(strstr(reading.text, "BACKEND_UNAVAILABLE"));
	ck_assert_ptr_nonnull(strstr(reading.text, "Retry-After: 1\r\n"));
	close(fd);
	fake_start();
	RUN_UNTIL_READY(upstream);
	ck_assert_int_eq(status_of(fetch("GET", "/readyz", "", "")), 200);
	rest_drain(rest);
	ck_assert_int_eq(status_of(fetch("GET", "/readyz", "", "")), 503);
}
END_TEST

/* How long graphd is given for an ask with this body, in milliseconds. */
static int64_t
time_for(const char *body)
{
	struct asked q;
	struct span caller, value;
	int64_t ms = 0;

	fetch_through(&q, "POST", S "/ask", "", body, "OK", "{\"answers\":[]}");
	ck_assert(asked_is(&q, "Ask", SESSION, body));
	caller = asked_at(&q, ASKED_CALLER);
	ck_assert(json_find(caller, "deadline_ms", &value) && json_integer(value, &ms));
	ck_assert(!caller_has(&q, "\"key\""));
	frames_fini(&q.frames);
	return ms;
}

START_TEST(clients_are_waited_for_as_long_as_the_asker_says)
{
	ck_assert_int_eq(time_for("{\"event\":\"e\"}"), LIMIT_ASK_MS + LIMIT_ASK_LATE_MS);
	ck_assert_int_eq(
	    time_for("{\"event\":\"e\",\"timeout_ms\":20000}"), 20000 + LIMIT_ASK_LATE_MS);
	/* What graphd will refuse. */
	ck_assert_int_eq(
	    time_for("{\"event\":\"e\",\"timeout_ms\":1000000}"), LIMIT_ASK_MS + LIMIT_ASK_LATE_MS);
	ck_assert_int_eq(
	    time_for("{\"event\":\"e\",\"timeout_ms\":\"1\"}"), LIMIT_ASK_MS + LIMIT_ASK_LATE_MS);
}
END_TEST

START_TEST(clients_are_not_asked_later_because_graphd_is_away)
{
	uint64_t began_ms;

	fake_stop();
	RUN_UNTIL(!upstream_is_ready(upstream));
	began_ms = clock_now_ms();
	ck_assert_int_eq(status_of(fetch("POST", S "/ask", "", "{\"event\":\"e\"}")), 503);
	ck_assert_ptr_nonnull(strstr(reading.text, "BACKEND_UNAVAILABLE"));
	ck_assert_uint_lt(clock_now_ms() - began_ms, 1000);
	fake_start();
}
END_TEST

START_TEST(a_client_that_leaves_is_forgotten)
{
	int fd = send_request("GET", S, "", "");
	struct asked q;

	RUN_UNTIL(fake_asked(&q));
	close(fd);
	RUN_UNTIL(upstream_in_flight(upstream) == 0);
	fake_answer(&q, "OK", SPAN("{}"));
	ck_assert_int_eq(status_of(fetch("GET", "/health", "", "")), 200);
	frames_fini(&q.frames);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("rest_waits");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, stop_rest);
	tcase_add_test(t, while_graphd_is_away_requests_wait_and_then_say_so);
	tcase_add_test(t, a_client_that_leaves_is_forgotten);
	tcase_add_test(t, clients_are_waited_for_as_long_as_the_asker_says);
	tcase_add_test(t, clients_are_not_asked_later_because_graphd_is_away);
	return run_tests(t);
}
