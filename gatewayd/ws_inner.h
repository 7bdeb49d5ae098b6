#pragma once
/* What the parts of a WebSocket connection share: ws.c owns the socket, ws_in.c reads frames,
 * ws_out.c writes. */

#include "common/limits.h"
#include "common/list.h"
#include "gatewayd/burst.h"
#include "gatewayd/outbox.h"
#include "gatewayd/ws.h"

enum ws_state {
	WS_OPEN,
	WS_CLOSING,   /* our close frame is on its way; the peer's has not come */
	WS_LINGERING, /* nothing more is read; written out, shut, and waiting for the peer's end */
	WS_DEAD,      /* to be freed when it comes up in the queue of the dirty */
};

struct ws {
	struct loop_io io;
	struct outbox out;
	struct ws_server *server;
	struct ws_in *in; /* only while a message or a frame is incomplete */
	void *user;
	struct ws *next_dirty;
	struct link timed; /* in one of server's lists, by due_ms */
	uint64_t due_ms;
	uint8_t state;	      /* enum ws_state */
	uint8_t unsent_pongs; /* since the outbox was last empty */
	bool is_dirty;	 /* in server.dirty: to be looked at when this turn ends, or a later one */
	bool is_leaving; /* among those that are about to be written */
	bool is_full;	 /* the socket takes no more just now */
	bool is_shut;	 /* our direction is */
};

enum { WS_PONGS = 64 };
enum {
	WS_OP_CONTINUE = 0,
	WS_OP_TEXT = 1,
	WS_OP_BINARY = 2,
	WS_OP_CLOSE = 8,
	WS_OP_PING = 9,
	WS_OP_PONG = 10
};

struct ws_server {
	struct ws_settings settings;
	struct loop *loop;
	struct loop_hook turn_end;
	struct loop_timer timer;
	struct burst *burst;
	struct ws *dirty, **dirty_end; /* a queue by next_dirty */
	/* Every connection is in one of these. Each has one interval, so whoever is appended is due
	 * last. */
	struct link quiet;	   /* no time is set */
	struct link idle;	   /* until the next ping */
	struct link pinged;	   /* until the pong must be here */
	struct link closing;	   /* until the handshake must be over */
	struct shared_bytes *ping; /* the frame, made once */
	struct ws_in *spare;	   /* one reader kept between messages */
	size_t n;
	char buffer[LIMIT_TURN_READ_BYTES]; /* what one read(2) brings */
};

/* ws.c */
/* Ends it from inside: sends a close frame, tells the owner. Reads on until the peer's when it
 * still speaks the protocol. */
void ws_fail(struct ws *, unsigned code, const char *reason, enum ws_end);
/* The peer's close frame: answered with the same code, WS_CODE_NO_STATUS for none. */
void ws_closed_by_peer(struct ws *, unsigned code);
void ws_ponged(struct ws *);
/* The connection is no more, without a word. */
void ws_broke_off(struct ws *);
/* Asks the loop for what is to be known of the socket. A peer that takes nothing of what it is owed
 * is not listened to either: its input would grow the debt. */
void ws_watch(struct ws *);

/* ws_out.c */
void ws_out_start(struct ws_server *);
/* Frees the dead, too. */
void ws_out_stop(struct ws_server *);
/* A frame without the room for a long header. Returns owned. */
struct shared_bytes *ws_control_frame(unsigned opcode, struct span payload);
/* Both: to be written when the turn ends, or a later one when many are. */
void ws_queue(struct ws *, struct shared_bytes *);
void ws_queue_control(struct ws *, unsigned opcode, struct span payload);
void ws_pong(struct ws *, struct span payload);
/* Writes what it owes at once. */
void ws_write(struct ws *);
/* To be looked at then. */
void ws_touch(struct ws *);

/* ws_in.c */
/* Reads frames from bytes; stops when the connection is through with reading. */
void ws_in_feed(struct ws *, struct span bytes);
/* Bytes to be fed when the connection is written to next, or read. */
void ws_in_keep(struct ws *, struct span bytes);
void ws_in_feed_kept(struct ws *);
void ws_in_free(struct ws_in *);
