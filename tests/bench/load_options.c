#include "tests/bench/load_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_type { TEXT, COUNT, NUMBER };

struct option_row {
	const char *name;
	enum option_type type;
	size_t offset;
	const char *words;
};

#define ROW(name, type, field, words) \
	{ \
		name, type, offsetof(struct load_options, field), words \
	}

static const struct option_row rows[] = {
	ROW("ports", TEXT, ports, "of the servers on 127.0.0.1; connections go round"),
	ROW("pids", TEXT, pids, "processes whose CPU time and memory are reported"),
	ROW("rooms-file", TEXT, rooms_file, "one \"session node\" per line"),
	ROW("rooms", COUNT, rooms, "how many of them to use"),
	ROW("subscribers", COUNT, subscribers, "live connections"),
	ROW("kind", TEXT, kind, "socketio, websocket or raw; poll and http only to be held"),
	ROW("path", TEXT, path, "of the upgrade, with {session} and {since}"),
	ROW("events", TEXT, events, "filter of the subscription"),
	ROW("mark", TEXT, mark, "text in front of the stamp of an event"),
	ROW("window", COUNT, window, "connections joining at once"),
	ROW("since", NUMBER, since, "resume behind this seq"),
	ROW("events-each", COUNT, events_each, "joined means: so many events have come"),
	ROW("hold", NUMBER, hold, "seconds to stay connected before anything is posted"),
	ROW("publishers", COUNT, publishers, "kept-alive HTTP connections that post"),
	ROW("url", TEXT, url, "to post to, with {session}"),
	ROW("header", TEXT, header, "one more header line of each post"),
	ROW("body", TEXT, body, "of each post, with {session}, {node} and {stamp}"),
	ROW("rate", NUMBER, rate, "posts per second; 0: as fast as they are answered"),
	ROW("posts", COUNT, posts, "how many to send; 0: as many as time allows"),
	ROW("warm", NUMBER, warm, "seconds of traffic before measuring"),
	ROW("time", NUMBER, time, "seconds of traffic measured"),
	ROW("limit", NUMBER, limit, "seconds that joining or draining may take"),
};

static _Noreturn void
usage(const char *fault)
{
	fprintf(stderr, "load: %s\nusage: load --ports LIST --rooms-file FILE [--option value]…\n",
	    fault);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		fprintf(stderr, "  --%-12s %s\n", rows[i].name, rows[i].words);
	exit(2);
}

static void
set(struct load_options *options, const struct option_row *row, const char *value)
{
	void *field = (char *)options + row->offset;
	char *end = NULL;

	if (row->type == TEXT)
		memcpy(field, &value, sizeof value);
	else if (row->type == COUNT)
		*(uint64_t *)field = strtoull(value, &end, 10);
	else
		*(double *)field = strtod(value, &end);
	if (end && (*end || end == value))
		usage("a number was expected");
}

static const struct option_row *
find_row(const char *argument)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, rows[i].name) == 0)
			return &rows[i];
	}
	usage("unknown option");
}

/* The numbers of a comma list; returns how many. */
static size_t
read_list(const char *list, long numbers[], size_t most)
{
	size_t n = 0;
	char *end;

	while (list && *list) {
		if (n == most)
			usage("a list is too long");
		numbers[n++] = strtol(list, &end, 10);
		if (end == list || (*end && *end != ','))
			usage("a list of numbers was expected");
		list = *end ? end + 1 : end;
	}
	return n;
}

static void
read_lists(struct load_options *options)
{
	long numbers[MOST_PIDS];

	options->n_ports = read_list(options->ports, numbers, MOST_PORTS);
	for (size_t i = 0; i < options->n_ports; i++)
		options->port_list[i] = (uint16_t)numbers[i];
	options->n_pids = read_list(options->pids, numbers, MOST_PIDS);
	for (size_t i = 0; i < options->n_pids; i++)
		options->pid_list[i] = (pid_t)numbers[i];
}

void
load_options_read(struct load_options *options, int argc, char **argv)
{
	*options = (struct load_options){
		.rooms = 1,
		.kind = "socketio",
		.events = "graph:*",
		.mark = "\"new_value\":\"T",
		.window = 64,
		.since = -1,
		.url = "/api/v1/commands/execute",
		.header = "Prefer: return=minimal",
		.body =
		    "{\"session_id\":\"{session}\",\"command_type\":\"UpdateProperty\",\"data\":"
		    "{\"node_id\":\"{node}\",\"property_id\":\"notes\",\"value\":\"T{stamp}\"}}",
		.warm = 0.5,
		.limit = 60,
	};
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			usage("an option without a value");
		set(options, find_row(argv[i]), argv[i + 1]);
	}
	read_lists(options);
	if (options->n_ports == 0 || !options->rooms_file || options->rooms == 0)
		usage("--ports and --rooms-file are needed");
	if (options->window == 0)
		usage("--window must be at least 1");
	if (!*options->header)
		options->header = NULL;
}
