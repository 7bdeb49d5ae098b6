/* Revisions of projects on their way to the disk. What the commands make of them is in
 * test_commands_project.c. */

#include "session_fixture.h"

#include "graphd/projects.h"

static struct projects *p;

static void
set_up_projects(void)
{
	set_up();
	p = projects_new();
}

static void
tear_down_projects(void)
{
	projects_free(p);
	tear_down();
}

/* A session on a new project, with a step that saved it and is not on disk. */
static struct session *
save_new(void)
{
	struct session *saving;

	ck_assert_int_eq(sessions_create(d->sessions, d->now_us, &saving), OK);
	uuid_random(&saving->meta.project_id);
	projects_note(p, d->sessions, saving, 1);
	saving->seq++;
	return saving;
}

static uint64_t
revision_of(const struct session *saving)
{
	uint64_t revision;

	ck_assert_int_eq(
	    projects_revision(p, d->sessions, &saving->meta.project_id, &revision), OK);
	return revision;
}

START_TEST(a_revision_counts_from_when_it_is_made_until_it_is_taken_back)
{
	struct session *saving = save_new();

	ck_assert_uint_eq(revision_of(saving), 1);
	/* The store would show it by then. */
	saving->durable_seq = saving->seq;
	ck_assert_uint_eq(revision_of(saving), 0);
	saving = save_new();
	saving->seq--;
	ck_assert_uint_eq(revision_of(saving), 0);
}
END_TEST

START_TEST(what_has_arrived_is_not_remembered_for_ever)
{
	enum { MANY = 1000 };
	struct session *first = save_new();

	for (int i = 0; i < MANY; i++) {
		struct session *saving = save_new();
		saving->durable_seq = saving->seq;
	}
	ck_assert_uint_lt(projects_count(p), MANY / 4);
	ck_assert_uint_eq(revision_of(first), 1);
}
END_TEST

START_TEST(what_is_on_its_way_is_remembered_however_much_there_is)
{
	enum { MANY = 1000 };
	struct session *saving[MANY];

	for (int i = 0; i < MANY; i++)
		saving[i] = save_new();
	for (int i = 0; i < MANY; i++)
		ck_assert_uint_eq(revision_of(saving[i]), 1);
}
END_TEST

/* It might be long, and an unloaded one has nothing that is not on disk. */
START_TEST(a_session_that_left_memory_is_not_read_for_it)
{
	struct uuid project_id = session_of(d, &s)->meta.project_id;
	uint64_t revision;

	projects_note(p, d->sessions, session_of(d, &s), 1);
	domain_unload(d);
	ck_assert_int_eq(projects_revision(p, d->sessions, &project_id, &revision), OK);
	ck_assert_uint_eq(revision, 0);
	ck_assert_ptr_null(sessions_loaded(d->sessions, &s));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("projects");

	tcase_add_checked_fixture(tc, set_up_projects, tear_down_projects);
	tcase_add_test(tc, a_revision_counts_from_when_it_is_made_until_it_is_taken_back);
	tcase_add_test(tc, what_has_arrived_is_not_remembered_for_ever);
	tcase_add_test(tc, what_is_on_its_way_is_remembered_however_much_there_is);
	tcase_add_test(tc, a_session_that_left_memory_is_not_read_for_it);
	return run_tests(tc);
}
