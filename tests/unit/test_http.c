#include "tests/unit/metric_value.h"
#include "tests/unit/http_fixture.h"

/* What must be refused before anything looks at the request, one row for each way to be wrong. */

#define ROW(why, status, bytes) \
	{ \
		why, status, bytes, sizeof(bytes) - 1 \
	}
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct {
	const char *why;
	int status;
	const char *bytes;
	size_t n;
} bad[] = {
	ROW("length and chunked", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n"
	    "0\r\n\r\n" SMUGGLED),
	ROW("chunked and length", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
	    "5\r\n\r\n"
	    "0\r\n\r\n" SMUGGLED),
	ROW("two lengths", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: "
	    "0\r\n\r\n" SMUGGLED),
	ROW("the same length twice", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
	ROW("unknown coding", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" SMUGGLED),
	ROW("two codings", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, "
	    "identity\r\n\r\n" SMUGGLED),
	ROW("space before the colon", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : "
	    "chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	ROW("folded line", 400, "GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n b\r\n\r\n"),
	ROW("name made by folding", 400,
	    "GET /echo HTTP/1.1\r\nHost: x\r\nX-: 9.9.9.9\r\n Forwarded-For\r\nB: d\r\n\r\n"),
	ROW("NUL in a value", 400,
	    "GET /echo HTTP/1.1\r\nHost: x\r\nX-Actor: ann\0bob\r\nB: c\r\n\r\n"),
	ROW("NUL in the last value", 400,
	    "GET /echo HTTP/1.1\r\nHost: x\r\nX-Actor: ann\0bob\r\n\r\n"),
	ROW("two NULs in the last value", 400,
	    "GET /echo HTTP/1.1\r\nHost: x\r\nX-Actor: ann\0\0bob\r\n\r\n"),
	ROW("NUL in the target", 400, "GET /ok\0b HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("absolute form with a name in it", 400,
	    "GET http://ann@x/ok HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("absolute form without a host field", 400, "GET http://x/ok HTTP/1.1\r\nA: b\r\n\r\n"),
	ROW("asterisk form", 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("raw bytes above ASCII in the target", 400,
	    "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("fragment in the target", 400, "GET /ok#x HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("two hosts", 400, "GET /ok HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
	ROW("malformed host", 400, "GET /ok HTTP/1.1\r\nHost: x y\r\n\r\n"),
	ROW("bare line feeds", 400, "GET /ok HTTP/1.1\nHost: x\nB: d\n\n"),
	ROW("ESC in a value", 400, "GET /ok HTTP/1.1\r\nHost: x\r\nOrigin: a\x1b[2J\r\n\r\n"),
	ROW("odd byte in the method", 400, "GE\x7fT /ok HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("unknown method", 405, "BREW /ok HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("TRACE", 405, "TRACE /ok HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("compressed body", 415,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: "
	    "4\r\n\r\nabcd"),
	ROW("chunked in HTTP/1.0", 400,
	    "POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	ROW("body larger than the limit of its target", 413,
	    "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world"),
	ROW("two keys", 400,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n"),
};

static void
check_refusal(int i, bool in_pieces)
{
	int fd = dial();
	const char *answer;

	if (in_pieces)
		for (size_t k = 0; k < bad[i].n; k++)
			say_bytes(fd, bad[i].bytes + k, 1);
	else
		say_bytes(fd, bad[i].bytes, bad[i].n);
	answer = hear_all(fd);
	ck_assert_msg(status_of(answer) == bad[i].status, "%s: %s", bad[i].why, answer);
	ck_assert_msg(count(answer, "HTTP/1.1 ") == 1, "%s: answered more than once", bad[i].why);
	ck_assert_msg(strstr(answer, "\"error\":{\"code\":\""), "%s: %s", bad[i].why, answer);
	ck_assert_msg(strstr(answer, "Connection: close"), "%s: %s", bad[i].why, answer);
	ck_assert_msg(n_handled == 0, "%s: the request was handled", bad[i].why);
	close(fd);
}

START_TEST(a_malformed_request_is_refused_once_and_the_connection_closed)
{
	check_refusal(_i, false);
}
END_TEST

START_TEST(it_is_refused_just_so_when_it_comes_byte_by_byte)
{
	check_refusal(_i, true);
}
END_TEST

/* These the library ends by itself, some with two answers, some with none: they reach nobody, and
 * that is all. */
static const char *const ended_by_the_library[] = {
	"GET /ok HTTP/1.1\r\n\r\n",
	"GET /o k HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd",
	"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
	"GET /ok HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET /ok HTTP/1.1\r\nHost: x\r\nCookie: a=\"\r\n\r\n",
};

START_TEST(what_the_library_refuses_itself_reaches_nobody)
{
	int fd = dial();
	const char *answer;

	say(fd, ended_by_the_library[_i]);
	answer = hear_all(fd);
	ck_assert_msg(status_of(answer) == 0 || status_of(answer) >= 400, "%s", answer);
	ck_assert_int_eq(n_handled, 0);
	close(fd);
}
END_TEST

START_TEST(well_formed_requests_of_all_kinds_pass)
{
	static const char *const good[] = {
		"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /ok HTTP/1.1\r\nHost: [::1]:5000\r\nA:b\r\nC:\r\nD: \t e\r\n\r\n",
		"HEAD /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /ok HTTP/1.0\r\n\r\n",
		"GET http://other:80/ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS /ok?a=1&b HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n",
		"POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST /ok HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Length: "
		"1\r\n\r\na",
		"POST /ok HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		"chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
		"POST /ok HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
		"1\r\n\r\na",
	};
	int fd = dial();
	const char *answer;

	say(fd, good[_i]);
	answer = hear(fd);
	if (status_of(answer) == 100)
		answer = strstr(answer + 4, "HTTP/1.1 ");
	ck_assert_msg(status_of(answer) == 200, "%s: %s", good[_i], answer);
	ck_assert_int_eq(n_handled, 1);
	close(fd);
}
END_TEST

START_TEST(the_target_arrives_as_it_was_sent)
{
	int fd = dial();

	say(fd, "GET /ok/%2e%2e%2f%00?a=%26&b=+ HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd);
	ck_assert_str_eq(last_target, "/ok/%2e%2e%2f%00?a=%26&b=+");
	close(fd);
}
END_TEST

/* Limits: at and one beyond. */

static int
ask_with_target(size_t n)
{
	static const char end[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
	char request[2 * LIMIT_REQUEST_LINE_BYTES] = "GET /";
	int fd = dial(), status;

	ck_assert_uint_lt(n + sizeof end, sizeof request - 5);
	memset(request + 5, '0', n - 1);
	memcpy(request + 4 + n, end, sizeof end);
	say(fd, request);
	status = status_of(hear(fd));
	close(fd);
	return status;
}

START_TEST(a_request_line_may_be_as_long_as_the_limit)
{
	size_t longest = LIMIT_REQUEST_LINE_BYTES - sizeof("OPTIONS  HTTP/1.1\r\n");

	ck_assert_int_eq(ask_with_target(longest), 404);
	ck_assert_int_eq(ask_with_target(longest + 1), 414);
}
END_TEST

static int
ask_with_fields(int n, int value_bytes)
{
	char request[64 * 1024];
	int fd = dial(), status;
	int length = sprintf(request, "GET /ok HTTP/1.1\r\nHost: x\r\n");

	for (int i = 1; i < n; i++)
		length += sprintf(request + length, "A%04d: %0*d\r\n", i, value_bytes, 0);
	sprintf(request + length, "\r\n");
	say(fd, request);
	status = status_of(hear(fd));
	close(fd);
	return status;
}

START_TEST(a_head_may_have_as_many_fields_and_bytes_as_the_limits)
{
	ck_assert_int_eq(ask_with_fields(LIMIT_HEADERS, 1), 200);
	ck_assert_int_eq(ask_with_fields(LIMIT_HEADERS + 1, 1), 431);
	ck_assert_int_eq(ask_with_fields(16, 900), 200);
	ck_assert_int_eq(ask_with_fields(16, 1100), 431);
}
END_TEST

static const char *
post(int fd, size_t n, bool is_chunked)
{
	char *body = xmalloc(n + 1), head[200];

	memset(body, 'b', n);
	if (is_chunked)
		sprintf(head,
		    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		    n);
	else
		sprintf(head, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n);
	say(fd, head);
	say_bytes(fd, body, n);
	if (is_chunked)
		say(fd, "\r\n0\r\n\r\n");
	free(body);
	return hear(fd);
}

START_TEST(a_body_may_be_as_long_as_its_limit)
{
	bool is_chunked = _i;
	int fd = dial();

	ck_assert_int_eq(status_of(post(fd, BODY_MAX, is_chunked)), 200);
	ck_assert_uint_eq(count(reading.text, "b"), BODY_MAX);
	close(fd);
	fd = dial();
	ck_assert_int_eq(status_of(post(fd, BODY_MAX + 1, is_chunked)), 413);
	ck_assert_ptr_nonnull(strstr(reading.text, "PAYLOAD_TOO_LARGE"));
	ck_assert_int_eq(n_handled, 1);
	close(fd);
}
END_TEST

START_TEST(a_client_that_sends_a_body_too_large_still_reads_the_answer)
{
	enum { FAR_TOO_MUCH = 3 * 1000 * 1000 };
	int fd = dial();

	post(fd, FAR_TOO_MUCH, _i);
	ck_assert_int_eq(status_of(reading.text), 413);
	ck_assert(!reading.is_reset);
	close(fd);
}
END_TEST

START_TEST(many_requests_use_one_connection_until_it_is_told_to_close)
{
	int fd;

	tear_down();
	start(100, 3);
	fd = dial();
	for (int i = 1; i <= 3; i++) {
		say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
		ck_assert_int_eq(status_of(hear(fd)), 200);
		ck_assert_int_eq(strstr(reading.text, "Connection: close") != NULL, i == 3);
	}
	ck_assert_str_eq(hear_all(fd), "");
	close(fd);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	int fd = dial();

	say(fd,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo");
	hear_all(fd);
	ck_assert_uint_eq(count(reading.text, "HTTP/1.1 200"), 2);
	ck_assert(strstr(reading.text, "one") < strstr(reading.text, "two"));
	close(fd);
}
END_TEST

START_TEST(a_connection_beyond_the_limit_is_told_to_come_later)
{
	int fds[3];

	tear_down();
	start(2, 0);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		say(fds[i], "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
		hear(fds[i]);
		ck_assert_int_eq(status_of(reading.text), i < 2 ? 200 : 503);
	}
	ck_assert_ptr_nonnull(strstr(reading.text, "OVERLOADED"));
	close(fds[0]);
	close(fds[2]);
	RUN_UNTIL(http_connections(http) == 1);
	fds[0] = dial();
	say(fds[0], "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fds[0])), 200);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(every_answer_is_counted_by_its_class)
{
	static const char *const heads[] = { "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /ok HTTP/1.1\r\nHost: y\r\nHost: x\r\n\r\n",
		"GET /ok HTTP/1.1\r\nHost: too slow" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		int fd = dial();

		say(fd, heads[i]);
		hear(fd);
		close(fd);
	}
	ck_assert_int_eq(metric_value("gatewayd_http_responses_total{status=\"2xx\"}"), 1);
	ck_assert_int_eq(metric_value("gatewayd_http_responses_total{status=\"4xx\"}"), 2);
}
END_TEST

START_TEST(an_address_in_use_is_told_by_errno)
{
	struct http_settings settings = { .address = "127.0.0.1", .port = http_port(http) };

	ck_assert_ptr_null(http_new(loop, &settings));
	ck_assert_int_eq(errno, EADDRINUSE);
	settings.address = "nowhere";
	ck_assert_ptr_null(http_new(loop, &settings));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static void
handle_more(struct http_request *r)
{
	reply_text(r, 404, "nothing");
}

int
main(void)
{
	TCase *t = tcase_create("http");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, a_malformed_request_is_refused_once_and_the_connection_closed, 0,
	    sizeof(bad) / sizeof(*bad));
	tcase_add_loop_test(
	    t, it_is_refused_just_so_when_it_comes_byte_by_byte, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_loop_test(t, what_the_library_refuses_itself_reaches_nobody, 0, 7);
	tcase_add_loop_test(t, well_formed_requests_of_all_kinds_pass, 0, 11);
	tcase_add_test(t, the_target_arrives_as_it_was_sent);
	tcase_add_test(t, a_request_line_may_be_as_long_as_the_limit);
	tcase_add_test(t, a_head_may_have_as_many_fields_and_bytes_as_the_limits);
	tcase_add_loop_test(t, a_body_may_be_as_long_as_its_limit, 0, 2);
	tcase_add_loop_test(t, a_client_that_sends_a_body_too_large_still_reads_the_answer, 0, 2);
	tcase_add_test(t, many_requests_use_one_connection_until_it_is_told_to_close);
	tcase_add_test(t, pipelined_requests_are_answered_in_order);
	tcase_add_test(t, a_connection_beyond_the_limit_is_told_to_come_later);
	tcase_add_test(t, every_answer_is_counted_by_its_class);
	tcase_add_test(t, an_address_in_use_is_told_by_errno);
	return run_tests(t);
}
