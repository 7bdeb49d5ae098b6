#pragma once
/*
 * The event bus: a ZeroMQ XPUB socket. It publishes what is due, sees subscriptions arrive and
 * answers each with a sync, and bounds with beacons and a heartbeat how long a lost message goes
 * unnoticed.
 */

#include "common/bus_security.h"
#include "common/loop.h"
#include "common/table.h"
#include "graphd/audience.h"
#include "graphd/events_due.h"
#include "graphd/sessions.h"

struct bus {
	void *socket;
	struct sessions *sessions; /* borrowed */
	struct loop_zmq subscriptions;
	struct audience audience;
	struct events_due made; /* of the step being published; empty between them */
	struct table dashed; /* struct dashed: sessions with a subscriber to their dash/ topics */
	struct table active; /* struct active: sessions whose seq the next beacons tell */
	struct uuid boot_id;
};

/* NULL with errno: cannot bind. snd_hwm: messages queued for one subscriber before it loses some.
 */
void *bus_bind(void *zmq, const char *endpoint, int snd_hwm, const struct bus_security *security);
/* Takes the socket's messages from the loop. Borrows the rest. */
void bus_init(
    struct bus *, void *socket, struct loop *, struct sessions *, const struct uuid *boot_id);
void bus_fini(struct bus *, struct loop *);

/* Whether there is any use in making events of the session. */
bool bus_hears(const struct bus *, const struct uuid *session);
/* Publishes in order. only_kept: those that stand although their batch failed. */
void bus_publish(struct bus *, const struct events_due *, bool only_kept);
/* Somebody hears the session's dash/ topics. */
bool bus_has_dash(const struct bus *, const struct uuid *session);
/* The session's seq has changed on disk: beacons tell it after 1, 2, 4 beats and so on to 64. */
void bus_note_active(struct bus *, const struct session *);
/* One beat, every LIMIT_BEACON_MS. */
void bus_beacon(struct bus *);
void bus_heartbeat(struct bus *);
