/* What is true of every store. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const char *law_spec;
static struct store_fixture f;

static void
set_up(void)
{
	fixture_open(&f, law_spec);
}

static void
tear_down(void)
{
	fixture_remove(&f);
}

START_TEST(what_was_appended_can_be_read_once_it_is_committed_and_not_before)
{
	struct steps_read r = { 0 };

	fixture_put_session(&f, 1);
	fixture_append(&f, 1, 1);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_int_eq(fixture_commit(&f), OK);
	ck_assert_int_eq(fixture_read(&f, 1, 0, &r), OK);
	ck_assert_uint_eq(r.n, 1);
}
END_TEST

START_TEST(commits_settle_in_their_order)
{
	struct steps_read r = { 0 };

	for (unsigned i = 1; i <= 20; i++) {
		fixture_append(&f, 1, i);
		fixture_start_commit(&f);
	}
	fixture_await(&f, 20);
	fixture_read(&f, 1, 0, &r);
	ck_assert_uint_eq(r.n, 20);
}
END_TEST

/* Sessions interleave in the journal; the numbers reach over several of its marks. */
START_TEST(every_range_of_steps_comes_back_whole_and_in_order)
{
	enum { STEPS = 300, SESSIONS = 3 };
	struct steps_read r = { 0 };

	for (uint64_t i = 1; i <= STEPS; i++) {
		for (unsigned s = 1; s <= SESSIONS; s++)
			fixture_append(&f, s, i);
		if (i % 37 == 0)
			ck_assert_int_eq(fixture_commit(&f), OK);
	}
	ck_assert_int_eq(fixture_commit(&f), OK);
	for (unsigned s = 1; s <= SESSIONS; s++) {
		for (uint64_t after = 0; after <= STEPS; after++) {
			ck_assert_int_eq(fixture_read(&f, s, after, &r), OK);
			ck_assert_uint_eq(r.n, STEPS - after);
			ck_assert(r.n == 0 || (r.first == after + 1 && r.last == STEPS));
			/* Each step has two events; a seq within a step does not leave it out. */
			ck_assert_int_eq(fixture_read_by_seq(&f, s, 2 * after + 1, &r), OK);
			ck_assert_uint_eq(r.n, after < STEPS ? STEPS - after : 0);
			ck_assert_int_eq(fixture_read_by_seq(&f, s, 2 * after, &r), OK);
			ck_assert_uint_eq(r.n, STEPS - after);
		}
	}
}
END_TEST

START_TEST(a_reader_that_has_enough_stops_the_reading)
{
	struct steps_read r = { .stop_after = 70 };

	for (uint64_t i = 1; i <= 200; i++)
		fixture_append(&f, 1, i);
	fixture_commit(&f);
	ck_assert_int_eq(fixture_read(&f, 1, 10, &r), OK);
	ck_assert_uint_eq(r.n, 70);
	ck_assert_uint_eq(r.last, 80);
}
END_TEST

struct rows_read {
	unsigned n;
	struct store_session last;
};

static bool
on_row(void *context, const struct store_session *row)
{
	struct rows_read *r = context;

	r->n++;
	r->last = *row;
	return true;
}

START_TEST(a_sessions_row_follows_its_steps)
{
	struct rows_read r = { 0 };
	struct uuid wanted;

	fixture_put_session(&f, 1);
	for (uint64_t i = 1; i <= 5; i++)
		fixture_append(&f, 1, i);
	fixture_commit(&f);
	ck_assert_int_eq(f.store->ops->sessions(f.store, on_row, &r), OK);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_uint_eq(r.last.seq, 10);
	ck_assert_uint_eq(r.last.ordinal, 5);
	ck_assert_uint_eq(r.last.active_us, 1005);
	ck_assert_uint_eq(r.last.epoch, 7);
	ck_assert(r.last.has_project);
	wanted = fixture_id(2001);
	ck_assert(uuid_equal(&r.last.project_id, &wanted));
}
END_TEST

START_TEST(an_unknown_session_has_no_rows_steps_or_snapshots)
{
	struct uuid id = fixture_id(99);
	struct json_out bytes = { 0 };
	struct steps_read r = { 0 };
	uint64_t ordinal = 5;

	ck_assert_int_eq(fixture_read(&f, 99, 0, &r), OK);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_int_eq(f.store->ops->snapshot(f.store, &id, UINT64_MAX, &bytes, &ordinal), OK);
	ck_assert_uint_eq(ordinal, 0);
	ck_assert_uint_eq(bytes.n, 0);
}
END_TEST

START_TEST(the_newest_snapshot_not_after_a_step_is_found)
{
	struct uuid id = fixture_id(1);
	struct json_out bytes = { 0 };
	uint64_t ordinal;

	for (uint64_t i = 1; i <= 30; i++)
		fixture_append(&f, 1, i);
	fixture_commit(&f);
	f.store->ops->put_snapshot(f.store, &id, 10, 20, SPAN("ten"), NULL);
	f.store->ops->put_snapshot(f.store, &id, 20, 40, SPAN("twenty"), NULL);
	fixture_commit(&f);
	fixture_idle(&f, 10);
	f.store->ops->snapshot(f.store, &id, UINT64_MAX, &bytes, &ordinal);
	ck_assert_uint_eq(ordinal, 20);
	ck_assert(span_equal(json_out_span(&bytes), SPAN("twenty")));
	json_out_clear(&bytes);
	f.store->ops->snapshot(f.store, &id, 19, &bytes, &ordinal);
	ck_assert_uint_eq(ordinal, 10);
	ck_assert(span_equal(json_out_span(&bytes), SPAN("ten")));
	f.store->ops->snapshot(f.store, &id, 9, &bytes, &ordinal);
	ck_assert_uint_eq(ordinal, 0);
	json_out_fini(&bytes);
}
END_TEST

struct projects_read {
	unsigned n;
	char names[4][16];
	uint64_t revision;
	size_t bytes;
	char text[16];
};

static bool
on_project(void *context, const struct store_project *p)
{
	struct projects_read *r = context;

	snprintf(r->names[r->n++], 16, "%s", p->name);
	r->revision = p->revision;
	r->bytes = p->bytes.n;
	if (p->bytes.n)
		snprintf(r->text, 16, "%.*s", (int)p->bytes.n, p->bytes.p);
	return r->n < 4;
}

static void
put_project(unsigned n, const char *name, uint64_t revision, const char *text)
{
	struct store_project p = { .id = fixture_id(n),
		.name = name,
		.template_id = "book",
		.revision = revision,
		.saved_us = 5,
		.bytes = span_of(text) };

	f.store->ops->put_project(f.store, &p);
}

START_TEST(projects_are_listed_by_name_and_read_in_their_newest_revision)
{
	struct projects_read r = { 0 };
	struct uuid id = fixture_id(1);

	put_project(1, "zebra", 1, "old");
	put_project(2, "ant", 1, "x");
	fixture_commit(&f);
	put_project(1, "bee", 2, "new");
	fixture_commit(&f);
	ck_assert_int_eq(f.store->ops->projects(f.store, on_project, &r), OK);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.names[0], "ant");
	ck_assert_str_eq(r.names[1], "bee");
	ck_assert_uint_eq(r.bytes, 0);
	r.n = 0;
	ck_assert_int_eq(f.store->ops->project(f.store, &id, on_project, &r), OK);
	ck_assert_uint_eq(r.revision, 2);
	ck_assert_str_eq(r.text, "new");
	f.store->ops->drop_project(f.store, &id);
	fixture_commit(&f);
	r.n = 0;
	ck_assert_int_eq(f.store->ops->project(f.store, &id, on_project, &r), OK);
	ck_assert_uint_eq(r.n, 0);
}
END_TEST

TCase *
store_laws(const char *spec)
{
	TCase *laws = tcase_create("laws");

	law_spec = spec;
	tcase_add_checked_fixture(laws, set_up, tear_down);
	tcase_set_timeout(laws, 60);
	tcase_add_test(laws, what_was_appended_can_be_read_once_it_is_committed_and_not_before);
	tcase_add_test(laws, commits_settle_in_their_order);
	tcase_add_test(laws, every_range_of_steps_comes_back_whole_and_in_order);
	tcase_add_test(laws, a_reader_that_has_enough_stops_the_reading);
	tcase_add_test(laws, a_sessions_row_follows_its_steps);
	tcase_add_test(laws, an_unknown_session_has_no_rows_steps_or_snapshots);
	tcase_add_test(laws, the_newest_snapshot_not_after_a_step_is_found);
	tcase_add_test(laws, projects_are_listed_by_name_and_read_in_their_newest_revision);
	return laws;
}
