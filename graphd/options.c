#include "graphd/options.h"

#include "common/limits.h"
#include "graphd/store_backends.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <yaml.h>

static const char usage[] =
    "usage: graphd --data DIR --bind-requests ENDPOINT --bind-events ENDPOINT [option…]\n"
    "\n"
    "  --data DIR              the data directory; one graphd at a time may use it\n"
    "  --bind-requests EP      where requests come in: ipc://PATH or tcp://127.0.0.1:PORT\n"
    "  --bind-events EP        where events are published, likewise\n"
    "  --bind-feed EP          where gateways read them: the same, packed, which costs less\n"
    "  --store SPEC            sqlite:PATH, memory, or fail:OPERATION[:N][+] for tests\n"
    "                          (sqlite:DIR/graph.db)\n"
    "  --templates DIR         blueprints (" INSTALLED_FILES "/templates)\n"
    "  --backup-dir DIR        where graphctl backup may write; without it there are no backups\n"
    "  --session-ttl-hours N   end sessions that nobody used for so long; 0: never (24)\n"
    "  --cleanup-every-s N     how often to look for them (600)\n"
    "  --idle-unload-s N       take sessions that nobody used for so long out of memory; 0: never "
    "(300)\n"
    "  --grace-ms N            how long a client whose connection broke off may be away before it\n"
    "                          is announced gone (5000)\n"
    "  --curve-certificate F   graphd's certificate, for gateways on other hosts (graphctl "
    "keygen)\n"
    "  --curve-allow DIR       public certificates of those gateways; with both, endpoints may be\n"
    "                          tcp:// on any address\n"
    "  --snapshot-steps N      write a session down after so many steps; 0: when they weigh four "
    "times\n"
    "                          what it does (0)\n"
    "  --snd-hwm N             messages queued for one subscriber before it loses some (10000);\n"
    "                          a quarter of it where they are packed\n"
    "  --log-level LEVEL       debug, info, warn or fatal (info)\n"
    "  --log-json              one JSON object per line instead of words\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 after a clean stop, 1 when something failed, 2 for a wrong option.\n";

enum option_id {
	OPTION_DATA = 1,
	OPTION_REQUESTS,
	OPTION_EVENTS,
	OPTION_FEED,
	OPTION_STORE,
	OPTION_TEMPLATES,
	OPTION_BACKUP_DIR,
	OPTION_TTL,
	OPTION_CLEANUP,
	OPTION_UNLOAD,
	OPTION_GRACE,
	OPTION_CURVE_CERTIFICATE,
	OPTION_CURVE_ALLOW,
	OPTION_SNAPSHOT,
	OPTION_HWM,
	OPTION_LOG_LEVEL,
	OPTION_LOG_JSON,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "data", required_argument, NULL, OPTION_DATA },
	{ "bind-requests", required_argument, NULL, OPTION_REQUESTS },
	{ "bind-events", required_argument, NULL, OPTION_EVENTS },
	{ "bind-feed", required_argument, NULL, OPTION_FEED },
	{ "store", required_argument, NULL, OPTION_STORE },
	{ "templates", required_argument, NULL, OPTION_TEMPLATES },
	{ "backup-dir", required_argument, NULL, OPTION_BACKUP_DIR },
	{ "session-ttl-hours", required_argument, NULL, OPTION_TTL },
	{ "cleanup-every-s", required_argument, NULL, OPTION_CLEANUP },
	{ "idle-unload-s", required_argument, NULL, OPTION_UNLOAD },
	{ "grace-ms", required_argument, NULL, OPTION_GRACE },
	{ "curve-certificate", required_argument, NULL, OPTION_CURVE_CERTIFICATE },
	{ "curve-allow", required_argument, NULL, OPTION_CURVE_ALLOW },
	{ "snapshot-steps", required_argument, NULL, OPTION_SNAPSHOT },
	{ "snd-hwm", required_argument, NULL, OPTION_HWM },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "log-json", no_argument, NULL, OPTION_LOG_JSON },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void
print_version(void)
{
	char version[16];
	int yaml_major, yaml_minor, yaml_patch;

	yaml_get_version(&yaml_major, &yaml_minor, &yaml_patch);
	printf("graphd %s\nlibzmq %s\nSQLite %s\nlibyaml %d.%d.%d\nxxHash %u\n", PROJECT_VERSION,
	    server_bus_version(version), store_sqlite_version(), yaml_major, yaml_minor, yaml_patch,
	    XXH_versionNumber());
}

static bool
wrong(const char *name, const char *text)
{
	fprintf(stderr, "graphd: --%s: not acceptable: %s\n", name, text);
	return false;
}

static bool
read_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
		return wrong(name, text);
	*out = strtoull(text, &end, 10);
	return (*end == '\0' && *out >= least && *out <= most) || wrong(name, text);
}

static bool
read_endpoint(const char *name, const char *text, const char **out)
{
	*out = text;
	return strncmp(text, "ipc:///", 7) == 0 || strncmp(text, "tcp://", 6) == 0 ||
	    wrong(name, text);
}

static bool
read_level(const char *text, enum log_level *out)
{
	static const char *const names[] = { "debug", "info", "warn", "fatal" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return wrong("log-level", text);
}

static bool
read_option(struct options *o, enum option_id id, const char *name, const char *value)
{
	uint64_t n = 0;
	bool good;

	switch (id) {
	case OPTION_DATA:
		o->data = value;
		return true;
	case OPTION_REQUESTS:
		return read_endpoint(name, value, &o->server.requests);
	case OPTION_EVENTS:
		return read_endpoint(name, value, &o->server.events);
	case OPTION_FEED:
		return read_endpoint(name, value, &o->server.feed);
	case OPTION_STORE:
		o->store = value;
		return true;
	case OPTION_TEMPLATES:
		o->templates = value;
		return true;
	case OPTION_BACKUP_DIR:
		o->server.backup_directory = value;
		return true;
	case OPTION_TTL:
		good = read_number(name, value, 0, 24 * 365 * 100, &n);
		o->server.session_ttl_us = n * 3600 * 1000000;
		return good;
	case OPTION_CLEANUP:
		good = read_number(name, value, 1, 86400, &n);
		o->server.cleanup_every_ms = n * 1000;
		return good;
	case OPTION_UNLOAD:
		good = read_number(name, value, 0, 86400 * 365, &n);
		o->server.idle_unload_ms = n * 1000;
		return good;
	case OPTION_GRACE:
		return read_number(name, value, 0, 3600 * 1000, &o->server.grace_ms);
	case OPTION_CURVE_CERTIFICATE:
		o->server.curve_certificate = value;
		return true;
	case OPTION_CURVE_ALLOW:
		o->server.curve_allow = value;
		return true;
	case OPTION_SNAPSHOT:
		return read_number(name, value, 0, UINT32_MAX, &o->server.snapshot_steps);
	case OPTION_HWM:
		good = read_number(name, value, 1, 1000000, &n);
		o->server.snd_hwm = (int)n;
		return good;
	case OPTION_LOG_LEVEL:
		return read_level(value, &o->log_level);
	case OPTION_LOG_JSON:
		o->log_json = true;
		return true;
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	return false;
}

/* Anything but this machine would let strangers in, unless they are told apart by their
 * certificates. */
static bool
is_guarded(const struct options *o, const char *endpoint)
{
	if (!o->server.curve_certificate != !o->server.curve_allow) {
		fprintf(stderr, "graphd: --curve-certificate and --curve-allow go together\n");
		return false;
	}
	if (o->server.curve_certificate || strncmp(endpoint, "ipc:", 4) == 0 ||
	    strncmp(endpoint, "tcp://127.0.0.1:", 16) == 0)
		return true;
	fprintf(
	    stderr, "graphd: %s is open to other hosts: it needs --curve-certificate\n", endpoint);
	return false;
}

static bool
is_complete(const struct options *o)
{
	const char *missing = !o->data ? "data"
	    : !o->server.requests      ? "bind-requests"
	    : !o->server.events	       ? "bind-events"
				       : NULL;

	if (missing)
		fprintf(stderr, "graphd: --%s is missing\n", missing);
	return !missing && is_guarded(o, o->server.requests) && is_guarded(o, o->server.events) &&
	    (!o->server.feed || is_guarded(o, o->server.feed));
}

static void
set_defaults(struct options *o)
{
	*o = (struct options){ .templates = INSTALLED_FILES "/templates", .log_level = LOG_INFO };
	o->server.snd_hwm = LIMIT_BUS_QUEUE;
	o->server.session_ttl_us = (uint64_t)24 * 3600 * 1000000;
	o->server.cleanup_every_ms = 600 * 1000;
	o->server.idle_unload_ms = 300 * 1000;
	o->server.grace_ms = LIMIT_GRACE_MS;
}

/* What is wrong has been said. Without the usage: of a service that does not start people see the
 * last lines alone. */
static enum options_result
say_where_help_is(void)
{
	fputs("graphd --help explains the options\n", stderr);
	return OPTIONS_WRONG;
}

enum options_result
options_read(struct options *o, int argc, char **argv)
{
	int id, index = 0;

	set_defaults(o);
	while ((id = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (id == OPTION_HELP) {
			fputs(usage, stdout);
			return OPTIONS_ANSWERED;
		}
		if (id == OPTION_VERSION) {
			print_version();
			return OPTIONS_ANSWERED;
		}
		if (id == '?' ||
		    !read_option(o, (enum option_id)id, long_options[index].name, optarg))
			return say_where_help_is();
	}
	if (optind < argc)
		fprintf(stderr, "graphd: what is \"%s\"?\n", argv[optind]);
	return optind == argc && is_complete(o) ? OPTIONS_RUN : say_where_help_is();
}
