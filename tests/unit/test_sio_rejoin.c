/* A join_session of who is in already, and of who leaves before it is in: what is answered, and
 * with which seq. */

#include "eio_fixture.h"

#include "gatewayd/sio_seats.h"
#include "hub_fixture.h"

static const char *const namespaces[] = { "/" };
static struct sio_seats *seats;
static struct sio *sio;
static struct eio *eio;
static struct eio_sid sid;
static char session_text[UUID_TEXT + 1];

static void
setup(void)
{
	struct sio_settings settings = {
		.connect_timeout_ms = 45000, .namespaces = namespaces, .n_namespaces = 1
	};
	struct eio_settings engine = eio_default_settings();

	hub_setup();
	uuid_format(&session, session_text);
	seats = sio_seats_new(hub, false);
	sio = sio_new(&settings, &engine, sio_seats_app(seats), &fake_io);
	eio = sio_eio(sio);
	sid = shake_hands(eio, now_ms);
}

static void
teardown(void)
{
	sio_free(sio);
	hub_teardown();
	sio_seats_free(seats);
}

/* What a client sends: 42 and the ack's id, then the event with the session as its argument. */
static void
emit(const char *head, const char *event)
{
	char packet[200];

	snprintf(
	    packet, sizeof packet, "%s[\"%s\",{\"session_id\":\"%s\"}]", head, event, session_text);
	ck_assert_uint_eq(post(eio, &sid, packet, now_ms), 200);
}

/* All that there is for the client, up to the end of the turn. */
static const char *
heard(void)
{
	static struct fake_get get;

	turn();
	return poll(eio, &sid, &get, now_ms);
}

static void
answer_join(uint64_t seq)
{
	char body[100];

	snprintf(body, sizeof body, "{\"active_clients\":1,\"seq\":%llu,\"announced\":false}",
	    (unsigned long long)seq);
	fake_answer(&fake, COMMAND_join, OK, body);
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

START_TEST(who_joins_once_more_is_told_how_far_it_was_given_events)
{
	const char *text;

	ck_assert_uint_eq(post(eio, &sid, "40", now_ms), 200);
	emit("42", "join_session");
	sync_at(5);
	answer_join(5);
	ck_assert(has(heard(), "\"seq\":5}"));
	emit("421", "join_session");
	/* graphd is at 7; the events 6 and 7 are still on their way here. */
	answer_join(7);
	text = heard();
	ck_assert(has(text, "[\"joined\","));
	ck_assert(has(text, "\"seq\":5}"));
	ck_assert(has(text, "431[{"));
	durable(6);
	durable(7);
	ck_assert(has(heard(), "node-created"));
	emit("42", "join_session");
	answer_join(7);
	ck_assert(has(heard(), "\"seq\":7}"));
}
END_TEST

START_TEST(who_leaves_before_it_is_in_has_each_join_acknowledged)
{
	const char *text;

	ck_assert_uint_eq(post(eio, &sid, "40", now_ms), 200);
	emit("421", "join_session");
	emit("422", "join_session");
	emit("42", "join_session");
	emit("423", "leave_session");
	text = heard();
	ck_assert(has(text, "431[{\"error\":{\"code\":\"INVALID_SESSION\""));
	ck_assert(has(text, "432[{\"error\":{\"code\":\"INVALID_SESSION\""));
	ck_assert(has(text, "433[{\"session_id\":"));
	ck_assert(!has(text, "[\"error\","));
	ck_assert(!has(text, "[\"joined\","));
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio_rejoin");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, who_joins_once_more_is_told_how_far_it_was_given_events);
	tcase_add_test(tests, who_leaves_before_it_is_in_has_each_join_acknowledged);
	return run_tests(tests);
}
