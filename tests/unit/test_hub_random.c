/*
 * The promise of the hub, tried at random: whatever the bus drops or repeats, whoever comes, goes,
 * or falls behind, each member hears every durable event behind its beginning exactly once and in
 * order, and in the end has them all.
 */

#include "hub_fixture.h"

#include "common/limits.h"

#include <time.h>

enum { CLIENTS = 12, STEPS = 1500, SEEDS = 30, PAGE = 20 };

struct walker {
	struct fake_client client;
	uint64_t last; /* durable event heard last */
	bool has_since, is_in;
};

static struct walker walkers[CLIENTS];
static uint64_t newest;	    /* of the journal */
static uint64_t on_the_bus; /* the last event the bus carried or lost */
static unsigned seed;

static unsigned
chance(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* Looks at what a client heard since the last look. */
static void
check(struct walker *w)
{
	char *at = w->client.heard;

	while (*at) {
		char name[32];
		unsigned long long seq;
		int n = 0;

		ck_assert_int_eq(sscanf(at, "%31s %llu;%n", name, &seq, &n), 2);
		at += n;
		if (strcmp(name, "node_created") == 0) {
			ck_assert_uint_eq(seq, w->last + 1);
			w->last = seq;
		} else {
			ck_assert_str_eq(name, "joined");
			if (!w->has_since)
				w->last = seq;
		}
	}
	forget_heard(&w->client);
}

static void
check_all(void)
{
	for (size_t i = 0; i < CLIENTS; i++)
		check(&walkers[i]);
}

static void
come_or_go(struct walker *w)
{
	check(w);
	if (w->is_in) {
		hub_leave(hub, &w->client.member);
		w->is_in = false;
		return;
	}
	w->is_in = true;
	w->has_since = chance(2);
	w->last = chance((unsigned)newest + 1);
	if (w->has_since)
		join_since(&w->client, w->last);
	else
		join_plainly(&w->client);
}

static void
fall_behind_or_catch_up(struct walker *w)
{
	if (w->client.owed == 0) {
		w->client.owed = LIMIT_QUEUE_BYTES;
		return;
	}
	w->client.owed = 0;
	if (w->is_in)
		hub_progress(hub, &w->client.member);
}

/* Everything up to newest that the bus has not carried yet is carried, dropped, or carried twice.
 */
static void
run_bus(unsigned n)
{
	for (; n && on_the_bus < newest; n--) {
		on_the_bus++;
		if (chance(7) == 0)
			continue;
		durable(on_the_bus);
		if (chance(9) == 0)
			durable(1 + chance((unsigned)on_the_bus));
	}
}

/* As graphd would; false when nothing was asked. */
static bool
answer_one(void)
{
	uint64_t since, last;

	if (!fake_open(&fake, COMMAND_list_events))
		return false;
	since = asked_since();
	last = since + PAGE < newest ? since + PAGE : newest;
	answer_page(since + 1, last, newest, 1);
	/* Their number is bounded; what is answered need not be kept. */
	fake_upstream_forget_answered(&fake);
	return true;
}

static void
step(void)
{
	struct walker *w = &walkers[chance(CLIENTS)];

	switch (chance(10)) {
	case 0:
		come_or_go(w);
		break;
	case 1:
		fall_behind_or_catch_up(w);
		break;
	case 2:
		say(EVENT_sync, on_the_bus, 0, "{}");
		break;
	case 3:
	case 4:
		answer_one();
		break;
	case 5:
	case 6:
		newest += chance(4);
		break;
	case 7:
	case 8:
		run_bus(chance(5));
		break;
	default:
		turn();
	}
}

/* The faults stop: in the end everybody has everything. */
static void
settle(void)
{
	while (on_the_bus < newest)
		durable(++on_the_bus);
	for (int i = 0; i < 200; i++) {
		for (size_t k = 0; k < CLIENTS; k++) {
			walkers[k].client.owed = 0;
			if (walkers[k].is_in)
				hub_progress(hub, &walkers[k].client.member);
		}
		say(EVENT_sync, newest, 0, "{}");
		turn();
		while (answer_one())
			turn();
	}
}

START_TEST(every_member_hears_everything_once_and_in_order)
{
	seed = (unsigned)time(NULL) * SEEDS + (unsigned)_i;
	printf("seed %u\n", seed);
	memset(walkers, 0, sizeof walkers);
	newest = 5 + chance(50);
	on_the_bus = newest;
	for (int i = 0; i < STEPS; i++) {
		step();
		check_all();
	}
	settle();
	check_all();
	for (size_t i = 0; i < CLIENTS; i++) {
		struct walker *w = &walkers[i];

		if (!w->is_in)
			continue;
		ck_assert_uint_eq(w->client.n_joined, 1);
		ck_assert_uint_eq(w->last, newest);
		ck_assert_uint_eq(hub_seq(&w->client.member), newest);
		ck_assert_ptr_null(w->client.evicted);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hub_random");
	TCase *t = tcase_create("hub_random");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_loop_test(t, every_member_hears_everything_once_and_in_order, 0, SEEDS);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
