#pragma once
/* A user of Engine.IO sessions that takes notes, with short heartbeats and a fake clock. */

#include "tests/unit/eio_fixture.h"

enum { START_MS = 1000, INTERVAL_MS = 300, TIMEOUT_MS = 200, UPGRADE_MS = 10000, CLOSE_MS = 30000 };

static struct eio *eio;
static struct eio_session *session; /* the newest */
static struct notes heard; /* messages, binary ones in angle brackets; and how sessions ended */
static unsigned opened, closed;
static bool close_on_open, close_on_message;

static inline void
on_open(void *context, struct eio_session *s, const struct eio_request *r)
{
	ck_assert(!context && r);
	session = s;
	opened++;
	if (close_on_open)
		eio_close(s, EIO_FORCED_CLOSE);
}

static inline void
on_message(void *context, struct eio_session *s, struct span bytes, bool is_binary)
{
	char text[256];
	int shown = bytes.n < 200 ? (int)bytes.n : 200;
	int n = snprintf(
	    text, sizeof(text), is_binary ? "<%.*s>" : "%.*s", shown, bytes.n ? bytes.p : "");

	(void)context;
	ck_assert(eio_is_open(s));
	note(&heard, (struct span){ text, (size_t)n });
	if (close_on_message)
		eio_close(s, EIO_FORCED_CLOSE);
}

static inline void
on_close(void *context, struct eio_session *s, enum eio_reason reason)
{
	(void)context;
	ck_assert(!eio_is_open(s));
	note(&heard, span_of(reason_text((unsigned)reason)));
	closed++;
}

static const struct eio_app app = { .open = on_open, .message = on_message, .close = on_close };

static inline void
start(uint32_t interval_ms)
{
	struct eio_settings settings = eio_default_settings();

	settings.ping_interval_ms = interval_ms;
	settings.ping_timeout_ms = TIMEOUT_MS;
	settings.upgrade_timeout_ms = UPGRADE_MS;
	settings.max_payload_bytes = 1000;
	settings.max_queue_bytes = 20000;
	opened = closed = 0;
	close_on_open = close_on_message = false;
	session = NULL;
	forget(&heard);
	eio = eio_new(&settings, &app, &fake_io);
}

static inline void
setup(void)
{
	start(INTERVAL_MS);
}

static inline void
teardown(void)
{
	eio_free(eio);
	ck_assert_uint_eq(opened, closed);
}
