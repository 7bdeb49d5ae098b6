#include "gatewayd/homes.h"

#include "run_tests.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static struct homes homes;

static void
set_up(void)
{
	homes_init(&homes);
}

static void
tear_down(void)
{
	homes_fini(&homes);
}

static bool
learn(const char *list)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"gateways\":%s}", list);
	return homes_learn(&homes, span_of(text));
}

static uint16_t
port_of(uint32_t id)
{
	uint32_t key = htonl(id);
	const struct home *home = homes_find(&homes, (const uint8_t *)&key);

	return home ? ntohs(((const struct sockaddr_in *)&home->at)->sin_port) : 0;
}

START_TEST(gateways_are_found_by_the_first_bytes_of_their_ids)
{
	ck_assert(learn(
	    "[{\"gateway\":\"00000001-0000-4000-8000-000000000001\",\"address\":\"127.0.0.1:5001\"}"
	    ","
	    "{\"gateway\":\"00000002-0000-4000-8000-000000000001\",\"address\":\"[::1]:5002\"}]"));
	ck_assert_uint_eq(port_of(1), 5001);
	ck_assert_uint_eq(port_of(2), 5002);
	ck_assert_uint_eq(port_of(3), 0);
}
END_TEST

START_TEST(a_gateway_that_is_not_in_a_later_list_stays_known_until_it_is_dropped)
{
	static const uint8_t one[EIO_HOME_BYTES] = { 0, 0, 0, 1 };

	ck_assert(learn("[{\"gateway\":\"00000001-0000-4000-8000-000000000001\",\"address\":\"127."
			"0.0.1:1\"}]"));
	ck_assert(learn("[]"));
	ck_assert_uint_eq(port_of(1), 1);
	ck_assert(learn("[{\"gateway\":\"00000001-0000-4000-8000-000000000001\",\"address\":\"127."
			"0.0.1:2\"}]"));
	ck_assert_uint_eq(port_of(1), 2);
	homes_drop(&homes, one);
	ck_assert_uint_eq(port_of(1), 0);
	homes_drop(&homes, one);
}
END_TEST

START_TEST(entries_that_cannot_be_used_are_passed_over)
{
	ck_assert(learn(
	    "[1,null,{},{\"gateway\":\"g\",\"address\":\"127.0.0.1:1\"},"
	    "{\"gateway\":\"00000001-0000-4000-8000-000000000001\",\"address\":\"host:1\"},"
	    "{\"gateway\":\"00000002-0000-4000-8000-000000000001\",\"address\":7},"
	    "{\"gateway\":\"00000003-0000-4000-8000-000000000001\",\"address\":\"127.0.0.1:3\"}]"));
	ck_assert_uint_eq(homes.by_id.n, 1);
	ck_assert_uint_eq(port_of(3), 3);
}
END_TEST

START_TEST(what_is_no_list_of_gateways_is_refused)
{
	static const char *const texts[] = { "", "{", "[]", "{}", "null", "{\"gateways\":[}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert_msg(!homes_learn(&homes, span_of(texts[i])), "%s", texts[i]);
	ck_assert(homes_learn(&homes, SPAN(" {\"gateways\":7} ")));
	ck_assert_uint_eq(homes.by_id.n, 0);
}
END_TEST

START_TEST(many_restarts_do_not_make_it_grow_without_bound)
{
	char list[128];

	for (unsigned i = 1; i <= 5000; i++) {
		snprintf(list, sizeof(list),
		    "[{\"gateway\":\"%08x-0000-4000-8000-000000000001\",\"address\":\"127.0.0.1:%"
		    "u\"}]",
		    i, i);
		ck_assert(learn(list));
		ck_assert_uint_eq(port_of(i), i);
		ck_assert_uint_le(homes.by_id.n, 1024);
	}
}
END_TEST

START_TEST(only_numeric_addresses_with_a_port_are_addresses)
{
	static const char *const good[] = { "1.2.3.4:1", "127.0.0.1:65535", "[::1]:80",
		"[fe80::1:2]:7" };
	static const char *const bad[] = { "", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:1x", "127.0.0.1:000001",
		"localhost:80", "::1:80", "[127.0.0.1]:80", "[]:80", "[::1:80", "127.0.0.1.5:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
		"999999999999999999999999999999999999999999999999999999:1" };
	struct sockaddr_storage at;
	socklen_t size;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_msg(home_parse_address(span_of(good[i]), &at, &size), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!home_parse_address(span_of(bad[i]), &at, &size), "%s", bad[i]);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("homes");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, gateways_are_found_by_the_first_bytes_of_their_ids);
	tcase_add_test(
	    tests, a_gateway_that_is_not_in_a_later_list_stays_known_until_it_is_dropped);
	tcase_add_test(tests, entries_that_cannot_be_used_are_passed_over);
	tcase_add_test(tests, what_is_no_list_of_gateways_is_refused);
	tcase_add_test(tests, many_restarts_do_not_make_it_grow_without_bound);
	tcase_add_test(tests, only_numeric_addresses_with_a_port_are_addresses);
	return run_tests(tests);
}
