#include "tests/unit/graphd_fixture.h"

#include "gatewayd/relay.h"
#include "tests/unit/metric_value.h"

#include <netinet/in.h>

static uint16_t client_port(void);
#include "tests/unit/http_client.h"

/* A gateway in this process whose every request is another one's, and that one as a bare socket. */

static struct upstream *upstream;
static struct relay *relay;
static struct http *http;
static int listener, conn; /* of the home */
static uint8_t home_id[EIO_HOME_BYTES] = { 0, 0, 0, 1 };
static int n_unknown, n_asked;
static bool is_listed;
static struct reading got; /* what the home was sent */

static uint16_t
client_port(void)
{
	return http_port(http);
}

static void
unknown(struct http_request *r)
{
	n_unknown++;
	http_reply(r, 400, "text/plain", xstrdup("unknown"), 7);
}

static void
handle(void *context, struct http_request *r)
{
	(void)context;
	if (!relay_request(relay, r, home_id))
		http_reply(r, 418, "text/plain", xstrdup("mine"), 4);
}

enum { BODY_MAX = 8 << 20 }; /* more than the kernel holds for a home that does not read */

static size_t
body_limit(void *context, enum http_method method, struct span path)
{
	(void)context;
	(void)method;
	(void)path;
	return BODY_MAX;
}

static uint16_t
home_port(void)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);

	getsockname(listener, (struct sockaddr *)&at, &size);
	return ntohs(at.sin_port);
}

static void
set_up(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct upstream_events events = { 0 };
	struct http_settings settings = { .address = "127.0.0.1",
		.max_connections = 100,
		.body_limit = body_limit,
		.handle = handle,
		.watch_ms = 20 };
	struct relay_settings relaying;

	memset(&fake, 0, sizeof(fake));
	n_unknown = n_asked = 0;
	is_listed = true;
	conn = -1;
	loop = loop_new();
	fake_start();
	upstream =
	    upstream_new(loop, &(struct upstream_endpoints){ fake.requests, fake.events, false, 0 },
		"gateway-1", NULL, &events);
	relaying = (struct relay_settings){
		.loop = loop, .upstream = upstream, .max = 3, .answer_ms = 300, .unknown = unknown
	};
	relay = relay_new(&relaying);
	http = http_new(loop, &settings);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	RUN_UNTIL_READY(upstream);
}

static void
tear_down(void)
{
	http_free(http);
	relay_free(relay);
	upstream_free(upstream);
	loop_free(loop);
	fake_stop();
	close(listener);
	if (conn >= 0)
		close(conn);
}

/* graphd's part: it knows the home, or not. */
static bool
serve_list(void)
{
	struct asked a;
	char body[256];

	if (!fake_asked(&a))
		return false;
	ck_assert(span_is(asked_at(&a, ASKED_COMMAND), "ListGateways"));
	n_asked++;
	snprintf(body, sizeof(body),
	    "{\"gateways\":[{\"gateway\":\"%s\",\"address\":\"127.0.0.1:%u\"}]}",
	    is_listed ? "00000001-0000-4000-8000-000000000001"
		      : "00000002-0000-4000-8000-000000000001",
	    home_port());
	fake_answer(&a, "OK", span_of(body));
	frames_fini(&a.frames);
	return true;
}

static bool
home_heard(const char *until)
{
	serve_list();
	if (conn < 0)
		conn = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (conn >= 0 && !got.is_closed)
		read_some(conn, &got);
	return strstr(got.text, until) != NULL;
}

static void
await_request(const char *until)
{
	memset(&got, 0, sizeof(got));
	RUN_UNTIL(home_heard(until));
}

static const char get[] =
    "GET /socket.io/?EIO=4&sid=x HTTP/1.1\r\nHost: here\r\nOrigin: http://o\r\n"
    "Cookie: secret\r\n\r\n";

START_TEST(a_get_goes_to_the_home_with_what_engine_io_looks_at_and_its_answer_comes_back)
{
	int fd = dial();
	const char *answer;

	say(fd, get);
	await_request("\r\n\r\n");
	ck_assert(strncmp(got.text, "GET /socket.io/?EIO=4&sid=x HTTP/1.1\r\n", 38) == 0);
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nHost: here\r\n"));
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nOrigin: http://o\r\n"));
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nGraph-Relayed: 1\r\n"));
	ck_assert_ptr_null(strstr(got.text, "Cookie"));
	ck_assert_uint_eq(relay_count(relay), 1);
	/* In pieces, so that each end of a read is one somewhere. */
	for (const char *p =
		 "HTTP/1.1 200 OK\r\ncontent-length:  5\r\nContent-Type: a/b\r\n\r\nhello";
	     *p; p++)
		say_bytes(conn, p, 1);
	answer = hear(fd);
	ck_assert_int_eq(status_of(answer), 200);
	ck_assert_ptr_nonnull(strstr(answer, "Content-Type: a/b\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nhello"));
	ck_assert_uint_eq(relay_count(relay), 0);
	close(fd);
}
END_TEST

START_TEST(a_post_goes_with_its_body_and_the_home_is_asked_for_once)
{
	for (int i = 0; i < 3; i++) {
		int fd = dial();

		say(fd,
		    "POST /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\nContent-Type: "
		    "t/t\r\nContent-Length: 4\r\n\r\nbody");
		await_request("\r\n\r\nbody");
		ck_assert_ptr_nonnull(strstr(got.text, "\r\nContent-Type: t/t\r\n"));
		ck_assert_ptr_nonnull(strstr(got.text, "\r\nContent-Length: 4\r\n"));
		say(conn, "HTTP/1.1 413 Too\r\nContent-Length: 0\r\n\r\n");
		ck_assert_int_eq(status_of(hear(fd)), 413);
		close(fd);
		close(conn);
		conn = -1;
	}
	ck_assert_int_le(n_asked, 2);
}
END_TEST

START_TEST(a_home_that_answers_early_and_closes_is_heard_to_the_end)
{
	enum { BODY = BODY_MAX, ANSWER = 100000 };
	static char request[BODY + 100], answer[ANSWER + 100];
	int fd = dial();
	size_t head = (size_t)sprintf(request,
		   "POST /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
		   BODY),
	       answer_head = (size_t)sprintf(
		   answer, "HTTP/1.1 413 Too\r\nContent-Length: %d\r\n\r\n", ANSWER);

	memset(request + head, 'x', BODY);
	memset(answer + answer_head, 'Y', ANSWER);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	say_bytes(fd, request, head + BODY);
	RUN_UNTIL((serve_list(), conn >= 0 || (conn = accept(listener, NULL, NULL)) >= 0));
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 1);
	/* Most of the request is still to be read, so that the close is a reset. */
	ck_assert_int_eq(send(conn, answer, answer_head + ANSWER, 0), answer_head + ANSWER);
	close(conn);
	conn = -1;
	ck_assert_int_eq(status_of(hear(fd)), 413);
	ck_assert_uint_eq(count(reading.text, "Y"), ANSWER);
	close(fd);
}
END_TEST

START_TEST(a_target_that_names_a_host_is_relayed_as_a_path_and_that_host)
{
	int fd = dial();

	say(fd, "GET http://there:5000?EIO=4&sid=x HTTP/1.1\r\nHost: here\r\n\r\n");
	await_request("\r\n\r\n");
	ck_assert(strncmp(got.text, "GET /?EIO=4&sid=x HTTP/1.1\r\n", 28) == 0);
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nHost: there:5000\r\n"));
	ck_assert_uint_eq(count(got.text, "Host:"), 1);
	close(fd);
}
END_TEST

START_TEST(a_request_without_a_host_is_relayed_with_an_empty_one)
{
	int fd = dial();

	say(fd, "GET /socket.io/?sid=x HTTP/1.0\r\n\r\n");
	await_request("\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nHost: \r\n"));
	close(fd);
}
END_TEST

START_TEST(what_was_relayed_is_not_relayed_again)
{
	int fd = dial();

	say(fd, "GET /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\ngraph-relayed: 1\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 418);
	close(fd);
}
END_TEST

START_TEST(no_more_are_relayed_at_a_time_than_may)
{
	int fds[4];

	for (int i = 0; i < 4; i++)
		say((fds[i] = dial()), get);
	RUN_UNTIL((serve_list(), relay_count(relay) == 3));
	ck_assert_int_eq(status_of(hear(fds[3])), 418);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	RUN_UNTIL(relay_count(relay) == 0);
}
END_TEST

START_TEST(a_home_that_is_not_registered_or_does_not_listen_is_unknown)
{
	int fd = dial();

	is_listed = false;
	say(fd, get);
	RUN_UNTIL((serve_list(), n_unknown == 1));
	ck_assert_int_eq(status_of(hear(fd)), 400);
	is_listed = true;
	/* Bound, but nobody listens there. */
	close(listener);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener,
	    (struct sockaddr *)&(struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	    sizeof(struct sockaddr_in));
	say(fd, get);
	RUN_UNTIL((serve_list(), n_unknown == 2));
	ck_assert_int_eq(status_of(hear(fd)), 400);
	ck_assert_int_eq(metric_value("gatewayd_relayed_requests_total"), 0);
	close(fd);
}
END_TEST

START_TEST(answers_that_are_none_count_as_no_home)
{
	static const char *const bad[] = { "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 OK\r\n\r\n",
		"HTTP/1.1 100 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int fd = dial(), before = n_unknown;

		say(fd, get);
		await_request("\r\n\r\n");
		say(conn, bad[i]);
		shutdown(conn, SHUT_WR);
		RUN_UNTIL(n_unknown == before + 1);
		ck_assert_int_eq(status_of(hear(fd)), 400);
		close(fd);
		close(conn);
		conn = -1;
	}
}
END_TEST

START_TEST(a_head_without_end_is_cut_off)
{
	static char line[LIMIT_RELAY_HEAD_BYTES + 100];
	int fd = dial();

	say(fd, get);
	await_request("\r\n\r\n");
	memset(line, 'x', sizeof(line));
	memcpy(line, "HTTP/1.1 200 OK\r\nX: ", 20);
	say_bytes(conn, line, sizeof(line));
	RUN_UNTIL(n_unknown == 1);
	close(fd);
}
END_TEST

START_TEST(a_home_that_does_not_answer_in_time_is_given_up)
{
	int fd = dial();

	say(fd, get);
	await_request("\r\n\r\n");
	RUN_UNTIL(n_unknown == 1);
	ck_assert_int_eq(status_of(hear(fd)), 400);
	close(fd);
}
END_TEST

START_TEST(a_client_that_leaves_takes_the_connection_to_the_home_with_it)
{
	int fd = dial();

	say(fd, get);
	await_request("\r\n\r\n");
	close(fd);
	RUN_UNTIL((home_heard(""), got.is_closed));
	ck_assert_uint_eq(relay_count(relay), 0);
	ck_assert_int_eq(n_unknown, 0);
}
END_TEST

START_TEST(a_websocket_is_spliced_behind_the_homes_101)
{
	static const char upgrade[] =
	    "GET /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly";
	int fd = dial();

	say(fd, upgrade);
	await_request("\r\n\r\n");
	ck_assert_ptr_nonnull(
	    strstr(got.text, "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
	ck_assert_ptr_nonnull(strstr(got.text, "\r\nUpgrade: websocket\r\n"));
	say(conn, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x02hi");
	await_request("early");
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), strstr(reading.text, "\x81\x02hi")));
	ck_assert_int_eq(status_of(reading.text), 101);
	ck_assert_ptr_nonnull(strstr(reading.text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	say(fd, "more");
	await_request("more");
	ck_assert_uint_eq(relay_count(relay), 1);
	ck_assert(relay_end_one(relay));
	RUN_UNTIL((read_some(fd, &reading), reading.is_closed));
	ck_assert_mem_eq(reading.text + reading.n - 4, "\x88\x02\x03\xf4", 4);
	close(fd);
	RUN_UNTIL(relay_count(relay) == 0);
}
END_TEST

START_TEST(an_upgrade_that_the_home_refuses_is_refused)
{
	int fd = dial();

	say(fd,
	    "GET /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: "
	    "websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	await_request("\r\n\r\n");
	say(conn, "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nBad");
	ck_assert_int_eq(status_of(hear_all(fd)), 400);
	ck_assert_ptr_nonnull(strstr(reading.text, "Connection: close"));
	close(fd);
}
END_TEST

START_TEST(a_held_get_is_sent_away_and_a_post_is_not)
{
	int fd = dial(), post = dial();

	ck_assert(!relay_end_one(relay));
	say(post, "POST /socket.io/?sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n4");
	say(fd, get);
	RUN_UNTIL((serve_list(), relay_count(relay) == 2));
	ck_assert(relay_end_one(relay));
	ck_assert(!relay_end_one(relay));
	ck_assert_int_eq(status_of(hear(fd)), 400);
	ck_assert_int_eq(n_unknown, 1);
	close(fd);
	close(post);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("relay");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(
	    tests, a_get_goes_to_the_home_with_what_engine_io_looks_at_and_its_answer_comes_back);
	tcase_add_test(tests, a_post_goes_with_its_body_and_the_home_is_asked_for_once);
	tcase_add_test(tests, a_home_that_answers_early_and_closes_is_heard_to_the_end);
	tcase_add_test(tests, a_target_that_names_a_host_is_relayed_as_a_path_and_that_host);
	tcase_add_test(tests, a_request_without_a_host_is_relayed_with_an_empty_one);
	tcase_add_test(tests, what_was_relayed_is_not_relayed_again);
	tcase_add_test(tests, no_more_are_relayed_at_a_time_than_may);
	tcase_add_test(tests, a_home_that_is_not_registered_or_does_not_listen_is_unknown);
	tcase_add_test(tests, answers_that_are_none_count_as_no_home);
	tcase_add_test(tests, a_head_without_end_is_cut_off);
	tcase_add_test(tests, a_home_that_does_not_answer_in_time_is_given_up);
	tcase_add_test(tests, a_client_that_leaves_takes_the_connection_to_the_home_with_it);
	tcase_add_test(tests, a_websocket_is_spliced_behind_the_homes_101);
	tcase_add_test(tests, an_upgrade_that_the_home_refuses_is_refused);
	tcase_add_test(tests, a_held_get_is_sent_away_and_a_post_is_not);
	return run_tests(tests);
}
