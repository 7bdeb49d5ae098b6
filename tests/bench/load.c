/*
 * Load generator: subscribers join, stay for a while, and are then posted to; each phase is left
 * out when its options are. Stamps in the posts come back in events, and since all connections
 * belong to one process and one loop, one clock measures both ends. Prints one JSON object.
 */

#include "common/log.h"
#include "common/mem.h"
#include "tests/bench/load_audience.h"
#include "tests/bench/load_report.h"
#include "tests/bench/load_traffic.h"

#include <stdlib.h>

enum { TURN_NS = 5000000, SETTLE_NS = 300000000 };

struct load {
	struct load_options options;
	struct net *net;
	struct rooms rooms;
	struct audience audience;
	struct traffic traffic;
	struct load_times times;
};

static uint64_t
ns_of(double seconds)
{
	return (uint64_t)(seconds * 1e9);
}

static void
turn(struct load *l)
{
	uint64_t wait_ns = traffic_turn(&l->traffic);

	net_turn(l->net, l->traffic.running ? wait_ns : TURN_NS);
}

/* Until so much time is over, or the posts have run out. */
static void
run_for(struct load *l, uint64_t ns)
{
	uint64_t end_ns = net_now_ns() + ns;

	while (net_now_ns() < end_ns && !(l->traffic.running && traffic_is_done(&l->traffic)))
		turn(l);
}

static void
sample(struct load *l, struct process_use uses[])
{
	for (size_t i = 0; i < l->options.n_pids; i++)
		uses[i] = process_use(l->options.pid_list[i]);
}

static void
join(struct load *l)
{
	uint64_t began_ns = net_now_ns(), limit_ns = began_ns + ns_of(l->options.limit);

	sample(l, l->times.at_start);
	while (!audience_turn(&l->audience) && net_now_ns() < limit_ns)
		net_turn(l->net, TURN_NS);
	l->times.join_s = (double)(net_now_ns() - began_ns) / 1e9;
	sample(l, l->times.joined);
	/* What joins cause (announcements, buffers to be freed) is not to be seen as idle use. */
	if (l->options.subscribers)
		run_for(l, SETTLE_NS);
	sample(l, l->times.settled);
	run_for(l, ns_of(l->options.hold));
	sample(l, l->times.held);
}

static void
measure(struct load *l)
{
	uint64_t began_ns, limit_ns = net_now_ns() + ns_of(l->options.limit);
	/* A given number of posts is measured as a whole, however long it takes. */
	bool counts = l->options.posts > 0;
	double own_s;

	while (!traffic_is_open(&l->traffic) && net_now_ns() < limit_ns)
		turn(l);
	traffic_start(&l->traffic);
	if (!counts)
		run_for(l, ns_of(l->options.warm));
	sample(l, l->times.measuring);
	own_s = process_own_cpu_s();
	began_ns = net_now_ns();
	l->traffic.measuring = l->audience.measuring = true;
	run_for(l, ns_of(counts ? l->options.limit : l->options.time));
	l->traffic.measuring = l->audience.measuring = false;
	l->times.measured_s = (double)(net_now_ns() - began_ns) / 1e9;
	l->times.own_cpu_s = process_own_cpu_s() - own_s;
	sample(l, l->times.measured);
}

/* Every event of every post must still arrive. */
static void
drain(struct load *l)
{
	uint64_t limit_ns = net_now_ns() + ns_of(l->options.limit);
	size_t lost = l->audience.n_lost;

	traffic_stop(&l->traffic);
	while (net_now_ns() < limit_ns && l->audience.n_lost == lost &&
	    (!traffic_is_done(&l->traffic) ||
		l->audience.events - l->times.events_before < audience_expected(&l->audience)))
		turn(l);
	/* One too many would be as wrong as one too few. */
	run_for(l, SETTLE_NS / 3);
}

int
main(int argc, char **argv)
{
	struct load *l = xcalloc(1, sizeof *l);

	log_init("load", LOG_INFO, false);
	load_options_read(&l->options, argc, argv);
	rooms_read(&l->rooms, l->options.rooms_file, l->options.rooms);
	l->net = net_new();
	audience_init(&l->audience, &l->options, l->net, &l->rooms);
	join(l);
	traffic_init(&l->traffic, &l->options, l->net, &l->rooms);
	l->times.events_before = l->audience.events;
	if (l->options.publishers) {
		measure(l);
		drain(l);
	}
	load_report(&l->options, &l->times, &l->audience, &l->traffic);
	traffic_fini(&l->traffic);
	audience_fini(&l->audience);
	rooms_fini(&l->rooms);
	net_free(l->net);
	free(l);
	return 0;
}
