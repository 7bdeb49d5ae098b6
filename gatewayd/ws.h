#pragma once
/*
 * WebSocket connections after the upgrade (RFC 6455, server side): frames in, messages out, the
 * closing handshake, pings, at most one write per turn. What the messages mean is the owner's
 * business. An idle connection holds its struct and nothing else.
 */

#include "common/loop.h"
#include "common/span.h"
#include "gatewayd/shared_bytes.h"

struct ws;
struct ws_server;

enum ws_end {
	WS_PEER_CLOSED, /* the peer sent a close frame */
	WS_BROKEN,	/* the connection broke off, or the peer broke the protocol or a bound */
	WS_TIMED_OUT,	/* the peer left a ping unanswered */
};

enum { /* close codes of RFC 6455 section 7.4 and its registry */
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NO_STATUS = 1005, /* never on the wire: a close without a code */
	WS_CODE_BAD_TEXT = 1007,
	WS_CODE_POLICY = 1008,
	WS_CODE_TOO_BIG = 1009,
	WS_CODE_RESTART = 1012,
	WS_CODE_TRY_LATER = 1013,
};

/* What all connections of one kind have in common. No callback runs inside a call of its owner. */
struct ws_settings {
	size_t message_bytes;	   /* the longest message taken; a longer one ends with 1009 */
	size_t owed_bytes;	   /* a peer that owes us so much reading is not read from */
	uint32_t ping_ms, pong_ms; /* 0: no pings of ours */
	uint32_t close_ms;	   /* for the closing handshake */
	void *context;		   /* whatever the owner has for all of them: ws_context() */
	/* bytes: borrowed during the call. Text is valid UTF-8. May call ws_send() and ws_close().
	 */
	void (*message)(struct ws *, struct span bytes, bool is_binary);
	/* Once, unless the owner closed it first. The ws must not be used afterwards. */
	void (*closed)(struct ws *, enum ws_end);
	/* Some of what is owed has gone out. May be NULL. */
	void (*progress)(struct ws *);
};

struct ws_server *ws_server_new(struct loop *, const struct ws_settings *);
/* Closes all descriptors; closed() is not called. Of those that are closing what the kernel takes
 * is written first, so that they learn why. After the loop's last turn. */
void ws_server_free(struct ws_server *);
size_t ws_server_count(const struct ws_server *);

/*
 * Takes the descriptor: as http_upgrade() gives it, behind its 101. extra: what came behind the
 * request, copied; it is read at the end of this turn or a later one. Freed by the server after
 * closed() or ws_close().
 */
struct ws *ws_open(struct ws_server *, int fd, struct span extra, void *user);
void ws_set_user(struct ws *, void *user);
void *ws_user(const struct ws *);
void *ws_context(const struct ws *);
/* Takes a reference; written at the end of this turn or, when many are, of a later one. Nothing
 * happens once it is closing. */
void ws_send(struct ws *, struct shared_bytes *);
/* Bytes not yet with the kernel. */
size_t ws_owed(const struct ws *);
/*
 * Sends a close frame behind all that was sent and sees the handshake through. The owner must not
 * use the ws afterwards. code WS_CODE_NO_STATUS: a frame without one. reason: at most 123 bytes.
 */
void ws_close(struct ws *, unsigned code, const char *reason);
