#include "tests/unit/rest_fixture.h"

/* Which origins may use the server; each test begins one with settings of its own. */

static const char *const listed[] = { "https://app.example", "http://localhost:3000" };
static const char *const hosts[] = { "localhost:5000", "graph.example" };

static void
start_with(bool allow_any, bool has_list)
{
	start_rest(&(struct rest_settings){ .cors = { .allow_any = allow_any,
						.allowed = has_list ? listed : NULL,
						.n_allowed = has_list ? 2 : 0 } });
}

static bool
may_read(const char *answer, const char *origin)
{
	char line[200];

	snprintf(line, sizeof(line), "Access-Control-Allow-Origin: %s\r\n", origin);
	return strstr(answer, line) &&
	    strstr(answer, "Access-Control-Allow-Credentials: true\r\n") &&
	    strstr(answer, "Vary: Origin\r\n");
}

START_TEST(on_loopback_without_a_list_every_origin_is_echoed)
{
	start_with(true, false);
	fetch("GET", "/health", "Origin: http://any.example\r\n", "");
	ck_assert(may_read(reading.text, "http://any.example"));
	fetch("GET", "/health", "Origin: null\r\n", "");
	ck_assert(may_read(reading.text, "null"));
	fetch("GET", "/health", "", "");
	ck_assert_ptr_null(strstr(reading.text, "Access-Control"));
	stop_rest();
}
END_TEST

START_TEST(errors_carry_the_same_fields)
{
	start_with(true, false);
	fetch("GET", "/api/v1/nothing", "Origin: http://any.example\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 404);
	ck_assert(may_read(reading.text, "http://any.example"));
	/* Also those that are found before anything is routed. */
	fetch("GET", "/health", "Origin: http://any.example\r\nContent-Encoding: gzip\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 415);
	ck_assert(may_read(reading.text, "http://any.example"));
	stop_rest();
}
END_TEST

START_TEST(with_a_list_only_its_origins_and_our_own_are_allowed)
{
	start_with(false, true);
	fetch("GET", "/health", "Origin: https://app.example\r\n", "");
	ck_assert(may_read(reading.text, "https://app.example"));
	fetch("GET", "/health", "Origin: http://localhost:5000\r\n", "");
	ck_assert(may_read(reading.text, "http://localhost:5000"));
	fetch("GET", "/health", "Origin: https://app.example.evil\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 200);
	ck_assert_ptr_null(strstr(reading.text, "Access-Control"));
	ck_assert_ptr_nonnull(strstr(reading.text, "Vary: Origin\r\n"));
	stop_rest();
}
END_TEST

START_TEST(a_foreign_page_cannot_change_anything)
{
	struct asked q;

	start_with(false, true);
	fetch("POST", "/api/v1/sessions", "Origin: http://evil\r\nContent-Type: text/plain\r\n",
	    "{}");
	ck_assert_int_eq(status_of(reading.text), 403);
	ck_assert_ptr_nonnull(strstr(reading.text, "FORBIDDEN_ORIGIN"));
	fetch(
	    "GET", "/ws?session_id=" SESSION, "Origin: http://evil\r\nUpgrade: websocket\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 403);
	fetch("GET", "/socket.io/?EIO=4&transport=polling", "Origin: http://evil\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 403);
	ck_assert(!fake_asked(&q));
	fetch_through(
	    &q, "POST", "/api/v1/sessions", "Origin: https://app.example\r\n", "{}", "OK", "{}");
	ck_assert_int_eq(status_of(reading.text), 201);
	frames_fini(&q.frames);
	stop_rest();
}
END_TEST

START_TEST(a_preflight_is_granted_methods_and_header_fields)
{
	static const char *const granted[] = { "content-type", "x-session-id", "authorization",
		"idempotency-key", "if-match", "prefer", "traceparent" };
	char *line;

	start_with(true, false);
	fetch("OPTIONS", "/api/v1/anything",
	    "Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 204);
	ck_assert(may_read(reading.text, "http://a"));
	ck_assert_ptr_nonnull(strstr(reading.text, "Access-Control-Max-Age: 600\r\n"));
	line = strstr(reading.text, "Access-Control-Allow-Methods: ");
	ck_assert_ptr_nonnull(line);
	ck_assert_ptr_nonnull(strstr(line, "DELETE"));
	line = strstr(reading.text, "Access-Control-Allow-Headers: ");
	ck_assert_ptr_nonnull(line);
	for (size_t i = 0; i < sizeof(granted) / sizeof(*granted); i++)
		ck_assert_ptr_nonnull(strstr(line, granted[i]));
	stop_rest();
}
END_TEST

START_TEST(a_foreign_preflight_is_granted_nothing)
{
	start_with(false, true);
	fetch("OPTIONS", "/api/v1/sessions",
	    "Origin: http://evil\r\nAccess-Control-Request-Method: POST\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 204);
	ck_assert_ptr_null(strstr(reading.text, "Access-Control"));
	stop_rest();
}
END_TEST

START_TEST(options_without_an_origin_tells_what_a_path_knows)
{
	start_with(true, false);
	fetch("OPTIONS", "/api/v1/sessions", "", "");
	ck_assert_int_eq(status_of(reading.text), 204);
	ck_assert_ptr_nonnull(strstr(reading.text, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
	fetch("OPTIONS", "/api/v1/nothing", "", "");
	ck_assert_int_eq(status_of(reading.text), 404);
	stop_rest();
}
END_TEST

START_TEST(only_configured_hosts_are_answered)
{
	start_rest(&(struct rest_settings){ .cors.allow_any = true, .hosts = hosts, .n_hosts = 2 });
	ck_assert_int_eq(status_of(fetch("GET", "/health", "", "")), 200);
	stop_rest();
	start_rest(
	    &(struct rest_settings){ .cors.allow_any = true, .hosts = hosts + 1, .n_hosts = 1 });
	fetch("GET", "/health", "", "");
	ck_assert_int_eq(status_of(reading.text), 421);
	ck_assert_ptr_nonnull(strstr(reading.text, "MISDIRECTED"));
	/* The host of a target in absolute form counts, and not that of the field. */
	ck_assert_int_eq(status_of(fetch("GET", "http://GRAPH.example/health", "", "")), 200);
	stop_rest();
	start_rest(&(struct rest_settings){ .cors.allow_any = true, .hosts = hosts, .n_hosts = 1 });
	ck_assert_int_eq(status_of(fetch("GET", "http://evil.example/health", "", "")), 421);
	stop_rest();
}
END_TEST

START_TEST(a_host_without_a_port_is_meant_with_any)
{
	start_rest(&(struct rest_settings){ .hosts = hosts, .n_hosts = 2 });
	ck_assert_int_eq(status_of(fetch("GET", "http://graph.example:8443/health", "", "")), 200);
	ck_assert_int_eq(status_of(fetch("GET", "http://graph.example.evil/health", "", "")), 421);
	ck_assert_int_eq(status_of(fetch("GET", "http://localhost:5001/health", "", "")), 421);
	stop_rest();
}
END_TEST

START_TEST(balancers_may_ask_by_any_name_whether_it_lives)
{
	start_rest(&(struct rest_settings){ .hosts = hosts + 1, .n_hosts = 1 });
	ck_assert_int_eq(status_of(fetch("GET", "http://10.0.0.11:5000/healthz", "", "")), 200);
	ck_assert_int_ne(status_of(fetch("GET", "http://10.0.0.11:5000/readyz", "", "")), 421);
	ck_assert_int_eq(status_of(fetch("GET", "http://10.0.0.11:5000/metrics", "", "")), 421);
	stop_rest();
}
END_TEST

START_TEST(our_own_origin_is_that_of_the_target_if_it_names_a_host)
{
	start_with(false, true);
	fetch("GET", "https://graph.example/health", "Origin: https://graph.example\r\n", "");
	ck_assert(may_read(reading.text, "https://graph.example"));
	fetch("GET", "http://graph.example/health", "Origin: http://localhost:5000\r\n", "");
	ck_assert_int_eq(status_of(reading.text), 200);
	ck_assert_ptr_null(strstr(reading.text, "Access-Control"));
	stop_rest();
}
END_TEST

START_TEST(an_origin_may_be_as_long_as_the_limit)
{
	static char fields[16 * 1024];
	const int lengths[] = { LIMIT_ORIGIN_BYTES, LIMIT_ORIGIN_BYTES + 1, 15000 };

	start_with(true, false);
	for (int i = 0; i < 3; i++) {
		sprintf(fields, "Origin: http://%0*d\r\n", lengths[i] - 7, 0);
		ck_assert_int_eq(status_of(fetch("GET", "/health", fields, "")), 200);
		ck_assert(!strstr(reading.text, "Access-Control-Allow-Origin") == (i > 0));
	}
	ck_assert_int_eq(status_of(fetch("DELETE", "/api/v1/sessions/x", fields, "")), 403);
	stop_rest();
}
END_TEST

START_TEST(options_may_be_about_the_server_as_a_whole)
{
	start_with(true, false);
	fetch("OPTIONS", "*", "", "");
	ck_assert_int_eq(status_of(reading.text), 204);
	ck_assert_ptr_nonnull(strstr(reading.text, "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n"));
	stop_rest();
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("cors");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, on_loopback_without_a_list_every_origin_is_echoed);
	tcase_add_test(t, errors_carry_the_same_fields);
	tcase_add_test(t, with_a_list_only_its_origins_and_our_own_are_allowed);
	tcase_add_test(t, a_foreign_page_cannot_change_anything);
	tcase_add_test(t, a_preflight_is_granted_methods_and_header_fields);
	tcase_add_test(t, a_foreign_preflight_is_granted_nothing);
	tcase_add_test(t, options_without_an_origin_tells_what_a_path_knows);
	tcase_add_test(t, only_configured_hosts_are_answered);
	tcase_add_test(t, a_host_without_a_port_is_meant_with_any);
	tcase_add_test(t, balancers_may_ask_by_any_name_whether_it_lives);
	tcase_add_test(t, our_own_origin_is_that_of_the_target_if_it_names_a_host);
	tcase_add_test(t, an_origin_may_be_as_long_as_the_limit);
	tcase_add_test(t, options_may_be_about_the_server_as_a_whole);
	return run_tests(t);
}
