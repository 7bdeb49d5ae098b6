/* All sessions: their table and their deadlines. */

#include "common/limits.h"
#include "common/mem.h"
#include "gatewayd/eio_session.h"

#include <stdlib.h>

enum { CLOSE_TIMEOUT_MS = 30000 }; /* as stock servers: for a poller to fetch the close packet */

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
		/* Feeding stops at LIMIT_QUEUE_BYTES; this is for answers nobody fetches. */
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

size_t
eio_close_some(struct eio *eio, size_t n)
{
	struct eio_session *s;
	size_t closed = 0;

	for (size_t i = 0; closed < n && (s = table_next(&eio->sessions, &i));)
		if (s->state == EIO_OPEN) {
			eio_send_away(s);
			closed++;
		}
	return closed;
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
		eio_send_ping(s);
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

uint64_t
eio_now_ms(const struct eio *eio)
{
	return eio->now_ms;
}

struct eio_session *
eio_session_at(struct eio *eio, const struct eio_sid *sid)
{
	return table_find(&eio->sessions, sid->bytes);
}

struct eio_session *
eio_find(struct eio *eio, const struct eio_sid *sid, uint64_t now_ms)
{
	eio_tick(eio, now_ms);
	return table_find(&eio->sessions, sid->bytes);
}
