#pragma once
/* An I/O layer that only takes notes, for the tests of gatewayd/eio and gatewayd/sio. */

#include "dice.h"
#include "gatewayd/eio.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTE_BYTES = 4096 };

/* Text that grows up to a limit, its parts divided by bars. */
struct notes {
	char text[NOTE_BYTES];
	size_t n;
	unsigned parts;
};

static inline void
note(struct notes *notes, struct span part)
{
	if (notes->parts++ && notes->n < NOTE_BYTES - 1)
		notes->text[notes->n++] = '|';
	for (size_t i = 0; i < part.n && notes->n < NOTE_BYTES - 1; i++)
		notes->text[notes->n++] = part.p[i] == 0x1e ? '^' : part.p[i];
	notes->text[notes->n] = '\0';
}

static inline void
forget(struct notes *notes)
{
	*notes = (struct notes){ 0 };
}

/* Of eio_reason and sio_reason, which begin alike: as stock servers call it. */
static inline const char *
reason_text(unsigned reason)
{
	static const char *const texts[] = { "transport close", "transport error", "ping timeout",
		"parse error", "forced server close", "client namespace disconnect" };

	ck_assert_uint_lt(reason, sizeof(texts) / sizeof(*texts));
	return texts[reason];
}

/* What tests hand in of these has to be static: sessions are ended after the test's function. */
struct fake_ws {
	struct notes out; /* payloads; binary ones in angle brackets */
	bool is_closed;
	enum eio_reason reason;
};

struct fake_get {
	bool is_ready, is_finished;
	struct notes body;
};

static inline void
fake_poll_ready(void *get)
{
	struct fake_get *g = get;

	ck_assert(!g->is_ready && !g->is_finished);
	g->is_ready = true;
}

static inline void
fake_poll_finish(void *get, struct span body)
{
	struct fake_get *g = get;

	ck_assert(!g->is_finished);
	g->is_finished = true;
	note(&g->body, body);
}

/* Also sees to it that the frame header in front of the payload is right. */
static inline void
fake_ws_send(void *ws, struct shared_bytes *b)
{
	struct fake_ws *w = ws;
	struct span payload = shared_bytes_payload(b), frame = shared_bytes_frame(b);
	char text[256];
	int n;

	ck_assert(!w->is_closed);
	ck_assert_uint_eq((unsigned char)frame.p[0], b->frame);
	ck_assert_ptr_eq(frame.p + frame.n, payload.p + payload.n);
	if (payload.n < 126)
		ck_assert_uint_eq((unsigned char)frame.p[1], payload.n);
	if (b->frame == SHARED_TEXT) {
		note(&w->out, payload);
		return;
	}
	n = snprintf(text, sizeof(text), "<%.*s>", (int)payload.n, payload.p);
	note(&w->out, (struct span){ text, (size_t)n });
}

static inline void
fake_ws_close(void *ws, enum eio_reason reason)
{
	struct fake_ws *w = ws;

	ck_assert(!w->is_closed);
	w->is_closed = true;
	w->reason = reason;
}

static const struct eio_io fake_io = { .poll_ready = fake_poll_ready,
	.poll_finish = fake_poll_finish,
	.ws_send = fake_ws_send,
	.ws_close = fake_ws_close };

static inline struct eio_verdict
ask(struct eio *eio, const char *method, const char *query, bool is_upgrade, uint64_t now_ms)
{
	struct eio_request r = {
		.method = span_of(method), .query = span_of(query), .is_upgrade = is_upgrade
	};

	return eio_check_request(eio, &r, now_ms);
}

/* The verdict for a sid: 200 or 101 as a number, else minus the error code, and a hundred less. */
static inline int
ask_sid(struct eio *eio, const char *method, const char *transport, const struct eio_sid *sid,
    uint64_t now_ms)
{
	char text[EIO_SID_TEXT + 1], query[128];
	bool is_upgrade = strcmp(transport, "websocket") == 0;
	struct eio_verdict v;

	eio_sid_format(sid, text);
	snprintf(query, sizeof(query), "EIO=4&transport=%s&sid=%s", transport, text);
	v = ask(eio, method, query, is_upgrade, now_ms);
	return v.next == EIO_REFUSE ? -100 - v.code : (int)v.status;
}

enum { REFUSED_UNKNOWN_SID = -101, REFUSED_BAD_REQUEST = -103 };

static inline struct eio_sid
shake_hands(struct eio *eio, uint64_t now_ms)
{
	struct eio_request r = { .method = SPAN("GET"), .query = SPAN("EIO=4&transport=polling") };
	struct eio_verdict v = eio_check_request(eio, &r, now_ms);
	struct json_out body = { 0 };
	struct eio_sid sid;

	ck_assert_int_eq(v.next, EIO_HANDSHAKE);
	sid = eio_handshake(eio, &r, now_ms, &body);
	ck_assert(body.n > 0 && body.bytes[0] == '0');
	json_out_fini(&body);
	return sid;
}

static inline struct eio_session *
attach(struct eio *eio, const struct eio_sid *sid, struct fake_ws *ws, uint64_t now_ms)
{
	struct eio_request r = { .method = SPAN("GET"),
		.query = SPAN("EIO=4&transport=websocket"),
		.is_upgrade = true };

	*ws = (struct fake_ws){ 0 };
	return eio_ws_attach(eio, &r, sid, ws, now_ms);
}

/* Polls: the answer's body, "(held)", or "(refused N)"; the text lasts until get is used again. */
static inline const char *
poll(struct eio *eio, const struct eio_sid *sid, struct fake_get *get, uint64_t now_ms)
{
	struct json_out body = { 0 };
	struct eio_verdict v;

	*get = (struct fake_get){ 0 };
	v = eio_poll_get(eio, sid, get, now_ms, &body);
	if (v.next == EIO_ANSWER)
		note(&get->body, json_out_span(&body));
	json_out_fini(&body);
	if (v.next == EIO_REFUSE) {
		snprintf(get->body.text, NOTE_BYTES, "(refused %d)", v.code);
		return get->body.text;
	}
	return v.next == EIO_HOLD ? "(held)" : get->body.text;
}

/* What a held GET is answered with at the end of a turn; "" while there is nothing. */
static inline const char *
turn_end(struct eio *eio, const struct eio_sid *sid, struct fake_get *get)
{
	struct json_out body = { 0 };

	if (get->is_ready && !get->is_finished) {
		ck_assert(eio_poll_take(eio, sid, get, &body));
		note(&get->body, json_out_span(&body));
		json_out_fini(&body);
		get->is_finished = true;
	}
	return get->body.text;
}

/* Posts: the HTTP status. */
static inline unsigned
post_bytes(struct eio *eio, const struct eio_sid *sid, struct span body, uint64_t now_ms)
{
	struct eio_verdict v =
	    eio_post_begin(eio, sid, SPAN("text/plain;charset=UTF-8"), (int64_t)body.n, now_ms);

	if (v.next != EIO_READ)
		return v.status;
	return eio_post_body(eio, sid, body, now_ms).status;
}

static inline unsigned
post(struct eio *eio, const struct eio_sid *sid, const char *body, uint64_t now_ms)
{
	return post_bytes(eio, sid, span_of(body), now_ms);
}

static inline bool
ws_text(struct eio_session *s, struct fake_ws *ws, const char *text, uint64_t now_ms)
{
	return eio_ws_message(s, ws, span_of(text), false, now_ms);
}

static inline void
send_text(struct eio_session *s, const char *text)
{
	struct shared_bytes *b = shared_bytes_new(SHARED_TEXT, span_of(text));

	eio_send(s, b);
	ck_assert_uint_le(b->refs, 2);
	shared_bytes_unref(b);
}

static inline unsigned
random_rounds(void)
{
	const char *is_long = getenv("LONG");

	return is_long && strcmp(is_long, "1") == 0 ? 1000000 : 100000;
}
