#include "tests/unit/http_fixture.h"

/* What a handler may do when only the head of a request with a body is here. */

static int n_headed, n_broken;
static bool was_too_big;
static struct http_request *watched;

static void
handle_more(struct http_request *r)
{
	/* Who held it since its head is still known here. */
	reply_text(r, 200, http_holder(r) == &n_broken ? "held" : "not held");
}

static void
on_broken(void *arg)
{
	ck_assert_ptr_eq(arg, &n_broken);
	n_broken++;
	was_too_big = http_is_too_big(watched);
}

static void
watch(struct http_request *r)
{
	n_headed++;
	ck_assert_ptr_null(http_body(r).p);
	watched = r;
	http_hold(r, on_broken, &n_broken);
}

static void
refuse_it(struct http_request *r)
{
	n_headed++;
	reply_text(r, 400, "no");
}

static void
begin(void)
{
	n_headed = n_broken = 0;
	was_too_big = false;
	on_head = watch;
	set_up();
}

START_TEST(the_head_is_told_before_the_body_and_the_holder_is_still_known_behind_it)
{
	int fd = dial();

	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
	RUN_UNTIL(n_headed == 1);
	ck_assert_int_eq(n_handled, 0);
	say(fd, "abc");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	ck_assert_ptr_nonnull(strstr(reading.text, "\r\n\r\nheld"));
	ck_assert_int_eq(n_handled, 1);
	close(fd);
	RUN_UNTIL(http_connections(http) == 0);
	ck_assert_int_eq(n_broken, 0);
}
END_TEST

START_TEST(a_request_without_a_body_is_handled_at_once_and_not_told_before)
{
	int fd = dial();

	say(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	ck_assert_ptr_nonnull(strstr(reading.text, "not held"));
	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	ck_assert_int_eq(n_headed, 0);
	close(fd);
}
END_TEST

START_TEST(a_body_that_breaks_off_is_told_to_the_holder_once)
{
	int fd = dial();

	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
	RUN_UNTIL(n_headed == 1);
	close(fd);
	RUN_UNTIL(n_broken == 1);
	RUN_UNTIL(http_connections(http) == 0);
	ck_assert_int_eq(n_broken, 1);
	ck_assert_int_eq(n_handled, 0);
	ck_assert(!was_too_big);
}
END_TEST

START_TEST(a_body_that_comes_too_slowly_is_one_that_breaks_off)
{
	int fd = dial();

	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
	RUN_UNTIL(n_broken == 1);
	ck_assert(!was_too_big);
	ck_assert_int_eq(status_of(hear_all(fd)), 408);
	close(fd);
}
END_TEST

START_TEST(a_chunked_body_that_outgrows_its_limit_is_told_as_such)
{
	int fd = dial();

	say(fd, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	RUN_UNTIL(n_headed == 1);
	say(fd, "b\r\n0123456789a\r\n");
	RUN_UNTIL(n_broken == 1);
	ck_assert(was_too_big);
	ck_assert_int_eq(status_of(hear_all(fd)), 413);
	close(fd);
}
END_TEST

START_TEST(a_told_length_beyond_the_limit_is_refused_before_the_handler_hears_of_it)
{
	int fd = dial();

	say(fd, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
	ck_assert_int_eq(status_of(hear_all(fd)), 413);
	ck_assert_int_eq(n_headed, 0);
	close(fd);
}
END_TEST

START_TEST(an_answer_to_the_head_needs_no_body_and_ends_the_connection)
{
	int fd = dial();

	on_head = refuse_it;
	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
	ck_assert_int_eq(status_of(hear_all(fd)), 400);
	ck_assert_ptr_nonnull(strstr(reading.text, "Connection: close"));
	ck_assert_int_eq(n_handled, 0);
	close(fd);
}
END_TEST

START_TEST(a_query_may_have_as_many_parameters_as_fit_into_the_line)
{
	static const char begin[] = "GET /ok?", end[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
	char request[LIMIT_REQUEST_LINE_BYTES] = "GET /ok?", *at = request + sizeof(begin) - 1;
	int fd = dial();

	while (at < request + sizeof(request) - sizeof(end) - 4) {
		memcpy(at, "a=b&", 4);
		at += 4;
	}
	memcpy(at, end, sizeof(end));
	for (int i = 0; i < 2; i++) {
		say(fd, request);
		ck_assert_int_eq(status_of(hear(fd)), 200);
		ck_assert_uint_eq(strlen(last_target), (size_t)(at - request) - 4);
	}
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("http_headed");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, tear_down);
	tcase_add_test(t, a_query_may_have_as_many_parameters_as_fit_into_the_line);
	tcase_add_test(t, the_head_is_told_before_the_body_and_the_holder_is_still_known_behind_it);
	tcase_add_test(t, a_request_without_a_body_is_handled_at_once_and_not_told_before);
	tcase_add_test(t, a_body_that_breaks_off_is_told_to_the_holder_once);
	tcase_add_test(t, a_body_that_comes_too_slowly_is_one_that_breaks_off);
	tcase_add_test(t, a_chunked_body_that_outgrows_its_limit_is_told_as_such);
	tcase_add_test(t, a_told_length_beyond_the_limit_is_refused_before_the_handler_hears_of_it);
	tcase_add_test(t, an_answer_to_the_head_needs_no_body_and_ends_the_connection);
	return run_tests(t);
}
