#include "gatewayd/routes.h"

#include "arena_fixture.h"
#include "common/id.h"
#include "common/limits.h"

#include <stdio.h>

#define ID "0f0e0d0c-1111-4222-8333-444455556666"

static struct route_match match;

static enum error
find(enum http_method method, const char *path)
{
	return route_find(method, span_of(path), &arena, &match);
}

/* A path that fits a row: its parameters filled with something well-formed. */
static const char *
example(const struct route *r)
{
	static char path[256];
	size_t n = (size_t)sprintf(path, "%s", r->flags & ROUTE_ROOT ? "" : API_BASE);

	for (const char *at = r->path; *at;) {
		size_t length = *at == '{' ? strcspn(at, "}") + 1 : 1;
		if (*at != '{')
			path[n++] = *at;
		else if (strncmp(at, "{set}", 5) == 0 || strncmp(at, "{id}", 4) == 0 ||
		    strncmp(at, "{template_id}", 13) == 0)
			n += (size_t)sprintf(path + n, "a-b_9");
		else
			n += (size_t)sprintf(path + n, ID);
		at += length;
	}
	path[n] = '\0';
	return path;
}

START_TEST(each_row_is_found_by_its_method_and_path)
{
	for (size_t i = 0; i < n_routes; i++) {
		const struct route *r = &routes[i];
		ck_assert_msg(find(r->method, example(r)) == OK, "%s", r->path);
		ck_assert_ptr_eq(match.route, r);
		if (strstr(r->path, "{session_id}"))
			ck_assert(span_is(match.params[PARAM_session_id], ID));
	}
}
END_TEST

START_TEST(each_row_that_is_read_answers_head_too)
{
	for (size_t i = 0; i < n_routes; i++) {
		enum error err = find(HTTP_HEAD, example(&routes[i]));
		bool is_readable = match.allowed & 1u << HTTP_GET;
		ck_assert_int_eq(err == ERROR_method_not_allowed, !is_readable);
	}
}
END_TEST

START_TEST(each_row_refuses_other_methods_and_names_its_own)
{
	for (size_t i = 0; i < n_routes; i++) {
		const struct route *r = &routes[i];
		ck_assert_int_eq(find(HTTP_PATCH, example(r)), ERROR_method_not_allowed);
		ck_assert(match.allowed & 1u << r->method);
	}
	ck_assert_int_eq(find(HTTP_PUT, "/api/v1/sessions"), ERROR_method_not_allowed);
	ck_assert(span_is(route_allow(match.allowed, &arena), "GET, HEAD, POST, OPTIONS"));
	ck_assert_int_eq(find(HTTP_GET, "/api/v1/commands/execute"), ERROR_method_not_allowed);
	ck_assert(span_is(route_allow(match.allowed, &arena), "POST, OPTIONS"));
}
END_TEST

START_TEST(each_row_with_something_behind_it_is_not_found)
{
	for (size_t i = 0; i < n_routes; i++) {
		char path[300];
		snprintf(path, sizeof(path), "%s/", example(&routes[i]));
		ck_assert_int_ne(find(routes[i].method, path), OK);
		snprintf(path, sizeof(path), "%s%%00", example(&routes[i]));
		ck_assert_int_ne(find(routes[i].method, path), OK);
		snprintf(path, sizeof(path), "/%s", example(&routes[i]));
		ck_assert_int_eq(find(routes[i].method, path), ERROR_not_found);
		snprintf(path, sizeof(path), "%s/x/y/z", example(&routes[i]));
		ck_assert_int_eq(find(routes[i].method, path), ERROR_not_found);
	}
}
END_TEST

/* A row ends with a NUL too, behind which there is another row or nothing at all. */
START_TEST(a_nul_is_no_end_of_a_segment)
{
	for (size_t i = 0; i < n_routes; i++) {
		const char *path = example(&routes[i]);
		struct span longer = { path, strlen(path) + 1 };

		ck_assert_msg(route_find(routes[i].method, longer, &arena, &match) != OK, "%s",
		    routes[i].path);
	}
}
END_TEST

START_TEST(no_two_rows_mean_the_same)
{
	for (size_t i = 0; i < n_routes; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert(routes[i].method != routes[k].method ||
			    strcmp(routes[i].path, routes[k].path) != 0 ||
			    (routes[i].flags & ROUTE_ROOT) != (routes[k].flags & ROUTE_ROOT));
}
END_TEST

START_TEST(every_parameter_of_a_row_is_known)
{
	for (size_t i = 0; i < n_routes; i++)
		for (const char *at = routes[i].path; (at = strchr(at, '{')); at++) {
			size_t n = strcspn(at + 1, "}");
			bool is_known = false;
			for (enum route_param p = 0; p < PARAMS; p++)
				is_known |=
				    span_is((struct span){ at + 1, n }, route_param_name(p));
			ck_assert_msg(is_known, "%s", routes[i].path);
		}
}
END_TEST

START_TEST(an_id_that_cannot_exist_is_answered_like_one_that_does_not)
{
	static const struct {
		const char *path;
		enum error error;
	} rows[] = {
		{ "/api/v1/sessions/nonsense", ERROR_invalid_session },
		{ "/api/v1/sessions/" ID "x", ERROR_invalid_session },
		{ "/api/v1/sessions/00000000-0000-0000-0000-000000000000", ERROR_invalid_session },
		{ "/api/v1/sessions/..%2f..%2fetc%2fpasswd/info", ERROR_invalid_session },
		{ "/api/v1/sessions/%2e%2e", ERROR_invalid_session },
		{ "/api/v1/sessions/a%0d%0ab", ERROR_invalid_session },
		{ "/api/v1/projects/7", ERROR_project_not_found },
		{ "/api/v1/projects/" ID "/graph/nodes/7", ERROR_node_not_found },
		{ "/api/v1/templates/..%2fx/schema", ERROR_template_not_found },
		{ "/api/v1/templates/a.b/schema", ERROR_template_not_found },
		{ "/api/v1/indicators/a%2fb/c", ERROR_not_found },
		{ "/api/v1/icons/%e4", ERROR_not_found },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(find(HTTP_GET, rows[i].path) == rows[i].error, "%s", rows[i].path);
}
END_TEST

START_TEST(what_is_nowhere_in_the_table_is_not_found)
{
	static const char *const paths[] = { "/", "//", "/api", "/api/v1", "/api/v1/",
		"/api/v2/sessions", "/sessions", "/api/v1/ws", "/api/v1/metrics",
		"/api/v1//sessions", "/api/v1/sessions//info", "/API/v1/sessions",
		"/api/v1/Sessions", "/api%2fv1/sessions", "/api/v1/sessions/" ID "/nothing",
		"/api/v1/sessions%", "/api/v1/sessions%4", "/api/v1/sessions%zz",
		"/a/b/c/d/e/f/g/h/i/j/k" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		ck_assert_msg(find(HTTP_GET, paths[i]) == ERROR_not_found, "%s", paths[i]);
}
END_TEST

START_TEST(an_escaped_letter_is_that_letter)
{
	ck_assert_int_eq(
	    find(HTTP_GET, "/api/v1/%73essions/0f0e0d0c%2D1111-4222-8333-444455556666"), OK);
	ck_assert(span_is(match.params[PARAM_session_id], ID));
}
END_TEST

START_TEST(a_name_has_at_most_64_letters_digits_dashes_and_underscores)
{
	char name[66];

	memset(name, 'a', sizeof(name));
	ck_assert(route_is_name((struct span){ name, 64 }));
	ck_assert(!route_is_name((struct span){ name, 65 }));
	ck_assert(!route_is_name(SPAN("")));
	ck_assert(!route_is_name(SPAN("a.b")));
	ck_assert(!route_is_name(SPAN("a/b")));
	ck_assert(!route_is_name(SPAN("\xc3\xa4")));
	ck_assert(route_is_name(SPAN("Az-_09")));
}
END_TEST

START_TEST(only_rows_for_whole_projects_take_large_bodies)
{
	for (size_t i = 0; i < n_routes; i++)
		if (routes[i].flags & ROUTE_IMPORT)
			ck_assert(strstr(routes[i].path, "import") ||
			    strstr(routes[i].path, "load-graph"));
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("routes");

	tcase_add_checked_fixture(t, arena_setup, arena_teardown);
	tcase_add_test(t, each_row_is_found_by_its_method_and_path);
	tcase_add_test(t, each_row_that_is_read_answers_head_too);
	tcase_add_test(t, each_row_refuses_other_methods_and_names_its_own);
	tcase_add_test(t, each_row_with_something_behind_it_is_not_found);
	tcase_add_test(t, a_nul_is_no_end_of_a_segment);
	tcase_add_test(t, no_two_rows_mean_the_same);
	tcase_add_test(t, every_parameter_of_a_row_is_known);
	tcase_add_test(t, an_id_that_cannot_exist_is_answered_like_one_that_does_not);
	tcase_add_test(t, what_is_nowhere_in_the_table_is_not_found);
	tcase_add_test(t, an_escaped_letter_is_that_letter);
	tcase_add_test(t, a_name_has_at_most_64_letters_digits_dashes_and_underscores);
	tcase_add_test(t, only_rows_for_whole_projects_take_large_bodies);
	return run_tests(t);
}
