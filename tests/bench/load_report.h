#pragma once
/* What a run has found, as one JSON object on standard output. Times are in the units of the names.
 */

#include "tests/bench/load_audience.h"
#include "tests/bench/load_process.h"
#include "tests/bench/load_traffic.h"

/* Each process's use when a phase began or ended, in the order of --pids. */
struct load_times {
	struct process_use at_start[MOST_PIDS], joined[MOST_PIDS], settled[MOST_PIDS];
	struct process_use held[MOST_PIDS], measuring[MOST_PIDS], measured[MOST_PIDS];
	double join_s, measured_s;
	double own_cpu_s;	/* of the load generator while measuring */
	uint64_t events_before; /* that came while joining */
};

void load_report(const struct load_options *, const struct load_times *, const struct audience *,
    const struct traffic *);
