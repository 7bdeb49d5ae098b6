/* graphctl: looks after graphd's data, closed or in use. The commands are in ctl_*.c. */
#include "common/log.h"
#include "common/utf8.h"
#include "graphd/ctl.h"
#include "graphd/store_backends.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: graphctl COMMAND [option…]\n"
    "\n"
    "On a data file that no graphd has open:\n"
    "  check FILE             verify every checksum, replay every session; says what is damaged\n"
    "  restore BACKUP FILE    copy a backup to a new data file, as a new history of each session\n"
    "  compact FILE --keep-steps N | --keep-hours H\n"
    "                         fold older history into snapshots, forget ended sessions, and\n"
    "                         give the room back\n"
    "\n"
    "On a running graphd:\n"
    "  backup NAME --requests ENDPOINT\n"
    "                         write a copy to NAME in graphd's --backup-dir\n"
    "  export PROJECT --requests ENDPOINT [--history] [--format native|predecessor]\n"
    "                         print a project as a portable file\n"
    "  import FILE --requests ENDPOINT [--template ID] [--name NAME]\n"
    "                         bring a project file in; - is standard input\n"
    "  metrics --requests ENDPOINT\n"
    "                         print its counters as Prometheus reads them\n"
    "  tap --events ENDPOINT [--requests ENDPOINT] [--session ID] [--since SEQ] [--json]\n"
    "                         print events as they happen; with --requests, gaps are filled\n"
    "\n"
    "For a bus between hosts:\n"
    "  keygen PATH            write a new certificate: PATH, public, and PATH_secret\n"
    "\n"
    "A graphd that has a certificate is asked, or listened to, with\n"
    "  --curve-certificate F  one of its --curve-allow, with F_secret beside it\n"
    "  --curve-server FILE    graphd's public certificate\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 when all is well, 1 when something failed or is damaged, 2 for a wrong "
    "option.\n";

enum option_id {
	OPTION_REQUESTS = 1,
	OPTION_EVENTS,
	OPTION_SESSION,
	OPTION_SINCE,
	OPTION_JSON,
	OPTION_HISTORY,
	OPTION_FORMAT,
	OPTION_TEMPLATE,
	OPTION_NAME,
	OPTION_KEEP_STEPS,
	OPTION_KEEP_HOURS,
	OPTION_CURVE_CERTIFICATE,
	OPTION_CURVE_SERVER,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "requests", required_argument, NULL, OPTION_REQUESTS },
	{ "events", required_argument, NULL, OPTION_EVENTS },
	{ "session", required_argument, NULL, OPTION_SESSION },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "history", no_argument, NULL, OPTION_HISTORY },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "keep-steps", required_argument, NULL, OPTION_KEEP_STEPS },
	{ "keep-hours", required_argument, NULL, OPTION_KEEP_HOURS },
	{ "curve-certificate", required_argument, NULL, OPTION_CURVE_CERTIFICATE },
	{ "curve-server", required_argument, NULL, OPTION_CURVE_SERVER },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

#define BIT(option) (1U << (option))

/* What every command takes that speaks to a running graphd. */
#define CURVE (BIT(OPTION_CURVE_CERTIFICATE) | BIT(OPTION_CURVE_SERVER))

static const struct command_line {
	const char *name;
	int (*run)(const struct ctl_options *);
	unsigned takes, needs; /* bits of option ids */
	int operands;
} commands[] = {
	{ "check", ctl_check, 0, 0, 1 },
	{ "restore", ctl_restore, 0, 0, 2 },
	{ "compact", ctl_compact, BIT(OPTION_KEEP_STEPS) | BIT(OPTION_KEEP_HOURS), 0, 1 },
	{ "backup", ctl_backup, BIT(OPTION_REQUESTS) | CURVE, BIT(OPTION_REQUESTS), 1 },
	{ "export", ctl_export,
	    BIT(OPTION_REQUESTS) | BIT(OPTION_HISTORY) | BIT(OPTION_FORMAT) | CURVE,
	    BIT(OPTION_REQUESTS), 1 },
	{ "import", ctl_import,
	    BIT(OPTION_REQUESTS) | BIT(OPTION_TEMPLATE) | BIT(OPTION_NAME) | CURVE,
	    BIT(OPTION_REQUESTS), 1 },
	{ "metrics", ctl_metrics, BIT(OPTION_REQUESTS) | CURVE, BIT(OPTION_REQUESTS), 0 },
	{ "keygen", ctl_keygen, 0, 0, 1 },
	{ "tap", ctl_tap,
	    BIT(OPTION_EVENTS) | BIT(OPTION_REQUESTS) | BIT(OPTION_SESSION) | BIT(OPTION_SINCE) |
		BIT(OPTION_JSON) | CURVE,
	    BIT(OPTION_EVENTS), 0 },
};

/* Damaged files and other people's are quoted; a terminal obeys what stands in them. */
static void
put_visible(const char *text, size_t size)
{
	for (size_t at = 0, n; at < size; at += n) {
		n = utf8_sequence(text + at, size - at);
		if (n && utf8_is_printable((struct span){ text + at, n })) {
			fwrite(text + at, 1, n, stderr);
		} else {
			fputc('?', stderr);
			n = n ? n : 1;
		}
	}
}

int
ctl_say(const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0)
		abort();
	fputs("graphctl: ", stderr);
	put_visible(text, (size_t)size);
	fputc('\n', stderr);
	free(text);
	return CTL_FAILED;
}

static bool
read_count(const char *name, const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && strlen(text) <= 15 && *end == '\0')
		return true;
	ctl_say("--%s: not a number: %s", name, text);
	return false;
}

static bool
read_option(struct ctl_options *o, enum option_id id, const char *name, const char *value)
{
	switch (id) {
	case OPTION_REQUESTS:
		o->requests = value;
		return true;
	case OPTION_EVENTS:
		o->events = value;
		return true;
	case OPTION_SESSION:
		if (uuid_parse(span_of(value), &o->session))
			return true;
		ctl_say("--session: not an id: %s", value);
		return false;
	case OPTION_SINCE:
		return read_count(name, value, &o->since);
	case OPTION_JSON:
		o->json = true;
		return true;
	case OPTION_HISTORY:
		o->history = true;
		return true;
	case OPTION_FORMAT:
		o->format = value;
		return true;
	case OPTION_TEMPLATE:
		o->template_id = value;
		return true;
	case OPTION_NAME:
		o->project_name = value;
		return true;
	case OPTION_KEEP_STEPS:
		return read_count(name, value, &o->keep_steps);
	case OPTION_KEEP_HOURS:
		return read_count(name, value, &o->keep_hours);
	case OPTION_CURVE_CERTIFICATE:
		o->curve_certificate = value;
		return true;
	case OPTION_CURVE_SERVER:
		o->curve_server = value;
		return true;
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	return false;
}

static const struct command_line *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	ctl_say("there is no command \"%s\"", name);
	return NULL;
}

/* -1: go on; else the exit status. given: bits of the options seen. */
static int
read_options(struct ctl_options *o, int argc, char **argv, unsigned *given)
{
	int id, index = 0;

	*o = (struct ctl_options){ .since = -1, .keep_steps = -1, .keep_hours = -1 };
	*given = 0;
	while ((id = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (id == OPTION_HELP) {
			fputs(usage, stdout);
			return CTL_OK;
		}
		if (id == OPTION_VERSION) {
			printf("graphctl %s\nSQLite %s\n", PROJECT_VERSION, store_sqlite_version());
			return CTL_OK;
		}
		if (id == '?' ||
		    !read_option(o, (enum option_id)id, long_options[index].name, optarg))
			return CTL_WRONG;
		*given |= BIT(id);
	}
	return -1;
}

static bool
fits(const struct command_line *c, unsigned given, int operands)
{
	for (const struct option *o = long_options; o->name; o++) {
		if (given & BIT(o->val) & ~c->takes)
			return ctl_say("%s does not take --%s", c->name, o->name), false;
		if (c->needs & BIT(o->val) & ~given)
			return ctl_say("%s needs --%s", c->name, o->name), false;
	}
	if (!(given & BIT(OPTION_CURVE_CERTIFICATE)) != !(given & BIT(OPTION_CURVE_SERVER)))
		return ctl_say("--curve-certificate and --curve-server go together"), false;
	if (operands != c->operands)
		return ctl_say("%s takes %d operand%s", c->name, c->operands,
			   c->operands == 1 ? "" : "s"),
		       false;
	return true;
}

int
main(int argc, char **argv)
{
	const struct command_line *c;
	struct ctl_options o;
	unsigned given;
	int status = read_options(&o, argc, argv, &given);

	if (status == CTL_OK)
		return status;
	c = status < 0 && optind < argc ? find_command(argv[optind]) : NULL;
	if (!c || !fits(c, given, argc - optind - 1)) {
		fputs(argc == 1 ? usage : "graphctl --help explains the commands\n", stderr);
		return CTL_WRONG;
	}
	for (int i = 0; i < c->operands; i++)
		o.operands[i] = argv[optind + 1 + i];
	log_init("graphctl", LOG_WARN, false);
	return c->run(&o);
}
