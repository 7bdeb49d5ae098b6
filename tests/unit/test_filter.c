#include "gatewayd/filter.h"

#include "run_tests.h"

static filter_set
parsed(const char *list)
{
	filter_set set = 0;

	ck_assert_msg(filter_parse(span_of(list), &set), "%s", list);
	return set;
}

START_TEST(no_list_is_everything)
{
	filter_set set = parsed(NULL);

	for (int e = 0; e < EVENTS; e++)
		ck_assert(filter_wants(set, (enum event)e));
}
END_TEST

START_TEST(every_event_is_found_by_both_its_names)
{
	const struct event_row *row = &event_rows[_i];
	filter_set set;

	if (row->durability == EVENT_INTERNAL) {
		ck_assert(!filter_parse(span_of(row->dash), &set));
		return;
	}
	ck_assert(filter_wants(parsed(row->dash), (enum event)_i));
	if (row->colon[0])
		ck_assert(filter_wants(parsed(row->colon), (enum event)_i));
}
END_TEST

START_TEST(a_star_takes_all_that_begin_so)
{
	filter_set set = parsed("graph:*");

	for (int e = 0; e < EVENTS; e++) {
		bool is_kept = e == EVENT_session_closed || e == EVENT_session_resync;

		ck_assert_int_eq(filter_wants(set, (enum event)e),
		    is_kept || strncmp(event_rows[e].colon, "graph:", 6) == 0);
	}
	ck_assert(filter_wants(parsed("*"), EVENT_presence_update));
	ck_assert(filter_wants(parsed("node-*"), EVENT_node_updated));
}
END_TEST

START_TEST(what_ends_a_view_is_never_left_out)
{
	ck_assert(filter_wants(parsed("presence:update"), EVENT_session_closed));
	ck_assert(filter_wants(parsed("presence:update"), EVENT_session_resync));
	ck_assert(!filter_wants(parsed("presence:update"), EVENT_session_connected));
}
END_TEST

START_TEST(items_add_up)
{
	filter_set set = parsed("graph:node-created,undo");

	ck_assert(filter_wants(set, EVENT_node_created));
	ck_assert(filter_wants(set, EVENT_command_undo));
	ck_assert(!filter_wants(set, EVENT_command_redo));
}
END_TEST

START_TEST(lists_that_mean_nothing_are_refused)
{
	static const char *const bad[] = { "", ",", "graph:*,", ",graph:*", "graph:*,,undo",
		"graph", "GRAPH:*", "graph:node-created ", "graph:*x", "sync", "**" };
	filter_set set;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!filter_parse(span_of(bad[i]), &set), "%s", bad[i]);
}
END_TEST

START_TEST(a_part_of_the_graph_is_where_its_node_is_on_the_path)
{
	struct uuid ids[3];
	struct filter all = { .events = FILTER_ALL }, part = all, few;

	for (int i = 0; i < 3; i++)
		uuid_random(&ids[i]);
	part.subtree = ids[1];
	ck_assert(filter_passes(&all, EVENT_node_created, (struct path){ ids, 3 }));
	ck_assert(filter_passes(&part, EVENT_node_created, (struct path){ ids, 3 }));
	ck_assert(filter_passes(&part, EVENT_node_created, (struct path){ ids + 1, 1 }));
	ck_assert(!filter_passes(&part, EVENT_node_created, (struct path){ ids, 1 }));
	ck_assert(!filter_passes(&part, EVENT_node_created, (struct path){ ids + 2, 1 }));
	/* What happens nowhere in particular concerns every part. */
	ck_assert(filter_passes(&part, EVENT_project_saved, (struct path){ .n = 0 }));
	few = (struct filter){ parsed("graph:node-created"), ids[1] };
	ck_assert(filter_passes(&few, EVENT_node_created, (struct path){ ids, 3 }));
	ck_assert(!filter_passes(&few, EVENT_node_deleted, (struct path){ ids, 3 }));
	ck_assert(!filter_passes(&few, EVENT_project_saved, (struct path){ .n = 0 }));
}
END_TEST

START_TEST(a_path_is_read_from_a_list_of_ids)
{
#define ID "\"00000000-0000-4000-8000-00000000000"
	static const char *const bad[] = { "null", "{}", "[1]", "[\"x\"]", "[" ID "1\"," ID "\"]",
		"[" ID "1\",null]" };
	struct uuid ids[LIMIT_PATH_NODES];
	struct path path = filter_read_path(SPAN("[" ID "1\"," ID "2\"]"), ids);

	ck_assert_uint_eq(path.n, 2);
	ck_assert_int_eq(path.ids[0].bytes[15], 1);
	ck_assert_int_eq(path.ids[1].bytes[15], 2);
	ck_assert_uint_eq(filter_read_path(SPAN("[]"), ids).n, 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_uint_eq(filter_read_path(span_of(bad[i]), ids).n, 0);
#undef ID
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("filter");

	tcase_add_test(t, no_list_is_everything);
	tcase_add_loop_test(t, every_event_is_found_by_both_its_names, 0, EVENTS);
	tcase_add_test(t, a_star_takes_all_that_begin_so);
	tcase_add_test(t, what_ends_a_view_is_never_left_out);
	tcase_add_test(t, items_add_up);
	tcase_add_test(t, lists_that_mean_nothing_are_refused);
	tcase_add_test(t, a_part_of_the_graph_is_where_its_node_is_on_the_path);
	tcase_add_test(t, a_path_is_read_from_a_list_of_ids);
	return run_tests(t);
}
