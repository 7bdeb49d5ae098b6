/* What the server does by the clock, which stands still here unless a test moves it. */

#include "memory_server.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/loop.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOUR_MS = 3600 * 1000 };

static uint64_t now_ms, wall_us;
static const uint64_t year_us = 8766ull * HOUR_MS * 1000;

static void
open_at_a_standstill(void)
{
	now_ms = clock_now_ms();
	wall_us = clock_wall_us();
	clock_set(now_ms, wall_us);
	open_memory();
}

static void
close_and_go_on(void)
{
	close_it();
	clock_set(0, 0);
}

/* So many ms pass, by both clocks; what is due is done meanwhile. */
static void
let_pass(uint64_t ms)
{
	now_ms += ms;
	wall_us += ms * 1000;
	clock_set(now_ms, wall_us);
	for (int i = 0; i < 5; i++)
		loop_turn(f.loop, 5);
}

/* Frames that are not this topic's do not come. */
static struct wire_header
next_beacon(void *tap, const char *topic)
{
	struct wire_header header;
	struct frames frames;

	ck_assert(fixture_recv(&f, tap, &frames, 1));
	ck_assert(span_is(frames_at(&frames, 0), topic));
	ck_assert(wire_header_get(frames_at(&frames, 1), &header));
	frames_fini(&frames);
	return header;
}

/* A subscriber that was behind for as long as two beacons hears the third. */
START_TEST(a_recently_active_session_is_told_of_again_in_doubling_times)
{
	enum { BEATS = 4, BEACON_US = LIMIT_BEACON_MS * 1000 };
	uint64_t at_us[3];
	char session[64], root[64], topic[96];
	void *tap;

	make_project(&f, session, root);
	tap = tap_new(&f, session);
	send_create(&f.asker, session, "x");
	for (int i = 0; i < 3; i++)
		tap_next(&f, tap, 5000);
	snprintf(topic, sizeof topic, "session_%s/sync", session);
	for (int i = 0; i < BEATS; i++)
		let_pass(LIMIT_BEACON_MS);
	for (int i = 0; i < 3; i++)
		at_us[i] = next_beacon(tap, topic).time_us;
	ck_assert_uint_eq(at_us[1] - at_us[0], BEACON_US);
	ck_assert_uint_eq(at_us[2] - at_us[1], 2 * BEACON_US);
	zmq_close(tap);
}
END_TEST

START_TEST(the_beacons_of_an_ended_session_say_that_it_is_not_there)
{
	char session[64], root[64], topic[96];
	struct uuid log_id;
	void *tap;

	make_project(&f, session, root);
	tap = tap_new(&f, session);
	client_expect(&f, "OK", "EndSession", session, "", "{}");
	while (strcmp(tap_next(&f, tap, 5000).name, "session:closed") != 0)
		;
	snprintf(topic, sizeof topic, "session_%s/sync", session);
	let_pass(LIMIT_BEACON_MS);
	log_id = next_beacon(tap, topic).log_id;
	ck_assert(uuid_is_nil(&log_id));
	zmq_close(tap);
}
END_TEST

START_TEST(the_heartbeat_tells_the_same_boot_id_as_hello)
{
	void *tap = client_new(&f, ZMQ_SUB, f.events);
	struct answer a = client_ask(&f, "Hello", "", "", "{\"gateway\":\"g\"}");
	struct frames frames;
	char boot[64];

	answer_text(&a, "boot_id", boot);
	zmq_setsockopt(tap, ZMQ_SUBSCRIBE, WIRE_HEARTBEAT_TOPIC, strlen(WIRE_HEARTBEAT_TOPIC));
	/* The subscription may be on its way for one or two. */
	do
		let_pass(LIMIT_BUS_HEARTBEAT_MS);
	while (!fixture_recv(&f, tap, &frames, 0));
	ck_assert_ptr_nonnull(
	    memmem(frames_at(&frames, 2).p, frames_at(&frames, 2).n, boot, strlen(boot)));
	frames_fini(&frames);
	answer_fini(&a);
	zmq_close(tap);
}
END_TEST

/* A store on disk ends a session when it is written. */
static void
await_no_sessions(void)
{
	while (sessions_count(f.sessions) > 0)
		loop_turn(f.loop, 5);
}

START_TEST(a_clock_that_is_set_ends_no_session_and_time_that_passes_does)
{
	char session[64], root[64];

	server_fixture_close(&f);
	server_fixture_open_with_ttl(&f, "memory", 24ull * HOUR_MS * 1000);
	make_project(&f, session, root);
	for (int jump = 0; jump < 3; jump++) {
		/* Ten years on, back again, and ten years back. */
		wall_us += jump == 0 ? 10 * year_us : -10 * year_us;
		let_pass(HOUR_MS);
		ck_assert_uint_eq(sessions_count(f.sessions), 1);
	}
	wall_us += 10 * year_us;
	let_pass(20 * HOUR_MS);
	ck_assert_uint_eq(sessions_count(f.sessions), 1);
	let_pass(2 * HOUR_MS);
	await_no_sessions();
}
END_TEST

START_TEST(a_session_outlives_a_restart_under_a_wrong_clock)
{
	char directory[] = "/tmp/test_server_restart.XXXXXX", spec[64], path[64];
	char session[64], root[64];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(spec, sizeof spec, "sqlite:%s/graph.db", directory);
	snprintf(path, sizeof path, "%s/graph.db", directory);
	server_fixture_close(&f);
	server_fixture_open_with_ttl(&f, spec, 24ull * HOUR_MS * 1000);
	make_project(&f, session, root);
	for (int restart = 0; restart < 3; restart++) {
		/* Ten years on, back again, and ten years back. */
		wall_us += restart == 0 ? 10 * year_us : -10 * year_us;
		clock_set(now_ms, wall_us);
		server_fixture_close(&f);
		server_fixture_open_with_ttl(&f, spec, 24ull * HOUR_MS * 1000);
		let_pass(23 * HOUR_MS);
		ck_assert_uint_eq(sessions_count(f.sessions), 1);
	}
	let_pass(2 * HOUR_MS);
	await_no_sessions();
	server_fixture_close(&f);
	unlink(path);
	server_fixture_open(&f, "memory");
	rmdir(directory);
}
END_TEST

int
main(void)
{
	TCase *timed = tcase_create("server_clock");

	tcase_add_checked_fixture(timed, open_at_a_standstill, close_and_go_on);
	tcase_set_timeout(timed, 60);
	tcase_add_test(timed, a_recently_active_session_is_told_of_again_in_doubling_times);
	tcase_add_test(timed, the_beacons_of_an_ended_session_say_that_it_is_not_there);
	tcase_add_test(timed, the_heartbeat_tells_the_same_boot_id_as_hello);
	tcase_add_test(timed, a_clock_that_is_set_ends_no_session_and_time_that_passes_does);
	tcase_add_test(timed, a_session_outlives_a_restart_under_a_wrong_clock);
	return run_tests(timed);
}
