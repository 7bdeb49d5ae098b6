/* A command that takes long: its session while a thread has it, and what comes of it. The threads'
 * part is run here, at the moment that the test chooses. */

#include "graphd/making.h"

#include "common/limits.h"
#include "domain_fixture.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 1000 };

static struct domain *d;
static struct uuid session;
static char *graph; /* arguments of LoadGraph */
static const struct store_ops *usual;
static struct store_ops ops; /* the same, and aside */
static struct request request;
static struct outcome out;

static char *
wide_graph(void)
{
	char *args = xmalloc((size_t)NODES * 128), *at = args;

	at += sprintf(at, "{\"graph\":{\"roots\":[");
	for (int i = 0; i < NODES; i++)
		at += sprintf(at,
		    "%s{\"id\":\"00000000-0000-4000-8000-%012d\",\"type\":\"task\",\"name\":\"n\"}",
		    i ? "," : "", i + 1);
	sprintf(at, "]}}");
	return args;
}

static enum error
read_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	(void)store;
	return d->store->ops->project(d->store, id, fn, context);
}

static bool
close_aside(struct store *store)
{
	free(store);
	return true;
}

/* Nothing runs beside it here, so the store itself will do. */
static struct store *
aside(struct store *store, const struct uuid *id)
{
	static const struct store_ops of_it = { .project = read_project, .close = close_aside };
	struct store *made = xcalloc(1, sizeof *made);

	(void)store;
	(void)id;
	made->ops = &of_it;
	return made;
}

static void
set_up(void)
{
	d = domain_new();
	usual = d->store->ops;
	ops = *usual;
	ops.aside = aside;
	d->store->ops = &ops;
	session = start(d, "restomod");
	graph = wide_graph();
	outcome_init(&out);
}

static void
tear_down(void)
{
	outcome_fini(&out);
	free(graph);
	domain_free(d);
}

/* The loop's first part. */
static struct errand *
begin(enum command command, const struct uuid *of, const char *args)
{
	struct errand *errand;

	request = (struct request){ .command = command,
		.caller = d->caller,
		.args = span_of(args),
		.now_us = ++d->now_us,
		.now_ms = ++d->now_ms };
	if (of)
		request.session = *of;
	outcome_clear(&out);
	dispatch(d->dispatcher, &request, &out);
	errand = out.errand;
	out.errand = NULL;
	return errand;
}

static void
run(struct errand *errand)
{
	static const atomic_bool never;

	errand->run(errand, &never);
}

/* Its last part. */
static void
end(struct errand *errand)
{
	request.errand = errand;
	outcome_clear(&out);
	dispatch(d->dispatcher, &request, &out);
	errand->free(errand);
}

static bool
is_behind(enum command command, const struct uuid *of, const char *args)
{
	ck_assert_ptr_null(begin(command, of, args));
	return !uuid_is_nil(&out.behind);
}

START_TEST(a_session_is_whole_again_when_it_is_over)
{
	struct session *s = session_of(d, &session);
	uint64_t seq = s->seq;
	struct errand *errand = begin(COMMAND_load_graph, &session, graph);

	ck_assert_ptr_nonnull(errand);
	ck_assert(errand->changes);
	ck_assert(uuid_equal(&errand->lane, &session));
	run(errand);
	end(errand);
	ck_assert_int_eq(out.error, OK);
	ck_assert_ptr_eq(out.session, s);
	ck_assert_uint_gt(out.step_bytes.n, 0);
	ck_assert_uint_gt(out.step->n_edits, NODES);
	ck_assert_uint_gt(session_of(d, &session)->seq, seq + NODES);
	ck_assert_uint_eq(graph_count(s->graph), NODES);
	take_outcome(d, &out);
	domain_restart(d);
	ck_assert_uint_eq(graph_count(session_of(d, &session)->graph), NODES);
}
END_TEST

START_TEST(who_wants_more_of_it_than_its_face_is_put_behind_it)
{
	struct errand *errand;
	struct session *s;

	ask(d, COMMAND_join, &session, "{'client_id':'c1'}");
	errand = begin(COMMAND_load_graph, &session, graph);
	ck_assert(is_behind(COMMAND_get_tree, &session, "{}"));
	ck_assert(is_behind(COMMAND_ask, &session, "{\"event\":\"e\"}"));
	ck_assert(uuid_equal(&out.behind, &session));
	ck_assert_int_eq(sessions_get(d->sessions, &session, &s), ERROR_overloaded);
	ck_assert_int_eq(sessions_peek(d->sessions, &session, &s), OK);
	ck_assert(s->is_lent);
	run(errand);
	end(errand);
	take_outcome(d, &out);
	ck_assert(!is_behind(COMMAND_get_tree, &session, "{}"));
}
END_TEST

/* As the row of the only session in the list. */
static int64_t
listed(const char *member)
{
	char path[64];

	snprintf(path, sizeof path, "sessions.0.%s", member);
	return int_at(ask(d, COMMAND_list_sessions, NULL, "{}"), path);
}

START_TEST(others_see_it_as_it_was_and_it_neither_ends_nor_leaves)
{
	const struct idleness all = { .now_us = UINT64_MAX, .now_ms = UINT64_MAX, .since_ms = 1 };
	struct errand *errand;
	uint64_t seq;

	ask(d, COMMAND_join, &session, "{'client_id':'c1'}");
	seq = session_of(d, &session)->seq;
	errand = begin(COMMAND_load_graph, &session, graph);
	run(errand); /* all but the end */
	ck_assert_int_eq(listed("active_clients"), 1);
	domain_unload(d);
	ck_assert_uint_eq(dispatch_cleanup(d->dispatcher, &all, take_outcome, d), 0);
	forget_heard(d);
	dispatch_expire(d->dispatcher, d->now_ms + LIMIT_LEASE_MS, d->now_us, take_outcome, d);
	for (size_t i = 0; i < d->n_heard; i++)
		ck_assert_uint_eq(d->heard[i].seq, seq);
	end(errand);
	take_outcome(d, &out);
	ck_assert_uint_eq(graph_count(session_of(d, &session)->graph), NODES);
}
END_TEST

START_TEST(one_that_is_given_up_before_it_ran_leaves_the_session_as_it_was)
{
	char before[33];
	struct errand *errand;

	strcpy(before, hash_of(d, &session));
	errand = begin(COMMAND_load_graph, &session, graph);
	errand->free(errand);
	ck_assert_str_eq(hash_of(d, &session), before);
	ask(d, COMMAND_create_node, &session, "{'blueprint_type_id':'phase'}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(it_begins_when_what_came_before_is_on_disk)
{
	struct session *s = session_of(d, &session);
	int batch;

	s->batch = &batch;
	ck_assert_ptr_null(begin(COMMAND_load_graph, &session, graph));
	ck_assert(out.unfinished);
	ck_assert_ptr_eq(out.session, s);
	s->batch = NULL;
	ask_exactly(d, COMMAND_load_graph, &session, span_of(graph));
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(a_step_that_was_not_stored_is_taken_back)
{
	char before[33];

	strcpy(before, hash_of(d, &session));
	d->store->ops = usual;
	ask_in_vain(d, COMMAND_load_graph, &session, span_of(graph));
	ck_assert_str_eq(hash_of(d, &session), before);
	ck_assert_ptr_null(graph_verify(session_of(d, &session)->graph));
}
END_TEST

/* Of a project with many nodes. */
static char *
saved_project(void)
{
	static char args[64];
	struct uuid project;

	ask_exactly(d, COMMAND_load_graph, &session, span_of(graph));
	project = id_at(ask(d, COMMAND_save_project, &session, "{}"), "project_id");
	snprintf(args, sizeof args, "{\"project_id\":\"%s\"}", text_of(&project));
	return args;
}

START_TEST(a_new_session_is_nobodys_before_the_end)
{
	const char *args = saved_project();
	struct errand *errand = begin(COMMAND_open_project, NULL, args);

	ck_assert(!uuid_is_nil(&errand->lane));
	run(errand);
	ck_assert_uint_eq(sessions_count(d->sessions), 1);
	end(errand);
	ck_assert(out.created);
	ck_assert_uint_eq(graph_count(out.session->graph), NODES);
	take_outcome(d, &out);
	ck_assert_uint_eq(sessions_count(d->sessions), 2);
}
END_TEST

/* Arguments of OpenProject into the live session. */
static char *
into_session(const char *project)
{
	static char args[160];

	snprintf(args, sizeof args, "{\"session_id\":\"%s\",%s", text_of(&session), project + 1);
	return args;
}

START_TEST(who_names_it_in_the_arguments_alone_is_put_behind_it)
{
	const char *args = into_session(saved_project());
	struct errand *errand = begin(COMMAND_load_graph, &session, graph);

	ck_assert(is_behind(COMMAND_open_project, NULL, args));
	ck_assert(uuid_equal(&out.behind, &session));
	errand->free(errand);
	ask_exactly(d, COMMAND_open_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, OK);
}
END_TEST

static enum error
read_no_steps(struct store *store, const struct uuid *of, uint64_t after_ordinal, store_step_fn *fn,
    void *context)
{
	(void)store;
	(void)of;
	(void)after_ordinal;
	(void)fn;
	(void)context;
	return ERROR_storage_failed;
}

/* What the loop knows of sessions it may be changing just then. */
START_TEST(a_session_that_cannot_be_had_is_not_looked_for_again_by_the_thread)
{
	const char *args = into_session(saved_project());
	struct errand *errand;

	domain_restart(d);
	ops.steps = read_no_steps;
	errand = begin(COMMAND_open_project, NULL, args);
	ops.steps = usual->steps;
	run(errand);
	ck_assert_ptr_null(sessions_loaded(d->sessions, &session));
	end(errand);
	ck_assert_int_eq(out.error, ERROR_storage_failed);
}
END_TEST

START_TEST(a_repeat_under_the_same_key_waits_in_its_lane)
{
	const char *args = saved_project();
	struct errand *errand;
	struct uuid lane;

	d->caller.key = SPAN("once");
	errand = begin(COMMAND_open_project, NULL, args);
	lane = errand->lane;
	ck_assert(is_behind(COMMAND_open_project, NULL, args));
	ck_assert(uuid_equal(&out.behind, &lane));
	/* One that is given up is no reason to wait any more. */
	errand->free(errand);
	errand = begin(COMMAND_open_project, NULL, args);
	ck_assert_ptr_nonnull(errand);
	run(errand);
	end(errand);
	take_outcome(d, &out);
	ask_exactly(d, COMMAND_open_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, OK);
	ck_assert(!d->created);
}
END_TEST

static enum error
give_many_rows(struct store *store, store_session_fn *fn, void *context)
{
	struct store_session row = { .created_us = 1 };

	(void)store;
	for (int i = 0; i < LIMIT_SESSIONS; i++) {
		uuid_random(&row.id);
		fn(context, &row);
	}
	return OK;
}

START_TEST(one_session_too_many_is_refused_in_the_end_and_nothing_is_left)
{
	const char *args = saved_project();

	ops.sessions = give_many_rows;
	domain_restart(d);
	ask_exactly(d, COMMAND_open_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, ERROR_too_many_sessions);
	ck_assert(!d->created);
	ck_assert_uint_eq(sessions_count(d->sessions), LIMIT_SESSIONS);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("making");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_session_is_whole_again_when_it_is_over);
	tcase_add_test(c, who_wants_more_of_it_than_its_face_is_put_behind_it);
	tcase_add_test(c, others_see_it_as_it_was_and_it_neither_ends_nor_leaves);
	tcase_add_test(c, one_that_is_given_up_before_it_ran_leaves_the_session_as_it_was);
	tcase_add_test(c, it_begins_when_what_came_before_is_on_disk);
	tcase_add_test(c, a_step_that_was_not_stored_is_taken_back);
	tcase_add_test(c, a_new_session_is_nobodys_before_the_end);
	tcase_add_test(c, who_names_it_in_the_arguments_alone_is_put_behind_it);
	tcase_add_test(c, a_session_that_cannot_be_had_is_not_looked_for_again_by_the_thread);
	tcase_add_test(c, a_repeat_under_the_same_key_waits_in_its_lane);
	tcase_add_test(c, one_session_too_many_is_refused_in_the_end_and_nothing_is_left);
	return run_tests(c);
}
