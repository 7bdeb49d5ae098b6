#pragma once
/*
 * The event bus: it publishes what is due on its outlets, answers each subscription with a sync,
 * and bounds with beacons and a heartbeat how long a lost message goes unnoticed.
 */

#include "common/bus_security.h"
#include "common/loop.h"
#include "common/table.h"
#include "graphd/events_due.h"
#include "graphd/server_outlet.h"
#include "graphd/sessions.h"

enum { BUS_OUTLETS = 2 }; /* for everybody, and the one that feeds gateways */

struct bus {
	struct outlet outlets[BUS_OUTLETS];
	size_t n_outlets;
	struct sessions *sessions; /* borrowed */
	struct events_due made;	   /* of the step being published; empty between them */
	struct table active;	   /* struct active: sessions whose seq the next beacons tell */
	struct uuid boot_id;
};

/* Borrows. The bus has no outlet yet, and must stay where it is. */
void bus_init(struct bus *, struct sessions *, const struct uuid *boot_id);
/* Takes the socket, made by outlet_bind(), and its messages from the loop. */
void bus_add_outlet(struct bus *, void *socket, bool is_packed, struct loop *);
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
