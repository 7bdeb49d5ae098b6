/* Files with history that cannot become a session: nothing of them stays. */

#include "session_fixture.h"

#include "common/mem.h"

#include <stdlib.h>

static unsigned appended;
static const struct store_ops *memory;

static void
count_append(struct store *store, const struct store_step *step)
{
	appended++;
	memory->append(store, step);
}

static enum error
fail_project(struct store *store, const struct uuid *id, store_project_fn *fn, void *context)
{
	(void)store;
	(void)id;
	(void)fn;
	(void)context;
	return ERROR_session_damaged;
}

START_TEST(one_on_a_project_that_cannot_be_read_leaves_no_step_in_the_store)
{
	struct store_ops ops = *d->store->ops;
	struct json_out args = { 0 };
	struct uuid project;

	ask(d, COMMAND_get_session, &s, "{}");
	project = id_at(d->body, "project_id");
	ask(d, COMMAND_export_project, NULL, "{'project_id':'%s','history':true}",
	    text_of(&project));
	json_out_open(&args, '{');
	json_out_key(&args, "file");
	json_out_raw(&args, at(d->body, "file"));
	json_out_close(&args, '}');
	memory = d->store->ops;
	ops.append = count_append;
	ops.project = fail_project;
	d->store->ops = &ops;
	appended = 0;
	ask_exactly(d, COMMAND_import_project, NULL, json_out_span(&args));
	ck_assert_int_eq(d->error, ERROR_session_damaged);
	ck_assert_uint_eq(appended, 0);
	ops.project = memory->project;
	ask_exactly(d, COMMAND_import_project, NULL, json_out_span(&args));
	ck_assert_int_eq(d->error, OK);
	ck_assert_uint_gt(appended, 0);
	d->store->ops = memory;
	json_out_fini(&args);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("commands_import");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_on_a_project_that_cannot_be_read_leaves_no_step_in_the_store);
	return run_tests(tc);
}
