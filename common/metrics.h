#pragma once
/*
 * Counters and gauges in the Prometheus text exposition format. A metric is a static struct that is
 * registered on first use of metrics_add(); the process is single-threaded where it counts.
 */

#include "common/json_out.h"

#include <stdint.h>

struct metric {
	const char *name; /* "graphd_commands_total" */
	const char *help;
	const char *type; /* "counter" or "gauge" */
	int64_t value;
	bool is_added;
	struct metric *next;
};

/* Registers it; borrowed for good. Twice is harmless. */
void metrics_add(struct metric *);
/* Appends all registered metrics as text/plain; version=0.0.4. */
void metrics_print(struct json_out *);
/* Appends what Prometheus's own clients tell of a process, under the same names behind the prefix:
 * where a collector shows several processes in one page, each needs one. */
void metrics_print_process(struct json_out *, const char *prefix);
