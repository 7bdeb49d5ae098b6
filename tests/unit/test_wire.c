/* Frames between the processes: what is put is what is got, and nothing else is taken. */

#include "common/limits.h"
#include "common/mem.h"
#include "proto/wire.h"

#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(a_header_comes_back_as_it_was_put)
{
	struct wire_header in = { .version = 1,
		.flags = WIRE_DURABLE,
		.event = 513,
		.epoch = 7,
		.seq = UINT64_MAX - 1,
		.time_us = 1769594000123456 };
	struct wire_header out;
	uint8_t bytes[WIRE_HEADER_BYTES];

	uuid_random(&in.log_id);
	wire_header_put(&in, bytes);
	ck_assert(wire_header_get((struct span){ (char *)bytes, sizeof bytes }, &out));
	ck_assert_mem_eq(&in, &out, sizeof in);
	/* As the document says: seq stands at byte 32, little-endian. */
	ck_assert_int_eq(bytes[32], 0xfe);
	ck_assert_int_eq(bytes[39], 0xff);
}
END_TEST

START_TEST(a_short_header_or_another_version_is_refused)
{
	struct wire_header in = { .version = 1 }, out;
	uint8_t bytes[WIRE_HEADER_BYTES];

	wire_header_put(&in, bytes);
	ck_assert(!wire_header_get((struct span){ (char *)bytes, WIRE_HEADER_BYTES - 1 }, &out));
	bytes[0] = 2;
	ck_assert(!wire_header_get((struct span){ (char *)bytes, sizeof bytes }, &out));
}
END_TEST

/* Puts a header with a path of n ids; gives the bytes, which the caller frees. */
static struct span
header_with_path(struct uuid *ids, size_t n)
{
	struct wire_header in = { .version = 1, .flags = WIRE_DURABLE, .path = { ids, n } };
	uint8_t *bytes = xmalloc(WIRE_HEADER_MOST_BYTES);

	for (size_t i = 0; i < n; i++)
		uuid_random(&ids[i]);
	return (struct span){ (char *)bytes, wire_header_put(&in, bytes) };
}

START_TEST(a_path_stands_behind_the_header)
{
	static const size_t lengths[] = { 1, 2, LIMIT_DEPTH + 1, LIMIT_PATH_NODES };
	struct uuid ids[LIMIT_PATH_NODES];
	struct wire_header out;

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct span bytes = header_with_path(ids, lengths[i]);

		ck_assert_uint_eq(bytes.n, WIRE_HEADER_BYTES + lengths[i] * UUID_BYTES);
		ck_assert_int_eq(bytes.p[1], WIRE_DURABLE | WIRE_HAS_PATH);
		ck_assert(wire_header_get(bytes, &out));
		ck_assert_int_eq(out.flags, WIRE_DURABLE);
		ck_assert_uint_eq(out.path.n, lengths[i]);
		ck_assert_mem_eq(out.path.ids, ids, lengths[i] * sizeof *ids);
		ck_assert(path_has(out.path, &ids[lengths[i] - 1]));
		free((char *)(uintptr_t)bytes.p);
	}
}
END_TEST

START_TEST(a_path_that_is_no_row_of_ids_is_refused)
{
	struct uuid ids[2];
	struct wire_header out;
	struct span bytes = header_with_path(ids, 2);
	char *longer = xcalloc(1, WIRE_HEADER_MOST_BYTES + UUID_BYTES);

	for (size_t n = WIRE_HEADER_BYTES; n < bytes.n; n++)
		ck_assert_int_eq(wire_header_get((struct span){ bytes.p, n }, &out),
		    n == WIRE_HEADER_BYTES + UUID_BYTES);
	/* Without its flag it is something of a later version, and passed by. */
	memcpy(longer, bytes.p, bytes.n);
	longer[1] = WIRE_DURABLE;
	ck_assert(wire_header_get((struct span){ longer, bytes.n }, &out));
	ck_assert_uint_eq(out.path.n, 0);
	longer[1] |= WIRE_HAS_PATH;
	ck_assert(wire_header_get((struct span){ longer, WIRE_HEADER_MOST_BYTES }, &out));
	ck_assert(
	    !wire_header_get((struct span){ longer, WIRE_HEADER_MOST_BYTES + UUID_BYTES }, &out));
	free(longer);
	free((char *)(uintptr_t)bytes.p);
}
END_TEST

START_TEST(a_topic_names_one_session_only)
{
	struct uuid id, back;
	char topic[WIRE_TOPIC_MAX];

	uuid_random(&id);
	for (int e = 0; e <= EVENTS; e++) {
		size_t n = wire_topic(&id, (enum event)e, topic);

		ck_assert_int_le(n, WIRE_TOPIC_MAX);
		ck_assert(wire_topic_session((struct span){ topic, n }, &back));
		ck_assert(uuid_equal(&id, &back));
	}
	/* A prefix of the id, or something else in the slash's place, is no topic of ours. */
	for (size_t n = 0; n < 8 + UUID_TEXT + 1; n++)
		ck_assert(!wire_topic_session((struct span){ topic, n }, &back));
	topic[8 + UUID_TEXT] = '0';
	ck_assert(!wire_topic_session((struct span){ topic, 50 }, &back));
}
END_TEST

START_TEST(a_packed_head_comes_back_as_it_was_put_and_shorter_ones_are_none)
{
	struct wire_packed head = { .id = SPAN("12345678"),
		.command = SPAN("CreateNode"),
		.caller = SPAN("{\"actor\":\"ann\"}") };
	struct wire_packed got;
	struct json_out out = { 0 };

	uuid_of_name(SPAN("session"), &head.session);
	wire_packed_put(&head, &out);
	ck_assert(wire_packed_get(json_out_span(&out), &got));
	ck_assert(span_equal(got.id, head.id));
	ck_assert(uuid_equal(&got.session, &head.session));
	ck_assert(span_equal(got.command, head.command));
	ck_assert(span_equal(got.caller, head.caller));
	for (size_t n = 0; n < out.n - head.caller.n; n++)
		ck_assert(!wire_packed_get((struct span){ out.bytes, n }, &got));
	/* The caller is what is left, down to nothing. */
	ck_assert(wire_packed_get((struct span){ out.bytes, out.n - head.caller.n }, &got));
	ck_assert_uint_eq(got.caller.n, 0);
	out.bytes[0] = 'g';
	ck_assert(!wire_packed_get(json_out_span(&out), &got));
	json_out_fini(&out);
}
END_TEST

START_TEST(a_packed_answer_head_comes_back_as_it_was_put)
{
	char head[WIRE_ANSWER_HEAD_MAX];
	size_t n = wire_answer_head(SPAN("12345678"), WIRE_STATUS_PART, head);
	struct span id, status;

	ck_assert(wire_answer_head_get((struct span){ head, n }, &id, &status));
	ck_assert(span_is(id, "12345678"));
	ck_assert(span_is(status, WIRE_STATUS_PART));
	ck_assert(!wire_answer_head_get((struct span){ head, 15 }, &id, &status));
	ck_assert(!wire_answer_head_get(SPAN(WIRE_PROTOCOL), &id, &status));
}
END_TEST

START_TEST(a_row_gives_back_one_after_another_what_was_put)
{
	struct json_out row = { 0 };
	struct span left, head, body;

	wire_row_put(SPAN("head"), SPAN("{}"), &row);
	wire_row_put(SPAN("another"), SPAN(""), &row);
	ck_assert(!wire_row_get(SPAN(WIRE_PACKED "12345678"), &left));
	ck_assert(wire_row_get(json_out_span(&row), &left));
	ck_assert(wire_row_take(&left, &head, &body));
	ck_assert(span_is(head, "head") && span_is(body, "{}"));
	ck_assert(wire_row_take(&left, &head, &body));
	ck_assert(span_is(head, "another") && body.n == 0);
	ck_assert_uint_eq(left.n, 0);
	ck_assert(!wire_row_take(&left, &head, &body));
	json_out_fini(&row);
}
END_TEST

START_TEST(a_row_is_filled_to_its_last_byte_and_no_further)
{
	static char bytes[LIMIT_ROW_BYTES];
	struct json_out row = { 0 };
	size_t rest = LIMIT_ROW_BYTES - (sizeof(WIRE_ROW) - 1) - 8 - 4;

	ck_assert(wire_row_fits(0, SPAN("head"), (struct span){ bytes, rest }));
	ck_assert(!wire_row_fits(0, SPAN("head"), (struct span){ bytes, rest + 1 }));
	wire_row_put(SPAN("head"), (struct span){ bytes, rest - 1000 }, &row);
	ck_assert(wire_row_fits(row.n, SPAN("head"), (struct span){ bytes, 1000 - 8 - 4 }));
	ck_assert(!wire_row_fits(row.n, SPAN("head"), (struct span){ bytes, 1000 - 8 - 3 }));
	json_out_fini(&row);
}
END_TEST

/* Each copy is as long as what it holds, so that a sanitizer sees what reads beyond it. */
START_TEST(a_row_that_is_cut_off_gives_what_stands_whole_before_the_cut)
{
	struct json_out row = { 0 };
	size_t first;

	wire_row_put(SPAN("head"), SPAN("{}"), &row);
	first = row.n;
	wire_row_put(SPAN("another"), SPAN("body"), &row);
	for (size_t n = 0; n < row.n; n++) {
		char *exact = n ? memcpy(xmalloc(n), row.bytes, n) : xmalloc(1);
		struct span left = { 0 }, head, body;
		int taken = 0;

		ck_assert_int_eq(wire_row_get((struct span){ exact, n }, &left), n >= 8);
		while (wire_row_take(&left, &head, &body))
			taken++;
		ck_assert_int_eq(taken, n >= first);
		free(exact);
	}
	json_out_fini(&row);
}
END_TEST

/* A message of the feed with two events, the first of them with a path. */
static struct span
pack_two(struct json_out *out, const struct uuid *session, struct uuid path[2])
{
	struct wire_header h = { .version = 1, .event = EVENT_node_created, .seq = 7 };
	char topic[WIRE_TOPIC_MAX];

	json_out_bytes(out, (struct span){ topic, wire_feed_topic(session, false, topic) });
	h.path = (struct path){ path, 2 };
	wire_event_pack(&h, SPAN("{\"first\":1}"), out);
	h = (struct wire_header){ .version = 1, .event = EVENT_node_deleted, .seq = 8 };
	wire_event_pack(&h, SPAN(""), out);
	return json_out_span(out);
}

START_TEST(packed_events_come_back_one_after_another)
{
	struct uuid session = { { 1, 2, 3 } }, path[2] = { { { 4 } }, { { 5 } } }, found;
	struct json_out out = { 0 };
	struct span left, body, message = pack_two(&out, &session, path);
	struct wire_header h;

	ck_assert(wire_feed_session(message, &found, &left));
	ck_assert(uuid_equal(&found, &session));
	ck_assert(wire_event_unpack(&left, &h, &body));
	ck_assert_uint_eq(h.event, EVENT_node_created);
	ck_assert_uint_eq(h.seq, 7);
	ck_assert_uint_eq(h.path.n, 2);
	ck_assert(uuid_equal(&h.path.ids[1], &path[1]));
	ck_assert(span_is(body, "{\"first\":1}"));
	ck_assert(wire_event_unpack(&left, &h, &body));
	ck_assert_uint_eq(h.event, EVENT_node_deleted);
	ck_assert_uint_eq(h.seq, 8);
	ck_assert_uint_eq(h.path.n, 0);
	ck_assert_uint_eq(body.n, 0);
	ck_assert(!wire_event_unpack(&left, &h, &body));
	json_out_fini(&out);
}
END_TEST

/* Each copy is as long as what it holds, so that a sanitizer sees what reads beyond it. */
START_TEST(a_packed_message_that_is_cut_off_gives_the_whole_events_before_the_cut)
{
	struct uuid session = { { 1 } }, path[2] = { { { 4 } }, { { 5 } } }, found;
	struct json_out out = { 0 };
	struct span message = pack_two(&out, &session, path);
	size_t second = message.n - 8 - WIRE_HEADER_BYTES;

	for (size_t n = 0; n < message.n; n++) {
		char *cut = xspandup((struct span){ message.p, n });
		char *exact = n ? memcpy(xmalloc(n), cut, n) : xmalloc(1);
		struct span left = { exact, n }, body;
		struct wire_header h;
		int events = 0;

		ck_assert_int_eq(wire_feed_session(left, &found, &left), n >= UUID_BYTES);
		while (n >= UUID_BYTES && wire_event_unpack(&left, &h, &body))
			events++;
		ck_assert_int_eq(events, n >= second);
		free(exact);
		free(cut);
	}
	json_out_fini(&out);
}
END_TEST

START_TEST(packed_lengths_beyond_the_message_are_refused)
{
	static const uint32_t lengths[][2] = { { UINT32_MAX, 0 }, { 0, UINT32_MAX },
		{ WIRE_HEADER_BYTES, UINT32_MAX }, { UINT32_MAX, UINT32_MAX }, { 0, 0 },
		{ 47, 1 } };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char bytes[8 + WIRE_HEADER_BYTES] = { 0 };
		struct span left = { bytes, sizeof bytes }, body;
		struct wire_header h;

		for (int k = 0; k < 8; k++)
			bytes[k] = (char)(lengths[i][k / 4] >> (8 * (k % 4)));
		bytes[8] = 1;
		ck_assert_msg(!wire_event_unpack(&left, &h, &body), "row %zu", i);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("wire");

	tcase_add_test(tc, a_header_comes_back_as_it_was_put);
	tcase_add_test(tc, a_short_header_or_another_version_is_refused);
	tcase_add_test(tc, a_path_stands_behind_the_header);
	tcase_add_test(tc, a_path_that_is_no_row_of_ids_is_refused);
	tcase_add_test(tc, a_topic_names_one_session_only);
	tcase_add_test(tc, a_packed_head_comes_back_as_it_was_put_and_shorter_ones_are_none);
	tcase_add_test(tc, a_packed_answer_head_comes_back_as_it_was_put);
	tcase_add_test(tc, a_row_gives_back_one_after_another_what_was_put);
	tcase_add_test(tc, a_row_is_filled_to_its_last_byte_and_no_further);
	tcase_add_test(tc, a_row_that_is_cut_off_gives_what_stands_whole_before_the_cut);
	tcase_add_test(tc, packed_events_come_back_one_after_another);
	tcase_add_test(tc, a_packed_message_that_is_cut_off_gives_the_whole_events_before_the_cut);
	tcase_add_test(tc, packed_lengths_beyond_the_message_are_refused);
	return run_tests(tc);
}
