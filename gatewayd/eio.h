#pragma once
/*
 * Engine.IO revision 4, server side, as a state machine: requests, WebSocket messages and the time
 * go in; answers, frames and verdicts come out. It opens no socket and asks no clock. Whoever does
 * (the I/O layer) names its own objects, a held GET and a WebSocket, by pointers that mean nothing
 * here.
 *
 * now_ms is monotonic and never 0. Nothing below may be called from inside a callback, except the
 * functions of the last group. A session that has ended stays readable until the next eio_tick().
 */

#include "gatewayd/eio_request.h"
#include "gatewayd/shared_bytes.h"

struct eio_session;

#define EIO_ANSWER_TYPE "text/plain; charset=UTF-8" /* of every 200 to a GET */

struct eio_settings {
	uint8_t home[EIO_HOME_BYTES]; /* begins each sid given out */
	const char *path;	      /* borrowed for good; with the slash at its end */
	uint32_t ping_interval_ms, ping_timeout_ms;
	uint32_t upgrade_timeout_ms; /* from the upgrade request to the packet that completes it */
	uint32_t close_timeout_ms;   /* how long a closed polling session waits to say so */
	/* Of one POST, of one WebSocket message, and, unless one packet is bigger, of an answer. */
	uint32_t max_payload_bytes;
	uint32_t max_queue_bytes; /* sent and owed to a poller; beyond it the session ends */
	uint32_t max_sessions;	  /* further handshakes are refused with 503 */
	/* How many of them are taken by clients of other kinds; may be NULL. */
	size_t (*others)(const void *context);
	const void *others_context;
};

/* What stock servers use, and the limits of common/limits.h. */
struct eio_settings eio_default_settings(void);

enum eio_reason {
	EIO_TRANSPORT_CLOSE, /* the client said so or closed its WebSocket */
	EIO_TRANSPORT_ERROR, /* a connection broke off, or polling rules were broken */
	EIO_PING_TIMEOUT,    /* the peer is presumed dead: abort TCP soon after the close frame */
	EIO_PARSE_ERROR,
	EIO_FORCED_CLOSE, /* this side wanted it */
};

/* Upward: who uses the sessions. */
struct eio_app {
	void *context;
	size_t user_bytes; /* of its own with each session: see eio_user() */
	/* NULL: welcome. Else the message for a 403. May be absent. */
	const char *(*admit)(void *context, const struct eio_request *);
	/* The open packet is on its way already. */
	void (*open)(void *context, struct eio_session *, const struct eio_request *);
	/* bytes: borrowed during the call. */
	void (*message)(void *context, struct eio_session *, struct span bytes, bool is_binary);
	/* Once for each session that was opened. Nothing can be sent any more. */
	void (*close)(void *context, struct eio_session *, enum eio_reason);
};

/* Downward: who owns the sockets. None of these may call back into this module. */
struct eio_io {
	/* There is an answer for this GET: call eio_poll_take() at the end of the turn. */
	void (*poll_ready)(void *get);
	/* Answer this GET with 200 and these bytes; this module has forgotten it. */
	void (*poll_finish)(void *get, struct span body);
	/* Put this frame behind all others of this WebSocket. Borrowed: take a reference of your
	 * own. */
	void (*ws_send)(void *ws, struct shared_bytes *);
	/* Send a close frame behind them; no more calls for this WebSocket from either side. */
	void (*ws_close)(void *ws, enum eio_reason);
};

/* app and io are borrowed for good. */
struct eio *eio_new(const struct eio_settings *, const struct eio_app *, const struct eio_io *);
/* Sends up to n open sessions away, see eio_send_away(), and returns how many. */
size_t eio_close_some(struct eio *, size_t n);
/* Ends all sessions (EIO_FORCED_CLOSE) without a farewell to pollers that hold no GET. */
void eio_free(struct eio *);
const struct eio_settings *eio_settings(const struct eio *);
size_t eio_session_count(const struct eio *);

/* Polling. body is appended to. */
struct eio_sid eio_handshake(
    struct eio *, const struct eio_request *, uint64_t now_ms, struct json_out *body);
/* EIO_ANSWER, EIO_HOLD or EIO_REFUSE. */
struct eio_verdict eio_poll_get(
    struct eio *, const struct eio_sid *, void *get, uint64_t now_ms, struct json_out *body);
/* False: this GET is not held any more (poll_finish() was called), body is untouched. */
bool eio_poll_take(struct eio *, const struct eio_sid *, void *get, struct json_out *body);
/* The client of a held GET is gone. Nothing that was queued counts as sent; the session ends. */
void eio_poll_abort(struct eio *, const struct eio_sid *, void *get, uint64_t now_ms);
/* EIO_READ or EIO_REFUSE. content_bytes: -1 when unknown (chunked). */
struct eio_verdict eio_post_begin(struct eio *, const struct eio_sid *, struct span content_type,
    int64_t content_bytes, uint64_t now_ms);
/* The whole body: EIO_ANSWER, whose body is "ok", or EIO_REFUSE. */
struct eio_verdict eio_post_body(
    struct eio *, const struct eio_sid *, struct span bytes, uint64_t now_ms);
/* It grew beyond max_payload_bytes: answer as the verdict says; the session goes on. */
struct eio_verdict eio_post_too_big(struct eio *, const struct eio_sid *);
/* The client broke it off; the session ends. */
void eio_post_abort(struct eio *, const struct eio_sid *, uint64_t now_ms);

/*
 * WebSocket. sid NULL: a new session, whose open packet is sent at once; else a candidate for the
 * upgrade of that session. NULL: things changed since the check, or the application did not want
 * it: the caller closes the WebSocket (1000); ws_close() was not called for it.
 */
struct eio_session *eio_ws_attach(
    struct eio *, const struct eio_request *, const struct eio_sid *, void *ws, uint64_t now_ms);
/* False: this WebSocket is through (ws_close() was called), drop what else it brought. */
bool eio_ws_message(
    struct eio_session *, void *ws, struct span bytes, bool is_binary, uint64_t now_ms);
/* The peer closed it (EIO_TRANSPORT_CLOSE) or it broke (.._ERROR). Not after ws_close(). */
void eio_ws_closed(struct eio_session *, void *ws, enum eio_reason, uint64_t now_ms);

/* Time. Pings, timeouts, and freeing what has ended. */
void eio_tick(struct eio *, uint64_t now_ms);
/* When to tick next: 0 at once, UINT64_MAX never. Cheap: ask after each turn. */
uint64_t eio_next_deadline(const struct eio *);

/* For the user of a session, from anywhere, callbacks included. */
/* Takes references of its own. Never ends the session before the next tick. */
void eio_send(struct eio_session *, struct shared_bytes *);
/* The same for who stops by itself when eio_queued_bytes() are many: of what it gives at once
 * nothing is too much. */
void eio_feed(struct eio_session *, struct shared_bytes *);
/* The close callback is called before this returns. What was sent before still goes out. */
void eio_close(struct eio_session *, enum eio_reason);
/*
 * As eio_close() with EIO_FORCED_CLOSE, so that the client comes back by itself: a poller is sent
 * no close packet, which python-engineio takes for the end of all, but finds its session gone. One
 * whose upgrade is under way is let finish it first, and its WebSocket closed then.
 */
void eio_send_away(struct eio_session *);
/* The WebSocket that is the session's transport: frames may be put on its outbox directly. Else
 * NULL. */
void *eio_websocket(const struct eio_session *);
bool eio_is_open(const struct eio_session *);
/* Borrowed; NULL when there is none of that sid, or when it has ended. */
struct eio_session *eio_session_at(struct eio *, const struct eio_sid *);
/* What a polling client has not fetched yet; 0 on WebSocket, whose outbox knows. */
size_t eio_queued_bytes(const struct eio_session *);
const struct eio_sid *eio_session_sid(const struct eio_session *);
/* The application's part of the session: zeroed at first, and gone with it. */
void *eio_user(struct eio_session *);
struct eio_session *eio_session_of(const void *user);
struct eio *eio_of(const struct eio_session *);
/* That of its struct eio_app. */
void *eio_context(const struct eio_session *);
/* The latest time that was passed in. */
uint64_t eio_now_ms(const struct eio *);
