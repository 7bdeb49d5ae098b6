#pragma once
/*
 * The inside of Engine.IO sessions, for gatewayd/eio*.c only. A session on WebSocket is the bare
 * struct eio_session; all that polling needs hangs from it and goes with the upgrade.
 *
 * Timeouts of one kind have one length, so deadlines are made in order: each kind is a list,
 * nearest first, and setting a deadline costs a look at the tail.
 */

#include "common/list.h"
#include "common/table.h"
#include "gatewayd/eio.h"

#include <stdalign.h>

enum eio_state { EIO_OPEN, EIO_CLOSING, EIO_CLOSED };

/* What a poller has not fetched yet, oldest first. */
struct eio_queue {
	struct shared_bytes **items;
	uint32_t first, n, capacity;
	size_t bytes;
	size_t fed_bytes; /* of them no more than these came by eio_feed() */
};

struct eio_polling {
	struct eio_session *session;
	struct eio_queue queue;
	void *get;	     /* the held one */
	void *candidate;     /* a WebSocket that wants to take over */
	struct link upgrade; /* in eio.upgrades while there is a candidate */
	uint64_t upgrade_at_ms;
	bool is_probed; /* the candidate was answered; GETs are not held from now on */
	bool is_posting;
	bool is_told; /* poll_ready() was called for the held GET */
};

struct eio_session {
	struct eio_sid sid; /* the table's key */
	uint8_t state;	    /* enum eio_state */
	bool awaits_pong;
	bool is_sent_away; /* without a close packet */
	bool is_opening;   /* its WebSocket is the caller's until eio_ws_attach() returns */
	struct eio *eio;
	void *ws;
	struct eio_polling *polling; /* NULL once a WebSocket is the transport */
	struct link timer;	     /* in one of the lists of struct eio */
	uint64_t at_ms;
	alignas(void *) char user[]; /* the application's */
};

struct eio {
	struct eio_settings settings;
	const struct eio_app *app;
	const struct eio_io *io;
	struct table sessions;
	struct link pings, pongs; /* open sessions: a ping is due, or a pong */
	struct link closings;	  /* closed pollers that have not heard of it yet */
	struct link doomed;	  /* to be ended by the next tick */
	struct link graves;	  /* to be freed by the next tick */
	struct link upgrades;	  /* of struct eio_polling */
	struct shared_bytes *ping, *probe_answer;
	uint64_t now_ms;
};

/* Borrowed; NULL when unknown. Timeouts are dealt with before it looks. */
struct eio_session *eio_find(struct eio *, const struct eio_sid *, uint64_t now_ms);
struct eio_session *eio_open_session(struct eio *);
void eio_send_ping(struct eio_session *);
/* Ends it now. farewell answers a held GET. */
void eio_end(struct eio_session *, enum eio_reason, struct span farewell);
/* One text packet of either transport. False when the session took no more after it. */
bool eio_packet_in(struct eio_session *, struct span text);
/* A queued packet, or a change that ends a held GET: tell the I/O layer once. */
void eio_wake_poll(struct eio_session *);
/* Puts a candidate away; the session stays as it is. */
void eio_drop_candidate(struct eio_polling *, enum eio_reason);
void eio_polling_free(struct eio_polling *);
void eio_set_upgrade_timer(struct eio_polling *);
/* A WebSocket has taken over: an outstanding pong gets its full time again. */
void eio_restart_pong(struct eio_session *);

void eio_queue_add(struct eio_queue *, struct shared_bytes *, bool is_fed);
/* Returns owned; NULL when empty. */
struct shared_bytes *eio_queue_take(struct eio_queue *);
