/*
 * The promise of the hub, tried at random: whatever the bus drops or repeats, whoever comes, goes,
 * or falls behind, each member hears every durable event behind its beginning exactly once and in
 * order, and in the end has them all. Who listens to a part of the graph hears those of its part,
 * and marks that pass over none of them.
 */

#include "dice.h"
#include "hub_reading_fixture.h"

#include "common/limits.h"

enum { CLIENTS = 12, STEPS = 1500, SEEDS = 30, PAGE = 20 };

struct walker {
	struct fake_client client;
	uint64_t last; /* durable event heard last, or told of by a mark */
	char part;     /* the node it listens to; 0: all */
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

/* Where each event happened, the same each time; empty: nowhere in particular. */
static const char *
path_at(uint64_t seq)
{
	static const char *const paths[] = { "a", "ba", "cba", "da", "x", "yx", "xa", "" };

	return paths[(seq * 0x9e3779b97f4a7c15u >> 32) % (sizeof paths / sizeof *paths)];
}

static bool
concerns(const struct walker *w, uint64_t seq)
{
	const char *path = path_at(seq);

	return !w->part || !*path || strchr(path, w->part);
}

/* The next event that the client is to hear behind that seq, or one behind the newest. */
static uint64_t
next_of(const struct walker *w, uint64_t seq)
{
	do
		seq++;
	while (seq <= newest && !concerns(w, seq));
	return seq;
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
			ck_assert_uint_eq(seq, next_of(w, w->last));
			w->last = seq;
		} else if (strcmp(name, "mark") == 0) {
			ck_assert_uint_lt(seq, next_of(w, w->last));
			ck_assert_uint_ge(seq, w->last);
			ck_assert(w->part != 0);
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
	w->part = chance(2) ? "abcx"[chance(4)] : 0;
	if (w->part && w->has_since)
		join_part_since(&w->client, w->part, w->last);
	else if (w->part)
		join_part(&w->client, w->part, NULL);
	else if (w->has_since)
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
		durable_at(on_the_bus, path_at(on_the_bus));
		if (chance(9) == 0) {
			uint64_t again = 1 + chance((unsigned)on_the_bus);

			durable_at(again, path_at(again));
		}
	}
}

/* As graphd would; false when nothing was asked. */
static bool
answer_one(void)
{
	const char *paths[PAGE];
	uint64_t since, last;

	if (!fake_open(&fake, COMMAND_list_events))
		return false;
	since = asked_since();
	last = since + PAGE < newest ? since + PAGE : newest;
	for (uint64_t seq = since + 1; seq <= last; seq++)
		paths[seq - since - 1] = path_at(seq);
	if (asked_for_paths())
		answer_page_at(since + 1, paths, last > since ? last - since : 0, newest);
	else
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
	for (; on_the_bus < newest; on_the_bus++)
		durable_at(on_the_bus + 1, path_at(on_the_bus + 1));
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
	pass(1000); /* the last marks */
}

START_TEST(every_member_hears_everything_once_and_in_order)
{
	seed = random_seed(_i);
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
	TCase *t = tcase_create("hub_random");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, hub_setup, hub_teardown);
	tcase_add_loop_test(t, every_member_hears_everything_once_and_in_order, 0, SEEDS);
	return run_tests(t);
}
