#pragma once
/* What one run of the load generator does: each field is the option of that name, with - for _. */

#include <stdint.h>
#include <sys/types.h>

enum { MOST_PORTS = 16, MOST_PIDS = 32 };

struct load_options {
	const char *ports, *pids; /* comma lists */
	const char *rooms_file;
	uint64_t rooms;

	/* subscribers */
	uint64_t subscribers;
	const char *kind; /* "socketio", "websocket", "raw" (in with the upgrade), "poll", "http" */
	const char *path; /* replaces the kind's own */
	const char *events;   /* filter of the subscription */
	const char *mark;     /* text in front of the stamp of an event */
	uint64_t window;      /* so many may be on their way to being joined at once */
	double since;	      /* resume behind this seq; negative: join without */
	uint64_t events_each; /* joined means: so many events have come */
	double hold;	      /* s to stay connected before anything is posted */

	/* publishers */
	uint64_t publishers;
	const char *url, *header, *body;
	double rate; /* posts per s, all publishers together; 0: each posts when it was answered */
	uint64_t posts; /* so many and no more, however long it takes; 0: as many as time allows */
	double warm, time; /* s of traffic before measuring, and measured */

	double limit; /* s that joining or draining may take before it counts as failed */

	uint16_t port_list[MOST_PORTS];
	size_t n_ports;
	pid_t pid_list[MOST_PIDS];
	size_t n_pids;
};

/* Ends the process with the usage when an option is wrong. Texts are borrowed from argv. */
void load_options_read(struct load_options *, int argc, char **argv);
