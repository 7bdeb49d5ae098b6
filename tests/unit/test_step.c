#include "graphd/step.h"

#include "common/json.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEPT = 64 };

/* The events of a step, as texts. */
struct heard {
	size_t n;
	enum event events[KEPT];
	uint64_t seqs[KEPT];
	char *bodies[KEPT];
	size_t stop_after;
};

static bool
hear(void *context, const struct step_event *e)
{
	const struct json_bounds bounds = { 32, 100000, 1 << 20, 256 };
	struct heard *h = context;

	ck_assert_int_eq(json_scan(e->body, &bounds, NULL), JSON_OK);
	ck_assert_uint_lt(h->n, KEPT);
	h->events[h->n] = e->event;
	h->seqs[h->n] = e->seq;
	h->bodies[h->n++] = xspandup(e->body);
	return h->n != h->stop_after;
}

static void
forget(struct heard *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->bodies[i]);
	*h = (struct heard){ .n = 0 };
}

/* Hears all of a step, compares with the count, and frees the step. */
static void
hear_all(struct heard *h, struct step *step)
{
	*h = (struct heard){ .n = 0 };
	step_events(step, 0, true, hear, h);
	ck_assert_uint_eq(h->n, step_event_count(step));
	ck_assert_uint_eq(step->last_seq + 1 - step->first_seq, h->n);
	for (size_t i = 0; i < h->n; i++)
		ck_assert_uint_eq(h->seqs[i], step->first_seq + i);
	free_step(step);
}

static void
assert_has(const char *body, const char *part)
{
	ck_assert_msg(strstr(body, part), "%s\nis not in\n%s", part, body);
}

#define ONE "\"00000000-0000-0000-0000-000000000001\""
#define TWO "\"00000000-0000-0000-0000-000000000002\""

/* 1 and 2 are roots, 3 is below 1. */
static struct session *
three_nodes(void)
{
	struct session *s = new_session();

	free_step(do_edit(s, NULL, add_edit(1, 0, UINT32_MAX, "one")));
	free_step(do_edit(s, NULL, add_edit(2, 0, UINT32_MAX, "two")));
	free_step(do_edit(s, NULL, add_edit(3, 1, UINT32_MAX, "three")));
	return s;
}

START_TEST(an_added_node_is_told_whole)
{
	struct session *s = three_nodes();
	struct edit e = add_edit(4, 2, UINT32_MAX, "new \"x\"");
	struct heard h;

	content_add(e.content, "status", "\"a\"");
	hear_all(&h, do_edit(s, "ann", e));
	ck_assert_uint_eq(h.n, 2);
	ck_assert_int_eq(h.events[0], EVENT_node_created);
	ck_assert_str_eq(h.bodies[0],
	    "{\"session_id\":\"00000000-0000-0000-0000-0000005e5510\",\"project_id\":null,"
	    "\"timestamp\":\"1970-01-01T00:00:01.000004+00:00\",\"seq\":7,"
	    "\"command_id\":\"00000000-0000-0000-0000-0000000c0004\",\"actor\":\"ann\","
	    "\"node_id\":\"00000000-0000-0000-0000-000000000004\","
	    "\"id\":\"00000000-0000-0000-0000-000000000004\",\"name\":\"new \\\"x\\\"\","
	    "\"blueprint_type_id\":\"task\",\"parent_id\":" TWO ",\"index\":0,"
	    "\"properties\":{\"status\":\"a\"},"
	    "\"node\":{\"id\":\"00000000-0000-0000-0000-000000000004\",\"type\":\"task\","
	    "\"blueprint_type_id\":\"task\",\"name\":\"new \\\"x\\\"\",\"parent_id\":" TWO ","
	    "\"properties\":{\"name\":\"new \\\"x\\\"\",\"status\":\"a\"},\"children\":[]}}");
	ck_assert_int_eq(h.events[1], EVENT_command_executed);
	assert_has(h.bodies[1],
	    "\"command_type\":\"UpdateProperty\",\"result\":null,"
	    "\"success\":true,\"error\":null}");
	forget(&h);
	session_free(s);
}
END_TEST

START_TEST(a_name_among_the_properties_is_not_told_twice)
{
	struct session *s = new_session();
	struct edit e = add_edit(4, 0, UINT32_MAX, "display");
	struct heard h;

	content_add(e.content, "name", "\"own\"");
	hear_all(&h, do_edit(s, "ann", e));
	assert_has(h.bodies[0], "\"properties\":{\"name\":\"own\"},\"children\":[]}");
	forget(&h);
	session_free(s);
}
END_TEST

static void
assert_moved(
    struct session *s, struct edit e, size_t n, const enum event *events, const char *const *parts)
{
	struct heard h;

	hear_all(&h, do_edit(s, "ann", e));
	ck_assert_uint_eq(h.n, n + 1);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(h.events[i], events[i]);
		assert_has(h.bodies[i], parts[i]);
	}
	forget(&h);
}

START_TEST(moves_are_told_as_unlinking_linking_or_moving)
{
	const enum event linked[] = { EVENT_node_linked };
	const enum event both[] = { EVENT_node_unlinked, EVENT_node_linked };
	const enum event unlinked[] = { EVENT_node_unlinked };
	const enum event moved[] = { EVENT_node_moved };
	struct session *s = three_nodes();

	assert_moved(s, move_edit(3, 2, UINT32_MAX), 2, both,
	    (const char *const[]){ "\"parent_id\":" ONE, "\"parent_id\":" TWO });
	assert_moved(s, move_edit(3, 0, UINT32_MAX), 1, unlinked,
	    (const char *const[]){ "\"parent_id\":" TWO ",\"child_id\":"
				   "\"00000000-0000-0000-0000-000000000003\",\"index\":2" });
	assert_moved(s, move_edit(2, 0, 0), 1, moved,
	    (const char *const[]){ "\"node_id\":" TWO ",\"parent_id\":null,\"index\":0" });
	assert_moved(s, move_edit(2, 1, 0), 1, linked,
	    (const char *const[]){ "\"parent_id\":" ONE ",\"child_id\":" TWO ",\"index\":0" });
	session_free(s);
}
END_TEST

START_TEST(property_events_hold_both_values)
{
	struct session *s = three_nodes();
	struct heard h;

	hear_all(&h, do_edit(s, "ann", set_edit(1, "a", "[1]")));
	ck_assert_int_eq(h.events[0], EVENT_property_changed);
	assert_has(h.bodies[0],
	    "\"node_id\":" ONE ",\"property_id\":\"a\","
	    "\"property_name\":\"a\",\"new_value\":[1],\"old_value\":null,\"index\":0}");
	forget(&h);
	hear_all(&h, do_edit(s, "ann", unset_edit(1, "a")));
	ck_assert_int_eq(h.events[0], EVENT_property_deleted);
	assert_has(h.bodies[0], "\"property_name\":\"a\",\"old_value\":[1]}");
	forget(&h);
	session_free(s);
}
END_TEST

START_TEST(a_property_comes_back_to_the_place_its_event_tells)
{
	struct session *s = three_nodes();
	struct edit name = set_edit(1, "name", "\"B\"");
	struct heard h;
	enum error err;

	free_step(do_edit(s, "ann", set_edit(1, "a", "1")));
	free_step(do_edit(s, "ann", set_edit(1, "b", "2")));
	free_step(do_edit(s, "ann", unset_edit(1, "a")));
	hear_all(&h, undo_as(s, "ann", NULL, &err));
	assert_has(h.bodies[0], "\"new_value\":1,\"old_value\":null,\"index\":0}");
	forget(&h);
	name.name_after = xstrdup("B");
	hear_all(&h, do_edit(s, "ann", name));
	assert_has(h.bodies[0], "\"new_value\":\"B\"");
	assert_has(h.bodies[0], "\"index\":2}");
	forget(&h);
	/* The node keeps a name of its own, which is none of its properties. */
	hear_all(&h, undo_as(s, "ann", NULL, &err));
	ck_assert_int_eq(h.events[0], EVENT_property_changed);
	assert_has(h.bodies[0], "\"index\":null}");
	forget(&h);
	session_free(s);
}
END_TEST

START_TEST(undo_and_redo_name_the_command_they_are_about)
{
	struct session *s = three_nodes();
	struct heard h;
	enum error err;

	free_step(do_edit(s, "ann", set_edit(1, "a", "1")));
	hear_all(&h, undo_as(s, "bob", NULL, &err));
	ck_assert_int_eq(h.events[0], EVENT_property_deleted);
	ck_assert_int_eq(h.events[1], EVENT_command_undo);
	assert_has(h.bodies[0], "\"command_id\":\"00000000-0000-0000-0000-0000000c0005\"");
	assert_has(h.bodies[1],
	    "\"command_id\":\"00000000-0000-0000-0000-0000000c0004\","
	    "\"actor\":\"bob\",\"command_type\":\"UpdateProperty\"}");
	forget(&h);
	hear_all(&h, redo_as(s, "bob", NULL, &err));
	ck_assert_int_eq(h.events[0], EVENT_property_changed);
	ck_assert_int_eq(h.events[1], EVENT_command_redo);
	forget(&h);
	session_free(s);
}
END_TEST

static struct step *
mark_step(struct session *s, enum mark mark, const char *details)
{
	struct edit e = mark_edit(mark);

	e.value_after = details ? xstrdup(details) : NULL;
	begin_as(s, NULL, STEP_MARK, COMMAND_save_project);
	ck_assert_int_eq(session_edit(s, &e), OK);
	return session_end(s, (struct span){ NULL, 0 });
}

START_TEST(marks_tell_their_details)
{
	struct session *s = new_session();
	struct heard h;

	hear_all(&h, mark_step(s, MARK_CREATED, NULL));
	ck_assert_uint_eq(h.n, 0);
	hear_all(&h, mark_step(s, MARK_CLEAN, NULL));
	ck_assert_uint_eq(h.n, 0);
	hear_all(&h, mark_step(s, MARK_SAVED, "\"revision\":3"));
	ck_assert_int_eq(h.events[0], EVENT_project_saved);
	assert_has(h.bodies[0], ",\"revision\":3}");
	forget(&h);
	hear_all(&h, mark_step(s, MARK_LOADED, "{\"graph\":null,\"graph_omitted\":true}"));
	ck_assert_int_eq(h.events[0], EVENT_project_loaded);
	assert_has(h.bodies[0], ",\"graph\":null,\"graph_omitted\":true}");
	forget(&h);
	hear_all(&h, mark_step(s, MARK_CLOSED, "\"reason\":\"deleted\""));
	ck_assert_int_eq(h.events[0], EVENT_session_closed);
	assert_has(h.bodies[0], ",\"reason\":\"deleted\"}");
	forget(&h);
	session_free(s);
}
END_TEST

static struct step *
meta_step(struct session *s, uint64_t project, const char *name)
{
	struct meta meta = { .project_id = id_of(project), .project_name = (char *)name };
	struct json_out out = { 0 };
	struct edit e = { .kind = EDIT_META };

	meta_write(&out, &meta);
	e.value_after = xspandup(json_out_span(&out));
	json_out_fini(&out);
	begin_as(s, "ann", STEP_MARK, COMMAND_create_project);
	ck_assert_int_eq(session_edit(s, &e), OK);
	return session_end(s, (struct span){ NULL, 0 });
}

START_TEST(another_project_is_told_and_another_name_is_not)
{
	struct session *s = new_session();
	struct heard h;

	hear_all(&h, meta_step(s, 2, "a"));
	ck_assert_uint_eq(h.n, 1);
	ck_assert_int_eq(h.events[0], EVENT_session_project_changed);
	assert_has(h.bodies[0], "\"project_id\":" TWO);
	forget(&h);
	hear_all(&h, meta_step(s, 2, "b"));
	ck_assert_uint_eq(h.n, 0);
	session_free(s);
}
END_TEST

START_TEST(commands_that_manage_are_not_told_as_executed)
{
	struct session *s = new_session();
	struct edit e = add_edit(1, 0, 0, "root");
	struct heard h;

	begin_as(s, "ann", STEP_DO, COMMAND_create_project);
	ck_assert_int_eq(session_edit(s, &e), OK);
	hear_all(&h, session_end(s, (struct span){ NULL, 0 }));
	ck_assert_uint_eq(h.n, 1);
	ck_assert_int_eq(h.events[0], EVENT_node_created);
	forget(&h);
	session_free(s);
}
END_TEST

START_TEST(events_after_a_seq_are_the_same_events)
{
	struct session *s = new_session();
	struct dice d = dice_of(5);

	for (int i = 0; i < 30; i++) {
		struct step *step = random_step(s, &d, "ann");
		struct heard all = { .n = 0 }, some = { .n = 0 };
		uint64_t after;
		if (!step)
			continue;
		if (step_event_count(step) > KEPT) {
			free_step(step);
			continue;
		}
		step_events(step, 0, true, hear, &all);
		for (after = step->first_seq - 1; after <= step->last_seq; after++) {
			size_t left_out = after + 1 - step->first_seq;
			step_events(step, after, false, hear, &some);
			ck_assert_uint_eq(some.n + left_out, all.n);
			for (size_t j = 0; j < some.n; j++)
				ck_assert_str_eq(some.bodies[j], all.bodies[j + left_out]);
			forget(&some);
		}
		some.stop_after = 1;
		step_events(step, 0, true, hear, &some);
		ck_assert_uint_eq(some.n, 1);
		forget(&some);
		forget(&all);
		free_step(step);
	}
	session_free(s);
}
END_TEST

static void
assert_same_bytes(const struct json_out *a, const struct json_out *b)
{
	ck_assert_uint_eq(a->n, b->n);
	ck_assert(memcmp(a->bytes, b->bytes, a->n) == 0);
}

START_TEST(a_step_read_back_is_the_same_step)
{
	struct session *s = new_session();
	struct dice d = dice_of((uint64_t)_i + 1);

	for (int i = 0; i < 100; i++) {
		struct json_out bytes = { 0 }, again = { 0 };
		struct step *step = random_step(s, &d, i % 2 ? "ann" : NULL), read;
		if (!step)
			continue;
		step->reply = i % 3 ? NULL : xstrdup("{}");
		step_encode(step, &bytes);
		ck_assert(step_decode(json_out_span(&bytes), &read));
		step_encode(&read, &again);
		assert_same_bytes(&bytes, &again);
		ck_assert_uint_eq(step_event_count(step), step_event_count(&read));
		json_out_fini(&bytes);
		json_out_fini(&again);
		step_fini(&read);
		free_step(step);
	}
	session_free(s);
}
END_TEST

START_TEST(damaged_bytes_are_refused_or_read_but_never_harm)
{
	struct session *s = three_nodes();
	struct json_out bytes = { 0 };
	struct step *step = do_edit(s, "ann", set_edit(1, "a", "\"value\"")), read;

	step_encode(step, &bytes);
	for (size_t n = 0; n < bytes.n; n++)
		ck_assert(!step_decode((struct span){ bytes.bytes, n }, &read));
	for (size_t i = 0; i < bytes.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes.bytes[i] = (char)(bytes.bytes[i] ^ 1 << bit);
			if (step_decode(json_out_span(&bytes), &read))
				step_fini(&read);
			bytes.bytes[i] = (char)(bytes.bytes[i] ^ 1 << bit);
		}
	}
	/* Another version, and something behind the end. */
	bytes.bytes[0]++;
	ck_assert(!step_decode(json_out_span(&bytes), &read));
	bytes.bytes[0]--;
	json_out_bytes(&bytes, SPAN("x"));
	ck_assert(!step_decode(json_out_span(&bytes), &read));
	json_out_fini(&bytes);
	free_step(step);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("step");

	tcase_add_test(tests, an_added_node_is_told_whole);
	tcase_add_test(tests, a_name_among_the_properties_is_not_told_twice);
	tcase_add_test(tests, moves_are_told_as_unlinking_linking_or_moving);
	tcase_add_test(tests, property_events_hold_both_values);
	tcase_add_test(tests, a_property_comes_back_to_the_place_its_event_tells);
	tcase_add_test(tests, undo_and_redo_name_the_command_they_are_about);
	tcase_add_test(tests, marks_tell_their_details);
	tcase_add_test(tests, another_project_is_told_and_another_name_is_not);
	tcase_add_test(tests, commands_that_manage_are_not_told_as_executed);
	tcase_add_test(tests, events_after_a_seq_are_the_same_events);
	tcase_add_loop_test(tests, a_step_read_back_is_the_same_step, 0, 10);
	tcase_add_test(tests, damaged_bytes_are_refused_or_read_but_never_harm);
	return run_tests(tests);
}
