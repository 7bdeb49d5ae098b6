/* Anything may come in any order: the machine has to keep its books. Run under the sanitizers. */

#include "gatewayd/eio_session.h"
#include "tests/unit/sio_fixture.h"

enum { PEERS = 12 };

/* A client that may use any transport at any moment. */
struct peer {
	struct eio_sid sid;
	struct eio_session *session; /* of ws[i] */
	struct fake_ws ws[2];
	bool has_ws[2];
	struct fake_get get;
	bool is_holding, is_posting;
};

static struct peer peers[PEERS];
static struct dice d;
static uint64_t now_ms;

static const char *const packets[] = { "40", "40/graph,{\"a\":1}", "41", "41/graph",
	"42[\"a\",1,{}]", "42/graph,7[\"b\"]", "451-[\"c\",{\"_placeholder\":true,\"num\":0}]",
	"461-1[]", "431[]", "1", "2", "3", "5", "6", "2probe", "40/later", "41/later",
	"42[\"close\"]", "bAQID", "4", "42[\"a\",\"\\ud800\"]", "44{}", "450-[\"d\"]",
	"40/random" };

static struct span
some_packet(char *out, size_t *n)
{
	static const char bytes[] = "0123456789-/,[]{}\":\\_b\x1e\0\xff";
	const char *seed_text = packets[roll(&d, sizeof(packets) / sizeof(*packets))];

	*n = strlen(seed_text);
	memcpy(out, seed_text, *n);
	while (*n && roll(&d, 4) == 0)
		out[roll(&d, (unsigned)*n)] = bytes[roll(&d, sizeof(bytes) - 1)];
	return (struct span){ out, *n };
}

static void
try_ws(struct peer *p, unsigned i)
{
	char text[64];
	size_t n;

	if (p->ws[i].is_closed)
		p->has_ws[i] = false;
	if (!p->has_ws[i]) {
		bool is_fresh = roll(&d, 3) == 0;
		struct eio_session *s;

		if (p->has_ws[!i] || p->is_holding)
			is_fresh = false;
		s = attach(eio, is_fresh ? NULL : &p->sid, &p->ws[i], now_ms);
		p->has_ws[i] = s != NULL;
		if (s) {
			p->session = s;
			p->sid = *eio_session_sid(s);
		}
	} else if (roll(&d, 12) == 0) {
		eio_ws_closed(p->session, &p->ws[i], EIO_TRANSPORT_ERROR, now_ms);
		p->has_ws[i] = false;
	} else {
		struct span packet = some_packet(text, &n);
		bool goes_on =
		    eio_ws_message(p->session, &p->ws[i], packet, roll(&d, 8) == 0, now_ms);

		ck_assert(goes_on || p->ws[i].is_closed);
		ck_assert(!goes_on || !p->ws[i].is_closed);
	}
	forget(&p->ws[i].out);
}

static void
try_poll(struct peer *p)
{
	struct json_out body = { 0 };
	struct fake_get late = { 0 };
	struct eio_verdict v;

	if (p->is_holding && p->get.is_finished)
		p->is_holding = false;
	if (p->is_holding && p->get.is_ready) {
		if (roll(&d, 3)) {
			ck_assert(eio_poll_take(eio, &p->sid, &p->get, &body));
			ck_assert_uint_gt(body.n, 0);
		} else {
			eio_poll_abort(eio, &p->sid, &p->get, now_ms);
		}
		p->is_holding = false;
	} else if (p->is_holding) {
		/* A second GET ends the session, and with it the first. */
		v = eio_poll_get(eio, &p->sid, &late, now_ms, &body);
		ck_assert_int_eq(v.next, EIO_REFUSE);
		ck_assert(p->get.is_finished);
		p->is_holding = false;
	} else {
		p->get = (struct fake_get){ 0 };
		v = eio_poll_get(eio, &p->sid, &p->get, now_ms, &body);
		p->is_holding = v.next == EIO_HOLD;
		ck_assert((v.next == EIO_ANSWER) == (body.n > 0));
	}
	json_out_fini(&body);
}

static void
try_post(struct peer *p)
{
	char text[64];
	size_t n;

	if (!p->is_posting || roll(&d, 20) == 0) {
		p->is_posting =
		    eio_post_begin(eio, &p->sid, SPAN("text/plain"), -1, now_ms).next == EIO_READ;
	} else if (roll(&d, 20) == 0) {
		eio_post_abort(eio, &p->sid, now_ms);
		p->is_posting = false;
	} else {
		struct span body = some_packet(text, &n);

		eio_post_body(eio, &p->sid, body, now_ms);
		p->is_posting = false;
	}
}

/* Sessions are found by sid, and a new one replaces what has ended. */
static void
revive(struct peer *p)
{
	eio_tick(eio, now_ms);
	if (table_find(&eio->sessions, p->sid.bytes))
		return;
	if (p->is_holding)
		ck_assert(p->get.is_finished);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(!p->has_ws[i] || p->ws[i].is_closed);
	memset(p, 0, sizeof(*p));
	p->sid = shake_hands(eio, now_ms);
}

static void
step(void)
{
	struct peer *p = &peers[roll(&d, PEERS)];

	now_ms += roll(&d, 50) ? roll(&d, 30) : roll(&d, 20000);
	revive(p);
	switch (roll(&d, 4)) {
	case 0:
	case 1:
		try_ws(p, roll(&d, 2));
		break;
	case 2:
		try_poll(p);
		break;
	default:
		try_post(p);
	}
	if (waiting && roll(&d, 3) == 0) {
		struct sio_socket *s = waiting;

		waiting = NULL;
		sio_accept(s, (struct span){ 0 });
	}
	if (roll(&d, 3) == 0) {
		sio_tick(sio, now_ms);
		/* What is left is in the future, or only memory to free. */
		ck_assert(sio_next_deadline(sio) == 0 || sio_next_deadline(sio) > now_ms);
	}
	forget(&heard);
}

START_TEST(whatever_clients_do_no_answer_is_lost_and_no_session_stays_behind)
{
	d = dice_of(random_seed(0));
	now_ms = START_MS;
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < random_rounds(); i++)
		step();
	/* Then nobody says anything any more. */
	for (unsigned i = 0; i < 8; i++)
		sio_tick(sio, now_ms += 50000);
	ck_assert_uint_eq(eio_session_count(eio), 0);
	ck_assert_uint_eq(sio_next_deadline(sio), UINT64_MAX);
	ck_assert_uint_eq(connects, disconnects + refusals);
	ck_assert_uint_gt(connects, 100);
	for (unsigned i = 0; i < PEERS; i++)
		ck_assert(!peers[i].is_holding || peers[i].get.is_finished);
}
END_TEST

START_TEST(a_million_packets_in_one_post_are_taken_or_end_the_session_in_time)
{
	enum { BYTES = 1000000 };
	static const char *const units[] = { "6\x1e", "3\x1e", "\x1e", "2\x1e", "b\x1e", "4\x1e" };
	char *body = malloc(BYTES);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct eio_sid sid = shake_hands(eio, START_MS);
		size_t n = strlen(units[i]);

		for (size_t at = 0; at < BYTES; at++)
			body[at] = units[i][at % n];
		body[BYTES - 1] = '6';
		ck_assert_uint_eq(
		    post_bytes(eio, &sid, (struct span){ body, BYTES }, START_MS), 200);
		ck_assert(i > 1 || eio_is_open(sio_session(client)));
		sio_tick(sio, START_MS);
	}
	free(body);
}
END_TEST

int
main(void)
{
	TCase *tests = tcase_create("sio_random");

	tcase_set_timeout(tests, 110);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, whatever_clients_do_no_answer_is_lost_and_no_session_stays_behind);
	tcase_add_test(tests, a_million_packets_in_one_post_are_taken_or_end_the_session_in_time);
	return run_tests(tests);
}
