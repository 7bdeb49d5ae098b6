#include "tests/unit/http_fixture.h"

#include <netinet/in.h>

/* How long things live: deadlines, held requests, streams, WebSockets, the end of the server. */

static struct http_request *streaming;
static const char
    *stream_text; /* what the stream gives next; "" for nothing yet, NULL for the end */
static int taken_fd = -2;
static char taken_extra[100];

static long
pull(void *arg, char *out, size_t size)
{
	size_t n;

	(void)arg;
	if (!stream_text)
		return -1;
	n = strlen(stream_text);
	ck_assert_uint_le(n, size);
	memcpy(out, stream_text, n);
	stream_text = "";
	return (long)n;
}

static const struct http_stream_ops ops = { pull, count_gone };

static void
taken(void *arg, int fd, struct span extra)
{
	(void)arg;
	taken_fd = fd;
	snprintf(taken_extra, sizeof(taken_extra), "%.*s", (int)extra.n, extra.p ? extra.p : "");
}

static void
handle_more(struct http_request *r)
{
	if (span_is(http_path(r), "/stream")) {
		streaming = r;
		http_stream(r, 200, "text/event-stream", &ops, NULL);
	} else if (span_is(http_path(r), "/ws") && http_is_upgrade(r)) {
		http_upgrade(r, "graph.v1", taken, NULL);
	} else {
		reply_text(r, 400, "no");
	}
}

/* Sends one byte of text after the other until the server has closed; gives the milliseconds that
 * took. */
static uint64_t
dribble(int fd, const char *text, struct reading *r)
{
	uint64_t began_ms = clock_now_ms(), next_ms = began_ms;

	memset(r, 0, sizeof(*r));
	while (!r->is_closed) {
		ck_assert(clock_now_ms() < began_ms + PATIENCE_MS);
		if (clock_now_ms() >= next_ms && *text) {
			send(fd, text++, 1, MSG_NOSIGNAL);
			next_ms += 20;
		}
		loop_turn(loop, 5);
		read_some(fd, r);
	}
	return clock_now_ms() - began_ms;
}

static const char endless_head[] = "GET /ok HTTP/1.1\r\nHost: x\r\nA: "
				   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

START_TEST(a_head_that_comes_slowly_is_ended_at_its_deadline)
{
	int fd = dial();
	uint64_t took_ms = dribble(fd, endless_head, &reading);

	ck_assert_uint_ge(took_ms, HEAD_MS - 5);
	ck_assert_uint_lt(took_ms, 3 * HEAD_MS);
	ck_assert_int_eq(status_of(reading.text), 408);
	ck_assert_ptr_nonnull(strstr(reading.text, "REQUEST_TIMEOUT"));
	close(fd);
}
END_TEST

START_TEST(a_connection_that_says_nothing_is_ended_at_the_same_deadline)
{
	int fd = dial();

	ck_assert_uint_lt(dribble(fd, "", &reading), 3 * HEAD_MS);
	ck_assert_int_eq(status_of(reading.text), 408);
	close(fd);
}
END_TEST

START_TEST(the_second_head_of_a_connection_has_a_deadline_too)
{
	int fd = dial();
	uint64_t took_ms;

	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd);
	took_ms = dribble(fd, endless_head, &reading);
	ck_assert_uint_lt(took_ms, 4 * HEAD_MS);
	ck_assert_int_eq(status_of(reading.text), 408);
	close(fd);
}
END_TEST

START_TEST(a_connection_kept_alive_may_rest_for_longer_than_a_head_may_take)
{
	int fd = dial();
	uint64_t end_ms;

	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd);
	for (end_ms = clock_now_ms() + 3 * HEAD_MS; clock_now_ms() < end_ms;)
		loop_turn(loop, 10);
	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	/* But not for ever. */
	hear_all(fd);
	ck_assert_str_eq(reading.text, "");
	close(fd);
}
END_TEST

START_TEST(a_body_that_comes_slowly_is_ended_at_its_deadline)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
	int fd = dial();
	uint64_t took_ms;

	say(fd, head);
	took_ms = dribble(fd, endless_head, &reading);
	ck_assert_uint_ge(took_ms, BODY_MS - 5);
	ck_assert_uint_lt(took_ms, 3 * BODY_MS);
	ck_assert_int_eq(status_of(reading.text), 408);
	ck_assert_int_eq(n_handled, 0);
	close(fd);
}
END_TEST

/* Longer than a body may be silent for, at several times the rate that is asked of it. */
START_TEST(a_body_that_keeps_coming_may_take_its_time)
{
	enum { PIECE_BYTES = 4096, PIECES = 20, EVERY_MS = 20 };
	static const char head[] =
	    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 81920\r\n\r\n";
	char piece[PIECE_BYTES];
	int fd = dial();
	uint64_t next_ms = clock_now_ms();

	memset(piece, 'x', sizeof(piece));
	say(fd, head);
	for (int i = 0; i < PIECES; i++) {
		for (next_ms += EVERY_MS; clock_now_ms() < next_ms;)
			loop_turn(loop, 5);
		say_bytes(fd, piece, sizeof(piece));
	}
	ck_assert_int_eq(status_of(hear(fd)), 200);
	close(fd);
}
END_TEST

START_TEST(slow_connections_do_not_hinder_others)
{
	int slow = dial(), fd = dial();

	say(slow, "GET /ok HTTP/1.1\r\nHo");
	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	hear_all(slow);
	say(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	close(slow);
	close(fd);
}
END_TEST

/* Held requests. */

START_TEST(an_answer_may_come_later)
{
	int fd = dial();

	for (int i = 0; i < 3; i++) {
		say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
		RUN_UNTIL(held != NULL);
		http_add_header(held, "X-Test", SPAN("yes"));
		reply_text(held, 202, "later");
		held = NULL;
		hear(fd);
		ck_assert_int_eq(status_of(reading.text), 202);
		ck_assert_ptr_nonnull(strstr(reading.text, "X-Test: yes"));
		ck_assert_ptr_nonnull(strstr(reading.text, "later"));
	}
	ck_assert_int_eq(n_gone, 0);
	close(fd);
}
END_TEST

START_TEST(an_answer_may_come_after_the_connection_is_watched)
{
	int fd = dial();
	uint64_t end_ms;

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(held != NULL);
	for (end_ms = clock_now_ms() + 4 * WATCH_MS; clock_now_ms() < end_ms;)
		loop_turn(loop, 5);
	reply_text(held, 200, "late");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	ck_assert_int_eq(n_gone, 0);
	close(fd);
}
END_TEST

START_TEST(a_peer_that_leaves_while_its_request_is_held_is_noticed)
{
	int fd = dial();

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(held != NULL);
	close(fd);
	RUN_UNTIL(n_gone == 1);
	RUN_UNTIL(http_connections(http) == 0);
	ck_assert_int_eq(n_gone, 1);
}
END_TEST

START_TEST(a_server_that_stops_ends_held_requests_with_503)
{
	int fd = dial(), other = dial();

	stream_text = "";
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	say(other, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(held != NULL && n_handled == 2);
	http_free(http);
	ck_assert_int_eq(n_gone, 2);
	memset(&reading, 0, sizeof(reading));
	while (!reading.is_closed)
		read_some(fd, &reading);
	ck_assert_int_eq(status_of(reading.text), 503);
	close(fd);
	close(other);
	loop_free(loop);
	set_up();
}
END_TEST

START_TEST(a_server_that_stops_listening_goes_on_answering)
{
	int fd = dial(), late;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(held != NULL);
	http_stop_listening(http);
	late = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(late, (struct sockaddr *)&at, sizeof(at)), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(late);
	reply_text(held, 200, "done");
	ck_assert_int_eq(status_of(hear(fd)), 200);
	close(fd);
}
END_TEST

/* Streams. */

START_TEST(a_stream_gives_what_there_is_when_it_is_woken)
{
	int fd = dial();

	stream_text = "data: one\n\n";
	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), strstr(reading.text, "data: one\n\n")));
	ck_assert_ptr_nonnull(strstr(reading.text, "Transfer-Encoding: chunked"));
	for (int i = 0; i < 3; i++) {
		loop_turn(loop, 5);
		memset(&reading, 0, sizeof(reading));
		stream_text = "data: more\n\n";
		http_stream_wake(streaming);
		RUN_UNTIL((read_some(fd, &reading), strstr(reading.text, "data: more\n\n")));
	}
	stream_text = NULL;
	http_stream_wake(streaming);
	RUN_UNTIL((read_some(fd, &reading), strstr(reading.text, "\r\n0\r\n\r\n")));
	ck_assert_int_eq(n_gone, 0);
	close(fd);
}
END_TEST

START_TEST(a_peer_that_leaves_a_stream_is_noticed)
{
	int fd = dial();

	stream_text = "";
	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(n_handled == 1);
	close(fd);
	RUN_UNTIL(n_gone == 1);
	RUN_UNTIL(http_connections(http) == 0);
}
END_TEST

/* WebSocket. */

#define HANDSHAKE \
	"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

START_TEST(an_upgrade_hands_over_the_socket_and_what_came_behind)
{
	int fd = dial(), no_delay = 0, kernel_bytes = 0;
	socklen_t size = sizeof(no_delay);
	char bytes[20] = { 0 };

	say(fd, HANDSHAKE "\r\nbytes behind it");
	RUN_UNTIL(taken_fd != -2);
	ck_assert_int_ge(taken_fd, 0);
	ck_assert_str_eq(taken_extra, "bytes behind it");
	memset(&reading, 0, sizeof(reading));
	RUN_UNTIL((read_some(fd, &reading), strstr(reading.text, "\r\n\r\n")));
	ck_assert_int_eq(status_of(reading.text), 101);
	/* RFC 6455 section 1.3 has this pair. */
	ck_assert_ptr_nonnull(
	    strstr(reading.text, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	ck_assert_ptr_nonnull(strstr(reading.text, "Sec-WebSocket-Protocol: graph.v1\r\n"));
	ck_assert_uint_eq(count(reading.text, "Upgrade\r\n"), 1);
	RUN_UNTIL(http_connections(http) == 0);
	getsockopt(taken_fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
	getsockopt(taken_fd, SOL_SOCKET, SO_SNDBUF, &kernel_bytes, &size);
	ck_assert_int_le(kernel_bytes, 2 * LIMIT_SEND_BUFFER_BYTES);
	ck_assert_int_eq(no_delay, 1);
	ck_assert(fcntl(taken_fd, F_GETFL) & O_NONBLOCK);
	/* The library has let go of it without closing it: bytes pass both ways. */
	ck_assert_int_eq(send(taken_fd, "down", 4, 0), 4);
	RUN_UNTIL(recv(fd, bytes, sizeof(bytes), 0) == 4);
	ck_assert_int_eq(send(fd, "up", 2, 0), 2);
	RUN_UNTIL(recv(taken_fd, bytes, sizeof(bytes), 0) == 2);
	close(taken_fd);
	close(fd);
}
END_TEST

START_TEST(an_upgrade_may_say_in_several_lines_what_it_wants)
{
	int fd = dial();

	say(fd,
	    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n"
	    "Upgrade: h2c\r\nUpgrade: a, WebSocket\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
	RUN_UNTIL(taken_fd != -2);
	ck_assert_int_ge(taken_fd, 0);
	close(taken_fd);
	close(fd);
}
END_TEST

START_TEST(an_incomplete_handshake_is_no_upgrade)
{
	static const char *const handshakes[] = {
		"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
		"13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
		"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"POST /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	};
	int fd = dial();

	say(fd, handshakes[_i]);
	ck_assert_int_eq(status_of(hear(fd)), 400);
	ck_assert_int_eq(taken_fd, -2);
	close(fd);
}
END_TEST

/* What a request says of itself. */

static struct http_request *
hold(int fd, const char *text)
{
	say(fd, text);
	RUN_UNTIL(held != NULL);
	return held;
}

START_TEST(query_values_are_decoded_and_the_last_one_counts)
{
	int fd = dial();
	struct http_request *r =
	    hold(fd, "GET /hold?a=1&b=x%20y+z&a=2&c&d=%zz&e=%00&%66=g HTTP/1.1\r\nHost: x\r\n\r\n");

	ck_assert(span_is(http_query_value(r, "a"), "2"));
	ck_assert(span_is(http_query_value(r, "b"), "x y z"));
	ck_assert(span_is(http_query_value(r, "c"), ""));
	ck_assert_ptr_null(http_query_value(r, "d").p);
	ck_assert_ptr_null(http_query_value(r, "e").p);
	ck_assert(span_is(http_query_value(r, "f"), "g"));
	ck_assert_ptr_null(http_query_value(r, "absent").p);
	reply_text(r, 200, "");
	hear(fd);
	close(fd);
}
END_TEST

START_TEST(header_values_are_found_in_any_case_without_the_space_around_them)
{
	int fd = dial();
	struct http_request *r =
	    hold(fd, "GET /hold HTTP/1.1\r\nhost: x\r\nX-ACTOR:  ann \t\r\nEmpty:\r\n\r\n");

	ck_assert(span_is(http_header(r, "x-actor"), "ann"));
	ck_assert(span_is(http_header(r, "empty"), ""));
	ck_assert_ptr_null(http_header(r, "absent").p);
	reply_text(r, 200, "");
	hear(fd);
	close(fd);
}
END_TEST

START_TEST(a_list_is_one_in_however_many_lines_it_comes)
{
	int fd = dial();
	struct http_request *r = hold(fd,
	    "GET /hold HTTP/1.1\r\nHost: x\r\nPrefer: wait=5\r\nA: b\r\n"
	    "prefer: x , Return=Minimal\r\nPrefer:\r\n\r\n");

	ck_assert(span_is(http_header_listed(r, "prefer", "wait=5"), "wait=5"));
	ck_assert(span_is(http_header_listed(r, "prefer", "return=minimal"), "Return=Minimal"));
	ck_assert_ptr_null(http_header_listed(r, "prefer", "minimal").p);
	ck_assert_ptr_null(http_header_listed(r, "absent", "minimal").p);
	ck_assert(http_header_holds(r, "prefer", SPAN("=Min")));
	ck_assert(!http_header_holds(r, "a", SPAN("=Min")));
	reply_text(r, 200, "");
	hear(fd);
	close(fd);
}
END_TEST

START_TEST(head_is_answered_with_the_length_alone)
{
	int fd = dial();

	say(fd, "HEAD /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	hear_all(fd);
	ck_assert_ptr_nonnull(strstr(reading.text, "Content-Length: 4\r\n"));
	ck_assert_str_eq(strstr(reading.text, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("http_life");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_head_that_comes_slowly_is_ended_at_its_deadline);
	tcase_add_test(t, a_connection_that_says_nothing_is_ended_at_the_same_deadline);
	tcase_add_test(t, the_second_head_of_a_connection_has_a_deadline_too);
	tcase_add_test(t, a_connection_kept_alive_may_rest_for_longer_than_a_head_may_take);
	tcase_add_test(t, a_body_that_comes_slowly_is_ended_at_its_deadline);
	tcase_add_test(t, a_body_that_keeps_coming_may_take_its_time);
	tcase_add_test(t, slow_connections_do_not_hinder_others);
	tcase_add_test(t, an_answer_may_come_later);
	tcase_add_test(t, an_answer_may_come_after_the_connection_is_watched);
	tcase_add_test(t, a_peer_that_leaves_while_its_request_is_held_is_noticed);
	tcase_add_test(t, a_server_that_stops_ends_held_requests_with_503);
	tcase_add_test(t, a_server_that_stops_listening_goes_on_answering);
	tcase_add_test(t, a_stream_gives_what_there_is_when_it_is_woken);
	tcase_add_test(t, a_peer_that_leaves_a_stream_is_noticed);
	tcase_add_test(t, an_upgrade_hands_over_the_socket_and_what_came_behind);
	tcase_add_test(t, an_upgrade_may_say_in_several_lines_what_it_wants);
	tcase_add_loop_test(t, an_incomplete_handshake_is_no_upgrade, 0, 5);
	tcase_add_test(t, query_values_are_decoded_and_the_last_one_counts);
	tcase_add_test(t, header_values_are_found_in_any_case_without_the_space_around_them);
	tcase_add_test(t, a_list_is_one_in_however_many_lines_it_comes);
	tcase_add_test(t, head_is_answered_with_the_length_alone);
	return run_tests(t);
}
