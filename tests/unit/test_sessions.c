/* Sessions: found, loaded, unloaded, listed and ended; and their history. */

#include "session_fixture.h"

#include "common/json.h"
#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(a_session_comes_back_after_a_restart_as_it_was)
{
	char hash[33];
	uint64_t seq;

	make(d, &s, "phase", &root);
	make(d, &s, "phase", &root);
	ask(d, COMMAND_undo, &s, "{}");
	strcpy(hash, hash_of(d, &s));
	seq = session_of(d, &s)->seq;
	domain_restart(d);
	ck_assert_str_eq(hash_of(d, &s), hash);
	ck_assert_uint_eq(session_of(d, &s)->seq, seq);
	ck_assert_uint_eq(session_of(d, &s)->durable_seq, seq);
	ck_assert_ptr_nonnull(session_of(d, &s)->blueprint);
	ck_assert(session_can_redo(session_of(d, &s)));
}
END_TEST

START_TEST(a_session_is_loaded_from_its_snapshot_and_the_steps_behind_it)
{
	struct session *session = session_of(d, &s);
	struct json_out bytes = { 0 };
	char hash[33];

	make(d, &s, "phase", &root);
	session_snapshot(session, &bytes);
	d->store->ops->put_snapshot(
	    d->store, &s, session->ordinal, session->seq, json_out_span(&bytes), NULL);
	json_out_fini(&bytes);
	make(d, &s, "phase", &root);
	strcpy(hash, hash_of(d, &s));
	domain_restart(d);
	ck_assert_str_eq(hash_of(d, &s), hash);
	ck_assert_uint_gt(session_of(d, &s)->snapshot_ordinal, 0);
}
END_TEST

START_TEST(idle_sessions_leave_memory_unless_somebody_is_in_them)
{
	struct session *session = session_of(d, &s);
	struct uuid project = session->meta.project_id;

	join("c1", "g1");
	domain_unload(d);
	ck_assert_ptr_eq(session_of(d, &s), session);
	ask(d, COMMAND_leave, &s, "{'client_id':'c1'}");
	sessions_unload_idle(d->sessions, session->idle_since_ms);
	ck_assert_ptr_eq(sessions_loaded(d->sessions, &s), session);
	domain_unload(d);
	ck_assert_ptr_null(sessions_loaded(d->sessions, &s));
	ck_assert_ptr_nonnull(sessions_on_project(d->sessions, &project));
	ck_assert(at(ask(d, COMMAND_get_tree, &s, "{}"), "roots.0.id").p);
}
END_TEST

/* Never saved, so that nothing but the session knows of it. */
START_TEST(a_project_is_found_while_its_session_is_out_of_memory)
{
	struct uuid project = session_of(d, &s)->meta.project_id;

	for (int i = 0; i < 2; i++) {
		if (i)
			domain_restart(d);
		else
			domain_unload(d);
		ck_assert_ptr_null(sessions_loaded(d->sessions, &s));
		ask(d, COMMAND_search_nodes, NULL, "{'project_id':'%s'}", text_of(&project));
		ck_assert_msg(at_is(d->body, "total", "1"), "%s", d->body);
	}
	domain_unload(d);
	ask(d, COMMAND_save_project, NULL, "{'project_id':'%s'}", text_of(&project));
	ck_assert_msg(at_is(d->body, "revision", "1"), "%s", d->body);
}
END_TEST

START_TEST(of_several_sessions_on_a_project_the_one_used_last_is_meant)
{
	struct uuid project = session_of(d, &s)->meta.project_id, other;

	ask(d, COMMAND_save_project, &s, "{}");
	ask(d, COMMAND_open_project, NULL, "{'project_id':'%s'}", text_of(&project));
	other = id_at(d->body, "session_id");
	ck_assert(uuid_equal(sessions_on_project(d->sessions, &project), &other));
	make(d, &s, "phase", &root);
	ask(d, COMMAND_get_dirty, &other, "{}");
	ck_assert(uuid_equal(sessions_on_project(d->sessions, &project), &s));
	domain_unload(d);
	ask(d, COMMAND_get_dirty, &other, "{}");
	ask(d, COMMAND_save_project, NULL, "{'project_id':'%s'}", text_of(&project));
	other = id_at(d->body, "session_id");
	ck_assert(uuid_equal(&other, &s));
}
END_TEST

START_TEST(damaged_history_is_named_and_other_sessions_go_on)
{
	struct uuid other = start(d, "book");
	struct store_step bad = { .session = s,
		.ordinal = session_of(d, &s)->ordinal + 1,
		.first_seq = session_of(d, &s)->seq + 1,
		.last_seq = session_of(d, &s)->seq + 1,
		.bytes = SPAN("no step") };

	d->store->ops->append(d->store, &bad);
	make(d, &other, "chapter", NULL);
	domain_restart(d);
	for (int i = 0; i < 2; i++) {
		ask(d, COMMAND_get_tree, &s, "{}");
		ck_assert_int_eq(d->error, ERROR_session_damaged);
	}
	ask(d, COMMAND_get_tree, &other, "{}");
	ck_assert_int_eq(d->error, OK);
}
END_TEST

START_TEST(a_session_whose_creation_was_not_stored_never_was)
{
	struct uuid id = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");

	ck_assert_uint_eq(sessions_count(d->sessions), 2);
	ask_in_vain(d, COMMAND_create_session, NULL, SPAN("{}"));
	ck_assert_uint_eq(sessions_count(d->sessions), 2);
	ask_in_vain(d, COMMAND_end_session, &id, SPAN("{}"));
	ck_assert(at_is(ask(d, COMMAND_get_session, &id, "{}"), "has_project", "false"));
}
END_TEST

START_TEST(a_project_that_was_not_stored_leaves_the_session_where_it_was)
{
	struct uuid project = session_of(d, &s)->meta.project_id;
	struct uuid bare = id_at(ask(d, COMMAND_create_session, NULL, "{}"), "session_id");
	char args[160];

	for (int i = 0; i < 2; i++) {
		snprintf(args, sizeof(args),
		    "{\"session_id\":\"%s\",\"template_id\":\"book\",\"project_name\":\"B\"}",
		    text_of(i ? &bare : &s));
		ask_in_vain(d, COMMAND_create_project, NULL, span_of(args));
	}
	ck_assert(uuid_equal(sessions_on_project(d->sessions, &project), &s));
	/* Done again it is told of by the stored row. */
	ask_exactly(d, COMMAND_create_project, NULL, span_of(args));
	ck_assert_int_eq(d->error, OK);
	domain_restart(d);
	ask(d, COMMAND_list_sessions, NULL, "{}");
	ck_assert(at_is(d->body, "sessions.1.has_project", "true"));
}
END_TEST

START_TEST(an_ended_session_is_gone_after_a_restart_too)
{
	ask(d, COMMAND_end_session, &s, "{}");
	ck_assert_str_eq(heard_names(d), "session:closed");
	ck_assert(at_is(d->heard[0].body, "reason", "\"deleted\""));
	for (int i = 0; i < 2; i++) {
		ask(d, COMMAND_get_session, &s, "{}");
		ck_assert_int_eq(d->error, ERROR_invalid_session);
		ck_assert_uint_eq(sessions_count(d->sessions), 0);
		domain_restart(d);
	}
}
END_TEST

START_TEST(sessions_are_listed_in_pages_oldest_first)
{
	char cursor[80];

	for (int i = 0; i < 4; i++)
		ask(d, COMMAND_create_session, NULL, "{}");
	for (int restarts = 0; restarts < 2; restarts++) {
		ask(d, COMMAND_list_sessions, NULL, "{'limit':3}");
		ck_assert(
		    uuid_equal(&s, &(struct uuid[]){ id_at(d->body, "sessions.0.session_id") }[0]));
		ck_assert(at_is(d->body, "sessions.0.has_project", "true"));
		ck_assert(at_is(d->body, "sessions.1.has_project", "false"));
		ck_assert(at_is(d->body, "total", "5"));
		snprintf(cursor, sizeof(cursor), "%.*s", (int)at(d->body, "next_cursor").n - 2,
		    at(d->body, "next_cursor").p + 1);
		ask(d, COMMAND_list_sessions, NULL, "{'cursor':'%s'}", cursor);
		ck_assert(at(d->body, "sessions.1").p && !at(d->body, "sessions.2").p);
		ck_assert(at_is(d->body, "next_cursor", "null"));
		domain_restart(d);
	}
	/* The session that the cursor names ends: the list goes on where it stood. */
	ask(d, COMMAND_list_sessions, NULL, "{'limit':3}");
	ask(d, COMMAND_end_session, &(struct uuid[]){ id_at(d->body, "sessions.2.session_id") }[0],
	    "{}");
	ask(d, COMMAND_list_sessions, NULL, "{'cursor':'%s'}", cursor);
	ck_assert(at(d->body, "sessions.1").p && !at(d->body, "sessions.2").p);
	ask(d, COMMAND_list_sessions, NULL, "{'cursor':'x'}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
}
END_TEST

START_TEST(the_time_of_last_use_outlives_a_restart)
{
	char before[40];

	d->now_us += 3600000000ULL;
	make(d, &s, "phase", &root);
	ask(d, COMMAND_list_sessions, NULL, "{}");
	snprintf(before, sizeof(before), "%.*s", 16, at(d->body, "sessions.0.last_activity").p);
	domain_restart(d);
	ask(d, COMMAND_list_sessions, NULL, "{}");
	ck_assert_int_eq(strncmp(before, at(d->body, "sessions.0.last_activity").p, 16), 0);
}
END_TEST

static enum error
give_many_rows(struct store *store, store_session_fn *fn, void *context)
{
	struct store_session row = { .created_us = 1 };

	(void)store;
	for (int i = 0; i < LIMIT_SESSIONS; i++) {
		uuid_random(&row.id);
		row.created_us++;
		fn(context, &row);
	}
	return OK;
}

START_TEST(there_are_only_so_many_sessions)
{
	const struct store_ops ops = { .sessions = give_many_rows };
	struct store store = { &ops };
	struct sessions *many = sessions_new(&store, d->blueprints);
	struct session *one_more;

	ck_assert_uint_eq(sessions_count(many), LIMIT_SESSIONS);
	ck_assert_int_eq(sessions_create(many, 1, &one_more), ERROR_too_many_sessions);
	ck_assert_ptr_null(one_more);
	sessions_free(many);
}
END_TEST

START_TEST(the_tree_can_be_read_as_it_was_at_any_seq)
{
	char hashes[20][36], quoted[36];
	int64_t seqs[20];

	for (int i = 0; i < 20; i++) {
		if (i % 4 == 3)
			ask(d, COMMAND_undo, &s, "{}");
		else
			make(d, &s, "phase", &root);
		snprintf(hashes[i], sizeof(hashes[i]), "\"%s\"", hash_of(d, &s));
		seqs[i] = (int64_t)session_of(d, &s)->seq;
	}
	for (int i = 0; i < 20; i++) {
		ask(d, COMMAND_get_tree, &s, "{'at':%lld}", (long long)seqs[i]);
		ck_assert_msg(at_is(d->body, "state_hash", hashes[i]), "%s", d->body);
		ck_assert_int_eq(int_at(d->body, "seq"), seqs[i]);
	}
	snprintf(quoted, sizeof(quoted), "\"%s\"", hash_of(d, &s));
	ck_assert(at_is(ask(d, COMMAND_get_tree, &s, "{}"), "state_hash", quoted));
	ask(d, COMMAND_get_tree, &s, "{'at':100000}");
	ck_assert(at_is(d->body, "error.field", "\"at\""));
	ask(d, COMMAND_get_tree, &s, "{'at':-1}");
	ck_assert_int_eq(d->error, ERROR_invalid_request);
	ask(d, COMMAND_get_tree, &s, "{'at':0}");
	ck_assert_msg(!at(d->body, "roots.0").p && d->error == OK, "%s", d->body);
}
END_TEST

START_TEST(a_part_of_the_tree_can_be_read)
{
	struct uuid phase = make(d, &s, "phase", &root);

	make(d, &s, "job", &phase);
	ask(d, COMMAND_get_tree, &s, "{'node_id':'%s'}", text_of(&phase));
	ck_assert(uuid_equal(&phase, &(struct uuid[]){ id_at(d->body, "roots.0.id") }[0]));
	ck_assert(at(d->body, "roots.0.children.0.id").p);
	ask(d, COMMAND_get_tree, &s, "{'depth':1}");
	ck_assert(at(d->body, "roots.0.children.0.id").p);
	ck_assert(!at(d->body, "roots.0.children.0.children.0").p);
	ask(d, COMMAND_get_tree, &s, "{'node_id':'%s'}", text_of(&s));
	ck_assert_int_eq(d->error, ERROR_node_not_found);
	ask(d, COMMAND_get_tree, &s, "{'depth':-1}");
	ck_assert(at_is(d->body, "error.field", "\"depth\""));
	ask(d, COMMAND_get_graph, &s, "{}");
	ck_assert(at(d->body, "graph.roots.0.id").p);
}
END_TEST

START_TEST(events_are_read_back_byte_for_byte_in_pages)
{
	char *live[4];
	int64_t since = (int64_t)session_of(d, &s)->seq, seq;

	d->caller.actor = SPAN("ann");
	make(d, &s, "phase", &root);
	live[0] = xstrdup(d->heard[1].body);
	live[1] = xstrdup(d->heard[2].body);
	ask(d, COMMAND_undo, &s, "{}");
	live[2] = xstrdup(d->heard[0].body);
	live[3] = xstrdup(d->heard[1].body);
	seq = since;
	for (int i = 0; i < 4; i++) {
		ask(d, COMMAND_list_events, &s, "{'since':%lld,'limit':1}", (long long)seq);
		ck_assert_int_eq(int_at(d->body, "events.0.seq"), ++seq);
		ck_assert_msg(at_is(d->body, "events.0.data", live[i]), "%s", d->body);
		ck_assert(at_is(d->body, "more", i < 3 ? "true" : "false"));
		free(live[i]);
	}
	ck_assert(at_is(d->body, "events.0.event", "\"command:undo\""));
	ask(d, COMMAND_list_events, &s, "{'since':%lld}", (long long)seq);
	ck_assert(!at(d->body, "events.0").p);
	ck_assert_int_eq(int_at(d->body, "seq"), seq);
	ck_assert(at_is(d->body, "first_seq", "1"));
}
END_TEST

START_TEST(another_history_or_a_seq_to_come_is_answered_resync)
{
	ask(d, COMMAND_list_events, &s, "{'since':0,'log_id':'another'}");
	ck_assert(at_is(d->body, "resync", "true"));
	ck_assert(!at(d->body, "events.0").p);
	ask(d, COMMAND_list_events, &s, "{'since':999}");
	ck_assert(at_is(d->body, "resync", "true"));
	ask(d, COMMAND_list_events, &s, "{'since':0,'log_id':%.*s}", (int)at(d->body, "log_id").n,
	    at(d->body, "log_id").p);
	ck_assert(!at(d->body, "resync").p && at(d->body, "events.0").p);
	ask(d, COMMAND_list_events, &s, "{'since':-1}");
	ck_assert(at_is(d->body, "error.field", "\"since\""));
}
END_TEST

START_TEST(the_audit_trail_says_who_did_what_before_and_after)
{
	d->caller.actor = SPAN("ann");
	d->caller.client = SPAN("c1");
	ask(d, COMMAND_update_property, &s, "{'node_id':'%s','property_id':'notes','value':[1]}",
	    text_of(&root));
	ask(d, COMMAND_undo, &s, "{}");
	ask(d, COMMAND_list_history, &s, "{'limit':1}");
	ck_assert(at_is(d->body, "steps.0.command_type", "\"CreateProject\""));
	ck_assert(at_is(d->body, "more", "true"));
	ask(d, COMMAND_list_history, &s, "{'since':%lld}",
	    (long long)int_at(d->body, "steps.0.seq"));
	ck_assert(at_is(d->body, "steps.0.actor", "\"ann\""));
	ck_assert(at_is(d->body, "steps.0.client_id", "\"c1\""));
	ck_assert(at_is(d->body, "steps.0.kind", "\"do\""));
	ck_assert(at_is(d->body, "steps.0.edits.0.before", "null"));
	ck_assert(at_is(d->body, "steps.0.edits.0.after", "[1]"));
	ck_assert(at_is(d->body, "steps.1.kind", "\"undo\""));
	ck_assert(at_is(d->body, "steps.1.edits.0.after", "null"));
	ck_assert(at_is(d->body, "more", "false"));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("sessions");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_session_comes_back_after_a_restart_as_it_was);
	tcase_add_test(tc, a_session_is_loaded_from_its_snapshot_and_the_steps_behind_it);
	tcase_add_test(tc, idle_sessions_leave_memory_unless_somebody_is_in_them);
	tcase_add_test(tc, a_project_is_found_while_its_session_is_out_of_memory);
	tcase_add_test(tc, of_several_sessions_on_a_project_the_one_used_last_is_meant);
	tcase_add_test(tc, damaged_history_is_named_and_other_sessions_go_on);
	tcase_add_test(tc, a_session_whose_creation_was_not_stored_never_was);
	tcase_add_test(tc, a_project_that_was_not_stored_leaves_the_session_where_it_was);
	tcase_add_test(tc, an_ended_session_is_gone_after_a_restart_too);
	tcase_add_test(tc, sessions_are_listed_in_pages_oldest_first);
	tcase_add_test(tc, the_time_of_last_use_outlives_a_restart);
	tcase_add_test(tc, there_are_only_so_many_sessions);
	tcase_add_test(tc, the_tree_can_be_read_as_it_was_at_any_seq);
	tcase_add_test(tc, a_part_of_the_tree_can_be_read);
	tcase_add_test(tc, events_are_read_back_byte_for_byte_in_pages);
	tcase_add_test(tc, another_history_or_a_seq_to_come_is_answered_resync);
	tcase_add_test(tc, the_audit_trail_says_who_did_what_before_and_after);
	return run_tests(tc);
}
