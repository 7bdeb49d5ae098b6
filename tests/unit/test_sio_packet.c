#include "gatewayd/sio_packet.h"

#include "tests/unit/eio_fixture.h"

START_TEST(each_part_of_a_packet_is_found_where_it_may_stand)
{
	static const struct {
		const char *text;
		enum sio_type type;
		unsigned n_attachments;
		const char *ns;
		int64_t id;	     /* -1: none */
		const char *payload; /* NULL: none */
	} rows[] = {
		{ "0", SIO_CONNECT, 0, "/", -1, NULL },
		{ "0{\"a\":1}", SIO_CONNECT, 0, "/", -1, "{\"a\":1}" },
		{ "0/graph", SIO_CONNECT, 0, "/graph", -1, NULL },
		{ "0/graph,", SIO_CONNECT, 0, "/graph", -1, NULL },
		{ "0/graph,{}", SIO_CONNECT, 0, "/graph", -1, "{}" },
		{ "1/graph", SIO_DISCONNECT, 0, "/graph", -1, NULL },
		{ "2[\"a\"]", SIO_EVENT, 0, "/", -1, "[\"a\"]" },
		{ "212[\"a\"]", SIO_EVENT, 0, "/", 12, "[\"a\"]" },
		{ "2/a,0[\"a\", 1.0 ] ", SIO_EVENT, 0, "/a", 0, "[\"a\", 1.0 ]" },
		{ "2/,[\"a\"]", SIO_EVENT, 0, "/", -1, "[\"a\"]" },
		{ "2[\"/a,\"]", SIO_EVENT, 0, "/", -1, "[\"/a,\"]" },
		{ "39007199254740991[]", SIO_ACK, 0, "/", 9007199254740991, "[]" },
		{ "51-[\"a\"]", SIO_BINARY_EVENT, 1, "/", -1, "[\"a\"]" },
		{ "510-/b,7[\"a\"]", SIO_BINARY_EVENT, 10, "/b", 7, "[\"a\"]" },
		{ "50-[\"a\"]", SIO_BINARY_EVENT, 0, "/", -1, "[\"a\"]" },
		{ "62-3[]", SIO_BINARY_ACK, 2, "/", 3, "[]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sio_packet p;

		ck_assert_msg(sio_packet_parse(span_of(rows[i].text), &p), "%s", rows[i].text);
		ck_assert_int_eq(p.type, rows[i].type);
		ck_assert_uint_eq(p.n_attachments, rows[i].n_attachments);
		ck_assert(span_is(p.ns, rows[i].ns));
		ck_assert_int_eq(p.has_id ? (int64_t)p.id : -1, rows[i].id);
		ck_assert(rows[i].payload ? span_is(p.payload, rows[i].payload) : !p.payload.p);
	}
}
END_TEST

START_TEST(a_malformed_head_is_refused)
{
	static const char *const rows[] = { "", "7", "9", "a", "-", "5", "5[\"a\"]", "51",
		"51[\"a\"]", "5-[\"a\"]", "5x-[\"a\"]", "511-[\"a\"]", "51000000000-[\"a\"]",
		"599999999999999999999999999999-[\"a\"]", "5-1-[\"a\"]", "51.5-[\"a\"]",
		"29007199254740992[\"a\"]", "2123456789012345678901234567890[\"a\"]",
		"399999999999999999999[]", "61", "5 1-[\"a\"]" };
	struct sio_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(!sio_packet_parse(span_of(rows[i]), &p), "%s", rows[i]);
}
END_TEST

START_TEST(a_namespace_has_at_most_256_bytes)
{
	char text[70000] = "0/";
	struct sio_packet p;

	memset(text + 2, 'n', sizeof(text) - 2);
	ck_assert(sio_packet_parse((struct span){ text, 1 + 256 }, &p));
	ck_assert_uint_eq(p.ns.n, 256);
	ck_assert(!sio_packet_parse((struct span){ text, 1 + 257 }, &p));
	ck_assert(!sio_packet_parse((struct span){ text, 65536 }, &p));
	text[258] = ',';
	ck_assert(!sio_packet_parse((struct span){ text, 260 }, &p));
}
END_TEST

static enum sio_validity
judge(const char *text)
{
	enum json_fault fault;
	struct sio_packet p;

	ck_assert_msg(sio_packet_parse(span_of(text), &p), "%s", text);
	return sio_packet_check(&p, &fault);
}

START_TEST(payloads_have_the_form_their_type_demands)
{
	static const char *const good[] = { "0", "0{}", "0{\"a\":[1]}", "1", "1/a", "2[\"a\"]",
		"2[\"\"]", "2[1]", "2[1.5,2]", "2[\"a\",{\"b\":[null]}]", "21[\"a\"]", "31[]",
		"31[1]", "2[\"Connect\"]", "2[\"_placeholder\"]",
		"2[\"a\",{\"_placeholder\":true,\"num\":7}]",
		"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", "51-[\"a\"]",
		"52-[\"a\",{\"x\":[{\"num\":1,\"_placeholder\":true}]}]",
		"51-[\"a\",{\"_placeholder\":false,\"num\":9}]",
		"51-[\"a\",{\"_placeholder\":1,\"num\":9}]", "50-[\"a\"]",
		"61-1[{\"_placeholder\":true,\"num\":0}]" };
	static const char *const bad[] = { "0[]", "0null", "0\"a\"", "01", "0{", "1{}", "1[]", "11",
		"2", "2{}", "2\"a\"", "2[]", "2[null]", "2[true]", "2[{}]", "2[[]]",
		"2[\"connect\"]", "2[\"connect_error\"]", "2[\"disconnect\"]",
		"2[\"disconnecting\"]", "2[\"newListener\"]", "2[\"removeListener\"]",
		"2[\"\\u0063onnect\"]", "2[\"a\"", "2[\"a\"]x", "2[\"a\",]", "2[,]", "2 ", "3[]",
		"31", "31{}", "31null", "4{}", "4{\"message\":\"x\"}", "4",
		"51-[\"a\",{\"_placeholder\":true,\"num\":1}]",
		"51-[\"a\",{\"_placeholder\":true,\"num\":-1}]",
		"51-[\"a\",{\"_placeholder\":true,\"num\":0.5}]",
		"51-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]",
		"51-[\"a\",{\"_placeholder\":true}]",
		"51-[\"a\",[[{\"_placeholder\":true,\"num\":9}]]]",
		"50-[\"a\",{\"_placeholder\":true,\"num\":0}]", "61-[]", "61-1{}", "51-" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_msg(judge(good[i]) == SIO_VALID, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(judge(bad[i]) == SIO_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(json_that_is_only_beyond_our_bounds_is_told_apart)
{
	ck_assert_int_eq(judge("2[\"a\",9007199254740993]"), SIO_BEYOND_BOUNDS);
	ck_assert_int_eq(judge("2[\"a\",1e999]"), SIO_BEYOND_BOUNDS);
	ck_assert_int_eq(judge("2[\"a\",\"\\ud800\"]"), SIO_BEYOND_BOUNDS);
	ck_assert_int_eq(judge("2[\"a\",\"\\u0000\"]"), SIO_BEYOND_BOUNDS);
	ck_assert_int_eq(judge("2[\"a\",{\"b\":1,\"b\":2}]"), SIO_BEYOND_BOUNDS);
	ck_assert_int_eq(judge("2[\"a\",\"\xff\"]"), SIO_INVALID);
}
END_TEST

START_TEST(nesting_is_bounded_before_anything_recurses)
{
	static char text[200002];
	size_t n = 100000;

	text[0] = '2';
	memset(text + 1, '[', n);
	memset(text + 1 + n, ']', n);
	ck_assert_int_eq(judge(text), SIO_INVALID);
	/* One level is the arguments', the rest theirs. */
	strcpy(text, "2[\"a\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	ck_assert_int_eq(judge(text), SIO_VALID);
	strcpy(text, "2[\"a\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	ck_assert_int_eq(judge(text), SIO_INVALID);
}
END_TEST

START_TEST(an_event_is_split_into_its_name_and_the_bytes_of_its_arguments)
{
	static const char *const rows[][3] = {
		{ "[\"a\"]", "\"a\"", "" },
		{ "[ \"a\" ]", "\"a\"", "" },
		{ "[\"a\",1.0,{\"b\" : 1e3}, \"\\u00e9\"]", "\"a\"",
		    "1.0,{\"b\" : 1e3}, \"\\u00e9\"" },
		{ "[\"a\" , 1 ]", "\"a\"", "1" },
		{ "[12,[]]", "12", "[]" },
		{ "[\"a,]\",\"]\"]", "\"a,]\"", "\"]\"" },
	};
	struct span name, args;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		sio_event_split(span_of(rows[i][0]), &name, &args);
		ck_assert(span_is(name, rows[i][1]));
		ck_assert(span_is(args, rows[i][2]));
	}
	ck_assert(span_is(sio_ack_args(SPAN("[]")), ""));
	ck_assert(span_is(sio_ack_args(SPAN("[ ]")), ""));
	ck_assert(span_is(sio_ack_args(SPAN("[1, 2]")), "1, 2"));
}
END_TEST

static void
check_encoded(const struct sio_message *m, const char *expected)
{
	struct shared_bytes *b = sio_encode(m);
	struct span text = shared_bytes_payload(b);

	ck_assert_msg(span_is(text, expected), "%.*s", (int)text.n, text.p);
	ck_assert_uint_eq(b->frame, SHARED_TEXT);
	shared_bytes_unref(b);
}

START_TEST(events_and_acks_are_written_as_the_protocol_has_them)
{
	struct sio_message m = { .type = SIO_EVENT, .ns = SPAN("/"), .name = SPAN("a") };

	check_encoded(&m, "42[\"a\"]");
	m.args = SPAN("1.0, {\"b\":2}");
	check_encoded(&m, "42[\"a\",1.0, {\"b\":2}]");
	m.ns = SPAN("/graph");
	m.extra = SPAN("\"s:7\"");
	check_encoded(&m, "42/graph,[\"a\",1.0, {\"b\":2},\"s:7\"]");
	m.args = (struct span){ 0 };
	check_encoded(&m, "42/graph,[\"a\",\"s:7\"]");
	m.extra = (struct span){ 0 };
	m.has_id = true;
	m.id = SIO_ID_MAX;
	check_encoded(&m, "42/graph,9007199254740991[\"a\"]");
	m.n_attachments = 2;
	check_encoded(&m, "452-/graph,9007199254740991[\"a\"]");
	m = (struct sio_message){ .type = SIO_ACK, .ns = SPAN("/"), .has_id = true };
	check_encoded(&m, "430[]");
	m.args = SPAN("1");
	m.extra = SPAN("2");
	check_encoded(&m, "430[1,2]");
	m.n_attachments = 1;
	m.ns = SPAN("/x");
	check_encoded(&m, "461-/x,0[1,2]");
}
END_TEST

START_TEST(an_event_name_is_escaped_when_it_needs_to_be)
{
	struct sio_message m = {
		.type = SIO_EVENT, .ns = SPAN("/"), .name = SPAN("a\"b\\c\n"), .args = SPAN("1")
	};

	check_encoded(&m, "42[\"a\\\"b\\\\c\\n\",1]");
	m.name = SPAN("graph:node-created \xc3\xa9");
	check_encoded(&m, "42[\"graph:node-created \xc3\xa9\",1]");
}
END_TEST

START_TEST(what_is_written_reads_back_as_the_same)
{
	struct sio_message m = { .type = SIO_EVENT,
		.ns = SPAN("/graph"),
		.has_id = true,
		.id = 7,
		.name = SPAN("a"),
		.args = SPAN("[1,2]") };
	struct shared_bytes *b = sio_encode(&m);
	struct span text = shared_bytes_payload(b), name, args;
	enum json_fault fault;
	struct sio_packet p;

	ck_assert(sio_packet_parse((struct span){ text.p + 1, text.n - 1 }, &p));
	ck_assert_int_eq(sio_packet_check(&p, &fault), SIO_VALID);
	sio_event_split(p.payload, &name, &args);
	ck_assert(span_is(p.ns, "/graph") && p.has_id && p.id == 7);
	ck_assert(span_is(name, "\"a\"") && span_is(args, "[1,2]"));
	shared_bytes_unref(b);
}
END_TEST

START_TEST(other_packets_leave_the_root_namespace_out)
{
	struct shared_bytes *b = sio_encode_control(SIO_DISCONNECT, SPAN("/"), (struct span){ 0 });

	ck_assert(span_is(shared_bytes_payload(b), "41"));
	shared_bytes_unref(b);
	b = sio_encode_control(SIO_CONNECT_ERROR, SPAN("/a"), SPAN("{}"));
	ck_assert(span_is(shared_bytes_payload(b), "44/a,{}"));
	shared_bytes_unref(b);
}
END_TEST

/* A valid packet with some of its bytes changed, cut out or doubled. */
static size_t
mutate(struct dice *d, const char *seed_text, char *out)
{
	static const char bytes[] = "0123456789-/,[]{}\":\\_ \x1e\0\xff"
				    "abnumtrue";
	size_t n = strlen(seed_text);

	memcpy(out, seed_text, n);
	for (unsigned k = roll(d, 4) + 1; k > 0; k--) {
		size_t at = n ? roll(d, (unsigned)n) : 0;

		switch (n ? roll(d, 3) : 2) {
		case 0:
			out[at] = bytes[roll(d, sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(out + at, out + at + 1, --n - at);
			break;
		default:
			memmove(out + at + 1, out + at, n++ - at);
			out[at] = bytes[roll(d, sizeof(bytes) - 1)];
		}
	}
	return n;
}

START_TEST(mutated_packets_are_judged_and_those_let_through_have_their_form)
{
	static const char *const seeds[] = { "0/graph,{\"session_id\":\"x\",\"since\":7}",
		"2[\"message\",1,\"2\",{\"3\":[true]}]", "212[\"a\",[{}]]", "1/graph,",
		"52-/"
		"graph,7[\"a\",{\"_placeholder\":true,\"num\":0},{\"num\":1,\"_placeholder\":true}"
		"]",
		"61-/graph,7[{\"_placeholder\":true,\"num\":0}]", "3/graph,12[null]" };
	unsigned valid = 0, rounds = random_rounds();
	struct dice d;
	char text[256];

	d = dice_of(random_seed(0));
	for (unsigned i = 0; i < rounds; i++) {
		size_t n = mutate(&d, seeds[roll(&d, sizeof(seeds) / sizeof(*seeds))], text);
		char *exact = memcpy(malloc(n ? n : 1), text, n); /* for the sanitizer: no slack */
		enum json_fault fault;
		struct span name, args;
		struct sio_packet p;

		if (sio_packet_parse((struct span){ exact, n }, &p) &&
		    sio_packet_check(&p, &fault) == SIO_VALID) {
			valid++;
			ck_assert_uint_le(p.n_attachments, 10);
			ck_assert_uint_le(p.ns.n, SIO_NAMESPACE_BYTES);
			if (p.type == SIO_EVENT || p.type == SIO_BINARY_EVENT) {
				sio_event_split(p.payload, &name, &args);
				ck_assert(name.n > 0 && args.p);
				ck_assert_uint_lt(name.n + args.n, p.payload.n);
			}
		}
		free(exact);
	}
	ck_assert_uint_gt(valid, rounds / 100);
	ck_assert_uint_lt(valid, rounds);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio_packet");

	tcase_set_timeout(tests, 100);
	tcase_add_test(tests, each_part_of_a_packet_is_found_where_it_may_stand);
	tcase_add_test(tests, a_malformed_head_is_refused);
	tcase_add_test(tests, a_namespace_has_at_most_256_bytes);
	tcase_add_test(tests, payloads_have_the_form_their_type_demands);
	tcase_add_test(tests, json_that_is_only_beyond_our_bounds_is_told_apart);
	tcase_add_test(tests, nesting_is_bounded_before_anything_recurses);
	tcase_add_test(tests, an_event_is_split_into_its_name_and_the_bytes_of_its_arguments);
	tcase_add_test(tests, events_and_acks_are_written_as_the_protocol_has_them);
	tcase_add_test(tests, an_event_name_is_escaped_when_it_needs_to_be);
	tcase_add_test(tests, what_is_written_reads_back_as_the_same);
	tcase_add_test(tests, other_packets_leave_the_root_namespace_out);
	tcase_add_test(tests, mutated_packets_are_judged_and_those_let_through_have_their_form);
	return run_tests(tests);
}
