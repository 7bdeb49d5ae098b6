#include "common/metrics.h"
#include "graphd/dispatcher.h"
#include "graphd/sessions.h"

static struct metric sessions = {
	.name = "graphd_sessions", .help = "Sessions there are, in memory or not.", .type = "gauge"
};
static struct metric clients = {
	.name = "graphd_clients", .help = "Live clients of all sessions.", .type = "gauge"
};
static struct metric build = { .name = "graphd_build_info{version=\"" PROJECT_VERSION "\"}",
	.help = "Which version it is.",
	.type = "gauge",
	.value = 1 };

enum error
cmd_get_metrics(struct call *c, const struct get_metrics_args *a)
{
	struct json_out text = { 0 };

	(void)a;
	sessions.value = (int64_t)sessions_count(c->dispatcher->sessions);
	clients.value = (int64_t)clients_count(c->dispatcher->clients);
	metrics_add(&sessions);
	metrics_add(&clients);
	metrics_add(&build);
	metrics_print(&text);
	/* The textfile collector puts them beside its own. */
	metrics_print_process(&text, "graphd_");
	json_out_key(c->result, "metrics");
	json_out_text(c->result, json_out_span(&text));
	json_out_fini(&text);
	return OK;
}
