#pragma once
/*
 * The publishers: kept-alive HTTP connections that post one request at a time, either each as soon
 * as it was answered, or all together at a given rate. A post that had to wait for a free
 * connection counts from when it was due, so that a slow server cannot hide behind a slow client.
 */

#include "tests/bench/load_answer.h"
#include "tests/bench/load_histogram.h"
#include "tests/bench/load_net.h"
#include "tests/bench/load_options.h"
#include "tests/bench/load_room.h"

struct traffic;

struct publisher {
	struct net_connection connection;
	struct traffic *traffic;
	struct room *room; /* of the post under way; NULL: there is none */
	struct answer answer;
	uint64_t sent_ns;
	uint16_t port;
	bool is_open;
};

struct traffic {
	struct net *net;
	struct rooms *rooms;
	struct publisher *publishers; /* owned */
	struct publisher **idle;      /* owned */
	size_t n, n_idle, n_open;
	size_t next_room;
	uint64_t interval_ns; /* 0: no pace */
	uint64_t due_ns;
	uint64_t left; /* posts that may still begin */
	bool running, measuring;
	uint64_t answered, failed, reopened; /* since the start */
	uint64_t failed_in_row;
	uint64_t measured, measured_bytes;
	struct histogram latencies; /* of those measured */
};

/* Borrows net and rooms; opens the connections. */
void traffic_init(struct traffic *, const struct load_options *, struct net *, struct rooms *);
void traffic_fini(struct traffic *);
void traffic_start(struct traffic *);
/* No post begins any more; those under way are still answered. */
void traffic_stop(struct traffic *);
/* Posts what is due; returns how long nothing more will be. */
uint64_t traffic_turn(struct traffic *);
bool traffic_is_open(const struct traffic *);
/* Everything allowed was posted and answered, or nothing may begin and nothing is under way. */
bool traffic_is_done(const struct traffic *);
