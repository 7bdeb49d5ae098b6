/* One session: its deadline, heartbeat, sending, and its end. */

#include "common/id.h"
#include "common/mem.h"
#include "gatewayd/eio_session.h"

#include <assert.h>

enum {
	LATE_MS = 100
}; /* a ping sent later than this after its time gives the pong its full time */

/* Lists are in order of their deadlines; a new one belongs to the tail or close to it. */
static void
set_timer(struct eio_session *s, struct link *list, uint64_t at_ms)
{
	struct link *after;

	list_remove(&s->timer);
	s->at_ms = at_ms;
	for (after = list->prev; after != list; after = after->prev) {
		if (LIST_OF(after, struct eio_session, timer)->at_ms <= at_ms)
			break;
	}
	/* Appending to the list that begins behind `after` puts it in front of what follows. */
	list_append(after->next, &s->timer);
}

struct eio_session *
eio_open_session(struct eio *eio)
{
	struct eio_session *s = xcalloc(1, sizeof(*s) + eio->app->user_bytes);

	s->eio = eio;
	memcpy(s->sid.bytes, eio->settings.home, EIO_HOME_BYTES);
	random_bytes(s->sid.bytes + EIO_HOME_BYTES, EIO_SID_BYTES - EIO_HOME_BYTES);
	table_add(&eio->sessions, s);
	set_timer(s, &eio->pings, eio->now_ms + eio->settings.ping_interval_ms);
	return s;
}

void
eio_restart_pong(struct eio_session *s)
{
	if (s->awaits_pong)
		set_timer(s, &s->eio->pongs, s->eio->now_ms + s->eio->settings.ping_timeout_ms);
}

void
eio_end(struct eio_session *s, enum eio_reason reason, struct span farewell)
{
	struct eio *eio = s->eio;
	bool was_open = s->state == EIO_OPEN;
	void *ws = s->ws;

	if (s->state == EIO_CLOSED)
		return;
	s->state = EIO_CLOSED;
	s->awaits_pong = false;
	table_remove(&eio->sessions, s->sid.bytes);
	list_remove(&s->timer);
	list_append(&eio->graves, &s->timer);
	s->ws = NULL;
	if (ws && !s->is_opening)
		eio->io->ws_close(ws, reason);
	if (s->polling) {
		void *get = s->polling->get;

		eio_drop_candidate(s->polling, reason);
		s->polling->get = NULL;
		if (get)
			eio->io->poll_finish(get, farewell);
	}
	if (was_open)
		eio->app->close(eio->app->context, s, reason);
}

void
eio_close(struct eio_session *s, enum eio_reason reason)
{
	struct eio *eio = s->eio;

	if (s->state != EIO_OPEN)
		return;
	if (!s->polling) {
		/* By a WebSocket close: clients do not heed a close packet there. */
		eio_end(s, reason, SPAN(""));
		return;
	}
	s->state = EIO_CLOSING;
	s->awaits_pong = false;
	set_timer(s, &eio->closings, eio->now_ms + eio->settings.close_timeout_ms);
	/* Stock clients pause polling for an upgrade and do not take it up again when the WebSocket
	 * ends before it is done: they would be deaf until they miss a ping. */
	if (!s->is_sent_away || !s->polling->is_probed)
		eio_drop_candidate(s->polling, reason);
	eio_wake_poll(s);
	eio->app->close(eio->app->context, s, reason);
}

void
eio_send_away(struct eio_session *s)
{
	s->is_sent_away = true;
	eio_close(s, EIO_FORCED_CLOSE);
}

/* Ending it here would pull it from under a caller that is sending: the next tick does it. */
static void
doom(struct eio_session *s)
{
	s->awaits_pong = false;
	list_remove(&s->timer);
	list_append(&s->eio->doomed, &s->timer);
	s->at_ms = 0;
}

static bool
is_over(const struct eio_session *s)
{
	const struct eio_queue *q = &s->polling->queue;

	return q->bytes > s->eio->settings.max_queue_bytes + q->fed_bytes;
}

static void
queue_up(struct eio_session *s, struct shared_bytes *message, bool is_fed)
{
	if (!s->polling || is_over(s))
		return;
	eio_queue_add(&s->polling->queue, shared_bytes_ref(message), is_fed);
	if (is_over(s))
		doom(s);
	eio_wake_poll(s);
}

static void
give(struct eio_session *s, struct shared_bytes *message, bool is_fed)
{
	if (s->state != EIO_OPEN)
		return;
	if (s->ws)
		s->eio->io->ws_send(s->ws, message);
	else
		queue_up(s, message, is_fed);
}

void
eio_send(struct eio_session *s, struct shared_bytes *message)
{
	give(s, message, false);
}

void
eio_feed(struct eio_session *s, struct shared_bytes *message)
{
	give(s, message, true);
}

void
eio_send_ping(struct eio_session *s)
{
	struct eio *eio = s->eio;
	/* On schedule a dead client's time is up exactly interval + timeout after the last sign of
	 * life. */
	uint64_t sent_ms = eio->now_ms - s->at_ms <= LATE_MS ? s->at_ms : eio->now_ms;

	s->awaits_pong = true;
	set_timer(s, &eio->pongs, sent_ms + eio->settings.ping_timeout_ms);
	eio_send(s, eio->ping);
}

/* A pong nobody waits for is harmless and moves nothing. */
static void
take_pong(struct eio_session *s)
{
	if (!s->awaits_pong)
		return;
	s->awaits_pong = false;
	set_timer(s, &s->eio->pings, s->eio->now_ms + s->eio->settings.ping_interval_ms);
}

bool
eio_packet_in(struct eio_session *s, struct span text)
{
	const struct eio_app *app = s->eio->app;

	switch (text.n ? text.p[0] : 0) {
	case '0':
	case '5':
	case '6':
		break; /* they say nothing at this point; stock servers let them by as well */
	case '1':
		eio_end(s, EIO_TRANSPORT_CLOSE, SPAN("6"));
		break;
	case '2':
		eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
		break;
	case '3':
		take_pong(s);
		break;
	case '4':
		app->message(app->context, s, (struct span){ text.p + 1, text.n - 1 }, false);
		break;
	default:
		eio_end(s, EIO_PARSE_ERROR, SPAN("1"));
	}
	return s->state == EIO_OPEN;
}

void *
eio_websocket(const struct eio_session *s)
{
	return s->ws;
}

bool
eio_is_open(const struct eio_session *s)
{
	return s->state == EIO_OPEN;
}

size_t
eio_queued_bytes(const struct eio_session *s)
{
	return s->polling ? s->polling->queue.bytes : 0;
}

const struct eio_sid *
eio_session_sid(const struct eio_session *s)
{
	return &s->sid;
}

void *
eio_user(struct eio_session *s)
{
	return s->user;
}

struct eio_session *
eio_session_of(const void *user)
{
	return OWNER_OF((uintptr_t)user, struct eio_session, user);
}

void *
eio_context(const struct eio_session *s)
{
	return s->eio->app->context;
}

struct eio *
eio_of(const struct eio_session *s)
{
	return s->eio;
}
