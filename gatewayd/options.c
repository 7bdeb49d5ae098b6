#include "gatewayd/options.h"

#include "common/limits.h"
#include "gatewayd/homes.h"
#include "gatewayd/http.h"
#include "gatewayd/upstream.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_id {
	OPTION_LISTEN = 1000,
	OPTION_REQUESTS,
	OPTION_EVENTS,
	OPTION_FEED,
	OPTION_ADVERTISE,
	OPTION_ASSETS,
	OPTION_ALLOW_ORIGIN,
	OPTION_ALLOW_HOST,
	OPTION_MAX_CONNECTIONS,
	OPTION_MAX_WEBSOCKETS,
	OPTION_DEADLINE,
	OPTION_DRAIN,
	OPTION_LOG_LEVEL,
	OPTION_LOG_JSON,
	OPTION_PORT_FILE,
	OPTION_RECOVER_ALL,
	OPTION_CURVE_CERTIFICATE,
	OPTION_CURVE_SERVER,
	OPTION_HELP,
	OPTION_VERSION,
};

static const char usage_text[] =
    "usage: gatewayd --requests ENDPOINT --feed ENDPOINT [option…]\n"
    "\n"
    "  --requests ENDPOINT    where graphd takes requests, such as "
    "ipc:///run/graphd/requests.sock\n"
    "  --feed ENDPOINT        where graphd publishes events for gateways (its --bind-feed)\n"
    "  --events ENDPOINT      instead: where everybody reads them (--bind-events); costs more\n"
    "  --listen ADDR:PORT     127.0.0.1:5000; port 0: any free one; an IPv6 address in brackets\n"
    "  --advertise ADDR:PORT  where other gateways reach this one (where it listens)\n"
    "  --assets DIR           indicators and icons (" INSTALLED_FILES "/assets, if it is there)\n"
    "  --allow-origin ORIGIN  an origin whose pages may use this server; repeatable. Without it:\n"
    "                         any while listening on loopback, else none\n"
    "  --allow-host HOST      what the Host field may say; repeatable. Without it: anything\n"
    "  --max-connections N    HTTP connections at a time (20000)\n"
    "  --max-websockets N     live clients at a time, of Socket.IO or otherwise (16000)\n"
    "  --deadline-ms MS       how long graphd may take for an answer (5000)\n"
    "  --drain MS             how long ending may take after SIGTERM (10000)\n"
    "  --curve-certificate F  this gateway's certificate, for a bus between hosts (graphctl "
    "keygen)\n"
    "  --curve-server FILE    graphd's public certificate\n"
    "  --recover-all          Socket.IO connection state recovery for every client, asked for or "
    "not\n"
    "  --log-level LEVEL      debug, info or warn (info)\n"
    "  --log-json             log lines as JSON objects\n"
    "  --port-file PATH       write the port there once it listens\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM ends it: requests that are under way are answered first; a second one ends it at "
    "once.\n"
    "Exit status: 0 after a clean end, 1 when something failed, 2 for a wrong option.\n";

static const struct option rows[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "requests", required_argument, NULL, OPTION_REQUESTS },
	{ "events", required_argument, NULL, OPTION_EVENTS },
	{ "feed", required_argument, NULL, OPTION_FEED },
	{ "advertise", required_argument, NULL, OPTION_ADVERTISE },
	{ "assets", required_argument, NULL, OPTION_ASSETS },
	{ "allow-origin", required_argument, NULL, OPTION_ALLOW_ORIGIN },
	{ "allow-host", required_argument, NULL, OPTION_ALLOW_HOST },
	{ "max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS },
	{ "max-websockets", required_argument, NULL, OPTION_MAX_WEBSOCKETS },
	{ "deadline-ms", required_argument, NULL, OPTION_DEADLINE },
	{ "drain", required_argument, NULL, OPTION_DRAIN },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "log-json", no_argument, NULL, OPTION_LOG_JSON },
	{ "port-file", required_argument, NULL, OPTION_PORT_FILE },
	{ "curve-certificate", required_argument, NULL, OPTION_CURVE_CERTIFICATE },
	{ "curve-server", required_argument, NULL, OPTION_CURVE_SERVER },
	{ "recover-all", no_argument, NULL, OPTION_RECOVER_ALL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

/* Without the usage: of a service that does not start people see the last lines alone. */
_Noreturn static void
refuse_option(const char *what, const char *value)
{
	fprintf(stderr, "gatewayd: %s%s%s\ngatewayd --help explains the options\n", what,
	    value ? ": " : "", value ? value : "");
	exit(2);
}

static unsigned
read_number(const char *name, const char *text, unsigned least, unsigned most)
{
	char *end, what[80];
	unsigned long value = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && !*end && value >= least && value <= most)
		return (unsigned)value;
	snprintf(what, sizeof(what), "--%s must be %u to %u", name, least, most);
	refuse_option(what, text);
}

static void
read_listen(struct options *o, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	struct in6_addr parsed;
	bool is_six = n >= 2 && text[0] == '[' && text[n - 1] == ']';

	if (is_six)
		n -= 2;
	if (n >= sizeof(o->address))
		n = 0;
	memcpy(o->address, text + is_six, n);
	o->address[n] = '\0';
	if (inet_pton(is_six ? AF_INET6 : AF_INET, o->address, &parsed) != 1)
		refuse_option("--listen wants a numeric ADDR:PORT", text);
	o->port = (uint16_t)read_number("listen", colon + 1, 0, UINT16_MAX);
}

static void
read_advertise(struct options *o, const char *text)
{
	struct sockaddr_storage at;
	socklen_t size;

	if (!home_parse_address(span_of(text), &at, &size))
		refuse_option("--advertise wants a numeric ADDR:PORT", text);
	o->advertise = text;
}

/* What cannot be a browser's word would never match, and nobody would know why. */
static void
check_origin(const char *text)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789-._:[]";
	size_t n = strspn(text, scheme);
	bool is_origin = n > 0 && strncmp(text + n, "://", 3) == 0 && text[n + 3] &&
	    text[n + 3 + strspn(text + n + 3, host)] == '\0';

	if (!is_origin && strcmp(text, "*") != 0 && strcmp(text, "null") != 0)
		refuse_option("--allow-origin wants what browsers send, such as "
			      "https://graph.example.org, or *",
		    text);
}

static void
check_host(const char *text)
{
	if (!*text || text[strcspn(text, "/@*, ")])
		refuse_option("--allow-host wants a name, such as graph.example.org", text);
}

static void
add_to_list(const char **list, size_t *n, const char *what, const char *value)
{
	if (*n == OPTIONS_LIST_MAX)
		refuse_option(what, "too many");
	list[(*n)++] = value;
}

static enum log_level
read_level(const char *text)
{
	static const char *const names[] = {
		[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum log_level)i;
	refuse_option("--log-level must be debug, info or warn", text);
}

_Noreturn static void
print_version(void)
{
	char bus[32];

	upstream_library_version(bus, sizeof(bus));
	printf("gatewayd %s\ncontract %s\nlibmicrohttpd %s\nlibzmq %s\n", PROJECT_VERSION,
	    WIRE_CONTRACT, http_library_version(), bus);
	exit(0);
}

static void
read_option(struct options *o, enum option_id id, const char *value)
{
	switch (id) {
	case OPTION_LISTEN:
		read_listen(o, value);
		break;
	case OPTION_REQUESTS:
		o->graphd.requests = value;
		break;
	case OPTION_EVENTS:
	case OPTION_FEED:
		o->graphd.events = value;
		o->graphd.is_feed = id == OPTION_FEED;
		break;
	case OPTION_ADVERTISE:
		read_advertise(o, value);
		break;
	case OPTION_ASSETS:
		o->assets = value;
		break;
	case OPTION_ALLOW_ORIGIN:
		check_origin(value);
		add_to_list(o->origins, &o->n_origins, "--allow-origin", value);
		break;
	case OPTION_ALLOW_HOST:
		check_host(value);
		add_to_list(o->hosts, &o->n_hosts, "--allow-host", value);
		break;
	case OPTION_MAX_CONNECTIONS:
		o->max_connections = read_number("max-connections", value, 1, 1000000);
		break;
	case OPTION_MAX_WEBSOCKETS:
		o->max_websockets = read_number("max-websockets", value, 1, 1000000);
		break;
	case OPTION_DEADLINE:
		o->graphd.deadline_ms = read_number("deadline-ms", value, 10, 600000);
		break;
	case OPTION_DRAIN:
		o->drain_ms = read_number("drain", value, 0, 600000);
		break;
	case OPTION_LOG_LEVEL:
		o->log_level = read_level(value);
		break;
	case OPTION_LOG_JSON:
		o->log_json = true;
		break;
	case OPTION_PORT_FILE:
		o->port_file = value;
		break;
	case OPTION_CURVE_CERTIFICATE:
		o->curve_certificate = value;
		break;
	case OPTION_CURVE_SERVER:
		o->curve_server = value;
		break;
	case OPTION_RECOVER_ALL:
		o->recover_all = true;
		break;
	case OPTION_HELP:
		fputs(usage_text, stdout);
		exit(0);
	case OPTION_VERSION:
		print_version();
	}
}

void
options_read(struct options *o, int argc, char **argv)
{
	int id;

	*o = (struct options){ .address = "127.0.0.1",
		.port = 5000,
		.max_connections = LIMIT_CONNECTIONS,
		.max_websockets = LIMIT_WEBSOCKETS,
		.graphd.deadline_ms = LIMIT_DEADLINE_MS,
		.drain_ms = 10000,
		.log_level = LOG_INFO };
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":", rows, NULL)) != -1) {
		if (id == '?')
			refuse_option("unknown option", argv[optind - 1]);
		if (id == ':')
			refuse_option("an option without its value", argv[optind - 1]);
		read_option(o, (enum option_id)id, optarg);
	}
	if (optind < argc)
		refuse_option("unexpected argument", argv[optind]);
	if (!o->graphd.requests || !o->graphd.events)
		refuse_option("--requests and --feed or --events must be given", NULL);
	if (!o->assets && access(INSTALLED_FILES "/assets", F_OK) == 0)
		o->assets = INSTALLED_FILES "/assets";
	if (!o->curve_certificate != !o->curve_server)
		refuse_option("--curve-certificate and --curve-server go together", NULL);
}
