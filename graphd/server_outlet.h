#pragma once
/*
 * One socket of the event bus, ZMQ_XPUB: who has subscribed to what there, and in which form events
 * leave. A tap is given one message for each event. A gateway needs them in great numbers, and each
 * message costs graphd, gateway and both I/O threads; it is given packed ones, with what one commit
 * holds for one session (proto/wire.h). Each form has an endpoint of its own, because a topic is a
 * prefix: who subscribes to everything would be handed both.
 */

#include "common/bus_security.h"
#include "common/json_out.h"
#include "common/loop.h"
#include "common/table.h"
#include "graphd/audience.h"
#include "proto/wire.h"

struct outlet {
	void *socket;
	bool is_packed;
	struct loop_zmq subscriptions;
	struct audience audience;
	struct table dashed;  /* struct dashed: sessions with a subscriber to their dash/ topics */
	struct json_out pack; /* one message, not sent yet: the topic and events behind it */
	struct uuid pack_session;
	/* Somebody subscribed to all events of the session, perhaps not the first one to do so. */
	void (*subscribed)(struct outlet *, const struct uuid *session);
	void *context; /* of subscribed() */
};

/* NULL with errno: cannot bind. snd_hwm: messages queued for one subscriber before it loses some.
 */
void *outlet_bind(
    void *zmq, const char *endpoint, int snd_hwm, const struct bus_security *security);
/* Takes the socket, and its messages from the loop. subscribed and context are set by the caller.
 */
void outlet_init(struct outlet *, void *socket, bool is_packed, struct loop *);
void outlet_fini(struct outlet *, struct loop *);
/* Whether there is any use in making events of the session. */
bool outlet_hears(const struct outlet *, const struct uuid *session);
/* Somebody hears the session's dash/ topics. */
bool outlet_has_dash(const struct outlet *, const struct uuid *session);
/* An event of the session; a packed one leaves with the next flush at the latest. */
void outlet_send(
    struct outlet *, const struct uuid *session, const struct wire_header *, struct span body);
void outlet_flush(struct outlet *);
/* Goes out by itself in both forms. */
void outlet_send_heartbeat(struct outlet *, const struct wire_header *, struct span body);
