#include "gatewayd/eio_packet.h"

#include "common/json.h"
#include "tests/unit/eio_fixture.h"

/* The packets of a body, divided by bars. */
static void
split(struct span body, struct notes *out)
{
	struct eio_payload walk;
	struct span packet;

	forget(out);
	eio_payload_walk(&walk, body);
	while (eio_payload_next(&walk, &packet))
		note(out, packet);
}

START_TEST(a_polling_body_is_cut_at_each_separator)
{
	static const struct {
		const char *body, *packets;
		unsigned n;
	} rows[] = {
		{ "4a", "4a", 1 },
		{ "4a\x1e"
		  "4b\x1e"
		  "3",
		    "4a|4b|3", 3 },
		{ "4a\x1e", "4a|", 2 },
		{ "\x1e"
		  "4a",
		    "|4a", 2 },
		{ "\x1e", "|", 2 },
		{ "", "", 1 },
	};
	struct notes out;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		split(span_of(rows[i].body), &out);
		ck_assert_str_eq(out.text, rows[i].packets);
		ck_assert_uint_eq(out.parts, rows[i].n);
	}
	split((struct span){ 0 }, &out);
	ck_assert_uint_eq(out.parts, 1);
}
END_TEST

static void
check_written(enum shared_frame frame, const char *payload, const char *expected)
{
	struct shared_bytes *b = shared_bytes_new(frame, span_of(payload));
	struct json_out body = { 0 };

	eio_packet_write(b, &body);
	ck_assert(span_is(json_out_span(&body), expected));
	ck_assert_uint_eq(eio_packet_size(b), strlen(expected));
	json_out_fini(&body);
	shared_bytes_unref(b);
}

START_TEST(binary_goes_through_polling_as_b_and_padded_base64_without_a_type_digit)
{
	check_written(SHARED_TEXT, "4hello", "4hello");
	check_written(SHARED_BINARY, "\1\2\3\4", "bAQIDBA==");
	check_written(SHARED_BINARY, "abc", "bYWJj");
	check_written(SHARED_BINARY, "", "b");
}
END_TEST

START_TEST(base64_comes_back_as_the_same_bytes_or_not_at_all)
{
	size_t n;
	char *bytes = eio_unbase64(SPAN("AQIDBA=="), &n);

	ck_assert_uint_eq(n, 4);
	ck_assert_mem_eq(bytes, "\1\2\3\4", 4);
	free(bytes);
	bytes = eio_unbase64(SPAN(""), &n);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(n, 0);
	free(bytes);
	ck_assert_ptr_null(eio_unbase64(SPAN("AQID*A=="), &n));
	ck_assert_ptr_null(eio_unbase64(SPAN("AQIDB"), &n));
	ck_assert_ptr_null(eio_unbase64(SPAN("=AQID"), &n));
}
END_TEST

START_TEST(a_session_id_has_one_spelling_and_no_other_passes)
{
	struct eio_sid sid, again;
	char text[EIO_SID_TEXT + 1];

	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned k = 0; k < EIO_SID_BYTES; k++)
			sid.bytes[k] = (uint8_t)(i * 37 + k * k * 11 + (i >> 3));
		eio_sid_format(&sid, text);
		ck_assert_uint_eq(strlen(text), EIO_SID_TEXT);
		ck_assert_uint_eq(strspn(text,
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_"),
		    EIO_SID_TEXT);
		ck_assert(eio_sid_parse(span_of(text), &again));
		ck_assert_mem_eq(again.bytes, sid.bytes, EIO_SID_BYTES);
		text[EIO_SID_TEXT - 1]++; /* the last digit carries two bits that must be zero */
		ck_assert(!eio_sid_parse(span_of(text), &again));
	}
	ck_assert(!eio_sid_parse(SPAN("__proto__"), &again));
	ck_assert(!eio_sid_parse(SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAA\0"), &again));
	ck_assert(!eio_sid_parse(SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAA"), &again));
	ck_assert(!eio_sid_parse(SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &again));
	ck_assert(!eio_sid_parse(SPAN("AAAAAAAAAA+AAAAAAAAAAAAAAAA"), &again));
}
END_TEST

START_TEST(the_open_packet_has_exactly_the_five_members_clients_read)
{
	struct eio_settings settings = eio_default_settings();
	struct eio_sid sid = { { 0 } };
	struct json_out out = { 0 };

	eio_open_packet(&settings, &sid, true, &out);
	ck_assert(span_is(json_out_span(&out),
	    "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[\"websocket\"],"
	    "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"));
	json_out_clear(&out);
	eio_open_packet(&settings, &sid, false, &out);
	ck_assert_ptr_nonnull(memmem(out.bytes, out.n, "\"upgrades\":[],", 14));
	json_out_fini(&out);
}
END_TEST

static void
check_frame(size_t n, const char *head, size_t head_bytes)
{
	char *text = malloc(n + 1);
	struct shared_bytes *b;
	struct span frame;

	memset(text, 'x', n);
	b = shared_bytes_new(SHARED_TEXT, (struct span){ text, n });
	frame = shared_bytes_frame(b);
	ck_assert_uint_eq(frame.n, n + head_bytes);
	ck_assert_mem_eq(frame.p, head, head_bytes);
	ck_assert_ptr_eq(frame.p + head_bytes, shared_bytes_payload(b).p);
	shared_bytes_unref(b);
	free(text);
}

START_TEST(a_message_carries_its_websocket_header_directly_in_front)
{
	check_frame(0, "\x81\x00", 2);
	check_frame(125, "\x81\x7d", 2);
	check_frame(126, "\x81\x7e\x00\x7e", 4);
	check_frame(65535, "\x81\x7e\xff\xff", 4);
	check_frame(65536, "\x81\x7f\0\0\0\0\0\1\0\0", 10);
	check_frame(1000000, "\x81\x7f\0\0\0\0\0\x0f\x42\x40", 10);
}
END_TEST

START_TEST(shared_bytes_without_a_frame_are_only_their_payload)
{
	const struct span pieces[] = { SPAN("data: "), { NULL, 0 }, SPAN("x\n\n") };
	struct shared_bytes *b = shared_bytes_join(SHARED_PLAIN, pieces, 3);

	ck_assert(span_is(shared_bytes_frame(b), "data: x\n\n"));
	ck_assert_ptr_eq(shared_bytes_ref(b), b);
	ck_assert_uint_eq(b->refs, 2);
	shared_bytes_unref(b);
	ck_assert_uint_eq(b->refs, 1);
	shared_bytes_unref(b);
	shared_bytes_unref(NULL);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("eio_packet");

	tcase_add_test(tests, a_polling_body_is_cut_at_each_separator);
	tcase_add_test(
	    tests, binary_goes_through_polling_as_b_and_padded_base64_without_a_type_digit);
	tcase_add_test(tests, base64_comes_back_as_the_same_bytes_or_not_at_all);
	tcase_add_test(tests, a_session_id_has_one_spelling_and_no_other_passes);
	tcase_add_test(tests, the_open_packet_has_exactly_the_five_members_clients_read);
	tcase_add_test(tests, a_message_carries_its_websocket_header_directly_in_front);
	tcase_add_test(tests, shared_bytes_without_a_frame_are_only_their_payload);
	return run_tests(tests);
}
