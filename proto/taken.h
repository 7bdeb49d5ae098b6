#pragma once
/*
 * Names that an event of a user's own cannot have, as initialisers of an array, besides those in
 * events.def.
 */

/* What Socket.IO libraries use for events of their own. */
#define TAKEN_BY_SOCKETIO \
	"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"

/* What gateways say to a client on their own account. */
#define TAKEN_BY_GATEWAYS "joined", "left", "error", "pong", "seq"
