/* A client may be in a session more than once, as with both of its Socket.IO namespaces: when one
 * member of it is sent away or refused, the whole client goes, and takes the other along. */
#include "hub_fixture.h"

#include "common/limits.h"
#include "common/owner.h"

enum { PAIRS = 3 };

struct twin {
	struct member member;
	struct twin *other;
	size_t owed;
	bool is_gone;
};

static struct twin twins[2 * PAIRS];

static struct twin *
twin_of(const struct member *m)
{
	return OWNER_OF((uintptr_t)m, struct twin, member);
}

/* As if its memory were another's by now. */
static void
spoil(struct twin *t)
{
	memset(&t->member, 0xa5, sizeof t->member);
	t->is_gone = true;
}

static void
go_together(struct member *m)
{
	struct twin *t = twin_of(m);

	hub_leave(hub, &t->other->member);
	spoil(t->other);
	spoil(t);
}

static void
twin_deliver(struct member *m, struct shared_bytes *bytes)
{
	(void)m;
	(void)bytes;
}

static size_t
twin_owed(const struct member *m)
{
	return twin_of(m)->owed;
}

static void
twin_joined(struct member *m, const struct join_result *result)
{
	if (result->error)
		go_together(m);
}

static void
twin_evict(struct member *m, const char *reason)
{
	(void)reason;
	go_together(m);
}

static const struct transport twin_transport = {
	.name = "twin",
	.encode = fake_encode,
	.deliver = twin_deliver,
	.owed = twin_owed,
	.joined = twin_joined,
	.evict = twin_evict,
};

/* Two who belong together stand one behind the other. */
static void
join_pairs(bool counted)
{
	struct join j = { .session = session, .counted = counted };

	memset(twins, 0, sizeof twins);
	j.client_id = j.actor = SPAN("ann");
	for (size_t i = 0; i < 2 * PAIRS; i++) {
		twins[i].other = &twins[i ^ 1];
		hub_join(hub, &twins[i].member, &twin_transport, NAMES_COLON, &j);
	}
}

static void
ck_all_gone(void)
{
	for (size_t i = 0; i < 2 * PAIRS; i++)
		ck_assert(twins[i].is_gone);
	ck_assert_uint_eq(hub_members(hub), 0);
}

START_TEST(who_stalls_may_take_others_along_that_stall_as_well)
{
	join_pairs(false);
	sync_at(0);
	for (size_t i = 0; i < 2 * PAIRS; i++)
		twins[i].owed = LIMIT_QUEUE_BYTES;
	durable(1);
	turn();
	pass(LIMIT_STALLED_MS + 1000);
	ck_all_gone();
}
END_TEST

START_TEST(who_waited_in_vain_for_graphd_may_take_others_along_that_wait)
{
	join_pairs(true);
	pass(LIMIT_DEADLINE_MS + 100);
	ck_all_gone();
}
END_TEST

START_TEST(who_finds_no_place_may_take_others_along_that_would_find_none)
{
	join_pairs(true);
	fake.is_full = true;
	sync_at(0);
	ck_all_gone();
	fake.is_full = false;
}
END_TEST

START_TEST(an_ended_session_takes_both_though_they_hear_different_names)
{
	struct join j = { .session = session };

	memset(twins, 0, sizeof twins);
	for (size_t i = 0; i < 2 * PAIRS; i++) {
		twins[i].other = &twins[i ^ 1];
		hub_join(
		    hub, &twins[i].member, &twin_transport, i & 1 ? NAMES_DASH : NAMES_COLON, &j);
	}
	sync_at(0);
	memset(&log_id, 0, sizeof log_id);
	sync_at(1);
	ck_all_gone();
}
END_TEST

START_TEST(an_ended_session_takes_all_of_them)
{
	join_pairs(false);
	sync_at(0);
	twins[0].owed = LIMIT_QUEUE_BYTES; /* in another list than its other half */
	durable(1);
	turn();
	memset(&log_id, 0, sizeof log_id);
	sync_at(1);
	ck_all_gone();
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("hub_pairs");

	tcase_add_checked_fixture(tc, hub_setup, hub_teardown);
	tcase_add_test(tc, who_stalls_may_take_others_along_that_stall_as_well);
	tcase_add_test(tc, who_waited_in_vain_for_graphd_may_take_others_along_that_wait);
	tcase_add_test(tc, who_finds_no_place_may_take_others_along_that_would_find_none);
	tcase_add_test(tc, an_ended_session_takes_all_of_them);
	tcase_add_test(tc, an_ended_session_takes_both_though_they_hear_different_names);
	return run_tests(tc);
}
