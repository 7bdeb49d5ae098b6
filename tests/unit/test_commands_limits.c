/* Bounds of answers that are reached with a graph of some size only. */

#include "session_fixture.h"

#include "common/limits.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct uuid project;

/* A list of so many roots. */
static void
load(int n_nodes)
{
	struct json_out args = { 0 };
	char node[64];

	set_up();
	project = session_of(d, &s)->meta.project_id;
	json_out_bytes(&args, SPAN("{\"graph\":{\"roots\":["));
	for (int i = 0; i < n_nodes; i++) {
		snprintf(
		    node, sizeof node, "%s{\"id\":\"n%d\",\"type\":\"part\"}", i ? "," : "", i);
		json_out_bytes(&args, span_of(node));
	}
	json_out_bytes(&args, SPAN("]}}"));
	ask_exactly(d, COMMAND_load_graph, &s, json_out_span(&args));
	ck_assert_msg(d->error == OK, "%.300s", d->body);
	json_out_fini(&args);
}

static void
load_one_more_than_a_search_gives(void)
{
	load(LIMIT_SEARCH_RESULTS + 1);
}

static bool
has_node(int n)
{
	char path[32];

	snprintf(path, sizeof path, "nodes.%d", n);
	return at(d->body, path).p != NULL;
}

START_TEST(a_search_gives_no_more_than_the_limit_and_tells_how_many_there_are)
{
	for (int asked = LIMIT_SEARCH_RESULTS; asked <= LIMIT_SEARCH_RESULTS + 1; asked++) {
		ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s','limit':%d}",
		    text_of(&project), asked);
		ck_assert_int_eq(d->error, OK);
		ck_assert_int_eq(int_at(d->body, "total"), LIMIT_SEARCH_RESULTS + 1);
		ck_assert(has_node(LIMIT_SEARCH_RESULTS - 1));
		ck_assert(!has_node(LIMIT_SEARCH_RESULTS));
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_limits");

	tcase_add_checked_fixture(tc, load_one_more_than_a_search_gives, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_search_gives_no_more_than_the_limit_and_tells_how_many_there_are);
	return run_tests(tc);
}
