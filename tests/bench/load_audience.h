#pragma once
/*
 * The subscribers: WebSocket connections, plain or with Socket.IO on them, that join a room, answer
 * pings and measure how old each marked event is when it arrives; or HTTP connections to be held.
 */

#include "tests/bench/load_histogram.h"
#include "tests/bench/load_net.h"
#include "tests/bench/load_options.h"
#include "tests/bench/load_room.h"

struct audience;
struct dialect;
struct poller;

enum subscriber_state {
	SUBSCRIBER_OUT,
	SUBSCRIBER_UPGRADING,	/* connecting, or awaiting the answer to the upgrade */
	SUBSCRIBER_JOINING,	/* awaiting what says that it is in */
	SUBSCRIBER_CATCHING_UP, /* in, but not all of events_each have come */
	SUBSCRIBER_JOINED,
	SUBSCRIBER_LOST,
};

struct subscriber {
	struct net_connection connection;
	struct audience *audience;
	struct room *room;
	enum subscriber_state state;
	uint64_t began_ns;
	uint64_t events;       /* marked ones that have come */
	struct poller *poller; /* owned; NULL: a WebSocket */
};

struct audience {
	struct net *net;
	struct rooms *rooms;
	const struct load_options *options;
	const struct dialect *dialect;
	struct span mark;
	struct subscriber *subscribers; /* owned */
	size_t n, n_begun, n_joined, n_lost;
	bool measuring;
	uint64_t frames, events; /* since the start */
	uint64_t measured, measured_frames;
	struct histogram join_latencies;
	struct histogram latencies; /* of the events measured */
	size_t mark_at;		    /* where the last mark was found: events of a run look alike */
};

/* Borrows all of them. Nothing is opened yet. */
void audience_init(struct audience *, const struct load_options *, struct net *, struct rooms *);
void audience_fini(struct audience *);
/* Opens as many more as the window allows. True: all are joined or lost. */
bool audience_turn(struct audience *);
/* How many events should have come: each room's posts to each of its members. */
uint64_t audience_expected(const struct audience *);
