#include "ws_fixture.h"

START_TEST(a_text_and_a_binary_message_arrive_as_what_they_are)
{
	peer_says(FIN | TEXT, "h\xc3\xa9");
	peer_says(FIN | BINARY, "\xff");
	peer_says(FIN | TEXT, "");
	turns();
	ck_assert_str_eq(told, "text:h\xc3\xa9|binary:\xff|text:");
}
END_TEST

START_TEST(what_came_with_the_upgrade_is_read_first)
{
	unsigned char frame[64];
	size_t n = make_frame(frame, FIN | TEXT, SPAN("first"));

	ws_close(ws, 1000, NULL);
	open_with((struct span){ (char *)frame, n - 2 });
	peer_write(frame + n - 2, 2);
	peer_says(FIN | TEXT, "second");
	ck_assert_str_eq(told, "");
	turns();
	ck_assert_str_eq(told, "text:first|text:second");
}
END_TEST

START_TEST(frames_may_come_byte_by_byte)
{
	unsigned char bytes[200];
	size_t n = make_frame(bytes, TEXT, SPAN("sn\xe2"));

	n += make_frame(bytes + n, FIN | PING, SPAN("now"));
	n += make_frame(bytes + n, 0, SPAN("\x98"));
	n += make_frame(bytes + n, FIN, SPAN("\x83!"));
	for (size_t i = 0; i < n; i++) {
		peer_write(bytes + i, 1);
		turns();
	}
	ck_assert_str_eq(told, "text:sn\xe2\x98\x83!");
}
END_TEST

START_TEST(many_frames_may_come_in_one_segment)
{
	static unsigned char bytes[12000];
	size_t n = 0, texts = 0;

	while (n < 11000)
		n += make_frame(bytes + n, FIN | TEXT, SPAN("hello"));
	peer_write(bytes, n);
	turns();
	for (const char *at = told; (at = strstr(at, "text:hello")); at++)
		texts++;
	ck_assert_uint_eq(texts, n / 11);
	ck_assert_ptr_nonnull(ws);
}
END_TEST

START_TEST(one_turn_reads_a_ration_and_no_more)
{
	static unsigned char bytes[32 * 1024];
	size_t n = 0, texts = 0;

	while (n < sizeof bytes - 16)
		n += make_frame(bytes + n, FIN | TEXT, SPAN("hello"));
	peer_write(bytes, n);
	loop_turn(loop, 0);
	for (const char *at = told; (at = strstr(at, "text:hello")); at++)
		texts++;
	ck_assert_uint_le(texts, 16 * 1024 / 11);
	ck_assert_uint_gt(texts, 0);
}
END_TEST

START_TEST(the_frames_of_a_turn_are_written_in_order)
{
	unsigned head;
	struct span payload;

	owner_echoes = true;
	peer_says(FIN | TEXT, "a");
	peer_says(FIN | PING, "b");
	peer_says(FIN | BINARY, "c");
	turns();
	ck_assert(next_frame(&head, &payload) && head == (FIN | TEXT) && span_is(payload, "a"));
	ck_assert(next_frame(&head, &payload) && head == (FIN | PONG) && span_is(payload, "b"));
	ck_assert(next_frame(&head, &payload) && head == (FIN | BINARY) && span_is(payload, "c"));
	ck_assert_uint_gt(n_progress, 0);
	ck_assert_uint_eq(ws_owed(ws), 0);
}
END_TEST

/* Rules a peer may break, and what it is told. */
static const struct offence {
	const char *name;
	unsigned head;
	struct span payload;
	int code;
} offences[] = {
	{ "reserved bit 1", FIN | 0x40 | TEXT, { "x", 1 }, 1002 },
	{ "reserved bit 3", FIN | 0x10 | TEXT, { "x", 1 }, 1002 },
	{ "reserved data opcode", FIN | 3, { "x", 1 }, 1002 },
	{ "reserved control opcode", FIN | 11, { "", 0 }, 1002 },
	{ "nothing to continue", FIN | 0, { "x", 1 }, 1002 },
	{ "fragmented ping", PING, { "x", 1 }, 1002 },
	{ "fragmented close", CLOSE, { "\x03\xe8", 2 }, 1002 },
	{ "invalid text", FIN | TEXT, { "a\xff", 2 }, 1007 },
	{ "surrogate", FIN | TEXT, { "\xed\xa0\x80", 3 }, 1007 },
	{ "overlong", FIN | TEXT, { "\xc0\xaf", 2 }, 1007 },
	{ "beyond Unicode", FIN | TEXT, { "\xf4\x90\x80\x80", 4 }, 1007 },
	{ "character cut at the end", FIN | TEXT, { "\xe2\x98", 2 }, 1007 },
	{ "hopeless before the end", TEXT, { "\xf4\x90", 2 }, 1007 },
	{ "close body of one byte", FIN | CLOSE, { "\x03", 1 }, 1002 },
	{ "close code 999", FIN | CLOSE, { "\x03\xe7", 2 }, 1002 },
	{ "close code 1004", FIN | CLOSE, { "\x03\xec", 2 }, 1002 },
	{ "close code 1005", FIN | CLOSE, { "\x03\xed", 2 }, 1002 },
	{ "close code 1006", FIN | CLOSE, { "\x03\xee", 2 }, 1002 },
	{ "close code 1015", FIN | CLOSE, { "\x03\xf7", 2 }, 1002 },
	{ "close code 2999", FIN | CLOSE, { "\x0b\xb7", 2 }, 1002 },
	{ "close code 5000", FIN | CLOSE, { "\x13\x88", 2 }, 1002 },
	{ "close reason not UTF-8", FIN | CLOSE, { "\x03\xe8\xff", 3 }, 1007 },
	{ "close reason cut", FIN | CLOSE, { "\x03\xe8\xe2\x98", 4 }, 1007 },
};

START_TEST(breaking_a_rule_ends_with_its_code)
{
	const struct offence *o = &offences[_i];

	peer_send(o->head, o->payload.p, o->payload.n);
	peer_says(FIN | TEXT, "behind it");
	turns();
	ck_assert_str_eq(told, "broken");
	ck_assert_msg(close_code() == o->code, "%s", o->name);
	ck_assert(peer_saw_end); /* our direction is shut behind the close frame */
	close(peer);
	peer = -1;
	turns();
	ck_assert_uint_eq(ws_server_count(server), 0);
}
END_TEST

START_TEST(breaking_a_rule_byte_by_byte_is_the_same)
{
	const struct offence *o = &offences[_i];
	unsigned char bytes[64];
	size_t n = make_frame(bytes, o->head, o->payload);

	for (size_t i = 0; i < n; i++) {
		peer_write(bytes + i, 1);
		turns();
	}
	ck_assert_str_eq(told, "broken");
	ck_assert_msg(close_code() == o->code, "%s", o->name);
}
END_TEST

START_TEST(a_frame_that_is_not_masked_is_refused)
{
	peer_write("\x81\x01x", 3);
	turns();
	ck_assert_str_eq(told, "broken");
	ck_assert_int_eq(close_code(), 1002);
}
END_TEST

START_TEST(a_message_must_not_be_interrupted_by_another)
{
	peer_says(TEXT, "a");
	peer_says(FIN | TEXT, "b");
	turns();
	ck_assert_str_eq(told, "broken");
	ck_assert_int_eq(close_code(), 1002);
}
END_TEST

START_TEST(a_control_frame_beyond_125_bytes_is_refused)
{
	char payload[126] = { 0 };

	peer_send(FIN | PING, payload, sizeof payload);
	turns();
	ck_assert_int_eq(close_code(), 1002);
}
END_TEST

START_TEST(lengths_must_be_written_the_short_way)
{
	/* 5 bytes as 16 bits, 5 as 64 bits, and a length with its highest bit set. */
	static const char heads[3][14] = {
		{ '\x82', '\xfe', 0, 5, 'm', 'a', 's', 'k', 'h', 'e', 'l', 'l', 'o', '.' },
		{ '\x82', '\xff', 0, 0, 0, 0, 0, 0, 0, 5, 'm', 'a', 's', 'k' },
		{ '\x82', '\xff', '\x80', 0, 0, 0, 0, 0, 0, 0, 'm', 'a', 's', 'k' },
	};

	peer_write(heads[_i], 14);
	turns();
	ck_assert_int_eq(close_code(), 1002);
}
END_TEST

START_TEST(a_message_at_the_limit_is_taken_and_one_byte_more_is_not)
{
	static char payload[MESSAGE_LIMIT + 1];

	memset(payload, 'x', sizeof payload);
	peer_send(FIN | TEXT, payload, MESSAGE_LIMIT);
	turns();
	ck_assert_uint_eq(n_told, 5 + MESSAGE_LIMIT);
	peer_send(FIN | TEXT, payload, MESSAGE_LIMIT + 1);
	turns();
	ck_assert_int_eq(close_code(), 1009);
}
END_TEST

START_TEST(the_limit_counts_all_fragments)
{
	static char payload[MESSAGE_LIMIT];

	memset(payload, 'x', sizeof payload);
	peer_send(TEXT, payload, MESSAGE_LIMIT);
	peer_send(0, payload, 1);
	turns();
	ck_assert_str_eq(told, "broken");
	ck_assert_int_eq(close_code(), 1009);
}
END_TEST

START_TEST(a_header_that_claims_much_is_refused_before_the_bytes_come)
{
	/* 2^62 bytes are announced; one comes. */
	peer_write("\x82\xff\x40\0\0\0\0\0\0\0"
		   "abcd"
		   "x",
	    15);
	turns();
	ck_assert_int_eq(close_code(), 1009);
}
END_TEST

START_TEST(the_peers_close_is_answered_with_its_code)
{
	static const struct {
		struct span body;
		int answer;
	} closes[] = { { { "", 0 }, 0 }, { { "\x03\xe8", 2 }, 1000 },
		{ { "\x03\xf4gone", 6 }, 1012 }, { { "\x03\xf6", 2 }, 1014 },
		{ { "\x0b\xb8", 2 }, 3000 }, { { "\x13\x87\xe2\x98\x83", 5 }, 4999 } };

	peer_send(FIN | CLOSE, closes[_i].body.p, closes[_i].body.n);
	turns();
	ck_assert_str_eq(told, "peer closed");
	ck_assert_int_eq(close_code(), closes[_i].answer);
	ck_assert(peer_saw_end);
}
END_TEST

START_TEST(frames_behind_the_peers_close_are_dropped)
{
	peer_says(FIN | CLOSE, "\x03\xe8");
	peer_says(FIN | TEXT, "41");
	peer_says(FIN | TEXT, "1");
	peer_says(FIN | CLOSE, "\x03\xe8");
	turns();
	ck_assert_str_eq(told, "peer closed");
	ck_assert_int_eq(close_code(), 1000);
	shutdown(peer, SHUT_WR);
	turns();
	ck_assert_uint_eq(ws_server_count(server), 0);
}
END_TEST

START_TEST(our_close_waits_for_the_peers_and_messages_meanwhile_are_dropped)
{
	ws_close(ws, 1012, "restart");
	turns();
	peer_says(FIN | TEXT, "still talking");
	peer_says(TEXT, "\xff"); /* nor is it judged */
	turns();
	ck_assert_int_eq(close_code(), 1012);
	ck_assert(!peer_saw_end);
	peer_says(FIN, "");
	peer_says(FIN | CLOSE, "\x03\xf4");
	turns();
	peer_read();
	ck_assert(peer_saw_end);
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(a_peer_that_never_closes_is_closed_in_time)
{
	ws_close(ws, 1000, NULL);
	pass(CLOSE_MS - 100);
	ck_assert_uint_eq(ws_server_count(server), 1);
	pass(200);
	ck_assert_uint_eq(ws_server_count(server), 0);
	ck_assert_int_eq(close_code(), 1000);
	ck_assert(peer_saw_end);
}
END_TEST

START_TEST(the_owner_may_close_from_within_a_message)
{
	owner_closes = owner_echoes = true;
	peer_says(FIN | TEXT, "one");
	peer_says(FIN | TEXT, "two");
	turns();
	ck_assert_str_eq(told, "text:one");
	ck_assert_int_eq(close_code(), 4000);
}
END_TEST

START_TEST(a_connection_that_breaks_off_is_told_once)
{
	peer_says(TEXT, "half");
	close(peer);
	peer = -1;
	turns();
	ck_assert_str_eq(told, "broken");
	ck_assert_uint_eq(ws_server_count(server), 0);
}
END_TEST

START_TEST(quiet_peers_are_pinged_and_a_pong_keeps_them)
{
	unsigned head;
	struct span payload;

	for (int i = 0; i < 3; i++) {
		pass(PING_MS);
		ck_assert(next_frame(&head, &payload) && head == (FIN | PING));
		pass(PONG_MS - 100);
		peer_says(FIN | PONG, "");
		turns();
	}
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(a_peer_without_a_pong_is_closed)
{
	pass(PING_MS + PONG_MS - 100);
	ck_assert_str_eq(told, "");
	peer_says(FIN | TEXT, "talking is no pong");
	pass(100);
	ck_assert_str_eq(told, "text:talking is no pong|timed out");
	ck_assert_int_eq(close_code(), 1001);
}
END_TEST

/* Sends until the socket takes no more. */
static size_t
flood(const unsigned char *frame, size_t n, size_t most)
{
	size_t sent = 0;

	while (sent < most && send(peer, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n) {
		sent++;
		if (sent % 64 == 0)
			loop_turn(loop, 0);
	}
	turns();
	return sent;
}

START_TEST(a_peer_that_pings_and_does_not_read_is_closed_before_its_pongs_pile_up)
{
	char payload[125] = { 0 };
	unsigned char frame[200];
	size_t n = make_frame(frame, FIN | PING, (struct span){ payload, sizeof payload });
	static const char words[] = "\x03\xf0too many pings"; /* 1008 */
	enum { WORDS = sizeof words - 1 };
	static char bytes[WORDS + SEEN_BYTES]; /* the last few stay in front of what comes */
	ssize_t got;

	flood(frame, n, 200000);
	ck_assert_str_eq(told, "broken");
	/* What is queued before the close frame goes out as the peer reads. */
	for (; (got = recv(peer, bytes + WORDS, SEEN_BYTES, 0)) != 0; turns())
		if (got > 0)
			memmove(bytes, bytes + got, WORDS);
	ck_assert_int_eq(memcmp(bytes, words, WORDS), 0);
}
END_TEST

START_TEST(a_peer_that_pings_and_reads_may_go_on)
{
	unsigned char frame[64];
	size_t n = make_frame(frame, FIN | PING, SPAN("again"));
	unsigned head, pongs = 0;
	struct span payload;

	for (int round = 0; round < 20; round++) {
		flood(frame, n, 200);
		while (next_frame(&head, &payload))
			pongs += head == (FIN | PONG);
	}
	ck_assert_uint_eq(pongs, 4000);
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(a_peer_that_asks_and_does_not_read_is_not_read_from)
{
	static char payload[MESSAGE_LIMIT];
	static unsigned char frame[MESSAGE_LIMIT + 16];
	size_t n, sent;
	unsigned head, echoes = 0;
	struct span answer;

	memset(payload, 'x', sizeof payload);
	n = make_frame(frame, FIN | BINARY, (struct span){ payload, sizeof payload });
	owner_echoes = true;
	for (sent = 0; sent < 5000; sent++) {
		n_told = 0; /* many: the notes would overflow */
		if (send(peer, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
			break;
		loop_turn(loop, 0);
	}
	ck_assert_uint_lt(sent, 5000);
	ck_assert_uint_lt(ws_owed(ws), OWED_LIMIT + 32 * 1024);
	/* Once it reads, everything comes. */
	for (int i = 0; i < 2000 && echoes < sent; i++) {
		n_told = 0;
		loop_turn(loop, 0);
		while (next_frame(&head, &answer))
			echoes += head == (FIN | BINARY);
	}
	ck_assert_uint_ge(echoes, sent);
}
END_TEST

START_TEST(close_and_send_after_the_end_do_nothing)
{
	struct shared_bytes *bytes = shared_bytes_new(SHARED_TEXT, SPAN("late"));
	struct ws *mine = ws;

	ws_close(mine, 1000, "bye");
	ws_send(mine, bytes);
	ws_close(mine, 1001, "again");
	shared_bytes_unref(bytes);
	turns();
	ck_assert_int_eq(close_code(), 1000);
	ck_assert_str_eq(told, "");
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("ws");

	tcase_add_checked_fixture(t, ws_setup, ws_teardown);
	tcase_add_test(t, a_text_and_a_binary_message_arrive_as_what_they_are);
	tcase_add_test(t, what_came_with_the_upgrade_is_read_first);
	tcase_add_test(t, frames_may_come_byte_by_byte);
	tcase_add_test(t, many_frames_may_come_in_one_segment);
	tcase_add_test(t, one_turn_reads_a_ration_and_no_more);
	tcase_add_test(t, the_frames_of_a_turn_are_written_in_order);
	tcase_add_loop_test(
	    t, breaking_a_rule_ends_with_its_code, 0, sizeof offences / sizeof *offences);
	tcase_add_loop_test(
	    t, breaking_a_rule_byte_by_byte_is_the_same, 0, sizeof offences / sizeof *offences);
	tcase_add_test(t, a_frame_that_is_not_masked_is_refused);
	tcase_add_test(t, a_message_must_not_be_interrupted_by_another);
	tcase_add_test(t, a_control_frame_beyond_125_bytes_is_refused);
	tcase_add_loop_test(t, lengths_must_be_written_the_short_way, 0, 3);
	tcase_add_test(t, a_message_at_the_limit_is_taken_and_one_byte_more_is_not);
	tcase_add_test(t, the_limit_counts_all_fragments);
	tcase_add_test(t, a_header_that_claims_much_is_refused_before_the_bytes_come);
	tcase_add_loop_test(t, the_peers_close_is_answered_with_its_code, 0, 6);
	tcase_add_test(t, frames_behind_the_peers_close_are_dropped);
	tcase_add_test(t, our_close_waits_for_the_peers_and_messages_meanwhile_are_dropped);
	tcase_add_test(t, a_peer_that_never_closes_is_closed_in_time);
	tcase_add_test(t, the_owner_may_close_from_within_a_message);
	tcase_add_test(t, a_connection_that_breaks_off_is_told_once);
	tcase_add_test(t, quiet_peers_are_pinged_and_a_pong_keeps_them);
	tcase_add_test(t, a_peer_without_a_pong_is_closed);
	tcase_add_test(t, a_peer_that_pings_and_does_not_read_is_closed_before_its_pongs_pile_up);
	tcase_add_test(t, a_peer_that_pings_and_reads_may_go_on);
	tcase_add_test(t, a_peer_that_asks_and_does_not_read_is_not_read_from);
	tcase_add_test(t, close_and_send_after_the_end_do_nothing);
	return run_tests(t);
}
