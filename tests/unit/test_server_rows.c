/* Several requests in one message, and their answers. */

#include "memory_server.h"

#include "common/limits.h"
#include "graphd/server_router.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct uuid nowhere;

/* Its id is the number as eight digits. */
static void
put_request(struct json_out *row, unsigned number, const char *command, const struct uuid *session,
    const char *args)
{
	char id[16];
	struct wire_packed head = { .session = *session, .command = span_of(command) };
	struct json_out out = { 0 };

	snprintf(id, sizeof id, "%08u", number);
	head.id = (struct span){ id, WIRE_PACKED_ID_BYTES };
	wire_packed_put(&head, &out);
	wire_row_put(json_out_span(&out), span_of(args), row);
	json_out_fini(&out);
}

static void
put_hello(struct json_out *row, unsigned number)
{
	put_request(row, number, "Hello", &nowhere, "{\"gateway\":\"g\"}");
}

static void
send_row(void *socket, struct json_out *row)
{
	frames_send(socket, SPAN(""), true);
	frames_send(socket, json_out_span(row), false);
	json_out_fini(row);
}

static unsigned
number_of(struct span id)
{
	char text[16] = "";

	ck_assert_uint_eq(id.n, WIRE_PACKED_ID_BYTES);
	memcpy(text, id.p, id.n);
	return (unsigned)atoi(text);
}

/* Waits for the answers 1 to n, each in a row, each once. */
static void
expect_answers(void *socket, unsigned n, const char *const *statuses)
{
	bool *seen = calloc(n + 1, sizeof *seen);
	struct frames frames;

	for (unsigned left = n; left > 0; frames_fini(&frames)) {
		struct span row, head, body, id, status;

		ck_assert_msg(fixture_recv(&f, socket, &frames, 5000), "%u are missing", left);
		ck_assert_uint_eq(frames.n, 2);
		ck_assert_uint_eq(frames_at(&frames, 0).n, 0);
		ck_assert(wire_row_get(frames_at(&frames, 1), &row));
		ck_assert_uint_le(frames_at(&frames, 1).n, LIMIT_ROW_BYTES);
		while (wire_row_take(&row, &head, &body)) {
			ck_assert(wire_answer_head_get(head, &id, &status));
			ck_assert(number_of(id) > 0 && number_of(id) <= n && !seen[number_of(id)]);
			seen[number_of(id)] = true;
			ck_assert(span_is(status, statuses ? statuses[number_of(id) - 1] : "OK"));
			ck_assert_int_eq(body.p[0], '{');
			left--;
		}
		ck_assert_uint_eq(row.n, 0);
	}
	free(seen);
}

START_TEST(requests_in_a_row_are_answered_in_rows)
{
	static const char *const statuses[] = { "OK", "OK", "UNKNOWN_COMMAND", "INVALID_SESSION",
		"INVALID_REQUEST" };
	struct json_out row = { 0 };
	struct uuid unknown;

	uuid_of_name(SPAN("nobody's"), &unknown);
	put_hello(&row, 1);
	put_request(&row, 2, "CreateSession", &nowhere, "{}");
	put_request(&row, 3, "Nonsense", &nowhere, "{}");
	put_request(&row, 4, "GetTree", &unknown, "{}");
	put_request(&row, 5, "Hello", &nowhere, "{");
	send_row(f.asker.socket, &row);
	expect_answers(f.asker.socket, 5, statuses);
}
END_TEST

START_TEST(a_row_may_hold_more_than_one_turn_takes)
{
	enum { MANY = 3 * LIMIT_TURN_REQUESTS + 7 };
	struct json_out row = { 0 };

	for (unsigned i = 1; i <= MANY; i++)
		put_hello(&row, i);
	send_row(f.asker.socket, &row);
	expect_answers(f.asker.socket, MANY, NULL);
}
END_TEST

/* What can be read is done, and what follows is dropped: nobody knows where it would begin. */
START_TEST(of_a_row_that_is_cut_off_what_stands_before_is_done)
{
	struct json_out whole = { 0 };
	struct frames frames;
	size_t first;

	put_hello(&whole, 1);
	first = whole.n;
	put_hello(&whole, 2);
	for (size_t n = 0; n < whole.n; n++) {
		struct json_out cut = { 0 };

		json_out_bytes(&cut, (struct span){ whole.bytes, n });
		send_row(f.asker.socket, &cut);
		if (n >= first)
			expect_answers(f.asker.socket, 1, NULL);
	}
	ck_assert(!fixture_recv(&f, f.asker.socket, &frames, QUIET_MS));
	json_out_fini(&whole);
	client_expect(&f, "OK", "Hello", "", "", "{\"gateway\":\"g\"}");
}
END_TEST

START_TEST(what_stands_in_a_row_without_a_packed_head_is_dropped)
{
	struct json_out row = { 0 };
	struct frames frames;

	put_hello(&row, 1);
	wire_row_put(SPAN("no head"), SPAN("{}"), &row);
	put_hello(&row, 2);
	send_row(f.asker.socket, &row);
	expect_answers(f.asker.socket, 1, NULL);
	ck_assert(!fixture_recv(&f, f.asker.socket, &frames, QUIET_MS));
}
END_TEST

START_TEST(more_gateways_than_there_are_rows_all_get_their_answers)
{
	enum { GATEWAYS = ROUTER_ROWS + 3 };
	void *sockets[GATEWAYS];

	for (int i = 0; i < GATEWAYS; i++) {
		struct json_out row = { 0 };

		sockets[i] = client_new(&f, ZMQ_DEALER, f.requests);
		put_hello(&row, 1);
		put_hello(&row, 2);
		send_row(sockets[i], &row);
	}
	for (int i = 0; i < GATEWAYS; i++) {
		expect_answers(sockets[i], 2, NULL);
		zmq_close(sockets[i]);
	}
}
END_TEST

START_TEST(an_answer_that_is_too_long_for_a_row_comes_in_parts_of_its_own)
{
	char session[64], root[64], *graph = big_graph();
	struct json_out row = { 0 };
	struct span id, status;
	struct frames frames;
	struct uuid uuid;
	size_t bytes = 0;
	bool over = false;

	make_project(&f, session, root);
	uuid_parse(span_of(session), &uuid);
	client_expect(&f, "OK", "LoadGraph", session, MINIMAL, graph);
	put_request(&row, 1, "GetTree", &uuid, "{}");
	send_row(f.asker.socket, &row);
	for (; !over; frames_fini(&frames)) {
		ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
		ck_assert_uint_eq(frames.n, 3);
		ck_assert(wire_answer_head_get(frames_at(&frames, 1), &id, &status));
		ck_assert_uint_eq(number_of(id), 1);
		bytes += frames_at(&frames, 2).n;
		over = span_is(status, "OK");
	}
	ck_assert_uint_gt(bytes, 2 * LIMIT_PART_BYTES);
	free(graph);
}
END_TEST

START_TEST(what_came_through_a_proxy_is_answered_alone)
{
	struct json_out row = { 0 };
	struct frames frames;

	frames_send(f.asker.socket, SPAN("behind the proxy"), true);
	put_hello(&row, 1);
	send_row(f.asker.socket, &row);
	ck_assert(fixture_recv(&f, f.asker.socket, &frames, 5000));
	ck_assert_uint_eq(frames.n, 4);
	ck_assert(span_is(frames_at(&frames, 0), "behind the proxy"));
	frames_fini(&frames);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("server_rows");

	tcase_add_checked_fixture(c, open_memory, close_it);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, requests_in_a_row_are_answered_in_rows);
	tcase_add_test(c, a_row_may_hold_more_than_one_turn_takes);
	tcase_add_test(c, of_a_row_that_is_cut_off_what_stands_before_is_done);
	tcase_add_test(c, what_stands_in_a_row_without_a_packed_head_is_dropped);
	tcase_add_test(c, more_gateways_than_there_are_rows_all_get_their_answers);
	tcase_add_test(c, an_answer_that_is_too_long_for_a_row_comes_in_parts_of_its_own);
	tcase_add_test(c, what_came_through_a_proxy_is_answered_alone);
	return run_tests(c);
}
