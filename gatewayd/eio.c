/* Sessions: their table, their deadlines, heartbeat, sending, and their end. */

#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/eio_session.h"

#include <assert.h>
#include <stdlib.h>

enum {
	CLOSE_TIMEOUT_MS = 30000, /* as stock servers: for a poller to fetch the close packet */
	LATE_MS = 100, /* a ping sent later than this after its time gives the pong its full time */
};

struct eio_settings
eio_default_settings(void)
{
	return (struct eio_settings){
		.path = "/socket.io/",
		.ping_interval_ms = LIMIT_PING_MS,
		.ping_timeout_ms = LIMIT_PONG_MS,
		.upgrade_timeout_ms = LIMIT_UPGRADE_MS,
		.close_timeout_ms = CLOSE_TIMEOUT_MS,
		.max_payload_bytes = LIMIT_MESSAGE_BYTES,
		/* Who feeds clients stops at LIMIT_QUEUE_BYTES; this is for answers nobody fetches. */
		.max_queue_bytes = 2 * LIMIT_QUEUE_BYTES,
		.max_sessions = LIMIT_CONNECTIONS,
	};
}

struct eio *
eio_new(const struct eio_settings *settings, const struct eio_app *app, const struct eio_io *io)
{
	struct eio *eio = xcalloc(1, sizeof(*eio));

	eio->settings = *settings;
	eio->app = app;
	eio->io = io;
	table_init(&eio->sessions, offsetof(struct eio_session, sid), EIO_SID_BYTES);
	list_init(&eio->pings);
	list_init(&eio->pongs);
	list_init(&eio->closings);
	list_init(&eio->doomed);
	list_init(&eio->graves);
	list_init(&eio->upgrades);
	eio->ping = shared_bytes_new(SHARED_TEXT, SPAN("2"));
	eio->probe_answer = shared_bytes_new(SHARED_TEXT, SPAN("3probe"));
	return eio;
}

static void
bury(struct eio *eio)
{
	struct link *l;

	while ((l = list_take(&eio->graves))) {
		struct eio_session *s = LIST_OF(l, struct eio_session, timer);

		eio_polling_free(s->polling);
		free(s);
	}
}

void
eio_free(struct eio *eio)
{
	struct eio_session *s;

	if (!eio)
		return;
	for (size_t i = 0; (s = table_next(&eio->sessions, &i));)
		eio_end(s, EIO_FORCED_CLOSE, SPAN("1"));
	bury(eio);
	table_fini(&eio->sessions);
	shared_bytes_unref(eio->ping);
	shared_bytes_unref(eio->probe_answer);
	free(eio);
}

const struct eio_settings *
eio_settings(const struct eio *eio)
{
	return &eio->settings;
}

size_t
eio_session_count(const struct eio *eio)
{
	return eio->sessions.n;
}

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

static struct eio_session *
due(struct link *list, uint64_t now_ms)
{
	struct eio_session *s;

	if (list_is_empty(list))
		return NULL;
	s = LIST_OF(list->next, struct eio_session, timer);
	return s->at_ms <= now_ms ? s : NULL;
}

void
eio_set_upgrade_timer(struct eio_polling *p)
{
	struct eio *eio = p->session->eio;

	p->upgrade_at_ms = eio->now_ms + eio->settings.upgrade_timeout_ms;
	list_append(&eio->upgrades, &p->upgrade);
}

void
eio_restart_pong(struct eio_session *s)
{
	if (s->awaits_pong)
		set_timer(s, &s->eio->pongs, s->eio->now_ms + s->eio->settings.ping_timeout_ms);
}

struct eio_session *
eio_open_session(struct eio *eio)
{
	struct eio_session *s = xcalloc(1, sizeof(*s));

	s->eio = eio;
	random_bytes(s->sid.bytes, sizeof(s->sid.bytes));
	table_add(&eio->sessions, s);
	set_timer(s, &eio->pings, eio->now_ms + eio->settings.ping_interval_ms);
	return s;
}

struct eio_session *
eio_find(struct eio *eio, const struct eio_sid *sid, uint64_t now_ms)
{
	eio_tick(eio, now_ms);
	return table_find(&eio->sessions, sid->bytes);
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
	if (ws)
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
	eio_drop_candidate(s->polling, reason);
	eio_wake_poll(s);
	eio->app->close(eio->app->context, s, reason);
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

void
eio_send(struct eio_session *s, struct shared_bytes *message)
{
	struct eio *eio = s->eio;

	if (s->state != EIO_OPEN)
		return;
	if (s->ws) {
		eio->io->ws_send(s->ws, message);
		return;
	}
	if (!s->polling || s->polling->queue.bytes > eio->settings.max_queue_bytes)
		return;
	eio_queue_add(&s->polling->queue, shared_bytes_ref(message));
	if (s->polling->queue.bytes > eio->settings.max_queue_bytes)
		doom(s);
	eio_wake_poll(s);
}

static void
send_ping(struct eio_session *s)
{
	struct eio *eio = s->eio;
	/* On schedule a dead client's time is up exactly interval + timeout after the last sign of life. */
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

static struct eio_polling *
due_upgrade(struct eio *eio)
{
	struct eio_polling *p;

	if (list_is_empty(&eio->upgrades))
		return NULL;
	p = LIST_OF(eio->upgrades.next, struct eio_polling, upgrade);
	return p->upgrade_at_ms <= eio->now_ms ? p : NULL;
}

void
eio_tick(struct eio *eio, uint64_t now_ms)
{
	struct eio_session *s;
	struct eio_polling *p;

	if (now_ms > eio->now_ms)
		eio->now_ms = now_ms;
	bury(eio);
	while ((s = due(&eio->doomed, eio->now_ms)))
		eio_end(s, EIO_TRANSPORT_ERROR, SPAN("1"));
	while ((p = due_upgrade(eio)))
		eio_drop_candidate(p, EIO_TRANSPORT_ERROR);
	while ((s = due(&eio->pings, eio->now_ms)))
		send_ping(s);
	while ((s = due(&eio->pongs, eio->now_ms)))
		eio_end(s, EIO_PING_TIMEOUT, SPAN("1"));
	while ((s = due(&eio->closings, eio->now_ms)))
		eio_end(s, EIO_FORCED_CLOSE, SPAN("1"));
}

static uint64_t
nearest(const struct link *list)
{
	if (list_is_empty(list))
		return UINT64_MAX;
	return LIST_OF(list->next, struct eio_session, timer)->at_ms;
}

uint64_t
eio_next_deadline(const struct eio *eio)
{
	const struct link *lists[] = { &eio->pings, &eio->pongs, &eio->closings };
	uint64_t at_ms = UINT64_MAX;

	if (!list_is_empty(&eio->graves) || !list_is_empty(&eio->doomed))
		return 0;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		uint64_t first_ms = nearest(lists[i]);

		at_ms = first_ms < at_ms ? first_ms : at_ms;
	}
	if (!list_is_empty(&eio->upgrades)) {
		const struct link *l = eio->upgrades.next;
		uint64_t first_ms = LIST_OF(l, struct eio_polling, upgrade)->upgrade_at_ms;

		at_ms = first_ms < at_ms ? first_ms : at_ms;
	}
	return at_ms;
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

void
eio_set_user(struct eio_session *s, void *user)
{
	s->user = user;
}

void *
eio_user(const struct eio_session *s)
{
	return s->user;
}

struct eio *
eio_of(const struct eio_session *s)
{
	return s->eio;
}

uint64_t
eio_now_ms(const struct eio *eio)
{
	return eio->now_ms;
}

const char *
eio_reason_text(enum eio_reason reason)
{
	static const char *const texts[] = { "transport close", "transport error", "ping timeout",
		"parse error", "forced server close" };

	assert((size_t)reason < sizeof(texts) / sizeof(*texts));
	return texts[reason];
}
