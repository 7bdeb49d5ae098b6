#pragma once
/* graphd's command line. */

#include "common/log.h"
#include "graphd/server.h"

#include <stdbool.h>

struct options {
	const char *data, *store, *templates; /* store NULL: sqlite:DATA/graph.db */
	enum log_level log_level;
	bool log_json;
	struct server_options server;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_ANSWERED, /* --help or --version were printed */
	OPTIONS_WRONG,	  /* said on standard error */
};

enum options_result options_read(struct options *, int argc, char **argv);
