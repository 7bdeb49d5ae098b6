#include "gatewayd/http_hygiene.h"

#include "run_tests.h"

/* Pure functions on a request's head; what they refuse is tried over sockets in test_http.c. */

static const struct {
	const char *target, *authority, *path, *query; /* NULL: not there */
} targets[] = {
	{ "/", NULL, "/", NULL },
	{ "/a?b=/?c", NULL, "/a", "b=/?c" },
	{ "/a?", NULL, "/a", "" },
	{ "/http://x/", NULL, "/http://x/", NULL },
	{ "//x/a", NULL, "//x/a", NULL },
	{ "*", NULL, "*", NULL },
	{ "", NULL, "", NULL },
	{ "http://x/a", "x", "/a", NULL },
	{ "HTTPS://x:1/a?b", "x:1", "/a", "b" },
	{ "http://[::1]:5000//a", "[::1]:5000", "//a", NULL },
	{ "http://x", "x", "/", NULL },
	{ "http://x?a", "x", "/", "a" },
	{ "http://x/?http://y/", "x", "/", "http://y/" },
	{ "http://x#/a?b", "x", "#/a", "b" },
	{ "http://", "", "/", NULL },
	{ "http:/x", NULL, "http:/x", NULL },
	{ "ws://x/a", NULL, "ws://x/a", NULL },
};

static void
check_part(int i, const char *name, struct span part, const char *expected)
{
	ck_assert_msg(!part.p == !expected, "%s: %s", targets[i].target, name);
	if (expected)
		ck_assert_msg(span_is(part, expected), "%s: %s is %.*s", targets[i].target, name,
		    (int)part.n, part.p);
}

START_TEST(a_target_is_a_path_or_an_authority_and_a_path)
{
	struct http_head head = { .target = span_of(targets[_i].target) };

	http_split_target(&head);
	check_part(_i, "authority", head.authority, targets[_i].authority);
	check_part(_i, "path", head.path, targets[_i].path);
	check_part(_i, "query", head.query, targets[_i].query);
}
END_TEST

START_TEST(a_request_is_for_the_host_of_its_target_and_else_for_that_of_its_field)
{
	struct http_field field = { SPAN("HOST"), SPAN("b") };
	struct http_head head = { .target = SPAN("http://a/"), .fields = &field, .n_fields = 1 };

	http_split_target(&head);
	ck_assert(span_is(http_head_host(&head), "a"));
	head.target = SPAN("/");
	http_split_target(&head);
	ck_assert(span_is(http_head_host(&head), "b"));
	head.n_fields = 0;
	ck_assert_ptr_null(http_head_host(&head).p);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("http_hygiene");

	tcase_add_loop_test(t, a_target_is_a_path_or_an_authority_and_a_path, 0,
	    sizeof(targets) / sizeof(*targets));
	tcase_add_test(t, a_request_is_for_the_host_of_its_target_and_else_for_that_of_its_field);
	return run_tests(t);
}
