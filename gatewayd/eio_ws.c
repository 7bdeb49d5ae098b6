/* The WebSocket transport, and the way to it from polling. */

#include "common/mem.h"
#include "gatewayd/eio_packet.h"
#include "gatewayd/eio_session.h"

#include <assert.h>

static void
send_open_packet(struct eio_session *s)
{
	struct json_out packet = { 0 };
	struct shared_bytes *b;

	eio_open_packet(&s->eio->settings, &s->sid, false, &packet);
	b = shared_bytes_new(SHARED_TEXT, json_out_span(&packet));
	json_out_fini(&packet);
	eio_send(s, b);
	shared_bytes_unref(b);
}

struct eio_session *
eio_ws_attach(struct eio *eio, const struct eio_request *r, const struct eio_sid *sid, void *ws,
    uint64_t now_ms)
{
	struct eio_session *s;

	eio_tick(eio, now_ms);
	if (!sid) {
		s = eio_open_session(eio);
		s->ws = ws;
		s->is_opening = true;
		send_open_packet(s);
		eio->app->open(eio->app->context, s, r);
		s->is_opening = false;
		return s->state == EIO_OPEN ? s : NULL;
	}
	s = eio_find(eio, sid, now_ms);
	if (!s || s->state != EIO_OPEN || !s->polling || s->polling->candidate)
		return NULL;
	s->polling->candidate = ws;
	eio_set_upgrade_timer(s->polling);
	return s;
}

void
eio_drop_candidate(struct eio_polling *p, enum eio_reason reason)
{
	void *ws = p->candidate;

	p->candidate = NULL;
	p->is_probed = false;
	list_remove(&p->upgrade);
	if (ws)
		p->session->eio->io->ws_close(ws, reason);
}

/* The client's 5: from here on the candidate is the transport, if only to be sent away from. */
static void
switch_transport(struct eio_session *s)
{
	struct eio_polling *p = s->polling;
	const struct eio_io *io = s->eio->io;
	struct shared_bytes *b;

	s->ws = p->candidate;
	s->polling = NULL;
	if (p->get)
		io->poll_finish(p->get, SPAN("6"));
	while ((b = eio_queue_take(&p->queue))) {
		io->ws_send(s->ws, b);
		shared_bytes_unref(b);
	}
	eio_polling_free(p);
	eio_restart_pong(s);
	if (s->state == EIO_CLOSING)
		eio_end(s, EIO_FORCED_CLOSE, SPAN(""));
}

static bool
candidate_message(struct eio_session *s, struct span bytes, bool is_binary)
{
	struct eio_polling *p = s->polling;

	if (!is_binary && !p->is_probed && span_is(bytes, "2probe")) {
		p->is_probed = true;
		s->eio->io->ws_send(p->candidate, s->eio->probe_answer);
		/* The client pauses polling now and waits for its GET to be answered. */
		eio_wake_poll(s);
		return true;
	}
	if (!is_binary && p->is_probed && bytes.n && bytes.p[0] == '5') {
		switch_transport(s);
		return s->state == EIO_OPEN;
	}
	eio_drop_candidate(p, EIO_PARSE_ERROR);
	return false;
}

bool
eio_ws_message(struct eio_session *s, void *ws, struct span bytes, bool is_binary, uint64_t now_ms)
{
	const struct eio_app *app = s->eio->app;

	if (now_ms > s->eio->now_ms)
		s->eio->now_ms = now_ms;
	if (s->polling && s->polling->candidate == ws)
		return candidate_message(s, bytes, is_binary);
	if (s->state != EIO_OPEN || s->ws != ws)
		return false;
	if (!is_binary)
		return eio_packet_in(s, bytes);
	app->message(app->context, s, bytes, true);
	return s->state == EIO_OPEN;
}

void
eio_ws_closed(struct eio_session *s, void *ws, enum eio_reason reason, uint64_t now_ms)
{
	if (now_ms > s->eio->now_ms)
		s->eio->now_ms = now_ms;
	if (s->polling && s->polling->candidate == ws) {
		s->polling->candidate = NULL;
		eio_drop_candidate(s->polling, reason);
	} else if (s->ws == ws) {
		s->ws = NULL;
		eio_end(s, reason, SPAN(""));
	}
}
