#pragma once
/*
 * graph.v1, the WebSocket subprotocol of plain clients, as far as the client speaks: every text
 * message is one JSON object, {"id","do",…}, and is answered {"id","ok"} or {"id","error"}.
 * transport_ws.c has the connection, and tells the events.
 */

#include "gatewayd/live.h"
#include "gatewayd/ws.h"

/* One client, in zeroed memory. What it is made of is set before the first message; the socket is
 * borrowed. */
struct graph_v1 {
	struct member member;
	struct ws *ws; /* its context is the hub */
	struct live_asks asks;
	char *actor;		/* owned; NULL: none */
	struct json_out *early; /* owned: messages that came before it had joined, each behind its
				   length (size_t); NULL: none */
	char id[UUID_TEXT + 1];
	bool is_joined;
};

struct hub *graph_v1_hub(const struct graph_v1 *);
void graph_v1_fini(struct graph_v1 *);
/* A message came. What comes before the client has joined is kept for then. */
void graph_v1_take(struct graph_v1 *, struct span message, bool is_binary);
/* The client has joined, and been told so: what it said before is answered now. */
void graph_v1_joined(struct graph_v1 *);
/* A message that answers none of the client's. */
void graph_v1_send(struct graph_v1 *, const struct json_out *);
/* {"id":null,"error":…} */
void graph_v1_refuse(struct graph_v1 *, enum error);
