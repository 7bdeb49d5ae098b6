/* A long step told from anywhere in it, beside the same step told whole. */

#include "graphd/long_step.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graph_fixture.h"
#include "run_tests.h"

#include <stdlib.h>

enum { SEEDS = 3, TRIES = 1500, READINGS = 25, DAMAGES = 60, MOST = 64 };

struct text {
	enum event event;
	uint64_t seq;
	char *body;
	struct uuid *path;
	size_t n_path;
};

/* Events as they were told; at most so many. */
struct texts {
	struct text *list;
	size_t n, most;
};

static bool
hear(void *context, const struct step_event *e)
{
	struct texts *t = context;
	struct text *text;

	if (t->n == t->most)
		return false;
	t->list = xrealloc(t->list, t->n + 1, sizeof *t->list);
	text = &t->list[t->n++];
	*text = (struct text){ e->event, e->seq, xspandup(e->body), NULL, e->path.n };
	text->path = xmalloc(e->path.n * sizeof *text->path);
	if (e->path.n)
		memcpy(text->path, e->path.ids, e->path.n * sizeof *text->path);
	return true;
}

static void
forget(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->list[i].body);
		free(t->list[i].path);
	}
	free(t->list);
	t->list = NULL;
	t->n = 0;
}

static struct texts
whole(const struct step *step, bool with_paths)
{
	struct texts t = { .most = SIZE_MAX };

	step_events(step, 0, with_paths, hear, &t);
	return t;
}

static struct long_step *
long_step_of(const struct step *step)
{
	struct json_out bytes = { 0 };
	struct long_step *l;

	step_encode(step, &bytes);
	l = long_step_new(json_out_span(&bytes));
	ck_assert_ptr_nonnull(l);
	ck_assert_uint_ge(long_step_bytes(l), bytes.n);
	json_out_fini(&bytes);
	return l;
}

/* Told behind a seq, at most so many: the same as the whole has there. */
static void
ck_from(struct long_step *l, const struct texts *all, uint64_t after, size_t most, bool with_paths)
{
	uint64_t first_seq = all->list[0].seq;
	size_t from = after < first_seq ? 0 : (size_t)(after + 1 - first_seq);
	size_t left = all->n - from;
	struct texts t = { .most = most };

	ck_assert(long_step_events(l, after, with_paths, hear, &t));
	ck_assert_uint_eq(t.n, left < most ? left : most);
	for (size_t i = 0; i < t.n; i++) {
		const struct text *a = &all->list[from + i], *b = &t.list[i];

		ck_assert_int_eq(b->event, a->event);
		ck_assert_uint_eq(b->seq, a->seq);
		ck_assert_str_eq(b->body, a->body);
		ck_assert_uint_eq(b->n_path, a->n_path);
		if (a->n_path)
			ck_assert_int_eq(memcmp(b->path, a->path, a->n_path * UUID_BYTES), 0);
	}
	forget(&t);
}

/* From places in any order, and the last one, which knows of all others, each time. */
static void
ck_anywhere(struct step *step, struct dice *d, int readings)
{
	struct texts plain = whole(step, false), placed = whole(step, true);
	struct long_step *l = long_step_of(step);

	for (int i = 0; i < readings; i++) {
		uint64_t after = step->first_seq - 1 + roll(d, (uint32_t)plain.n + 1);
		bool with_paths = roll(d, 2);

		ck_from(l, with_paths ? &placed : &plain, after, 1 + roll(d, MOST), with_paths);
	}
	ck_from(l, &placed, step->last_seq - 1, MOST, true);
	ck_from(l, &placed, 0, SIZE_MAX, true);
	ck_from(l, &plain, 0, SIZE_MAX, false);
	long_step_free(l);
	forget(&plain);
	forget(&placed);
}

START_TEST(at_random_it_tells_what_the_whole_step_tells)
{
	struct dice d = dice_of(random_seed(_i));
	struct session *s = new_session();
	struct step *step;
	enum error err;

	step = random_long_step(s, &d, "ann", TRIES);
	ck_anywhere(step, &d, READINGS);
	free_step(step);
	step = random_long_step(s, &d, NULL, TRIES);
	ck_anywhere(step, &d, READINGS);
	free_step(step);
	step = undo_as(s, "ann", NULL, &err);
	ck_anywhere(step, &d, READINGS);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(short_ones_can_be_read_so_as_well)
{
	struct dice d = dice_of(random_seed(_i));
	struct session *s = session_of_three();

	for (int i = 0; i < 200; i++) {
		struct step *step = random_step(s, &d, "ann");

		if (step && step->last_seq >= step->first_seq)
			ck_anywhere(step, &d, 3);
		free_step(step);
	}
	session_free(s);
}
END_TEST

/* Both events of a move belong to one edit. */
START_TEST(a_page_may_end_between_two_events_of_one_edit)
{
	struct session *s = new_session();
	struct step *step;
	struct long_step *l;
	struct texts all;

	free_step(do_edit(s, NULL, add_edit(1, 0, UINT32_MAX, "one")));
	free_step(do_edit(s, NULL, add_edit(2, 0, UINT32_MAX, "two")));
	free_step(do_edit(s, NULL, add_edit(3, 1, UINT32_MAX, "three")));
	begin_as(s, "ann", STEP_DO, COMMAND_batch);
	for (int i = 0; i < 2000; i++) {
		struct edit e = move_edit(3, i % 2 ? 1 : 2, 0);

		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	step = session_end(s, (struct span){ NULL, 0 });
	l = long_step_of(step);
	all = whole(step, true);
	ck_assert_uint_eq(all.n, 4001);
	for (uint64_t after = step->first_seq - 1; after < step->last_seq; after += 77)
		ck_from(l, &all, after, 77, true);
	long_step_free(l);
	forget(&all);
	free_step(step);
	session_free(s);
}
END_TEST

/* The event that ends the command names few nodes, and all of them, wherever the reading begins. */
START_TEST(few_nodes_with_much_in_them_are_all_named_at_the_end)
{
	static char value[100001];
	struct session *s = session_of_three();
	struct step *step;
	struct long_step *l;
	struct texts all;

	memset(value, '7', sizeof value - 1);
	begin_as(s, "ann", STEP_DO, COMMAND_batch);
	for (uint64_t i = 1; i <= 3; i++) {
		struct edit e = set_edit(i, "a", value);

		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	step = session_end(s, (struct span){ NULL, 0 });
	l = long_step_of(step);
	all = whole(step, true);
	ck_assert_uint_eq(all.list[3].n_path, 3);
	for (uint64_t after = step->first_seq - 1; after < step->last_seq; after++)
		ck_from(l, &all, after, 1, true);
	long_step_free(l);
	forget(&all);
	free_step(step);
	session_free(s);
}
END_TEST

START_TEST(no_damage_does_harm)
{
	struct dice d = dice_of(random_seed(0));
	struct session *s = new_session();
	struct step *step = random_long_step(s, &d, "ann", TRIES);
	struct json_out bytes = { 0 };
	struct texts all = { .most = SIZE_MAX };

	step_encode(step, &bytes);
	for (int i = 0; i < DAMAGES; i++) {
		size_t where = roll(&d, (uint32_t)bytes.n);
		char was = bytes.bytes[where];
		struct long_step *l;

		l = long_step_new((struct span){ bytes.bytes, where });
		ck_assert(!l || !long_step_events(l, 0, i % 2, hear, &all));
		forget(&all);
		long_step_free(l);
		bytes.bytes[where] = (char)roll(&d, 256);
		l = long_step_new(json_out_span(&bytes));
		if (l) {
			long_step_events(l, step->first_seq + roll(&d, 1000), i % 2, hear, &all);
			forget(&all);
		}
		long_step_free(l);
		bytes.bytes[where] = was;
	}
	json_out_fini(&bytes);
	free_step(step);
	session_free(s);
}
END_TEST

/* The first pass does not look at what a node holds; whoever comes there finds it. */
START_TEST(a_damaged_edit_ends_the_reading_at_its_part)
{
	struct session *s = new_session();
	struct step *step;
	struct json_out bytes = { 0 };
	struct long_step *l;
	struct texts t = { .most = SIZE_MAX };
	char *name;

	begin_as(s, "ann", STEP_DO, COMMAND_batch);
	for (uint64_t i = 1; i <= 3000; i++) {
		struct edit e = add_edit(i, 0, UINT32_MAX, i == 2500 ? "damaged" : "node");

		ck_assert_int_eq(session_edit(s, &e), OK);
	}
	step = session_end(s, (struct span){ NULL, 0 });
	step_encode(step, &bytes);
	name = memmem(bytes.bytes, bytes.n, "damaged", 7);
	name[3] = '\0';
	l = long_step_new(json_out_span(&bytes));
	ck_assert_ptr_nonnull(l);
	ck_assert(!long_step_events(l, 0, false, hear, &t));
	ck_assert_uint_gt(t.n, 500);
	ck_assert_uint_lt(t.n, 2500);
	forget(&t);
	ck_assert(!long_step_events(l, step->first_seq + 2499, false, hear, &t));
	ck_assert_uint_eq(t.n, 0);
	long_step_free(l);
	json_out_fini(&bytes);
	free_step(step);
	session_free(s);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("long_step");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, at_random_it_tells_what_the_whole_step_tells, 0, SEEDS);
	tcase_add_loop_test(tc, short_ones_can_be_read_so_as_well, 0, 2);
	tcase_add_test(tc, a_page_may_end_between_two_events_of_one_edit);
	tcase_add_test(tc, few_nodes_with_much_in_them_are_all_named_at_the_end);
	tcase_add_test(tc, no_damage_does_harm);
	tcase_add_test(tc, a_damaged_edit_ends_the_reading_at_its_part);
	return run_tests(tc);
}
