#pragma once
/* The command line of gatewayd. */

#include "common/log.h"
#include "gatewayd/upstream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_LIST_MAX = 32 };

struct options {
	char address[64];
	uint16_t port;
	struct upstream_endpoints graphd;
	const char *advertise; /* where other gateways reach this one; NULL: where it listens */
	const char *curve_certificate, *curve_server; /* NULL: a bus without CURVE */
	const char *assets, *port_file;		      /* NULL: none */
	const char *origins[OPTIONS_LIST_MAX], *hosts[OPTIONS_LIST_MAX];
	size_t n_origins, n_hosts;
	unsigned max_connections, max_websockets;
	size_t live_descriptors; /* for live clients; found at the start */
	unsigned drain_ms;
	enum log_level log_level;
	bool log_json, recover_all;
};

/* Fills it in, or prints what is wrong (or --help, --version) and ends the process. */
void options_read(struct options *, int argc, char **argv);
