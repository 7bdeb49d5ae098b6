/* The checks of requests, in the order stock servers make them. */
#include "tests/unit/eio_fixture.h"

static struct eio *eio;
static const char *refusal; /* what the admission hook says */
static unsigned admissions;

static const char *
admit(void *context, const struct eio_request *r)
{
	(void)context;
	ck_assert_ptr_nonnull(r);
	admissions++;
	return refusal;
}

static void
on_open(void *context, struct eio_session *s, const struct eio_request *r)
{
	(void)context;
	ck_assert(s && r);
}

static void
on_message(void *context, struct eio_session *s, struct span bytes, bool is_binary)
{
	(void)context;
	(void)s;
	(void)bytes;
	(void)is_binary;
}

static void
on_close(void *context, struct eio_session *s, enum eio_reason reason)
{
	(void)context;
	(void)s;
	(void)reason;
}

static const struct eio_app app = {
	.admit = admit, .open = on_open, .message = on_message, .close = on_close
};

static void
setup(void)
{
	struct eio_settings settings = eio_default_settings();

	settings.max_sessions = 3;
	refusal = NULL;
	admissions = 0;
	eio = eio_new(&settings, &app, &fake_io);
}

static void
teardown(void)
{
	eio_free(eio);
}

static void
check_refused(struct eio_verdict v, int code, unsigned status, const char *message)
{
	ck_assert_int_eq(v.next, EIO_REFUSE);
	ck_assert_int_eq(v.code, code);
	ck_assert_uint_eq(v.status, status);
	ck_assert_str_eq(v.message, message);
}

START_TEST(each_refusal_has_its_code_status_and_message)
{
	static const struct {
		const char *method, *query;
		bool is_upgrade;
		int code;
		const char *message;
	} rows[] = {
		{ "GET", "EIO=4", false, 0, "Transport unknown" },
		{ "GET", "", false, 0, "Transport unknown" },
		{ "GET", "EIO=4&transport=abc", false, 0, "Transport unknown" },
		{ "GET", "EIO=4&transport=webtransport", false, 0, "Transport unknown" },
		{ "GET", "EIO=4&transport=pollin", false, 0, "Transport unknown" },
		{ "GET", "EIO=4&transport=polling2", false, 0, "Transport unknown" },
		{ "GET", "EIO=4&transport=polling&sid=abc", false, 1, "Session ID unknown" },
		{ "POST", "EIO=4&transport=polling&sid=abc", false, 1, "Session ID unknown" },
		{ "GET", "EIO=4&transport=websocket&sid=abc", true, 1, "Session ID unknown" },
		{ "GET", "EIO=4&transport=polling&sid=__proto__", false, 1, "Session ID unknown" },
		{ "GET", "EIO=4&transport=polling&sid=%00", false, 1, "Session ID unknown" },
		{ "POST", "EIO=4&transport=polling", false, 2, "Bad handshake method" },
		{ "PUT", "EIO=4&transport=polling", false, 2, "Bad handshake method" },
		{ "HEAD", "EIO=4&transport=polling", false, 2, "Bad handshake method" },
		{ "DELETE", "EIO=4&transport=polling", false, 2, "Bad handshake method" },
		{ "OPTIONS", "EIO=4&transport=polling", false, 2, "Bad handshake method" },
		{ "GET", "EIO=4&transport=websocket", false, 3, "Bad request" },
		{ "GET", "EIO=4&transport=polling", true, 3, "Bad request" },
		{ "GET", "transport=polling", false, 5, "Unsupported protocol version" },
		{ "GET", "EIO=3&transport=polling", false, 5, "Unsupported protocol version" },
		{ "GET", "EIO=abc&transport=polling", false, 5, "Unsupported protocol version" },
		{ "GET", "EIO=5&transport=websocket", true, 5, "Unsupported protocol version" },
		{ "GET", "EIO&transport=polling", false, 5, "Unsupported protocol version" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_refused(ask(eio, rows[i].method, rows[i].query, rows[i].is_upgrade, 1),
		    rows[i].code, 400, rows[i].message);
}
END_TEST

START_TEST(of_several_faults_the_first_in_the_stock_order_is_told)
{
	struct eio_request r = { .method = SPAN("POST"),
		.query = SPAN("EIO=3&transport=x&sid=y"),
		.origin = SPAN("a\1b") };

	refusal = "no";
	check_refused(eio_check_request(eio, &r, 1), 0, 400, "Transport unknown");
	r.query = SPAN("EIO=3&transport=websocket&sid=y");
	check_refused(eio_check_request(eio, &r, 1), 3, 400, "Bad request");
	r.origin = SPAN("a\x7f"
			"b");
	check_refused(eio_check_request(eio, &r, 1), 3, 400, "Bad request");
	r.origin = SPAN("http://a\tb\xe9");
	check_refused(eio_check_request(eio, &r, 1), 1, 400, "Session ID unknown");
	r.query = SPAN("EIO=3&transport=websocket&sid=");
	check_refused(eio_check_request(eio, &r, 1), 2, 400, "Bad handshake method");
	r.method = SPAN("GET");
	check_refused(eio_check_request(eio, &r, 1), 3, 400, "Bad request");
	ck_assert_uint_eq(admissions, 0);
	r.is_upgrade = true;
	check_refused(eio_check_request(eio, &r, 1), 4, 403, "no");
	ck_assert_uint_eq(admissions, 1);
	refusal = NULL;
	check_refused(eio_check_request(eio, &r, 1), 5, 400, "Unsupported protocol version");
}
END_TEST

START_TEST(order_extras_and_repeats_in_the_query_do_not_matter_but_the_last_value_wins)
{
	static const char *const good[] = { "EIO=4&transport=polling&t=abc123&b64=1",
		"transport=polling&EIO=4&t=1.5", "x=y&&EIO=3&transport=abc&EIO=4&transport=polling",
		"EIO=%34&transport=poll%69ng",
		"E%49O=4&transport=polling&sid=", "EIO=4&transport=polling&%" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_int_eq(ask(eio, "GET", good[i], false, 1).next, EIO_HANDSHAKE);
	ck_assert_int_eq(ask(eio, "GET", "EIO=4&EIO=3&transport=polling", false, 1).code, 5);
	ck_assert_int_eq(ask(eio, "GET", "transport=websocket&EIO=4", true, 1).next, EIO_WEBSOCKET);
}
END_TEST

START_TEST(a_query_value_is_decoded_and_bounded)
{
	char text[8];
	size_t n;

	ck_assert(eio_query_find(SPAN("a=1&session_id=x%2Fy+z"), "session_id", text, 8, &n));
	ck_assert(span_is((struct span){ text, n }, "x/y z"));
	ck_assert(eio_query_find(SPAN("a"), "a", text, 8, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(!eio_query_find(SPAN("a=123456789"), "a", text, 8, &n));
	ck_assert(eio_query_find(SPAN("a=12345678"), "a", text, 8, &n));
	ck_assert(!eio_query_find(SPAN("b=1"), "a", text, 8, &n));
	ck_assert(!eio_query_find((struct span){ 0 }, "a", text, 8, &n));
}
END_TEST

START_TEST(a_session_id_of_4_kib_is_unknown)
{
	char query[4200] = "EIO=4&transport=polling&sid=";

	memset(query + strlen(query), 'A', 4096);
	check_refused(ask(eio, "GET", query, false, 1), 1, 400, "Session ID unknown");
}
END_TEST

START_TEST(the_error_body_is_code_and_message_as_json)
{
	struct eio_verdict v = ask(eio, "GET", "EIO=4", false, 1);
	struct json_out body = { 0 };

	eio_verdict_body(&v, &body);
	ck_assert(span_is(json_out_span(&body), "{\"code\":0,\"message\":\"Transport unknown\"}"));
	json_out_clear(&body);
	v.message = "\"quoted\"";
	eio_verdict_body(&v, &body);
	ck_assert(span_is(json_out_span(&body), "{\"code\":0,\"message\":\"\\\"quoted\\\"\"}"));
	json_out_clear(&body);
	v.code = -1;
	eio_verdict_body(&v, &body);
	ck_assert_uint_eq(body.n, 0);
	json_out_fini(&body);
}
END_TEST

START_TEST(everything_that_begins_with_the_path_and_its_slash_is_ours)
{
	ck_assert(eio_is_path(eio, SPAN("/socket.io/")));
	ck_assert(eio_is_path(eio, SPAN("/socket.io/x")));
	ck_assert(!eio_is_path(eio, SPAN("/socket.io")));
	ck_assert(!eio_is_path(eio, SPAN("/socket.iox/")));
}
END_TEST

START_TEST(handshakes_beyond_the_limit_of_sessions_are_refused_with_503)
{
	for (int i = 0; i < 3; i++)
		shake_hands(eio, 1);
	ck_assert_uint_eq(eio_session_count(eio), 3);
	ck_assert_uint_eq(ask(eio, "GET", "EIO=4&transport=polling", false, 1).status, 503);
	/* They time out, and there is room again. */
	ck_assert_int_eq(
	    ask(eio, "GET", "EIO=4&transport=polling", false, 200000).next, EIO_REFUSE);
	ck_assert_int_eq(
	    ask(eio, "GET", "EIO=4&transport=polling", false, 300000).next, EIO_HANDSHAKE);
}
END_TEST

START_TEST(a_known_session_is_served_by_the_transport_it_uses_alone)
{
	struct eio_sid sid = shake_hands(eio, 1);
	static struct fake_ws ws;
	struct eio_session *s = attach(eio, NULL, &ws, 1);
	char text[EIO_SID_TEXT + 1], query[128];

	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, 1), 200);
	ck_assert_int_eq(ask_sid(eio, "POST", "polling", &sid, 1), 200);
	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, 1), 101);
	ck_assert_int_eq(ask_sid(eio, "POST", "websocket", &sid, 1), REFUSED_BAD_REQUEST);
	ck_assert_int_eq(ask_sid(eio, "PUT", "polling", &sid, 1), REFUSED_BAD_REQUEST);
	ck_assert_int_eq(ask_sid(eio, "DELETE", "polling", &sid, 1), REFUSED_BAD_REQUEST);
	eio_sid_format(&sid, text);
	snprintf(query, sizeof(query), "transport=websocket&sid=%s", text);
	ck_assert_int_eq(ask(eio, "GET", query, false, 1).code, 3);
	snprintf(query, sizeof(query), "transport=polling&sid=%s", text);
	ck_assert_int_eq(ask(eio, "GET", query, true, 1).code, 3);
	sid = *eio_session_sid(s);
	ck_assert_int_eq(ask_sid(eio, "GET", "polling", &sid, 1), REFUSED_BAD_REQUEST);
	ck_assert_int_eq(ask_sid(eio, "POST", "polling", &sid, 1), REFUSED_BAD_REQUEST);
	ck_assert_int_eq(ask_sid(eio, "GET", "websocket", &sid, 1), REFUSED_BAD_REQUEST);
}
END_TEST

START_TEST(a_sid_begins_with_its_home_and_only_a_foreign_one_is_told_of)
{
	struct eio_settings settings = eio_default_settings();
	struct eio_sid sid, other;
	struct eio *home;
	char text[EIO_SID_TEXT + 1], query[128];
	struct eio_verdict v;

	memcpy(settings.home, "home", EIO_HOME_BYTES);
	home = eio_new(&settings, &app, &fake_io);
	sid = shake_hands(home, 1);
	other = shake_hands(home, 1);
	ck_assert_mem_eq(sid.bytes, "home", EIO_HOME_BYTES);
	ck_assert_mem_eq(other.bytes, "home", EIO_HOME_BYTES);
	ck_assert_mem_ne(sid.bytes + EIO_HOME_BYTES, other.bytes + EIO_HOME_BYTES, EIO_HOME_BYTES);
	ck_assert_int_eq(ask_sid(home, "GET", "polling", &sid, 1), 200);
	sid.bytes[EIO_SID_BYTES - 1]++;
	for (int foreign = 0; foreign < 2; foreign++) {
		sid.bytes[0] = (uint8_t)(foreign ? 'H' : 'h');
		eio_sid_format(&sid, text);
		snprintf(query, sizeof(query), "transport=polling&sid=%s", text);
		v = ask(home, "POST", query, false, 1);
		ck_assert_int_eq(v.next, EIO_REFUSE);
		ck_assert_int_eq(v.code, 1);
		ck_assert_int_eq(v.has_sid, foreign);
		if (foreign)
			ck_assert_mem_eq(v.sid.bytes, sid.bytes, EIO_SID_BYTES);
	}
	ck_assert(!ask(home, "GET", "transport=polling&sid=abc", false, 1).has_sid);
	eio_free(home);
}
END_TEST

static size_t
count_others(const void *context)
{
	return *(const size_t *)context;
}

START_TEST(clients_of_other_kinds_leave_less_room_for_sessions)
{
	struct eio_settings settings = eio_default_settings();
	size_t others = 1;

	settings.max_sessions = 3;
	settings.others = count_others;
	settings.others_context = &others;
	eio_free(eio);
	eio = eio_new(&settings, &app, &fake_io);
	for (int i = 0; i < 2; i++)
		shake_hands(eio, 1);
	ck_assert_uint_eq(ask(eio, "GET", "EIO=4&transport=polling", false, 1).status, 503);
	others = 0;
	ck_assert_int_eq(ask(eio, "GET", "EIO=4&transport=polling", false, 1).next, EIO_HANDSHAKE);
}
END_TEST

START_TEST(sessions_are_closed_a_few_at_a_time)
{
	for (int i = 0; i < 3; i++)
		shake_hands(eio, 1);
	ck_assert_uint_eq(eio_close_some(eio, 0), 0);
	ck_assert_uint_eq(eio_close_some(eio, 2), 2);
	ck_assert_uint_eq(eio_close_some(eio, 2), 1);
	ck_assert_uint_eq(eio_close_some(eio, 3), 0);
	/* They wait for their pollers to hear of it. */
	ck_assert_uint_eq(eio_session_count(eio), 3);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("eio_request");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, each_refusal_has_its_code_status_and_message);
	tcase_add_test(tests, of_several_faults_the_first_in_the_stock_order_is_told);
	tcase_add_test(
	    tests, order_extras_and_repeats_in_the_query_do_not_matter_but_the_last_value_wins);
	tcase_add_test(tests, a_query_value_is_decoded_and_bounded);
	tcase_add_test(tests, a_session_id_of_4_kib_is_unknown);
	tcase_add_test(tests, the_error_body_is_code_and_message_as_json);
	tcase_add_test(tests, everything_that_begins_with_the_path_and_its_slash_is_ours);
	tcase_add_test(tests, handshakes_beyond_the_limit_of_sessions_are_refused_with_503);
	tcase_add_test(tests, a_known_session_is_served_by_the_transport_it_uses_alone);
	tcase_add_test(tests, a_sid_begins_with_its_home_and_only_a_foreign_one_is_told_of);
	tcase_add_test(tests, clients_of_other_kinds_leave_less_room_for_sessions);
	tcase_add_test(tests, sessions_are_closed_a_few_at_a_time);
	return run_tests(tests);
}
