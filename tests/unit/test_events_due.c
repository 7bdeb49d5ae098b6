/* Events on their way to the bus: what is said of their places. */

#include "graphd/events_due.h"

#include "common/limits.h"
#include "proto/wire.h"
#include "graph_fixture.h"
#include "run_tests.h"

static struct events_due due;

static void
teardown(void)
{
	events_due_fini(&due);
}

static void
announce(struct session *s, enum event event)
{
	events_due_add(&due, s, &(struct step_event){ .event = event, .body = SPAN("{}") }, 1);
}

static void
ck_place(size_t i, enum event event, const char *nodes)
{
	struct path path;

	ck_assert_uint_lt(i, due.n);
	ck_assert_int_eq(due.list[i].event, event);
	path = events_due_path(&due, &due.list[i]);
	ck_assert_uint_eq(path.n, strlen(nodes));
	for (size_t j = 0; j < path.n; j++)
		ck_assert_int_eq(path.ids[j].bytes[15], nodes[j] - '0');
}

/* 3 below 2 below the root 1. */
static struct session *
three_deep(void)
{
	struct session *s = new_session();

	for (uint64_t i = 1; i <= 3; i++)
		free_step(do_edit(s, NULL, add_edit(i, i - 1, 0, "n")));
	return s;
}

START_TEST(executing_happens_where_the_command_turns_out_to)
{
	struct session *s = three_deep();
	struct step *step = do_edit(s, "ann", set_edit(3, "a", "1"));

	announce(s, EVENT_command_executing);
	events_due_add_step(&due, s, step);
	ck_place(0, EVENT_command_executing, "321");
	ck_place(1, EVENT_property_changed, "321");
	ck_place(2, EVENT_command_executed, "321");
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(what_stands_before_a_step_by_chance_keeps_its_place)
{
	struct session *s = three_deep(), *other = new_session();
	struct step *step = do_edit(s, "ann", set_edit(3, "a", "1"));
	enum error err;

	other->id = id_of(77);
	announce(other, EVENT_command_executing);
	events_due_add_step(&due, s, step);
	ck_place(0, EVENT_command_executing, "");
	free_step(step);
	announce(s, EVENT_session_connected);
	step = undo_as(s, "ann", NULL, &err);
	events_due_add_step(&due, s, step);
	ck_place(3, EVENT_session_connected, "");
	ck_place(5, EVENT_command_undo, "321");
	free_step(step);
	session_free(s);
	session_free(other);
}
END_TEST

START_TEST(a_parent_whose_children_changed_is_told_where_it_is_now)
{
	struct session *s = three_deep();
	struct step *step = do_edit(s, "ann", move_edit(3, 1, 0));

	events_due_add_parents(&due, s, step);
	ck_place(0, EVENT_node_updated, "21");
	ck_place(1, EVENT_node_updated, "1");
	ck_assert_int_eq(due.list[0].flags, WIRE_DASH_ONLY);
	free_step(step);
	session_free(s);
}
END_TEST

static size_t
count_of(struct span text, const char *part)
{
	size_t n = 0, part_n = strlen(part);

	for (const char *at = text.p;
	     (at = memmem(at, text.n - (size_t)(at - text.p), part, part_n)); at += part_n)
		n++;
	return n;
}

/* The children of the first node-updated there is. */
static size_t
count_children(void)
{
	struct span body = events_due_body(&due, &due.list[0]);
	const char *list = memmem(body.p, body.n, "\"children\":", 11), *end = body.p + body.n;

	ck_assert_ptr_nonnull(list);
	end = memchr(list, ']', (size_t)(end - list));
	/* Each id has four hyphens, and nothing else in the list has one. */
	return count_of((struct span){ list, (size_t)(end - list) }, "-") / 4;
}

START_TEST(of_a_parent_with_very_many_children_some_are_listed)
{
	struct session *s = three_deep();

	for (uint64_t i = 1; i <= LIMIT_CHILDREN_SHOWN + 1; i++) {
		struct step *step = do_edit(s, NULL, add_edit(100 + i, 3, UINT32_MAX, "child"));

		if (i >= LIMIT_CHILDREN_SHOWN) {
			events_due_clear(&due);
			events_due_add_parents(&due, s, step);
			ck_assert_uint_eq(count_children(), LIMIT_CHILDREN_SHOWN);
		}
		free_step(step);
	}
	session_free(s);
}
END_TEST

START_TEST(places_go_with_their_events)
{
	struct session *s = three_deep();

	for (int i = 0; i < 300; i++) {
		struct step *step = do_edit(s, "ann", set_edit(3, "a", i % 2 ? "1" : "2"));

		events_due_add_step(&due, s, step);
		free_step(step);
	}
	for (size_t i = 0; i < due.n; i++)
		ck_place(i, i % 2 ? EVENT_command_executed : EVENT_property_changed, "321");
	events_due_clear(&due);
	announce(s, EVENT_session_connected);
	ck_place(0, EVENT_session_connected, "");
	ck_assert_uint_eq(due.n_paths, 0);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("events_due");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, executing_happens_where_the_command_turns_out_to);
	tcase_add_test(tc, what_stands_before_a_step_by_chance_keeps_its_place);
	tcase_add_test(tc, a_parent_whose_children_changed_is_told_where_it_is_now);
	tcase_add_test(tc, of_a_parent_with_very_many_children_some_are_listed);
	tcase_add_test(tc, places_go_with_their_events);
	return run_tests(tc);
}
