/* Requests that wait: in order within a lane, bounded over all of them. */

#include "graphd/lanes.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/server_router.h"
#include "run_tests.h"

#include <stdlib.h>

static struct lanes lanes;
static struct uuid here, there;

static void
set_up(void)
{
	lanes_init(&lanes);
	uuid_random(&here);
	uuid_random(&there);
}

/* Frees what still waits, as the sanitizers would tell. */
static void
tear_down(void)
{
	lanes_fini(&lanes);
}

static struct link *
ask_new(size_t done)
{
	struct ask *ask = xcalloc(1, sizeof *ask);

	ask->done = done;
	return &ask->link;
}

static size_t
next_done(struct lane *lane)
{
	struct link *link = lane_next(&lanes, lane);
	struct ask *ask = LIST_OF(link, struct ask, link);
	size_t done = ask->done;

	free(ask);
	return done;
}

START_TEST(requests_come_out_in_the_order_in_which_they_came_but_for_those_put_back)
{
	struct lane *lane = lanes_get(&lanes, &here);

	for (size_t i = 1; i <= 3; i++)
		ck_assert(lane_park(&lanes, lane, ask_new(i)));
	ck_assert_uint_eq(next_done(lane), 1);
	lane_put_back(&lanes, lane, ask_new(9));
	ck_assert_uint_eq(next_done(lane), 9);
	ck_assert_uint_eq(next_done(lane), 2);
	ck_assert_uint_eq(next_done(lane), 3);
	ck_assert_ptr_null(lane_next(&lanes, lane));
}
END_TEST

START_TEST(a_lane_lasts_while_it_is_held_or_somebody_waits_in_it)
{
	struct lane *lane = lanes_get(&lanes, &here);

	ck_assert_ptr_eq(lanes_get(&lanes, &here), lane);
	ck_assert_ptr_null(lanes_find(&lanes, &there));
	lane->holds = 1;
	lane_settle(&lanes, lane);
	ck_assert_ptr_eq(lanes_find(&lanes, &here), lane);
	ck_assert(lane_park(&lanes, lane, ask_new(1)));
	lane->holds = 0;
	lane_settle(&lanes, lane);
	ck_assert_ptr_eq(lanes_find(&lanes, &here), lane);
	ck_assert_uint_eq(next_done(lane), 1);
	lane_settle(&lanes, lane);
	ck_assert_ptr_null(lanes_find(&lanes, &here));
}
END_TEST

START_TEST(no_more_wait_than_may_in_all_lanes_together)
{
	struct lane *one = lanes_get(&lanes, &here), *other = lanes_get(&lanes, &there);
	struct link *late = ask_new(0);

	for (size_t i = 0; i < LIMIT_WAITING_REQUESTS; i++)
		ck_assert(lane_park(&lanes, i % 2 ? one : other, ask_new(i)));
	ck_assert(!lane_park(&lanes, one, late));
	/* It has been in and is not turned away. */
	lane_put_back(&lanes, other, ask_new(7));
	ck_assert_uint_eq(next_done(other), 7);
	ck_assert_uint_eq(next_done(other), 0);
	ck_assert(lane_park(&lanes, one, late));
	ck_assert(!lane_park(&lanes, other, late));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("lanes");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(
	    tc, requests_come_out_in_the_order_in_which_they_came_but_for_those_put_back);
	tcase_add_test(tc, a_lane_lasts_while_it_is_held_or_somebody_waits_in_it);
	tcase_add_test(tc, no_more_wait_than_may_in_all_lanes_together);
	return run_tests(tc);
}
